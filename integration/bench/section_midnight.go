package main

import (
	"context"
	"fmt"

	"rollcall/pipeline/naive"
)

// midnightResult is what a midnight costs.
type midnightResult struct {
	Segments, Contacts int
	Turned             float64 // seconds
	CPU                float64 // seconds of the process meanwhile
	Flipped            int64   // memberships that changed meanwhile
	Before, During     spread  // of live records, from produced to member
}

const (
	midnightRate    = 500 // records a second
	midnightChecked = 20  // segments that are held against the naive way
)

// midnight has the day of the large account turn while records flow. It runs in
// a process of its own on the real servers, as the product's clock can't be set.
func midnight(ctx context.Context, b *bench) error {
	s, err := b.largeSite(ctx)
	if err != nil {
		return err
	}
	b.page.heading(fmt.Sprintf("Midnight of %d segments and %d contacts, while %d records/s flow", b.segments, b.large, midnightRate))
	s.stopProducts()
	r, err := b.newRedis("midnight")
	if err != nil {
		return err
	}
	at, err := logSpans(ctx, s.client) // with what other sections wrote
	if err != nil {
		return err
	}
	t := b.task("fold", r, at)
	t.Kafka, t.Definitions = s.kafka.Addr(), definitions{Large: true, None: true, Now: b.now}
	if _, err := spawn(ctx, t, nil); err != nil {
		return err
	}
	t.Role, t.Spans, t.Rate, t.Definitions.None, t.Definitions.Segments = "midnight", nil, midnightRate, false, b.segments
	o, err := spawn(ctx, t, nil)
	if err != nil {
		return err
	}
	b.printMidnight(o.Midnight)
	if err := b.checkMidnight(ctx, s, o.Midnight); err != nil {
		return err
	}
	return r.stopEarly(b)
}

// checkMidnight holds some of the segments against a naive recomputation on the
// new day.
func (b *bench) checkMidnight(ctx context.Context, s *site, o *midnightOutcome) error {
	before := len(b.results.Wrong)
	all, err := manySegments(b.segments, b.now)
	if err != nil {
		return err
	}
	// Those that stand on others take the latter with them.
	a, want := naiveAccount(large, all), map[string]int64{}
	at, err := logSpans(ctx, s.client)
	if err != nil {
		return err
	}
	for task := range int32(partitions) {
		r, err := at.recompute(ctx, s.client, []naive.Account{a}, task, o.Today)
		if err != nil {
			return err
		}
		for i := 0; i < len(all); i += max(1, len(all)/midnightChecked) {
			want[all[i].id] += int64(len(r.Members(large, all[i].id)))
		}
	}
	for id, n := range want {
		if o.Sizes[id] != n {
			b.wrong("midnight: %d members of %s, not %d", o.Sizes[id], id, n)
		}
	}
	b.page.printf("The sizes of %d of the segments after midnight were held against a naive recomputation: %s.\n\n", len(want), b.verdict(before))
	return nil
}

func (b *bench) printMidnight(o *midnightOutcome) {
	res := &midnightResult{
		Segments: b.segments, Contacts: b.large, Turned: seconds(o.Turned), CPU: seconds(o.CPU), Flipped: o.Flipped,
		Before: spreadOf(o.Before), During: spreadOf(o.During),
	}
	b.results.Midnight = res
	b.page.printf("Every segment stood for the new day %.3f s after midnight (%.2f CPU-seconds; %d memberships changed meanwhile).\n",
		res.Turned, res.CPU, res.Flipped)
	b.page.printf("%-52s %8s %9s %9s %9s\n", "from just before a record is produced to member", "samples", "p50 ms", "p99 ms", "most ms")
	b.page.printf("%-52s %8d %9.2f %9.2f %9.2f\n", "before midnight", res.Before.Samples, res.Before.P50, res.Before.P99, res.Before.Most)
	b.page.printf("%-52s %8d %9.2f %9.2f %9.2f\n", "while the day turned", res.During.Samples, res.During.P50, res.During.P99, res.During.Most)
	b.page.printf("In a process of its own that runs the product's pipeline and View, without HTTP and without publishing changes.\n")
	b.aim(res.Turned < 1, fmt.Sprintf("midnight of %d segments, %d contacts", res.Segments, res.Contacts), "< 1 s", fmt.Sprintf("%.2f s", res.Turned))
	b.aim(res.During.P99 <= 2*res.Before.P99, "p99 of live records at midnight", "<= 2 x before", fmt.Sprintf("%.2f ms, before %.2f", res.During.P99, res.Before.P99))
}
