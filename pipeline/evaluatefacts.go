package pipeline

import "math/bits"

// Most segments and each preview ask for several facts of the same contacts. So
// all facts are looked up at once, and 8 contacts at a time: their facts go into
// one word, a byte for each, of which a multiplication gathers the same bit.

const allFacts = 4

const (
	lowBits = 0x0101_0101_0101_0101 // of each byte
	gather  = 0x0102_0408_1020_4080 // moves them into the highest byte, the first one lowest
)

// putFacts makes them the sets of those of whom a fact is known, by its bit.
func putFacts(of *[allFacts]*contactSet, contacts []contact) {
	for _, s := range of {
		clear(s[:])
	}
	whole := len(contacts) / 8 * 8
	for i := 0; i < whole; i += 8 {
		c := (*[8]contact)(contacts[i:])
		word := uint64(c[0].facts) | uint64(c[1].facts)<<8 | uint64(c[2].facts)<<16 | uint64(c[3].facts)<<24 |
			uint64(c[4].facts)<<32 | uint64(c[5].facts)<<40 | uint64(c[6].facts)<<48 | uint64(c[7].facts)<<56
		for f, s := range of {
			s[i/64] |= (word >> f & lowBits * gather >> 56) << (i % 64)
		}
	}
	for i := whole; i < len(contacts); i++ {
		for f := contacts[i].facts & (1<<allFacts - 1); f != 0; f &= f - 1 {
			of[bits.TrailingZeros8(uint8(f))][i/64] |= 1 << (i % 64)
		}
	}
}

// putFacts notes all facts as leaves.
func (e *evaluator) putFacts() {
	var of [allFacts]*contactSet
	for f := range of {
		of[f] = e.take()
		e.leaves[leaf{op: opFact, facts: 1 << f}] = of[f]
	}
	putFacts(&of, e.piece.contacts)
}
