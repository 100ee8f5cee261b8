package main

import (
	"context"
	"fmt"
	"path/filepath"
)

// askingResult is what questions cost.
type askingResult struct {
	Contacts  int
	Checks    []checkResult
	Lists     listResult
	Previews  []previewResult
	View      viewResult
	Sizes     spread // from a record to the event that a subscriber of sizes has
	SizesBare spread // to a bare consumer, by turns with the former
	Readers   int
}

// asking measures questions over HTTP, about people who are the only ones in a
// Redis of their own.
func asking(ctx context.Context, b *bench) error {
	b.page.heading(fmt.Sprintf("Asking over HTTP about %d contacts; server, Redis and who asks share the cores", b.asked))
	r, err := b.newRedis("asking")
	if err != nil {
		return err
	}
	at, err := b.loadAudience(ctx, r)
	if err != nil {
		return err
	}
	t := b.task("asking", r, at)
	t.People, t.Seconds, t.Profile = b.asked, b.seconds, filepath.Join(b.profile, "asking.pprof")
	o, err := spawn(ctx, t, nil)
	if err != nil {
		return err
	}
	t.Role = "sizes"
	sizes, err := spawn(ctx, t, nil)
	if err != nil {
		return err
	}
	res := o.Asking
	res.Sizes, res.SizesBare, res.Readers = spreadOf(sizes.Latency.View), spreadOf(sizes.Latency.Bare), sizeReaders
	b.results.Asking = res
	for _, wrong := range o.Wrong {
		b.wrong("%s", wrong)
	}
	res.print(b)
	b.page.printf("Where the time of this process goes while checks of 100 take turns with the others, that of who asks included:\n%s\n", topFunctions(ctx, t.Profile))
	return r.stopEarly(b)
}

// loadAudience writes people, and folds them into a Redis.
func (b *bench) loadAudience(ctx context.Context, r *redisServer) (spans, error) {
	before, err := logSpans(ctx, b.client)
	if err != nil {
		return nil, err
	}
	if err := load(ctx, b.producer, audience(b.asked, b.now)); err != nil {
		return nil, err
	}
	at, err := before.then(ctx, b.client)
	if err != nil {
		return nil, err
	}
	o, err := spawn(ctx, b.task("fold", r, at), nil)
	if err == nil && o.Records != at.records() {
		b.wrong("asking: %d records of %d", o.Records, at.records())
	}
	return at, err
}

func (res *askingResult) print(b *bench) {
	b.page.printf("%-34s %12s %12s %14s %14s\n", "checks, contacts a request", "requests/s", "contacts/s", "x empty", "x bare GETBITs")
	for _, c := range res.Checks {
		b.page.printf("%-34d %12.0f %12.0f %14.2f %14.2f\n", c.Batch, c.Check.perSecond(), c.Check.perSecond()*float64(c.Batch), c.xEmpty(), c.xBits())
		if c.Batch == 100 {
			b.aim(c.xBits() <= 2, "check of 100 contacts, time", "<= 2 x bare GETBITs", fmt.Sprintf("%.2f x", c.xBits()))
		}
	}
	b.page.printf("x empty: the time, as multiples of a request with the same body to a handler that only reads it.\n" +
		"x bare GETBITs: as multiples of a pipeline of as many GETBITs to Redis. Both with as many at once.\n\n")
	l := res.Lists
	b.page.printf("recipients: %.0f/s, %.1f MB/s; %.2f x the time of a handler that writes as many bytes in as many flushes\n\n",
		l.perSecond(), l.megabytes(), l.Took/l.Empty)
	b.page.printf("%-104s %7s %9s %9s %9s %10s %10s\n", "previews", "asked", "p50 ms", "p99 ms", "CPU ms", "empty p50", "empty p99")
	for _, p := range res.Previews {
		b.page.printf("%-104s %7d %9.2f %9.2f %9.2f %10.2f %10.2f\n", p.Text, p.Took.Samples, p.Took.P50, p.Took.P99, p.CPU, p.Empty.P50, p.Empty.P99)
		if !p.Events {
			b.aim(p.Took.P99 < 20, "preview p99, "+p.Kind, "< 20 ms", fmt.Sprintf("%.1f ms", p.Took.P99))
		}
	}
	b.page.printf("Those with * read the events that they count from Redis. Empty is a request to a handler that only reads it, by turns.\n\n")
	v := res.View
	b.page.printf("local view of %d recipients: Contains %.0f ns (%.2f x a plain map), %.0f B of heap (map %.0f) a contact, %.2f B a contact of each further segment\n\n",
		v.Recipients, v.Contains, v.Contains/v.Map, v.Bytes, v.MapBytes, v.Further)
	b.page.printf("%d subscribers of sizes, one record at a time: %d events p50 %.2f ms, p99 %.2f ms, most %.2f ms; a bare consumer has a record after %.2f ms, %.2f ms\n\n",
		res.Readers, res.Sizes.Samples, res.Sizes.P50, res.Sizes.P99, res.Sizes.Most, res.SizesBare.P50, res.SizesBare.P99)
}
