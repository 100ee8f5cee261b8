package pipeline

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"rollcall/bitmaps"
)

// TestSortedKeys sorts numbers of all sizes and kinds beside package slices.
func TestSortedKeys(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 5))
	var s keySorter
	for range 300 {
		mask := rng.Uint64() & rng.Uint64() >> rng.IntN(64)
		s.keys = s.keys[:0]
		for range rng.IntN(3000) {
			s.keys = append(s.keys, rng.Uint64()&mask)
		}
		want := slices.Sorted(slices.Values(s.keys))
		if got := s.sort(); !slices.Equal(got, want) {
			t.Fatalf("%d keys under %x are not sorted", len(want), mask)
		}
	}
}

// TestSortedEvents holds the order of a run's events against that of the codec.
func TestSortedEvents(t *testing.T) {
	rng := rand.New(rand.NewPCG(6, 6))
	var s keySorter
	for _, n := range []int{0, 1, 5, 300, 6000, 70_000} {
		events := make([]bitmaps.Event, n)
		for i := range events {
			events[i] = bitmaps.Event{Contact: rng.Uint32N(bitmaps.PieceSize), Message: rng.Uint32() >> rng.IntN(32), ID: rng.Uint64()}
		}
		sorted := s.events(events)
		slices.SortFunc(sorted, bitmaps.CompareEvents)
		slices.SortFunc(events, bitmaps.CompareEvents)
		if !slices.Equal(sorted, events) {
			t.Fatalf("%d events are others once sorted", n)
		}
		byPair := func(a, b bitmaps.Event) int {
			return cmp.Or(cmp.Compare(a.Contact, b.Contact), cmp.Compare(a.Message, b.Message))
		}
		if n < 1<<16 && !slices.IsSortedFunc(s.events(events), byPair) {
			t.Fatalf("%d events are not sorted", n)
		}
	}
}

func BenchmarkSortKeys(b *testing.B) {
	for _, n := range []int{16, 100, 200, 400, 5000} {
		keys := make([]uint64, n)
		for i := range keys {
			keys[i] = rand.Uint64N(50)<<32 | rand.Uint64N(12000)
		}
		b.Run(fmt.Sprintf("radix/%d", n), func(b *testing.B) {
			var s keySorter
			for b.Loop() {
				s.keys = append(s.keys[:0], keys...)
				s.sort()
			}
		})
		b.Run(fmt.Sprintf("compare/%d", n), func(b *testing.B) {
			var s []uint64
			for b.Loop() {
				s = append(s[:0], keys...)
				slices.Sort(s)
			}
		})
	}
}
