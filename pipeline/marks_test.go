package pipeline

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// A set of segments is what was added to it, and comes out of what is due in order.
func TestSegmentSet(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var set, other segmentSet
		want := map[int32]bool{}
		for _, s := range []*segmentSet{&set, &other} {
			places := rapid.SliceOf(rapid.Int32Range(0, 300)).Draw(t, "places")
			slices.Sort(places) // the same twice is once
			for _, place := range places {
				*s = s.with(int(place))
				want[place] = true
			}
			if got := len(slices.Compact(places)); s.count() != got {
				t.Fatalf("%d segments of %d", s.count(), got)
			}
		}
		var d due
		d.reset(301)
		d.add(set)
		d.add(other)
		var got []int32
		for place, ok := d.next(); ok; place, ok = d.next() {
			if !want[place] {
				t.Fatalf("%d was not added", place)
			}
			got = append(got, place)
		}
		if len(got) != len(want) || !slices.IsSorted(got) {
			t.Fatalf("%v, of %d", got, len(want))
		}
	})
}

// Marks of several pieces lie in blocks that they share, and stay apart.
func TestMarks(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := newState(nil, nil, 0)
		lists, twins := make([]markList, 3), make([][]uint64, 3)
		for range rapid.IntRange(1, 20).Draw(t, "steps") {
			i := rapid.IntRange(0, len(lists)-1).Draw(t, "piece")
			for n := range rapid.IntRange(0, 300).Draw(t, "marks") {
				lists[i].add(s, uint32(n), dependents(i+1))
				twins[i] = append(twins[i], uint64(n)<<32|uint64(i+1))
			}
			got, want := lists[i].appendTo(nil), slices.Clone(twins[i])
			slices.Sort(got)
			slices.Sort(want)
			if lists[i].n != len(want) || !slices.Equal(got, want) {
				t.Fatalf("%d marks of %d", len(got), len(want))
			}
			if rapid.Bool().Draw(t, "settled") {
				lists[i].clear(s)
				twins[i] = nil
			}
		}
	})
}
