package pipeline

import (
	"slices"
	"sync/atomic"

	"github.com/RoaringBitmap/roaring/v2"

	"rollcall/bitmaps"
	"rollcall/pipeline/segment"
)

// daySet is the events of one series on one day among the contacts of one
// piece. Contacts go by their number within the piece.
type daySet struct {
	bits      *roaring.Bitmap // contacts with at least one event
	runs      []int           // sizes of the runs that Redis holds
	pending   []bitmaps.Event // in no run yet; if there is a table, its newest events
	logged    int             // how many of pending are in the changelog
	queued    bool            // waits to be flushed
	table     *eventTable     // all events; nil: not in memory
	forgotten []uint32        // contacts whose events the runs still hold
	used      uint64          // when the table was last needed
	flushedAt uint64          // the runs hold the events of commits up to this one
	arrived   []arrival       // of a state that is followed: which commits pending came with

	// How many events of each message there are: of an owner's what the runs hold,
	// of a state that is followed all. Nil: not known, or of a series that is not
	// counted. Readers of a state that is followed may set it, under its read lock.
	counts atomic.Pointer[messageCounts]
	// How often contacts have an event, of a state that is followed. Nil: not known.
	// Readers may set it likewise.
	times atomic.Pointer[dayTimes]
}

// arrival says how many pending events came with a commit.
type arrival struct {
	seq    uint64
	events int
}

func newDaySet(of series) *daySet {
	d := &daySet{bits: roaring.New()}
	if of.counted() {
		d.counts.Store(&messageCounts{})
	}
	return d
}

// add files an event that is not in the set.
func (d *daySet) add(e bitmaps.Event) {
	if d.table == nil {
		d.pending = append(d.pending, e)
		return
	}
	d.table.add(e)
	d.pending = d.table.newest(len(d.pending) + 1)
}

// load makes a table of all events: those of the runs, and the pending ones.
func (d *daySet) load(runs []bitmaps.Event) {
	d.table = newEventTable(append(runs, d.pending...))
	d.pending = d.table.newest(len(d.pending))
}

// unload lets go of the table.
func (d *daySet) unload() { d.table, d.pending = nil, slices.Clone(d.pending) }

// forget removes a contact's events.
func (d *daySet) forget(contact uint32) {
	if !d.bits.CheckedRemove(contact) {
		return
	}
	mine := func(e bitmaps.Event) bool { return e.Contact == contact }
	pending, logged := len(d.pending), d.logged
	for i, e := range d.pending {
		if mine(e) {
			pending--
			if i < d.logged {
				logged--
			}
		}
	}
	if d.logged = logged; d.table == nil {
		d.pending = slices.DeleteFunc(d.pending, mine)
	} else {
		d.table = newEventTable(slices.DeleteFunc(d.table.events, mine))
		d.pending = d.table.newest(pending)
	}
	if len(d.runs) > 0 {
		d.forgotten = append(d.forgotten, contact)
	}
}

// keep tells whether an event read from a run still counts.
func (d *daySet) keep(e bitmaps.Event) bool { return !slices.Contains(d.forgotten, e.Contact) }

// eventTable is a set of events, in order of arrival. Its index is an open
// hash table of places in events, begun when the first question is asked.
type eventTable struct {
	events []bitmaps.Event
	index  []uint32 // place + 1; 0: free
}

func newEventTable(events []bitmaps.Event) *eventTable { return &eventTable{events: events} }

// newest are the last n events, to be read until the next is added.
func (t *eventTable) newest(n int) []bitmaps.Event {
	return t.events[len(t.events)-n : len(t.events) : len(t.events)]
}

func (t *eventTable) add(e bitmaps.Event) {
	t.events = append(t.events, e)
	switch {
	case t.index == nil:
	case len(t.events)*2 > len(t.index):
		t.reindex()
	default:
		t.place(len(t.events) - 1)
	}
}

func (t *eventTable) has(e bitmaps.Event) bool {
	if t.index == nil {
		t.reindex()
	}
	mask := uint32(len(t.index) - 1)
	for i := hashEvent(e) & mask; ; i = (i + 1) & mask {
		at := t.index[i]
		if at == 0 {
			return false
		}
		if t.events[at-1] == e {
			return true
		}
	}
}

func (t *eventTable) reindex() {
	size := 16
	for size < len(t.events)*4 {
		size *= 2
	}
	t.index = make([]uint32, size)
	for i := range t.events {
		t.place(i)
	}
}

func (t *eventTable) place(event int) {
	mask := uint32(len(t.index) - 1)
	i := hashEvent(t.events[event]) & mask
	for t.index[i] != 0 {
		i = (i + 1) & mask
	}
	t.index[i] = uint32(event + 1)
}

func hashEvent(e bitmaps.Event) uint32 {
	h := (e.ID ^ uint64(e.Contact)<<32 ^ uint64(e.Message)) * 0x9e3779b97f4a7c15
	return uint32(h >> 32)
}

// The runs of a day are merged by eights: a run of level n+1 takes the place of
// eight of level n, so an event is written at most a few times over.
const (
	mergeRuns = 8
	fullRun   = 6000 // events; about 64 KiB, never merged
)

func runLevel(size int) int {
	if size >= fullRun {
		return -1
	}
	level := 0
	for limit := 64; size > limit; limit *= mergeRuns {
		level++
	}
	return level
}

// mergeFrom is the first run of those that are due to become one.
func mergeFrom(runs []int) int {
	from := len(runs) - mergeRuns
	if from < 0 {
		return len(runs)
	}
	level := runLevel(runs[from])
	if level < 0 || slices.ContainsFunc(runs[from:], func(n int) bool { return runLevel(n) != level }) {
		return len(runs)
	}
	return from
}

// byDay holds the sets of one series.
type byDay map[segment.Date]*daySet
