package pipeline

import (
	"iter"
	"math/bits"

	"github.com/RoaringBitmap/roaring/v2"

	"rollcall/bitmaps"
)

// contactSet is a set of contacts of one piece, a bit for each.
type contactSet [bitmaps.PieceSize / 64]uint64

func (s *contactSet) and(other *contactSet) {
	for i := range s {
		s[i] &= other[i]
	}
}

func (s *contactSet) or(other *contactSet) {
	for i := range s {
		s[i] |= other[i]
	}
}

func (s *contactSet) not() {
	for i := range s {
		s[i] = ^s[i]
	}
}

// put makes it the set that a bitmap of the piece holds.
func (s *contactSet) put(of *roaring.Bitmap) {
	clear(s[:])
	of.WriteDenseTo(s[:])
}

func (s *contactSet) count() (n int64) {
	for _, w := range s {
		n += int64(bits.OnesCount64(w))
	}
	return n
}

// countBoth is how many are in the other set too.
func (s *contactSet) countBoth(other *contactSet) (n int64) {
	for i, w := range s {
		n += int64(bits.OnesCount64(w & other[i]))
	}
	return n
}

// all yields the contacts in ascending order.
func (s *contactSet) all() iter.Seq[uint32] {
	return func(yield func(uint32) bool) {
		for i, w := range s {
			for ; w != 0; w &= w - 1 {
				if !yield(uint32(i*64 + bits.TrailingZeros64(w))) {
					return
				}
			}
		}
	}
}
