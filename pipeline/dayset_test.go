package pipeline

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"rollcall/bitmaps"
)

// TestPendingEvents holds which events of a set are pending, and which of these
// are logged, against plain lists, whether all events are in memory or not.
func TestPendingEvents(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := newDaySet(sentSeries)
		var run, logged, fresh []bitmaps.Event
		for id := range rapid.Uint64Range(0, 60).Draw(t, "steps") {
			switch rapid.IntRange(0, 9).Draw(t, "step") {
			default:
				e := bitmaps.Event{Contact: rapid.Uint32Range(0, 5).Draw(t, "contact"), ID: id}
				d.bits.Add(e.Contact)
				d.add(e)
				fresh = append(fresh, e)
			case 5:
				d.logged = len(d.pending)
				logged, fresh = append(logged, fresh...), nil
			case 6:
				if d.table == nil {
					d.load(slices.Clone(run))
				}
			case 7:
				d.unload()
			case 8: // written as a run
				run = append(append(run, logged...), fresh...)
				d.pending, d.logged, logged, fresh = nil, 0, nil, nil
			case 9:
				contact := rapid.Uint32Range(0, 5).Draw(t, "forgotten")
				d.forget(contact)
				for _, events := range []*[]bitmaps.Event{&run, &logged, &fresh} {
					*events = slices.DeleteFunc(slices.Clone(*events), func(e bitmaps.Event) bool { return e.Contact == contact })
				}
			}
			if want := append(slices.Clone(logged), fresh...); d.logged != len(logged) || !slices.Equal(d.pending, want) {
				t.Fatalf("pending are %v, the first %d logged; not %v, %d", d.pending, d.logged, want, len(logged))
			}
			if all := slices.Concat(run, logged, fresh); d.table != nil && !slices.Equal(d.table.events, all) {
				t.Fatalf("all are %v, not %v", d.table.events, all)
			}
		}
	})
}
