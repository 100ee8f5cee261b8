package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"

	"golang.org/x/sync/errgroup"

	"rollcall/bitmaps"
	"rollcall/integration/servers"
)

// redisResults are what Redis is sent and keeps.
type redisResults struct {
	Kept   keptBytes // once settled
	Memory int64     // used_memory, less that of an empty server, before that
	Events int64     // kept
	Rates  []rateResult
}

// rateResult is what one way of arriving costs Redis.
type rateResult struct {
	Name    string
	Records int64
	Use     redisUse
	CPU     float64 // seconds of the pipeline

	Outcomes [bitmaps.Outcomes]int64
}

func (r *rateResult) perEvent(n int64) float64 { return float64(n) / float64(r.Records) }

// redisBytes measures what Redis keeps, and what it is sent for an event, at
// full speed and at lower rates. This Redis keeps an append-only file, which is
// what replication sends too.
func redisBytes(ctx context.Context, b *bench) error {
	r, err := b.newRedis("aof", append(servers.AOF, "--auto-aof-rewrite-percentage", "0")...)
	if err != nil {
		return err
	}
	res := &redisResults{}
	b.results.Redis = res
	if err := res.run(ctx, b, "full speed, from nothing", b.task("fold", r, b.history)); err != nil {
		return err
	}
	at, err := res.rates(ctx, b, r)
	if err != nil {
		return err
	}
	if err := res.batches(ctx, b, r, at); err != nil {
		return err
	}
	res.printSent(b)
	if err := res.settle(ctx, b, r); err != nil {
		return err
	}
	b.page.printf("Where the time of the pipeline goes at 1,000 records/s:\n%s\n", topFunctions(ctx, b.rateProfile(1000)))
	return r.stopEarly(b)
}

func (b *bench) rateProfile(perSecond int) string {
	return filepath.Join(b.profile, fmt.Sprintf("rate-%d.pprof", perSecond))
}

// rates measures while records come one by one.
func (res *redisResults) rates(ctx context.Context, b *bench, r *redisServer) (at spans, err error) {
	at = b.history
	for _, perSecond := range []int{1000, 100} {
		live := b.liveMessages(perSecond * b.seconds)
		at = at.plus(live)
		t, name := b.task("fold", r, at), fmt.Sprintf("%d records/s for %d s", perSecond, b.seconds)
		t.Profile = b.rateProfile(perSecond)
		err := res.while(ctx, b, name, t, func() error { return trickle(ctx, b.producer, perSecond, live) })
		if err != nil {
			return nil, err
		}
	}
	return at, nil
}

// batches measures a backlog, record by record and in batches. What reading at
// full speed left in the changelogs is rewritten first, which says nothing of
// one record a commit.
func (res *redisResults) batches(ctx context.Context, b *bench, r *redisServer, at spans) (err error) {
	for _, way := range []struct {
		name  string
		batch int
	}{
		{"one record a commit, behind that", 1},
		{"one record a commit, as fast as it goes", 1},
		{"full speed, on top of that", 0},
	} {
		if at, err = b.loadLive(ctx, at, b.live); err != nil {
			return err
		}
		t := b.task("fold", r, at)
		t.Batch = way.batch
		if err := res.run(ctx, b, way.name, t); err != nil {
			return err
		}
	}
	return nil
}

// loadLive writes n live records and returns their spans.
func (b *bench) loadLive(ctx context.Context, after spans, n int) (spans, error) {
	if err := load(ctx, b.producer, slices.Values(b.liveMessages(n))); err != nil {
		return nil, err
	}
	return after.then(ctx, b.client)
}

// stopEarly ends a server that nobody needs any more.
func (r *redisServer) stopEarly(b *bench) error {
	b.others = slices.DeleteFunc(b.others, func(o *redisServer) bool { return o == r })
	return r.close()
}

func (res *redisResults) run(ctx context.Context, b *bench, name string, t task) error {
	return res.while(ctx, b, name, t, func() error { return nil })
}

