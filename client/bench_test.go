package client

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
	"time"
)

const million = 1_000_000

func contactID(i int) string { return fmt.Sprintf("c-%08d", i) }

// million returns a view of a segment of a million contacts, that is fresh for
// an hour.
func viewOfAMillion(tb testing.TB) *View {
	tb.Helper()
	v := &View{config: ViewConfig{Segments: []string{"s"}, MaxStaleness: time.Hour}, changed: make(chan struct{})}
	v.picture.Store(&picture{table: newTable(1)})
	f := newFeed(v, momentOf(time.Now()))
	ids := make([]string, 0, 2000)
	for _, i := range rand.Perm(million) {
		if ids = append(ids, contactID(i)); len(ids) == cap(ids) {
			if err := f.take(followLine{Segment: "s", Entered: ids}, momentOf(time.Now())); err != nil {
				tb.Fatal(err)
			}
			ids = ids[:0]
		}
	}
	heartbeat(tb, f)
	return v
}

func heartbeat(tb testing.TB, f *feed) {
	if err := f.take(followLine{Freshness: &Freshness{Fresh: true}, DayEndsMS: 1 << 40 / 1000}, momentOf(time.Now())); err != nil {
		tb.Fatal(err)
	}
}

// asked are contacts of whom half are in the segment, at random.
func asked() []string {
	ids := make([]string, 1<<20)
	for i := range ids {
		ids[i] = contactID(rand.IntN(2 * million))
	}
	return ids
}

// BenchmarkContains asks a view of a million contacts about others at random:
// about all, which takes two reads of memory that is in no cache, and about few.
func BenchmarkContains(b *testing.B) {
	v, ids := viewOfAMillion(b), asked()
	s := v.Segment("s")
	for _, of := range []int{len(ids), 4096} {
		b.Run(fmt.Sprint(of), func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if _, err := s.Contains(ids[i&(of-1)]); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkContainsWhileChanging does while somebody changes it all the time.
func BenchmarkContainsWhileChanging(b *testing.B) {
	v, ids := viewOfAMillion(b), asked()
	s := v.Segment("s")
	var stop atomic.Bool
	var changes atomic.Int64
	done := make(chan struct{})
	go func() {
		defer close(done)
		f := newFeed(v, momentOf(time.Now()))
		f.table, f.sets, f.whole = v.picture.Load().table, 0, true
		for i := 0; !stop.Load(); i++ {
			contact := []string{contactID(i % million)}
			_ = f.take(followLine{Segment: "s", Exited: contact}, momentOf(time.Now()))
			_ = f.take(followLine{Segment: "s", Entered: contact}, momentOf(time.Now()))
			changes.Add(2)
			if i%1000 == 0 {
				heartbeat(b, f)
			}
		}
	}()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for i := rand.IntN(len(ids)); pb.Next(); i++ {
			if _, err := s.Contains(ids[i&(len(ids)-1)]); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.StopTimer()
	stop.Store(true)
	<-done
	b.ReportMetric(float64(changes.Load())/b.Elapsed().Seconds(), "changes/s")
}

// BenchmarkMemory measures what a view of a million contacts takes, with ids of
// 10 bytes, and what another segment of the same contacts adds.
func BenchmarkMemory(b *testing.B) {
	for b.Loop() {
		before := heap()
		v := viewOfAMillion(b)
		b.ReportMetric(float64(heap()-before)/million, "B/contact")
		words := len(v.picture.Load().table.sets[0])
		b.ReportMetric(float64(8*words)/million, "B/contact-of-another-segment")
		runtime.KeepAlive(v)
	}
}

// BenchmarkMap is the plain way, without anybody who changes it: without freshness,
// and with a look at both clocks, which no answer of a view does without.
func BenchmarkMap(b *testing.B) {
	before := heap()
	in := map[string]struct{}{}
	for _, i := range rand.Perm(million) {
		in[contactID(i)] = struct{}{}
	}
	perContact := float64(heap()-before) / million
	ids, found := asked(), 0
	for _, of := range []int{len(ids), 4096} {
		b.Run(fmt.Sprint(of), func(b *testing.B) {
			for i := 0; b.Loop(); i++ {
				if _, ok := in[ids[i&(of-1)]]; ok {
					found++
				}
			}
			b.ReportMetric(perContact, "B/contact")
		})
		b.Run(fmt.Sprint(of, "/clocks"), func(b *testing.B) {
			p := picture{until: momentOf(time.Now()).add(time.Hour)}
			for i := 0; b.Loop(); i++ {
				if _, ok := in[ids[i&(of-1)]]; p.fresh() && ok {
					found++
				}
			}
		})
	}
	runtime.KeepAlive(in)
}

func heap() int64 {
	var s runtime.MemStats
	smallest := []int64{}
	for range 3 {
		runtime.GC()
		runtime.ReadMemStats(&s)
		smallest = append(smallest, int64(s.HeapAlloc))
	}
	return slices.Min(smallest)
}
