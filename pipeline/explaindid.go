package pipeline

import (
	"fmt"
	"slices"
	"time"

	"rollcall/bitmaps"
	"rollcall/pipeline/segment"
)

// didOrNot explains what a contact did. Of all of several messages each is a part.
func (x *explainer) didOrNot(d segment.Did) Finding {
	switch {
	case d.Messages.Mode == segment.NoneOf:
		d.Messages.Mode = segment.AnyOf
		f := x.often(d)
		f.when = f.when.not()
		return f
	case d.Messages.Mode == segment.AllOf && len(d.Messages.Names) > 1:
		f := Finding{}
		for _, name := range d.Messages.Names {
			d.Messages = segment.Messages{Mode: segment.AnyOf, Names: []string{name}}
			f.Parts = append(f.Parts, x.condition(d))
		}
		f.when = all(timelines(f.Parts)...)
		return f
	}
	return x.often(d)
}

// often explains a count of events or days: those in the period today, and those
// that come into it, or leave it, by themselves.
func (x *explainer) often(d segment.Did) Finding {
	t := didTally{days: onDays(d), period: d.Period}
	moves := map[segment.Date]int{}
	for day, set := range x.piece.days[d.Behaviour] {
		if !set.bits.Contains(x.contact) {
			continue
		}
		if len(d.Messages.Names) == 0 {
			t.before = max(t.before, day)
		}
		first, last, ok := d.Period.Spell(day, x.def.RetentionDays)
		if !ok || last < x.today {
			continue
		}
		n := x.countOf(d, day)
		if n == 0 {
			continue
		}
		if moves[last+1] -= n; first > x.today {
			moves[first] += n
			continue
		}
		t.n, t.last = t.n+n, max(t.last, day)
	}
	return Finding{when: counted(t.n, moves, enough(d.Frequency)), Detail: t.String()}
}

// onDays tells whether days are counted, and not events: that takes no reading of them.
func onDays(d segment.Did) bool {
	k := d.Frequency.Kind
	return k == segment.AtLeastDays || k == segment.AtLeastOnce && len(d.Messages.Names) == 0
}

func enough(f segment.Frequency) func(n int) bool {
	switch f.Kind {
	case segment.AtMost:
		return func(n int) bool { return n <= f.K }
	case segment.Exactly:
		return func(n int) bool { return n == f.K }
	case segment.AtLeast, segment.AtLeastDays:
		return func(n int) bool { return n >= f.K }
	}
	return func(n int) bool { return n > 0 }
}

// countOf is what a day on which there are events adds to a count.
func (x *explainer) countOf(d segment.Did, day segment.Date) int {
	if len(d.Messages.Names) == 0 && onDays(d) {
		return 1
	}
	n := 0
	for _, e := range x.eventsOn(series(d.Behaviour), day) {
		counts := func(name string) bool { return e.Message == x.numbers.messageNumber(name) }
		if len(d.Messages.Names) == 0 || slices.ContainsFunc(d.Messages.Names, counts) {
			n++
		}
	}
	if onDays(d) {
		return min(n, 1)
	}
	return n
}

// eventsOn are the contact's events of a day.
func (x *explainer) eventsOn(of series, day segment.Date) []bitmaps.Event {
	key := dayKey{of: of, day: day}
	mine, read := x.did[key]
	if read || x.err != nil {
		return mine
	}
	events, err := x.events.readEvents(x.def.ID, x.piece.number, of, day, 0)
	x.err = err
	mine = slices.DeleteFunc(events, func(e bitmaps.Event) bool { return e.Contact != x.contact })
	x.did[key] = mine
	return mine
}

// didTally is what a count is made of, in words.
type didTally struct {
	days   bool // counted are days
	n      int
	last   segment.Date // the last that counts
	before segment.Date // the last of all, if that is known; it counts or not
	period segment.Period
}

func (t didTally) String() string {
	in := " in the period"
	if t.period.Kind == segment.Ever {
		in = " in the kept days"
	}
	switch {
	case t.n == 0 && t.before > 0:
		return fmt.Sprintf("none%s, last on %v", in, t.before)
	case t.n == 0:
		return "none" + in
	case t.days && t.n == 1:
		return fmt.Sprintf("on 1 day%s, %v", in, t.last)
	case t.days:
		return fmt.Sprintf("on %d days%s, last on %v", t.n, in, t.last)
	case t.n == 1:
		return fmt.Sprintf("1 time%s, on %v", in, t.last)
	}
	return fmt.Sprintf("%d times%s, last on %v", t.n, in, t.last)
}

// consent says what is known of it, and since when.
func (x *explainer) consent() string {
	word := "opted in"
	switch known := x.piece.contacts[x.contact].facts; {
	case known.has(optedOut):
		word = "opted out"
	case !known.has(optedIn):
		return "neither opted in nor opted out so far"
	}
	return word + " since " + time.UnixMilli(x.piece.said[x.contact]).In(x.def.Zone).Format(time.RFC3339)
}

// phone says what is known of it: never the number.
func (x *explainer) phone() string {
	switch c := x.piece.contacts[x.contact]; {
	case !c.facts.has(validPhone):
		return "no valid phone"
	case c.country == 0:
		return "a valid phone, in no country"
	default:
		return "phone in " + c.country.String()
	}
}
