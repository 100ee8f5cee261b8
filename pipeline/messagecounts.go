package pipeline

import (
	"cmp"
	"slices"

	"rollcall/bitmaps"
	"rollcall/pipeline/segment"
)

// messageCounts are how many events of each message there are, by message.
type messageCounts []bitmaps.MessageCount

// maxCounted is of how many messages a day's events are counted in one piece. Of
// a day with more they are read when they are asked for: the counts would be
// about as long.
const maxCounted = 1000

func (c *messageCounts) add(message uint32) {
	at, found := slices.BinarySearchFunc(*c, message, func(m bitmaps.MessageCount, message uint32) int {
		return cmp.Compare(m.Message, message)
	})
	if !found {
		*c = slices.Insert(*c, at, bitmaps.MessageCount{Message: message})
	}
	(*c)[at].Events++
}

// countMessages counts events, of any number of messages.
func countMessages(events []bitmaps.Event) messageCounts {
	of := map[uint32]uint32{}
	for i := range events {
		of[events[i].Message]++
	}
	counts := make(messageCounts, 0, len(of))
	for message, n := range of {
		counts = append(counts, bitmaps.MessageCount{Message: message, Events: n})
	}
	slices.SortFunc(counts, func(x, y bitmaps.MessageCount) int { return cmp.Compare(x.Message, y.Message) })
	return counts
}

// count counts an event more, if the set is counted.
func (d *daySet) count(message uint32) {
	if counts := d.counts.Load(); counts != nil {
		if counts.add(message); len(*counts) > maxCounted {
			d.counts.Store(nil)
		}
	}
}

// keepCounts has the set know its counts, unless they are too many.
func (d *daySet) keepCounts(counts *messageCounts) {
	if len(*counts) > maxCounted {
		counts = nil
	}
	d.counts.Store(counts)
}

// countRuns brings the owner's counts, which are of what the runs hold, up to
// runs to which those from first on are written with these events.
func (d *daySet) countRuns(first int, events []bitmaps.Event) {
	if first == 0 {
		counts := countMessages(events)
		d.keepCounts(&counts)
		return
	}
	for i := range d.pending {
		d.count(d.pending[i].Message)
	}
}

// readCounts takes over the counts of the runs that are stored.
func (d *daySet) readCounts(of series, stored []bitmaps.MessageCount) {
	d.counts.Store(nil)
	if of.counted() && stored != nil {
		d.counts.Store((*messageCounts)(&stored))
	}
}

// storedCounts are the counts that go with the runs, nil if there is no telling.
func (d *daySet) storedCounts() []bitmaps.MessageCount {
	if counts := d.counts.Load(); counts != nil {
		return *counts
	}
	return nil
}

// sent is how many events of each message a day of the piece has, of those who
// were sent to. A set that does not know, since a contact was erased or there are
// many messages, is read. What is returned is valid under the replica's lock.
func (e *previewEvents) sent(day segment.Date) (messageCounts, error) {
	d := e.piece.days[sentSeries][day]
	if d == nil {
		return nil, nil
	}
	if counts := d.counts.Load(); counts != nil {
		return *counts, nil
	}
	events, err := e.readEvents(e.piece.account.id, e.piece.number, sentSeries, day, 0)
	if err != nil {
		return nil, err
	}
	counts := countMessages(events)
	d.keepCounts(&counts)
	return counts, nil
}
