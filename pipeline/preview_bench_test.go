package pipeline

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"rollcall/bitmaps"
	"rollcall/pipeline/catalog"
	"rollcall/pipeline/segment"
)

// previewTexts are definitions by what it takes to count them.
var previewTexts = []struct{ kind, text string }{
	{"facts", `all contacts where opted in and valid phone and phone in US, CA`},
	{"since", `all contacts where opted in and phone in US and clicked in last 30 days and not failed in last 7 days`},
	{"list", `list "spring" where opted in and not sent in last 3 days`},
	{"segment", `segment "engaged" where not replied in last 60 days or clicked since 2026-10-20`},
	{"window", `all contacts where clicked between 10 and 60 days ago and not clicked in last 9 days`},
	{"days", `all contacts where sent on at least 3 days in last 30 days`},
}

// BenchmarkPreview counts among a million contacts in 8 partitions. It reports
// the median and the 99th percentile in milliseconds.
func BenchmarkPreview(b *testing.B) {
	v := previewView(b, 8, 125_000)
	for _, p := range previewTexts {
		def, err := segment.Parse(p.text)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(p.kind, func(b *testing.B) {
			took := make([]time.Duration, b.N)
			b.ReportAllocs()
			for i := range took {
				began := time.Now()
				if _, _, err := v.Preview(context.Background(), acme, def, "engaged"); err != nil {
					b.Fatal(err)
				}
				took[i] = time.Since(began)
			}
			slices.Sort(took)
			b.ReportMetric(took[len(took)/2].Seconds()*1e3, "p50-ms")
			b.ReportMetric(took[len(took)*99/100].Seconds()*1e3, "p99-ms")
		})
	}
}

// previewView knows an account with contacts in each partition, made up.
func previewView(b *testing.B, partitions int32, contacts int) *View {
	c := catalog.New()
	defs := catalog.NewLog(c, newMemoryLog())
	ctx, cancel := context.WithCancel(context.Background())
	b.Cleanup(cancel)
	go func() { _ = defs.Run(ctx) }()
	engaged, err := segment.Parse(`all contacts where clicked in last 30 days`)
	if err != nil {
		b.Fatal(err)
	}
	for _, e := range []catalog.Entry{
		catalog.PutAccount{Account: acme, Timezone: "UTC", RetentionDays: 730, DefaultRegion: "US"},
		catalog.PutSegment{Account: acme, ID: "engaged", Name: "engaged", Definition: engaged},
	} {
		if _, err := defs.Put(ctx, e); err != nil {
			b.Fatal(err)
		}
	}
	now := time.Date(2026, 11, 15, 12, 0, 0, 0, time.UTC)
	v := NewView(ViewConfig{Partitions: partitions, Catalog: c, Now: func() time.Time { return now }, MaxStaleness: time.Minute})
	for i, r := range v.replicas {
		r.state = newState(c, nil, now.UnixMilli())
		r.state.follows = true
		r.checkpoint.Definitions = c.Offset()
		r.state.account([]byte(acme)).makeUp(rand.New(rand.NewPCG(uint64(i), 1)), contacts)
	}
	return v
}

// makeUp fills an account as the last 60 days of a busy one would.
func (a *account) makeUp(rng *rand.Rand, contacts int) {
	slot, today := a.slot("engaged"), a.plan.today
	list := a.lists.add(listKey(segment.List, "spring"))
	for i := range contacts {
		number := a.contact(fmt.Appendf(nil, "c-%d", i))
		p, n := a.at(number)
		p.today = today
		c := &p.contacts[n]
		c.facts, c.country = exists|facts(rng.IntN(16)), countryByCode[[]string{"US", "CA", "GB"}[rng.IntN(3)]]
		p.sendable.set(n, c.facts.has(sendable))
		for _, b := range []segment.Behaviour{segment.Sent, segment.Sent, segment.Sent, segment.Clicked, segment.Failed, segment.Replied} {
			day := today - segment.Date(rng.IntN(60))
			p.day(series(b), day).add(bitmaps.Event{Contact: n})
			p.day(series(b), day).bits.Add(n)
			c.last[b] = max(c.last[b], uint16(day))
		}
		if rng.IntN(5) == 0 {
			p.list(list).members.Add(n)
		}
		if c.last[segment.Clicked] >= uint16(today)-30 {
			p.members.flip(slot, n)
		}
	}
}
