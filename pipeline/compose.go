package pipeline

import (
	"maps"
	"slices"

	"rollcall/bitmaps"
	"rollcall/pipeline/segment"
)

// Composing brings the pieces of an account to newer definitions or to a new
// day. It is the same operation as folding an event, with another cause: find
// out for whom a condition may have changed, and settle those. A piece is
// composed whole in one commit, and events that come in between find every
// piece on the plan that its memberships stand for.

// compose brings a piece to its account's plan, or some of the way: definitions
// and day change one after the other, so that each change has one cause, and of
// days that leave about so many fragments go at once.
func (p *piece) compose(fragments int) (bitmaps.Cause, error) {
	a, target, cause := p.account, p.account.plan, bitmaps.CauseDefinition
	today := p.plan.today
	if p.plan.version == target.version {
		cause, today = bitmaps.CauseWindow, p.nextDay(fragments)
	}
	if today != target.today {
		target = compile(a, a.def, target.version, today)
	}
	return cause, p.adopt(target)
}

// nextDay is the account's today, or the last day before it on which no more
// than so many fragments have left, or those of a single day.
func (p *piece) nextDay(fragments int) segment.Date {
	target, leaving := p.account.plan, map[segment.Date]int{}
	for b := range p.days {
		for day, d := range p.days[b] {
			if day < target.oldest {
				leaving[day] += 1 + len(d.runs)
			}
		}
	}
	sum := 0
	for i, day := range slices.Sorted(maps.Keys(leaving)) {
		if sum += leaving[day]; sum > fragments && i > 0 {
			return target.today - (target.oldest - day)
		}
	}
	return target.today
}

// composeCause is the cause that compose is going to give.
func (p *piece) composeCause() bitmaps.Cause {
	if p.plan.version == p.account.plan.version {
		return bitmaps.CauseWindow
	}
	return bitmaps.CauseDefinition
}

// adopt puts the piece on another plan and marks whom that may change.
func (p *piece) adopt(next *plan) error {
	was := p.plan
	if err := p.recount(next); err != nil {
		return err
	}
	p.moveSince(was)
	p.markChanged(was.version)
	if next.oldest > was.oldest {
		p.dropDays(next.oldest)
	}
	p.account.composed(p)
	return nil
}

// markChanged marks everybody for the segments that were defined since.
func (p *piece) markChanged(version int64) {
	var changed segmentSet
	for i, s := range p.plan.segments {
		if s.version >= version {
			changed = changed.with(i)
		}
	}
	if len(changed) > 0 {
		p.markAll(p.plan.dependents(changed))
	}
}

// moveSince marks the contacts whose latest event fell out of a period.
func (p *piece) moveSince(was *plan) {
	for b := range p.plan.since {
		before := map[segment.Period]segment.Date{}
		for _, s := range was.since[b] {
			before[s.period] = s.day
		}
		for _, s := range p.plan.since[b] {
			from, known := before[s.period]
			if !known {
				continue // of a segment that is new
			}
			for day := from; day < s.day; day++ {
				p.markLast(segment.Behaviour(b), day, s.segments)
			}
		}
	}
}

// markLast marks the contacts whose latest event was on that day.
func (p *piece) markLast(b segment.Behaviour, day segment.Date, segments dependents) {
	d := p.days[b][day]
	if d == nil {
		return
	}
	for it := d.bits.Iterator(); it.HasNext(); {
		if contact := it.Next(); p.contacts[contact].last[b] == uint16(day) {
			p.mark(contact, segments)
		}
	}
}

// recount puts the piece on the next plan with the counts of its counters:
// those of a counter that was there before move with its window.
func (p *piece) recount(next *plan) error {
	was, counts, first := p.plan, p.counts, p.firsts
	before := map[counterKey]int{}
	for i, c := range was.counters {
		before[c.key] = i
	}
	p.plan, p.counts, p.firsts = next, make([][]uint32, len(next.counters)), make([]firsts, len(next.counters))
	for at, c := range next.counters {
		from, to := segment.Date(0), segment.Date(-1) // no days so far
		if i, ok := before[c.key]; ok {
			p.counts[at], p.firsts[at] = counts[i], first[i]
			from, to = was.counters[i].from, was.counters[i].to
		}
		if err := p.moveWindow(int32(at), from, to); err != nil {
			return err
		}
	}
	return nil
}

// moveWindow takes a counter from the window it stood for to the one it has.
func (p *piece) moveWindow(at int32, from, to segment.Date) error {
	c := p.plan.counters[at]
	if c.from == from && c.to == to {
		return nil
	}
	for day, d := range p.days[c.key.behaviour] {
		had, has := from <= day && day <= to, c.covers(day)
		if had == has {
			continue
		}
		by := 1
		if had {
			by = -1
		}
		if err := p.moveDay(at, day, d, by); err != nil {
			return err
		}
	}
	return nil
}

// moveDay adds a day to a counter, or takes it away.
func (p *piece) moveDay(at int32, day segment.Date, d *daySet, by int) error {
	c := p.plan.counters[at]
	if c.key.days && c.messages == nil {
		for it := d.bits.Iterator(); it.HasNext(); {
			p.move(at, it.Next(), by)
		}
		return nil
	}
	if c.key.days && by < 0 {
		if f := p.firsts[at][day]; f != nil {
			for it := f.Iterator(); it.HasNext(); {
				p.move(at, it.Next(), by)
			}
			delete(p.firsts[at], day)
		}
		return nil
	}
	if err := p.load(d, series(c.key.behaviour), day); err != nil {
		return err
	}
	for _, e := range d.table.events {
		if c.counts(e.Message) && (!c.key.days || p.firstOf(at, day, e.Contact)) {
			p.move(at, e.Contact, by)
		}
	}
	return nil
}

// dropDays lets go of the days before oldest.
func (p *piece) dropDays(oldest segment.Date) {
	a, gone := p.account, map[segment.Date]bool{}
	for b := range p.days {
		for day, d := range p.days[b] {
			if day >= oldest {
				continue
			}
			p.dropDay(b, day)
			a.state.letGo(d)
			at := dayField(series(b), day, p.number)
			for run := range d.runs {
				at.N[3] = uint32(run)
				a.delete(at)
			}
			if !gone[day] {
				gone[day] = true
				a.delete(fragmentOf(at))
			}
		}
	}
	a.state.compactTables()
	a.emit(bitmaps.Op{Code: bitmaps.OpDropDays, Number: p.number, Day: int32(oldest)})
}

// sweep frees the columns of segments that are gone, once no piece's plan has them.
func (a *account) sweep() {
	for _, id := range a.segments {
		if id == "" || a.def.Segment(id) != nil {
			continue
		}
		a.freeSlot(id)
		for _, p := range a.pieces {
			a.delete(bitmaps.Field{Kind: bitmaps.Members, Name: id, N: [4]uint32{p.number}})
		}
		a.dirty(bitmaps.Field{Kind: bitmaps.Meta})
		a.emit(bitmaps.Op{Code: bitmaps.OpDropSegment, Name: id})
	}
}

// delete removes a stored fragment with this commit.
func (a *account) delete(f bitmaps.Field) {
	a.begin()
	a.deletes = append(a.deletes, f)
}
