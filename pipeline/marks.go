package pipeline

import "math/bits"

// segmentSet is places of segments in a plan, 64 to a word, in ascending order.
type segmentSet []segmentWord

type segmentWord struct {
	at   int // the first segment's place, divided by 64
	bits uint64
}

// with adds a segment that comes after those that are there, or is the last of them.
func (s segmentSet) with(seg int) segmentSet {
	if n := len(s); n == 0 || s[n-1].at != seg/64 {
		s = append(s, segmentWord{at: seg / 64})
	}
	s[len(s)-1].bits |= 1 << (seg % 64)
	return s
}

func (s segmentSet) count() (n int) {
	for _, w := range s {
		n += bits.OnesCount64(w.bits)
	}
	return n
}

// dependents are the segments to look at when something changes: the place of
// their set in the plan; 0: none.
type dependents uint32

// markList is the contacts of a piece whose segments may have changed, in no order:
// contact, dependents. They lie in blocks of equal size, which all pieces of a
// partition share: what waits is bounded by a batch, not by the pieces.
type markList struct {
	blocks *markBlock
	n      int
}

type markBlock struct {
	next *markBlock
	n    int
	keys [126]uint64 // which makes it 1 KiB
}

func (m *markList) add(s *state, contact uint32, segments dependents) {
	if m.blocks == nil || m.blocks.n == len(m.blocks.keys) {
		m.blocks = s.takeBlock(m.blocks)
	}
	b := m.blocks
	b.keys[b.n] = uint64(contact)<<32 | uint64(segments)
	b.n++
	m.n++
}

func (s *state) takeBlock(next *markBlock) *markBlock {
	b := s.freeBlocks
	if b == nil {
		b = new(markBlock)
	} else {
		s.freeBlocks = b.next
	}
	b.next, b.n = next, 0
	return b
}

// appendTo appends the marks to keys.
func (m *markList) appendTo(keys []uint64) []uint64 {
	for b := m.blocks; b != nil; b = b.next {
		keys = append(keys, b.keys[:b.n]...)
	}
	return keys
}

// clear takes all marks out.
func (m *markList) clear(s *state) {
	for b := m.blocks; b != nil; {
		next := b.next
		b.next, s.freeBlocks = s.freeBlocks, b
		b = next
	}
	*m = markList{}
}
