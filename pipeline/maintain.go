package pipeline

import (
	"math/bits"

	"rollcall/bitmaps"
)

// maintain settles every marked contact: its memberships become what the
// segments' conditions say now. What differs from before are the changes.
func (s *state) maintain(cause bitmaps.Cause) {
	var e evaluator
	for _, a := range s.inCommit {
		for _, p := range a.moved {
			if cause == bitmaps.CauseEvent || !p.settleAll(&e) {
				p.settle()
			}
		}
		a.moved = a.moved[:0]
		a.announce(cause)
	}
}

// settle goes through the marked contacts one by one.
func (p *piece) settle() {
	due := &p.account.state.due
	due.reset(len(p.plan.segments))
	sorted := p.sortMarks()
	for i := 0; i < len(sorted); {
		contact := sorted[i] >> 32
		for ; i < len(sorted) && sorted[i]>>32 == contact; i++ {
			due.add(p.plan.sets[uint32(sorted[i])])
		}
		p.settleContact(uint32(contact), due)
	}
}

// sortMarks takes the marks out, sorted by contact.
func (p *piece) sortMarks() []uint64 {
	s := p.account.state
	s.sorter.keys = p.marks.appendTo(s.sorter.keys[:0])
	p.marks.clear(s)
	return s.sorter.sort()
}

// settleContact evaluates the segments that are due for a contact, parents
// before children.
func (p *piece) settleContact(contact uint32, due *due) {
	c := &p.contacts[contact]
	is := c.facts.has(exists)
	switch {
	case !c.settled && !is: // was in no segment, is in none
		due.clear()
		return
	case !c.settled && !c.touched: // new, and nothing known but facts
		due.clear()
		for _, seg := range p.blankMembers(c) {
			p.flip(p.plan.segments[seg].slot, contact)
		}
		c.settled = true
		return
	case !c.settled:
		due.add(p.plan.sets[p.plan.all])
	}
	c.settled = is
	for seg, ok := due.next(); ok; seg, ok = due.next() {
		planned := p.plan.segments[seg]
		if planned.member.holds(p, contact) == p.members.has(planned.slot, contact) {
			continue
		}
		p.flip(planned.slot, contact)
		due.add(planned.children)
	}
	if !is {
		p.leaveAll(contact)
	}
}

// leaveAll takes a contact that is gone out of the segments that the plan does
// not have: a column stays for a while when its segment is deleted, and if the
// segment comes back meanwhile, its column does.
func (p *piece) leaveAll(contact uint32) {
	for slot := range p.members {
		if p.members.has(slot, contact) {
			p.flip(slot, contact)
		}
	}
}

// flip changes a membership and remembers that it did.
func (p *piece) flip(slot int, contact uint32) {
	p.flipColumn(slot, contact)
	s := p.account.state
	s.flips = append(s.flips, uint64(slot)<<32|uint64(p.of(contact)))
}

// blankMembers are the segments of a contact of whom nothing but facts is
// known. There are few kinds of those, so the answer is remembered.
func (p *piece) blankMembers(c *contact) []int32 {
	key := blankKey{c.facts, c.country}
	if members, ok := p.plan.blank[key]; ok {
		return members
	}
	blank := p.account.state.blankOn(p)
	blank.contacts = append(blank.contacts[:0], contact{facts: c.facts, country: c.country})
	var members []int32
	for seg, planned := range p.plan.segments {
		if planned.member.holds(blank, 0) {
			blank.members.flip(planned.slot, 0)
			members = append(members, int32(seg))
		}
	}
	for _, seg := range members {
		blank.members.flip(p.plan.segments[seg].slot, 0) // for the next
	}
	p.plan.blank[key] = members
	return members
}

// blankOn is a piece that knows nobody, on the plan of another; the same one is
// used for all.
func (s *state) blankOn(p *piece) *piece {
	if s.blank == nil {
		s.blank = newPiece(p.account, 0, p.plan)
	}
	s.blank.account, s.blank.plan = p.account, p.plan
	if more := len(p.plan.counters) - len(s.blank.counts); more > 0 {
		s.blank.counts = append(s.blank.counts, make([][]uint32, more)...)
	}
	return s.blank
}

// announce puts the account's changed memberships into the changelog.
func (a *account) announce(cause bitmaps.Cause) {
	s := a.state
	s.sorter.keys, s.flips = append(s.sorter.keys[:0], s.flips...), s.flips[:0]
	sorted := s.sorter.sort()
	op := bitmaps.Op{Code: bitmaps.OpMembers, Cause: cause, On: s.on, Off: s.off}
	for i := 0; i < len(sorted); {
		op.On, op.Off = op.On[:0], op.Off[:0]
		slot := sorted[i] >> 32
		for ; i < len(sorted) && sorted[i]>>32 == slot; i++ {
			number := uint32(sorted[i])
			if p, contact := a.at(number); p.members.has(int(slot), contact) {
				op.On = append(op.On, number)
			} else {
				op.Off = append(op.Off, number)
			}
		}
		op.Name = a.segments[slot]
		a.totals[slot].Entered += uint64(len(op.On))
		a.totals[slot].Exited += uint64(len(op.Off))
		s.changed[cause] += int64(len(op.On) + len(op.Off))
		a.emit(op)
		if s.publish {
			s.collect(a, &op)
		}
	}
	s.on, s.off = op.On, op.Off
	if len(sorted) > 0 {
		a.dirty(bitmaps.Field{Kind: bitmaps.Meta})
	}
	clear(a.former)
}

// due is a set of places of segments, taken out in ascending order. It is empty
// when a contact is settled, and used again for the next.
type due struct {
	words []uint64
	low   int // no word before is set
}

// reset makes room in the empty set.
func (d *due) reset(segments int) {
	n := (segments + 63) / 64
	if n > cap(d.words) {
		d.words = make([]uint64, n)
	}
	d.words, d.low = d.words[:n], n
}

func (d *due) add(segments segmentSet) {
	for _, w := range segments {
		d.words[w.at] |= w.bits
		d.low = min(d.low, w.at)
	}
}

func (d *due) next() (int32, bool) {
	for ; d.low < len(d.words); d.low++ {
		if w := d.words[d.low]; w != 0 {
			d.words[d.low] = w & (w - 1)
			return int32(d.low*64 + bits.TrailingZeros64(w)), true
		}
	}
	return 0, false
}

func (d *due) count() (n int) {
	for _, w := range d.words {
		n += bits.OnesCount64(w)
	}
	return n
}

func (d *due) clear() {
	for ; d.low < len(d.words); d.low++ {
		d.words[d.low] = 0
	}
}
