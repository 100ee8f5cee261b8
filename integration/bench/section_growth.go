package main

import (
	"context"
	"fmt"
	"slices"

	"rollcall/generate"
)

// growthResult is what records cost where there is more or less of something.
type growthResult struct {
	Of    string // what there is more or less of
	Times float64
	size

	Records  int64
	Micros   float64 // CPU of the client per record, the least of the rounds
	Mallocs  float64 // per record, likewise
	Sent     float64 // bytes to Redis per record, median
	RedisCPU float64 // microseconds per record, median
	Stored   float64 // bytes in Redis per contact, median
	Heap     float64 // bytes in memory per contact, median
	Right    bool    // all members are those of the naive way
}

// size is how much there is.
type size struct{ Contacts, Days, Segments, Accounts int }

// growthSizes have a tenth and five times of each, one after the other.
func growthSizes(base size) []growthResult {
	all := []growthResult{{Of: "all as it is", Times: 1, size: base}}
	for _, times := range []float64{0.1, 5} {
		scale := func(of string, n func(*size) *int) {
			s := base
			*n(&s) = max(1, int(times*float64(*n(&s))))
			all = append(all, growthResult{Of: of, Times: times, size: s})
		}
		scale("contacts", func(s *size) *int { return &s.Contacts })
		scale("days", func(s *size) *int { return &s.Days })
		scale("segments", func(s *size) *int { return &s.Segments })
		scale("accounts", func(s *size) *int { return &s.Accounts })
	}
	return all
}

// growth folds histories of different sizes from nothing, with the commit to Redis.
func growth(ctx context.Context, b *bench) error {
	b.page.heading("Growth: what a record costs, with the commit to Redis, where there is more of something")
	b.page.printf("%-20s %8s %5s %5s %5s %9s %8s %7s %8s %9s %9s %9s %9s\n", "", "contacts", "days", "segm.", "acc.", "records",
		"CPU us/r", "x base", "mall./r", "Redis B/r", "Redis us/r", "stored/c", "heap/c")
	r, err := b.newRedis("growth")
	if err != nil {
		return err
	}
	before := len(b.results.Wrong)
	for _, res := range growthSizes(size{b.growth, b.days, 50, b.accounts}) {
		if err := res.run(ctx, b, r); err != nil {
			return fmt.Errorf("%s x %g: %w", res.Of, res.Times, err)
		}
		b.results.Growth = append(b.results.Growth, res)
		res.print(b)
	}
	b.page.printf("Each from nothing to caught up; CPU and allocations are the least of %d rounds, the others medians. B/r: sent; /c: bytes per contact,\n"+
		"in Redis and in the owner's memory. The members of all segments were held against the naive way: %s.\n\n", b.rounds, b.verdict(before))
	return r.stopEarly(b)
}

func (res *growthResult) run(ctx context.Context, b *bench, r *redisServer) error {
	at, err := res.load(ctx, b)
	if err != nil {
		return err
	}
	t := b.task("fold", r, at)
	t.Definitions.Accounts, t.Definitions.Segments, t.Answers = res.Accounts, res.Segments, true
	want, err := res.naive(ctx, t)
	if err != nil {
		return err
	}
	res.Right = true
	var rounds []outcome
	for range b.rounds {
		if err := r.FlushAll(ctx).Err(); err != nil {
			return err
		}
		o, err := spawn(ctx, t, nil)
		if err != nil {
			return err
		}
		rounds = append(rounds, *o)
		if wrong := different(want, o.Answers); len(wrong) > 0 {
			res.Right = false
			b.wrong("growth, %s x %g: segments %.5v", res.Of, res.Times, wrong)
		}
	}
	res.sum(rounds)
	return nil
}

// load writes the history behind all that was written before.
func (res *growthResult) load(ctx context.Context, b *bench) (spans, error) {
	before, err := logSpans(ctx, b.client)
	if err != nil {
		return nil, err
	}
	people, err := newCrowd(generate.Config{
		Contacts: res.Contacts, Days: res.Days, Now: b.now, Seed: 3, Repeats: 0.01, Late: 0.01, Bad: 0.0005,
	}, res.Accounts)
	if err != nil {
		return nil, err
	}
	if err := load(ctx, b.producer, messages(people.history(), map[string]int64{})); err != nil {
		return nil, err
	}
	return before.then(ctx, b.client)
}

func (res *growthResult) naive(ctx context.Context, t task) (map[string]string, error) {
	t.Role, t.Redis = "naive", ""
	o, err := spawn(ctx, t, nil)
	if err != nil {
		return nil, err
	}
	return o.Answers, nil
}

func (res *growthResult) sum(rounds []outcome) {
	var cpu, mallocs, sent, redisCPU, stored, heap []float64
	for _, o := range rounds {
		n, contacts := float64(o.Records), float64(res.Contacts)
		cpu, mallocs = append(cpu, 1e6*seconds(o.Used.CPU)/n), append(mallocs, float64(o.Used.Mallocs)/n)
		sent, redisCPU = append(sent, float64(o.Redis.Input)/n), append(redisCPU, 1e6*o.Redis.CPU/n)
		stored, heap = append(stored, float64(o.Redis.Memory)/contacts), append(heap, float64(o.Used.Heap)/contacts)
	}
	res.Records = rounds[0].Records
	res.Micros, res.Mallocs = slices.Min(cpu), slices.Min(mallocs)
	res.Sent, res.RedisCPU, res.Stored, res.Heap = median(sent), median(redisCPU), median(stored), median(heap)
}

func (res *growthResult) print(b *bench) {
	b.page.printf("%-20s %8d %5d %5d %5d %9d %8.2f %7.2f %8.3f %9.1f %9.2f %9.0f %9.0f\n", fmt.Sprintf("%s x %g", res.Of, res.Times),
		res.Contacts, res.Days, res.Segments, res.Accounts, res.Records, res.Micros, res.Micros/b.results.Growth[0].Micros,
		res.Mallocs, res.Sent, res.RedisCPU, res.Stored, res.Heap)
}
