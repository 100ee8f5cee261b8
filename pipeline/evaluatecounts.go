package pipeline

import "math/bits"

// putCount asks the days themselves where it can, so that these need not be counted.
func (e *evaluator) putCount(s *contactSet, n *node) {
	c := e.piece.plan.counters[n.number]
	switch {
	case e.times && c.isTimes():
		e.putTimes(s, c, n.k)
	case c.takesEvents():
		s.putAtLeast(e.piece.counts[n.number], n.k)
	case n.k == 1:
		clear(s[:])
		e.eachDay(c, s.or)
	default:
		e.putDays(s, c, n.k)
	}
}

// eachDay hands on who has an event on each day of a window.
func (e *evaluator) eachDay(window *counter, do func(*contactSet)) {
	s := e.take()
	for day, d := range e.piece.days[window.key.behaviour] {
		if window.covers(day) {
			s.put(d.bits)
			do(s)
		}
	}
	e.give(s)
}

// putDays makes it the set of those who have an event on at least k days. The
// days of all contacts are counted at once, in binary: digits[i] has everybody's 2^i.
func (e *evaluator) putDays(s *contactSet, window *counter, k uint32) {
	digits := e.digits(uint64(len(e.piece.days[window.key.behaviour])))
	e.eachDay(window, func(day *contactSet) { increment(digits, day) })
	s.putCounted(digits, k)
	for _, d := range digits {
		e.give(d)
	}
}

// digits are as many as it takes to count so far, all of them zero.
func (e *evaluator) digits(most uint64) []*contactSet {
	digits := make([]*contactSet, bits.Len64(most))
	for i := range digits {
		digits[i] = e.take()
		clear(digits[i][:])
	}
	return digits
}

// increment adds one for each contact of the set.
func increment(digits []*contactSet, set *contactSet) {
	for i, carry := range set {
		for d := 0; carry != 0; d++ {
			digits[d][i], carry = digits[d][i]^carry, digits[d][i]&carry
		}
	}
}

// putCounted makes it the set of those with at least k: digits are compared from
// the highest on, until one is another than k's.
func (s *contactSet) putCounted(digits []*contactSet, k uint32) {
	for i := range s {
		more, equal := uint64(0), ^uint64(0)
		if k>>len(digits) != 0 {
			equal = 0
		}
		for d := len(digits) - 1; d >= 0; d-- {
			if k>>d&1 == 1 {
				equal &= digits[d][i]
				continue
			}
			more |= equal & digits[d][i]
			equal &^= digits[d][i]
		}
		s[i] = more | equal
	}
}
