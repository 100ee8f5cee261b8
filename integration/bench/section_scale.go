package main

import (
	"context"
	"fmt"
	"slices"

	"golang.org/x/sync/errgroup"
)

// scaleResult is all records folded by several processes, or on several cores.
type scaleResult struct {
	Processes int
	Cores     int     // that each process may use
	Records   int64   // of all processes
	CPU       float64 // seconds of all processes, the least of the rounds
	Micros    float64 // the same per record
	RedisCPU  float64 // seconds of all Redis
	Wall      float64 // seconds of the slowest process, in the round of the least CPU
	Members   int64   // in all segments, which must be the same however it is divided
}

var scales = []scaleResult{
	{Processes: 1, Cores: 1}, {Processes: 1, Cores: 2}, {Processes: 2, Cores: 1}, {Processes: 4, Cores: 1},
}

// scale divides the partitions among processes, each with a Redis of its own, as
// the nodes of a cluster would be. On a machine of few cores it shows whether
// dividing costs anything, in CPU-seconds, and not how much sooner it ends.
func scale(ctx context.Context, b *bench) error {
	b.page.heading("Scale: all records so far, with the commit to Redis, on cores and by processes")
	servers, err := b.scaleServers()
	if err != nil {
		return err
	}
	all, err := logSpans(ctx, b.client) // up to its end, as a batch does not stop before
	if err != nil {
		return err
	}
	b.page.printf("%9s %6s %10s %8s %9s %8s %10s %8s\n", "processes", "cores", "records", "CPU s", "CPU us/r", "x first", "Redis us/r", "wall s")
	for _, res := range scales {
		for range b.rounds {
			if err := res.run(ctx, b, servers, all); err != nil {
				return err
			}
		}
		b.results.Scale = append(b.results.Scale, res)
		first := b.results.Scale[0]
		if res.Members != first.Members || res.Records != all.records() {
			b.wrong("%d processes: %d members after %d records, not %d after %d", res.Processes, res.Members, res.Records, first.Members, all.records())
		}
		b.page.printf("%9d %6d %10d %8.2f %9.3f %8.2f %10.3f %8.2f\n", res.Processes, res.Cores, res.Records, res.CPU, res.Micros,
			res.Micros/first.Micros, 1e6*res.RedisCPU/float64(res.Records), res.Wall)
	}
	b.page.printf("The least of %d rounds. Each process has its part of the %d partitions, and a Redis of its own.\n\n", b.rounds, partitions)
	for _, r := range servers {
		if err := r.stopEarly(b); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) scaleServers() (all []*redisServer, err error) {
	most := slices.MaxFunc(scales, func(x, y scaleResult) int { return x.Processes - y.Processes })
	for i := range most.Processes {
		r, err := b.newRedis(fmt.Sprint("scale-", i))
		if err != nil {
			return nil, err
		}
		all = append(all, r)
	}
	return all, nil
}

// run is one round.
func (res *scaleResult) run(ctx context.Context, b *bench, servers []*redisServer, all spans) error {
	outcomes := make([]*outcome, res.Processes)
	g, ctx := errgroup.WithContext(ctx)
	for i := range outcomes {
		g.Go(func() (err error) {
			if err := servers[i].FlushAll(ctx).Err(); err != nil {
				return err
			}
			t := b.task("fold", servers[i], all.part(i, res.Processes))
			t.Cores, t.Answers = res.Cores, true
			outcomes[i], err = spawn(ctx, t, nil)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	res.sum(outcomes)
	return nil
}

func (res *scaleResult) sum(outcomes []*outcome) {
	var next scaleResult
	for _, o := range outcomes {
		next.Records += o.Records
		next.CPU, next.RedisCPU, next.Wall = next.CPU+seconds(o.Used.CPU), next.RedisCPU+o.Redis.CPU, max(next.Wall, seconds(o.Used.Wall))
		next.Members += membersIn(o.Answers)
	}
	if res.Records == 0 || next.CPU < res.CPU {
		next.Processes, next.Cores, next.Micros = res.Processes, res.Cores, 1e6*next.CPU/float64(next.Records)
		*res = next
	}
}

// membersIn adds up how many members answers have.
func membersIn(answers map[string]string) (sum int64) {
	for _, a := range answers {
		var n int64
		if _, err := fmt.Sscanf(a, "%d:", &n); err == nil {
			sum += n
		}
	}
	return sum
}

// part is what one of n processes reads: every nth partition. The others end
// where they begin.
func (s spans) part(i, n int) spans {
	mine := slices.Clone(s)
	for at, p := range s {
		if int(p.Partition)%n != i {
			mine[at].From = p.To
		}
	}
	return mine
}
