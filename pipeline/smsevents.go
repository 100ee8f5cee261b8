package pipeline

import (
	"cmp"
	"slices"

	"rollcall/bitmaps"
	"rollcall/pipeline/segment"
)

// smsEvent is an event of a piece in one number: contact, message and day, so that
// sorted they are by contact, then message, then day.
type smsEvent uint64

func smsEventOf(e bitmaps.Event, day segment.Date) smsEvent {
	return smsEvent(e.Contact)<<48 | smsEvent(e.Message)<<16 | smsEvent(uint16(day))
}

func (e smsEvent) contact() uint64   { return uint64(e >> 48) }
func (e smsEvent) pair() uint64      { return uint64(e >> 16) } // contact and message
func (e smsEvent) message() uint32   { return uint32(e >> 16) }
func (e smsEvent) day() segment.Date { return segment.Date(uint16(e)) }

// smsFailure is an event with the reason of it.
type smsFailure struct {
	smsEvent
	reason uint32
}

// smsEvents are those of a piece that a report is about.
type smsEvents struct {
	of       [failedFor]smsRow // all series but that
	failures []smsFailure
}

func (e *smsEvents) add(of series, day segment.Date, event bitmaps.Event) {
	is := smsEventOf(event, day)
	if of == failedFor {
		e.failures = append(e.failures, smsFailure{is, uint32(event.ID)})
		return
	}
	e.of[of] = append(e.of[of], is)
}

func (e *smsEvents) sort() {
	for of := range e.of {
		slices.Sort(e.of[of])
	}
	slices.SortFunc(e.failures, func(a, b smsFailure) int { return cmp.Compare(a.smsEvent, b.smsEvent) })
}

// smsRow is sorted events, to be gone through once.
type smsRow []smsEvent

// next takes the events of the first contact.
func (r *smsRow) next() smsRow {
	all := *r
	n := 0
	for n < len(all) && all[n].contact() == all[0].contact() {
		n++
	}
	*r = all[n:]
	return all[:n]
}

// take takes the events of a contact and message, and leaves those before them.
func (r *smsRow) take(pair uint64) smsRow {
	all := *r
	for len(all) > 0 && all[0].pair() < pair {
		all = all[1:]
	}
	n := 0
	for n < len(all) && all[n].pair() == pair {
		n++
	}
	*r = all[n:]
	return all[:n]
}

// since is how many events there are of a day and later.
func (r smsRow) since(day segment.Date) (n int) {
	for n < len(r) && r[len(r)-1-n].day() >= day {
		n++
	}
	return n
}

// takeFailures takes the reasons that were given for a contact and message on a
// day and later.
func (e *smsEvents) takeFailures(pair uint64, day segment.Date) (reasons []uint32) {
	for len(e.failures) > 0 && e.failures[0].pair() <= pair {
		if f := e.failures[0]; f.pair() == pair && f.day() >= day {
			reasons = append(reasons, f.reason)
		}
		e.failures = e.failures[1:]
	}
	return reasons
}
