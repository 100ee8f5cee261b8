package pipeline

import "math/bits"

// settleAll settles a piece that was composed, segment by segment for all of its
// contacts at once, if that is less work than to go through the marked ones. It
// comes to the same: all contacts are settled, and who is not marked stays.
func (p *piece) settleAll(e *evaluator) bool {
	due := &p.account.state.due
	due.reset(len(p.plan.segments))
	if p.changed != 0 {
		due.add(p.plan.sets[p.changed])
	}
	pairs := 0
	for b := p.marks.blocks; b != nil; b = b.next {
		for _, mark := range b.keys[:b.n] {
			segments := p.plan.sets[uint32(mark)]
			due.add(segments)
			pairs += segments.count()
		}
	}
	if p.changed == 0 && pairs < p.account.state.apart*due.count() {
		due.clear()
		return false
	}
	e.begin(p)
	members := e.take()
	for seg, ok := due.next(); ok; seg, ok = due.next() {
		planned := p.plan.segments[seg]
		e.put(members, &planned.member)
		if p.flipAll(planned.slot, members) {
			due.add(planned.children)
		}
	}
	e.give(members)
	for i := range p.contacts { // those of before there were segments, too
		c := &p.contacts[i]
		c.settled = c.settled || c.facts.has(exists)
	}
	p.marks.clear(p.account.state)
	p.changed = 0
	return true
}

// flipAll makes a column the set of members, remembers who that flips, and tells
// whether it does anybody.
func (p *piece) flipAll(slot int, members *contactSet) (flipped bool) {
	p.members.grow(slot)
	col := &p.members[slot]
	s := p.account.state
	for i, w := range members {
		differ := w ^ col.word(i)
		if differ == 0 {
			continue
		}
		if !flipped {
			flipped = true
			p.dirtyColumn(slot)
		}
		col.setWord(i, w)
		for ; differ != 0; differ &= differ - 1 {
			s.flips = append(s.flips, uint64(slot)<<32|uint64(p.of(uint32(i*64+bits.TrailingZeros64(differ)))))
		}
	}
	return flipped
}

// marked is about how many contacts are to be settled.
func (p *piece) marked() int {
	if p.changed != 0 {
		return len(p.contacts)
	}
	return p.marks.n
}
