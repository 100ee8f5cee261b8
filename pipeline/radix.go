package pipeline

import (
	"slices"

	"rollcall/bitmaps"
)

// keySorter sorts numbers, and keeps the memory that it takes.
type keySorter struct{ keys, other []uint64 }

// fewKeys are so few that comparing them is as fast.
const fewKeys = 200

// sort sorts keys byte by byte, from the lowest on. Bytes that are the same in
// all of them cost nothing. The sorted keys are valid until the next call.
func (s *keySorter) sort() []uint64 {
	if len(s.keys) < fewKeys {
		slices.Sort(s.keys)
		return s.keys
	}
	some, all := uint64(0), ^uint64(0)
	for _, k := range s.keys {
		some, all = some|k, all&k
	}
	s.other = slices.Grow(s.other[:0], len(s.keys))[:len(s.keys)]
	for shift := 0; shift < 64; shift += 8 {
		if byte((some^all)>>shift) != 0 {
			s.pass(shift)
		}
	}
	return s.keys
}

// pass orders the keys by one byte, and leaves those alike as they are.
func (s *keySorter) pass(shift int) {
	var next [256]int
	for _, k := range s.keys {
		next[byte(k>>shift)]++
	}
	at := 0
	for b, n := range next {
		next[b] = at
		at += n
	}
	for _, k := range s.keys {
		b := byte(k >> shift)
		s.other[next[b]] = k
		next[b]++
	}
	s.keys, s.other = s.other, s.keys
}

// events is a copy of events of a piece, by contact and message. What is alike
// in both stays as it is: of that there is little to sort.
func (s *keySorter) events(events []bitmaps.Event) []bitmaps.Event {
	const most = 1 << 16
	if len(events) > most {
		return slices.Clone(events)
	}
	s.keys = s.keys[:0]
	for i, e := range events {
		s.keys = append(s.keys, uint64(e.Contact)<<48|uint64(e.Message)<<16|uint64(i))
	}
	sorted := make([]bitmaps.Event, len(events))
	for i, k := range s.sort() {
		sorted[i] = events[k%most]
	}
	return sorted
}
