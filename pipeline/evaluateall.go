package pipeline

import "rollcall/pipeline/segment"

// evaluator finds out for all contacts of a piece at once whether conditions
// hold: a loop for each condition, and words of 64 contacts for what joins them.
// It answers what node.holds does for each contact by itself.
type evaluator struct {
	piece  *piece
	leaves map[leaf]*contactSet // that were asked for
	free   []*contactSet        // to be used again
	times  bool                 // days know how often, so that events are counted without a counter's counts
}

// leaf is a condition that stays as it is while a piece is evaluated, so that
// segments can share it.
type leaf struct {
	op        op
	facts     facts
	behaviour segment.Behaviour
	day       uint16
	k, number uint32
	countries [4]uint64
}

// begin turns to a piece.
func (e *evaluator) begin(p *piece) {
	for _, s := range e.leaves {
		e.give(s)
	}
	e.piece, e.leaves = p, map[leaf]*contactSet{}
}

// fact is the set of those of whom it is known; it is only to be read.
func (e *evaluator) fact(f facts) *contactSet { return e.leaf(&node{op: opFact, facts: f}) }

// leaf is the set of those for whom a leaf holds, only to be read; nil if the
// condition is none.
func (e *evaluator) leaf(n *node) *contactSet {
	if n.op == opAll || n.op == opAny || n.op == opNot || n.op == opMember {
		return nil
	}
	key := leaf{op: n.op, facts: n.facts, behaviour: n.behaviour, day: n.day, k: n.k, number: n.number}
	if n.countries != nil {
		key.countries = *n.countries
	}
	s := e.leaves[key]
	if s == nil && n.op == opFact {
		e.putFacts()
		s = e.leaves[key]
	}
	if s == nil {
		s = e.take()
		e.putLeaf(s, n)
		e.leaves[key] = s
	}
	return s
}

// take lends a set, to be given back. What is in it is left from before.
func (e *evaluator) take() *contactSet {
	if n := len(e.free); n > 0 {
		s := e.free[n-1]
		e.free = e.free[:n-1]
		return s
	}
	return new(contactSet)
}

func (e *evaluator) give(s *contactSet) { e.free = append(e.free, s) }

// put makes s the set of those for whom the condition holds. A negation holds for
// contacts that the piece does not have; a definition asks who exists.
func (e *evaluator) put(s *contactSet, n *node) {
	switch n.op {
	case opAll:
		if len(n.kids) == 0 {
			*s = everybody
			return
		}
		e.put(s, &n.kids[0])
		e.each(n.kids[1:], s.and)
	case opAny:
		if len(n.kids) == 0 {
			clear(s[:])
			return
		}
		e.put(s, &n.kids[0])
		e.each(n.kids[1:], s.or)
	case opNot:
		e.put(s, &n.kids[0])
		s.not()
	case opMember:
		s.putColumn(e.piece.members, int(n.number))
	default:
		*s = *e.leaf(n)
	}
}

func (e *evaluator) putLeaf(s *contactSet, n *node) {
	p := e.piece
	switch n.op {
	case opCountry:
		s.putCountries(p.contacts, n.countries)
	case opSince:
		s.putSince(p.contacts, n.behaviour, n.day)
	case opCount:
		e.putCount(s, n)
	default:
		s.putList(p.lists[p.plan.listNumbers[n.number]])
	}
}

// each hands the set of each condition on.
func (e *evaluator) each(conditions []node, join func(*contactSet)) {
	s := e.take()
	for i := range conditions {
		if known := e.leaf(&conditions[i]); known != nil {
			join(known)
			continue
		}
		e.put(s, &conditions[i])
		join(s)
	}
	e.give(s)
}

var everybody = func() (s contactSet) {
	s.not()
	return s
}()

// bit is made without a branch, which half of all contacts would mislead.
func bit(is bool) (b uint64) {
	if is {
		b = 1
	}
	return b
}

// Each of these loops makes a word at a time, in a register.

func (s *contactSet) putCountries(contacts []contact, in *[4]uint64) {
	for w := range s {
		of, word := block(contacts, w), uint64(0)
		for i := range of {
			c := of[i].country
			word |= in[c/64] >> (c % 64) & 1 << (i & 63)
		}
		s[w] = word
	}
}

func (s *contactSet) putSince(contacts []contact, b segment.Behaviour, day uint16) {
	for w := range s {
		of, word := block(contacts, w), uint64(0)
		for i := range of {
			word |= bit(of[i].last[b] >= day) << (i & 63)
		}
		s[w] = word
	}
}

func (s *contactSet) putAtLeast(counts []uint32, k uint32) {
	for w := range s {
		of, word := block(counts, w), uint64(0)
		for i := range of {
			word |= bit(of[i] >= k) << (i & 63)
		}
		s[w] = word
	}
}

// block is what a word is made of: up to 64 of those that there are.
func block[T any](of []T, word int) []T {
	from := min(word*64, len(of))
	return of[from:min(from+64, len(of))]
}

func (s *contactSet) putList(l *listPiece) {
	if l == nil {
		clear(s[:])
		return
	}
	s.put(l.members)
}

func (s *contactSet) putColumn(c columns, slot int) {
	n := 0
	if slot < len(c) {
		n = copy(s[:], c[slot].words)
	}
	clear(s[n:])
}
