package main

import (
	"context"
	"fmt"
	"time"
)

// latencyResult sums latencies up, in milliseconds.
type latencyResult struct {
	Samples                      int
	AckP50, AckP99               float64
	BareP50, BareP99             float64
	CommitP50, CommitP99 float64
	MembershipP50, MembershipP99 float64
	MembershipMost, BareMost     float64
	PublishingChanges            bool
}

// latency measures the time from a record to the changed membership.
func latency(ctx context.Context, b *bench) error {
	b.page.heading("Latency at 1,000 records/s one by one, by turns of a second")
	t := b.task("latency", b.main, nil)
	t.Seconds, t.Publish = b.seconds, b.publish
	o, err := spawn(ctx, t, nil)
	if err != nil {
		return err
	}
	l := o.Latency
	res := &latencyResult{
		Samples: len(l.View), PublishingChanges: b.publish,
		AckP50: millis(quantile(l.Acked, 0.5)), AckP99: millis(quantile(l.Acked, 0.99)),
		BareP50: millis(quantile(l.Bare, 0.5)), BareP99: millis(quantile(l.Bare, 0.99)), BareMost: millis(quantile(l.Bare, 1)),
		CommitP50, CommitP99 float64
	MembershipP50: millis(quantile(l.View, 0.5)), MembershipP99: millis(quantile(l.View, 0.99)), MembershipMost: millis(quantile(l.View, 1)),
	}
	res.CommitP50, res.CommitP99 = millis(quantile(l.Commit, 0.5)), millis(quantile(l.Commit, 0.99))
	b.results.Latency = res
	b.page.printf("%-52s %8s %9s %9s %9s\n", "from just before a record is produced", "samples", "p50 ms", "p99 ms", "most ms")
	for _, line := range []struct {
		name string
		of   []time.Duration
	}{{"until it is acknowledged", l.Acked}, {"until a bare consumer has it", l.Bare}, {"until a View over Redis says that it is a member", l.View},
		{"(a commit's round trip to Redis takes)", l.Commit}} {
		b.page.printf("%-52s %8d %9.2f %9.2f %9.2f\n", line.name, len(line.of),
			millis(quantile(line.of, 0.5)), millis(quantile(line.of, 0.99)), millis(quantile(line.of, 1)))
	}
	b.page.printf("The View is asked every %s, which is part of its latency.\n\n", lookEvery)
	b.aim(res.MembershipP50 <= res.BareP50+1, "latency p50", "<= bare + 1 ms", fmt.Sprintf("%.2f ms, bare %.2f", res.MembershipP50, res.BareP50))
	b.aim(res.MembershipP99 <= 2*res.BareP99, "latency p99", "<= 2 x bare", fmt.Sprintf("%.2f ms, bare %.2f", res.MembershipP99, res.BareP99))
	return nil
}
