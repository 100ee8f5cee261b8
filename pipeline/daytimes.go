package pipeline

import (
	"github.com/RoaringBitmap/roaring/v2"

	"rollcall/bitmaps"
)

// dayTimes says how often the contacts of a day have an event, beyond the once
// that the day's bitmap tells: in binary, digit i has those who have 2^i more. It
// takes little, as few have more, and so the days of a window are counted for all
// contacts of a piece at once, without their events.
type dayTimes []*roaring.Bitmap

// timesOf counts a day's events.
func timesOf(events []bitmaps.Event) *dayTimes {
	once, t := roaring.New(), &dayTimes{}
	for _, e := range events {
		if !once.CheckedAdd(e.Contact) {
			t.more(e.Contact)
		}
	}
	return t
}

// more adds one to what a contact has more than once.
func (t *dayTimes) more(contact uint32) {
	for _, digit := range *t {
		if digit.CheckedAdd(contact) {
			return
		}
		digit.Remove(contact)
	}
	*t = append(*t, roaring.BitmapOf(contact))
}

// most is more than anybody has.
func (t *dayTimes) most() uint64 { return 1 + 1<<len(*t) }

// again notes an event of somebody who has one on that day.
func (d *daySet) again(contact uint32) {
	if t := d.times.Load(); t != nil {
		t.more(contact)
	}
}

// putTimes makes it the set of those who have at least k events in a window. Its
// days know how often.
func (e *evaluator) putTimes(s *contactSet, window *counter, k uint32) {
	days, most := e.piece.days[window.key.behaviour], uint64(0)
	for day, d := range days {
		if window.covers(day) {
			most += d.times.Load().most()
		}
	}
	digits := e.digits(most)
	set := e.take()
	for day, d := range days {
		if !window.covers(day) {
			continue
		}
		set.put(d.bits)
		increment(digits, set)
		for i, more := range *d.times.Load() {
			set.put(more)
			increment(digits[i:], set)
		}
	}
	e.give(set)
	s.putCounted(digits, k)
	for _, d := range digits {
		e.give(d)
	}
}
