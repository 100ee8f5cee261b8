package pipeline

import "math/bits"

// settleAll settles a piece that was composed, segment by segment for all of its
// contacts at once, if that is less work than to go through the marked ones. It
// comes to the same: all contacts are settled, and who is not marked stays.
func (p *piece) settleAll(e *evaluator) bool {
	due := &p.account.state.due
	due.reset(len(p.plan.segments))
	due.add(p.changed)
	pairs := 0
	for i := range p.marks {
		segments := p.marks[i].segments
		pairs += len(segments)
		if i == 0 || !same(segments, p.marks[i-1].segments) {
			due.add(segments)
		}
	}
	if len(p.changed) == 0 && pairs < p.account.state.apart*due.count() {
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
	p.marks, p.changed = p.marks[:0], nil
	return true
}

// same tells whether two lists are one.
func same(a, b []int32) bool { return len(a) == len(b) && &a[0] == &b[0] }

// flipAll makes a column the set of members, remembers who that flips, and tells
// whether it does anybody.
func (p *piece) flipAll(slot int, members *contactSet) (flipped bool) {
	p.members.grow(slot)
	col := &p.members[slot]
	a := p.account
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
			a.flips = append(a.flips, uint64(slot)<<32|uint64(p.of(uint32(i*64+bits.TrailingZeros64(differ)))))
		}
	}
	return flipped
}

// marked is about how many contacts are to be settled.
func (p *piece) marked() int {
	if len(p.changed) > 0 {
		return len(p.contacts)
	}
	return len(p.marks)
}
