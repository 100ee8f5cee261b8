package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// idleResult is one kind of paired runs: the same records folded with the 50
// segments, and with more that nobody enters or leaves.
type idleResult struct {
	Name     string
	Exact    bool // the same commits in both
	Segments [2]int
	Records  int64
	CPU      [2][]float64 // seconds, by round
	Mallocs  [2]float64   // per event, the least of the rounds: reading adds some by chance
	Bytes    [2]float64   // sent to Redis per event, median
	Commands [2]float64   // likewise
}

// idlePairs measures what segments cost that don't flip.
func idlePairs(ctx context.Context, b *bench) error {
	b.page.heading(fmt.Sprintf("%d more segments that don't flip, in paired runs on live records", b.idle))
	at, err := logSpans(ctx, b.client)
	if err != nil {
		return err
	}
	pair, at, err := b.idlePair(ctx, at)
	if err != nil {
		return err
	}
	for _, batch := range []int{1, 0} {
		res, live := idleResult{Name: "full speed", Segments: [2]int{50, 50 + b.idle}}, 3*b.live
		if batch == 1 {
			res.Name, res.Exact, live = "one record a commit", true, b.live/4 // which takes its time
		}
		if at, err = res.run(ctx, b, pair, at, live, batch); err != nil {
			return err
		}
		res.print(b)
		b.results.Idle = append(b.results.Idle, res)
	}
	b.page.printf("\n")
	return errors.Join(pair[0].stopEarly(b), pair[1].stopEarly(b))
}

// idlePair are two servers with the same state, but for the idle segments. What
// is in their changelogs is folded into fragments, so that neither begins with
// more to be rewritten than the other.
func (b *bench) idlePair(ctx context.Context, at spans) (pair [2]*redisServer, _ spans, err error) {
	for _, settle := range []bool{false, true} {
		if settle {
			if at, err = b.loadLive(ctx, at, settling); err != nil {
				return pair, at, err
			}
		}
		for i, idle := range []int{0, b.idle} {
			if pair[i] == nil {
				if pair[i], err = b.newRedis(fmt.Sprint("idle-", idle)); err != nil {
					return pair, at, err
				}
			}
			t := b.task("fold", pair[i], at)
			t.Settle, t.Definitions.Idle = settle, idle
			if _, err := spawn(ctx, t, nil); err != nil {
				return pair, at, err
			}
		}
	}
	return pair, at, nil
}

// run folds live records, by turns with one and the other first.
func (res *idleResult) run(ctx context.Context, b *bench, pair [2]*redisServer, at spans, live, batch int) (spans, error) {
	var mallocs, bytes, commands [2][]float64
	for round := range b.rounds {
		var err error
		if at, err = b.loadLive(ctx, at, live); err != nil {
			return at, err
		}
		for turn := range 2 {
			i := (turn + round) % 2
			t := b.task("fold", pair[i], at)
			t.Batch, t.Definitions.Idle = batch, i*b.idle
			o, err := spawn(ctx, t, nil)
			if err != nil {
				return at, err
			}
			n := float64(o.Records)
			res.Records = o.Records
			res.CPU[i] = append(res.CPU[i], seconds(o.Used.CPU))
			mallocs[i] = append(mallocs[i], float64(o.Used.Mallocs)/n)
			bytes[i], commands[i] = append(bytes[i], float64(o.Redis.Input)/n), append(commands[i], float64(o.Redis.Commands)/n)
		}
	}
	for i := range 2 {
		res.Mallocs[i], res.Bytes[i], res.Commands[i] = slices.Min(mallocs[i]), median(bytes[i]), median(commands[i])
	}
	return at, nil
}

func (res *idleResult) print(b *bench) {
	b.page.printf("%-22s %10s %12s %14s %12s %9s  CPU s by round\n", res.Name, "records", "mallocs/ev", "commands/ev", "bytes/ev", "CPU s")
	for i := range 2 {
		b.page.printf("  %5d segments       %10d %12.3f %14.4f %12.1f %9.3f  %.3f\n", res.Segments[i], res.Records,
			res.Mallocs[i], res.Commands[i], res.Bytes[i], median(res.CPU[i]), res.CPU[i])
	}
	b.aim(same(res.Bytes, 0.01), "idle segments: bytes to Redis per event, "+res.Name, "equal within 1 %", fmt.Sprintf("%.1f and %.1f", res.Bytes[0], res.Bytes[1]))
	cpu := [2]float64{slices.Min(res.CPU[0]), slices.Min(res.CPU[1])}
	b.aim(same(cpu, 0.05), "idle segments: least CPU-seconds, "+res.Name, "equal within 5 %", fmt.Sprintf("%.3f and %.3f", cpu[0], cpu[1]))
	if !res.Exact {
		return // how many records there are to a commit is a matter of chance
	}
	b.aim(same(res.Mallocs, 0.01), "idle segments: allocations per event, "+res.Name, "equal within 1 %", fmt.Sprintf("%.3f and %.3f", res.Mallocs[0], res.Mallocs[1]))
	b.aim(same(res.Commands, 0.01), "idle segments: Redis commands per event, "+res.Name, "equal within 1 %", fmt.Sprintf("%.4f and %.4f", res.Commands[0], res.Commands[1]))
}

// same tells whether the second does not exceed the first by more than a share.
func same(pair [2]float64, share float64) bool { return pair[1] <= pair[0]*(1+share) }
