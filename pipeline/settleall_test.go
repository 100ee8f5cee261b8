package pipeline

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// A piece that is settled for all contacts at once comes to what each contact by
// itself does, and flips the same.
func TestSettleAllAgreesWithSettle(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := drawPiece(t)
		for i := range p.contacts {
			p.contacts[i].touched, p.contacts[i].settled = true, true // so that who does not exist leaves all
		}
		p.restoring = false
		for i := range testColumns {
			p.account.slot(string(rune('a' + i)))
			p.plan.segments = append(p.plan.segments, &planned{slot: testColumns - 1 - i})
			p.plan.add(&p.plan.all, int32(i))
		}
		for i := range p.plan.segments {
			p.redefine(t, i)
		}
		p.markEach(p.plan.all) // of whatever the columns had before
		p.settle()
		p.account.state.flips = nil

		var set segmentSet
		for i := range p.plan.segments {
			if rapid.Bool().Draw(t, "changed") {
				p.redefine(t, i)
				set = set.with(i)
			}
		}
		changed := dependents(0)
		if len(set) > 0 {
			changed = p.plan.dependents(set)
		}
		p.account.state.apart = rapid.SampledFrom([]int{0, 1, 200}).Draw(t, "apart")
		twin := p.twin()
		twin.markEach(changed)
		twin.settle()

		if rapid.Bool().Draw(t, "marked") {
			p.markEach(changed)
		} else {
			p.markAll(changed)
		}
		if !p.settleAll(&evaluator{free: []*contactSet{drawSet(t)}}) {
			p.settle()
		}
		if got, want := slices.Sorted(slices.Values(p.account.state.flips)), slices.Sorted(slices.Values(twin.account.state.flips)); !slices.Equal(got, want) {
			t.Fatalf("%d flips, one by one %d", len(got), len(want))
		}
		for slot := range testColumns {
			for contact := range uint32(len(p.contacts)) {
				if got, want := p.members.has(slot, contact), twin.members.has(slot, contact); got != want {
					t.Fatalf("contact %d of %d, slot %d: %v, one by one %v", contact, len(p.contacts), slot, got, want)
				}
			}
		}
		if p.marks.n > 0 || p.changed != 0 {
			t.Fatal("marks are left")
		}
	})
}

// redefine draws a segment that may ask for those before it.
func (p *piece) redefine(t *rapid.T, i int) {
	for _, parent := range p.plan.segments[:i] {
		for j := range parent.children {
			parent.children[j].bits &^= 1 << i // all are in one word
		}
	}
	n := drawNode(t, p, 2)
	p.adoptParents(&n, i)
	p.plan.segments[i].member = node{op: opAll, kids: []node{{op: opFact, facts: exists}, n}}
}

func (p *piece) adoptParents(n *node, child int) {
	if n.op == opMember {
		at := slices.IndexFunc(p.plan.segments[:child], func(s *planned) bool { return s.slot == int(n.number) })
		if at < 0 {
			n.number = testColumns // nobody's
		} else {
			p.plan.segments[at].children = p.plan.segments[at].children.with(child)
		}
	}
	for i := range n.kids {
		p.adoptParents(&n.kids[i], child)
	}
}

func (p *piece) markEach(segments dependents) {
	for contact := range p.contacts {
		p.mark(uint32(contact), segments)
	}
}

// twin is a piece of another account that knows the same.
func (p *piece) twin() *piece {
	twin := *p
	twin.account = newAccount(newState(nil, nil, 0), acme)
	twin.account.segments = p.account.segments
	twin.contacts, twin.members, twin.marks = slices.Clone(p.contacts), slices.Clone(p.members), markList{}
	for slot := range twin.members {
		twin.members[slot].words = slices.Clone(twin.members[slot].words)
	}
	return &twin
}
