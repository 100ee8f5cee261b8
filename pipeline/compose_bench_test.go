package pipeline

import (
	"context"
	"fmt"
	"math"
	"testing"
	"time"

	"rollcall/bitmaps"
	"rollcall/pipeline/catalog"
	"rollcall/pipeline/segment"
)

// composeTexts are new segments, by how many of a partition's contacts are in them.
var composeTexts = []struct{ kind, text string }{
	{"engaged", `all contacts where opted in and phone in US and clicked in last 30 days`},
	{"unknown", `all contacts where not opted in and not opted out`},
	{"silent", `all contacts where sent in last 7 days and not clicked in last 7 days`},
	{"keen", `all contacts where clicked at least 3 times in last 30 days`},
}

// BenchmarkCompose is what a partition of 50,000 contacts does for a new segment,
// and for a new day with 1,000 of them, without Kafka and without Redis.
func BenchmarkCompose(b *testing.B) {
	w := newComposeBench(b)
	for _, s := range composeTexts {
		b.Run(s.kind, func(b *testing.B) {
			for range b.N {
				w.put(b, "new", s.text)
				w.compose(b)
				b.StopTimer()
				w.take(b, catalog.DeleteSegment{Account: "demo", ID: "new"})
				w.compose(b)
				b.StartTimer()
			}
			b.ReportMetric(float64(w.flips), "flips")
		})
	}
	b.Run("midnight", func(b *testing.B) {
		for i, text := range benchSegments(1000) {
			list := []string{"newsletter", "spring-sale", "new-arrivals", "win-back", "vip"}[i/7%5]
			w.put(b, fmt.Sprintf("many-%d", i), fmt.Sprintf("%s and in list %q", text, list))
		}
		w.compose(b)
		b.ResetTimer()
		for range b.N {
			w.now = w.now.AddDate(0, 0, 1)
			w.compose(b)
		}
		b.ReportMetric(float64(w.flips), "flips")
	})
}

type composeBench struct {
	*Task
	defs  *catalog.Log
	now   time.Time
	flips uint64 // of the last composing
}

func newComposeBench(b *testing.B) *composeBench {
	w := &composeBench{now: time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)}
	log, c := newMemoryLog(), catalog.New()
	w.defs = catalog.NewLog(c, log)
	ctx, cancel := context.WithCancel(context.Background())
	b.Cleanup(cancel)
	go func() { _ = w.defs.Run(ctx) }()
	w.take(b, catalog.PutAccount{Account: "demo", Timezone: "America/New_York", RetentionDays: 730, DefaultRegion: "US"})
	var err error
	w.Task, err = Open(ctx, Config{
		Partitions: 1, Store: bitmaps.Discard(), Log: log, Catalog: c, CatchUp: w.defs.CaughtUp,
		Now:    func() time.Time { return w.now },
		Limits: Limits{Changelog: math.MaxInt, Loaded: math.MaxInt},
	}, 0, log.taskMarks(0, 1))
	if err != nil {
		b.Fatal(err)
	}
	for _, batch := range benchBatches(b, w.now) {
		if err := w.Process(ctx, batch); err != nil {
			b.Fatal(err)
		}
	}
	return w
}

func (w *composeBench) put(b *testing.B, id, text string) {
	def, err := segment.Parse(text)
	if err != nil {
		b.Fatal(err)
	}
	w.take(b, catalog.PutSegment{Account: "demo", ID: id, Name: id, Definition: def})
}

func (w *composeBench) take(b *testing.B, e catalog.Entry) {
	if _, err := w.defs.Put(context.Background(), e); err != nil {
		b.Fatal(err)
	}
}

// compose does all that there is to compose.
func (w *composeBench) compose(b *testing.B) {
	before := w.flipped()
	for {
		worked, err := w.Compose(context.Background())
		if err != nil {
			b.Fatal(err)
		}
		if !worked {
			break
		}
	}
	if after := w.flipped(); after > before {
		w.flips = after - before
	}
}

func (w *composeBench) flipped() (n uint64) {
	for _, t := range w.state.accounts["demo"].totals {
		n += t.Entered + t.Exited
	}
	return n
}
