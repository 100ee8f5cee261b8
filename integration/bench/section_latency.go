package main

import (
	"context"
	"fmt"
	"time"
)

// latencyResult sums latencies up.
type latencyResult struct {
	Rate                            int // records a second
	Acked, Bare, Membership, Commit spread
	PublishingChanges               bool
}

// spread is a distribution, in milliseconds.
type spread struct {
	Samples        int
	P50, P99, Most float64
}

func spreadOf(of []time.Duration) spread {
	return spread{len(of), millis(quantile(of, 0.5)), millis(quantile(of, 0.99)), millis(quantile(of, 1))}
}

// latencyRates are in records a second.
var latencyRates = []int{1000, 10_000}

// latency measures the time from a record to the changed membership.
func latency(ctx context.Context, b *bench) error {
	for _, rate := range latencyRates {
		if err := b.latencyAt(ctx, rate); err != nil {
			return fmt.Errorf("%d records/s: %w", rate, err)
		}
	}
	return nil
}

func (b *bench) latencyAt(ctx context.Context, rate int) error {
	b.page.heading(fmt.Sprintf("Latency at %d records/s one by one, by turns of a second", rate))
	t := b.task("latency", b.main, nil)
	t.Seconds, t.Publish, t.Rate = b.seconds, b.publish, rate
	o, err := spawn(ctx, t, nil)
	if err != nil {
		return err
	}
	res := latencyResult{
		Rate: rate, Acked: spreadOf(o.Latency.Acked), Bare: spreadOf(o.Latency.Bare), Membership: spreadOf(o.Latency.View),
		Commit: spreadOf(o.Latency.Commit), PublishingChanges: b.publish,
	}
	b.results.Latency = append(b.results.Latency, res)
	b.page.printf("%-52s %8s %9s %9s %9s\n", "from just before a record is produced", "samples", "p50 ms", "p99 ms", "most ms")
	for _, line := range []struct {
		name string
		of   spread
	}{
		{"until it is acknowledged", res.Acked},
		{"until a bare consumer has it", res.Bare},
		{"until a View over Redis says that it is a member", res.Membership},
		{"(a commit's round trip to Redis takes)", res.Commit},
	} {
		b.page.printf("%-52s %8d %9.2f %9.2f %9.2f\n", line.name, line.of.Samples, line.of.P50, line.of.P99, line.of.Most)
	}
	b.page.printf("The View is asked whenever it was handed a commit, as in a process with both roles.\n\n")
	bare, got := res.Bare, res.Membership
	what := fmt.Sprintf("latency at %d records/s, ", rate)
	b.aim(got.P50 <= bare.P50+1, what+"p50", "<= bare + 1 ms", fmt.Sprintf("%.2f ms, bare %.2f", got.P50, bare.P50))
	b.aim(2*got.P99 <= 3*bare.P99, what+"p99", "<= 1.5 x bare", fmt.Sprintf("%.2f ms, bare %.2f", got.P99, bare.P99))
	return nil
}
