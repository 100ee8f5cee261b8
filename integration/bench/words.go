package main

import (
	"math/bits"
	"slices"
)

// bitmap has a bit for each contact, by number.
type bitmap []uint64

func newBitmap(contacts int) bitmap { return make(bitmap, (contacts+63)/64) }

func (b bitmap) set(who uint32)      { b[who/64] |= 1 << (who % 64) }
func (b bitmap) has(who uint32) bool { return b[who/64]&(1<<(who%64)) != 0 }

func (b bitmap) count() (n int64) {
	for _, w := range b {
		n += int64(bits.OnesCount64(w))
	}
	return n
}

// bitStep is one operation on bitmaps: dst is AND or OR of the others, or NOT of one.
type bitStep struct {
	op, dst string
	of      []string
}

// words does bit steps word by word in memory: what no way on bitmaps can be
// faster than on one core.
type words struct {
	all      map[string]bitmap
	contacts int
}

// count runs the steps and counts whom they leave.
func (w *words) count(steps []bitStep) int64 {
	for _, s := range steps {
		dst := w.all[s.dst]
		if dst == nil {
			dst = newBitmap(w.contacts)
			w.all[s.dst] = dst
		}
		of := s.of
		if s.op != "NOT" && !slices.Contains(of, s.dst) {
			copy(dst, w.all[of[0]])
			of = of[1:]
		}
		for _, name := range of {
			combine(s.op, dst, w.all[name])
		}
	}
	return w.all[bitMembers].count()
}

func combine(op string, dst, from bitmap) {
	switch from = from[:len(dst)]; op {
	case "AND":
		for i := range dst {
			dst[i] &= from[i]
		}
	case "OR":
		for i := range dst {
			dst[i] |= from[i]
		}
	case "NOT":
		for i := range dst {
			dst[i] = ^from[i]
		}
	}
}