// while measures a task while records are written.
func (res *redisResults) while(ctx context.Context, b *bench, name string, t task, write func() error) error {
	var writing errgroup.Group
	o, err := spawn(ctx, t, func() { writing.Go(write) })
	if err := errors.Join(err, writing.Wait()); err != nil {
		return err
	}
	if o.Records != t.Spans.records() {
		b.wrong("%s: %d records of %d", name, o.Records, t.Spans.records())
	}
	res.Rates = append(res.Rates, rateResult{name, o.Records, o.Redis, seconds(o.Used.CPU), o.Outcomes})
	return nil
}

func (res *redisResults) printSent(b *bench) {
	b.page.heading("Redis: what it is sent, and what it keeps")
	b.page.printf("%-42s %9s %9s %9s %9s %9s %10s\n", "", "records", "B/event", "events/", "commands/", "AOF", "rec/CPU-s")
	b.page.printf("%-42s %9s %9s %9s %9s %9s %10s\n", "", "", "sent", "commit", "event", "B/event", "")
	for i := range res.Rates {
		r := &res.Rates[i]
		b.page.printf("%-42s %9d %9.1f %9.1f %9.2f %9.1f %10.0f\n", r.Name, r.Records, r.perEvent(r.Use.Input),
			float64(r.Records)/float64(max(1, r.Use.Calls["evalsha"])), r.perEvent(r.Use.Commands), r.perEvent(r.Use.AOF), float64(r.Records)/r.CPU)
	}
	one := res.Rates[rateOneByOne].perEvent(res.Rates[rateOneByOne].Use.Input)
	b.page.printf("At 1,000 records/s nearly every record has a commit of its own. The short runs at a rate may not reach the\n" +
		"rewriting of fragments, and the first run behind full speed has what that left to be rewritten. So the aim is\n" +
		"held against a second run of one record a commit, which rewrites as much as it leaves.\n\n")
	b.aim(one <= 1024, "bytes to Redis per event at 1,000 records/s (one a commit)", "<= 1024", fmt.Sprintf("%.0f", one))
}

// settling is how many records surely bring one for each partition, so that it
// commits and folds its changelog into fragments.
const settling = 100 * partitions

// settle has the changelogs folded into fragments, so that all that is kept can
// be told apart.
func (res *redisResults) settle(ctx context.Context, b *bench, r *redisServer) error {
	for _, rate := range res.Rates {
		res.Memory += rate.Use.Memory
	}
	before, err := readKept(ctx, r.Client, b.accounts)
	if err != nil {
		return err
	}
	at, err := logSpans(ctx, b.client)
	if err != nil {
		return err
	}
	if at, err = b.loadLive(ctx, at, settling); err != nil {
		return err
	}
	t := b.task("fold", r, at)
	t.Settle = true
	o, err := spawn(ctx, t, nil)
	if err != nil {
		return err
	}
	if res.Kept, err = readKept(ctx, r.Client, b.accounts); err != nil {
		return err
	}
	res.Events = b.events(o.Outcomes)
	b.page.printf("Redis uses %.1f MB for %d contacts and %d events: %.0f B/contact or %.1f B/event; of that changelogs %.1f MB, fragments %.1f MB.\n",
		mb(res.Memory), b.contacts, res.Events, float64(res.Memory)/float64(b.contacts), float64(res.Memory)/float64(max(1, res.Events)),
		mb(before.Changelog), mb(before.Fragments))
	res.printKept(b)
	return nil
}

func (res *redisResults) printKept(b *bench) {
	b.page.printf("Once all of the changelogs is folded into fragments these take %.1f MB (changelogs %.1f MB):\n", mb(res.Kept.Fragments), mb(res.Kept.Changelog))
	kinds := slices.SortedFunc(maps.Keys(res.Kept.Kinds), func(x, y string) int { return int(res.Kept.Kinds[y] - res.Kept.Kinds[x]) })
	for _, kind := range kinds {
		n := res.Kept.Kinds[kind]
		b.page.printf("  %-16s %10d B %8.1f B/contact %s\n", kind, n, float64(n)/float64(b.contacts), perEvent(kind, n, res.Events))
	}
	b.page.printf("\n")
}

// perEvent is for the kinds that grow with events.
func perEvent(kind string, bytes, events int64) string {
	if kind != "events" && kind != "days" || events == 0 {
		return ""
	}
	return fmt.Sprintf("%8.2f B/event", float64(bytes)/float64(events))
}

func mb(n int64) float64 { return float64(n) / 1e6 }
