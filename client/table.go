package client

import (
	"encoding/binary"
	"hash/maphash"
	"math/bits"
	"sync/atomic"
)

// table numbers contacts, and holds sets of them as bitmaps. One goroutine
// changes it while any number of others read: whatever they read is whole, as
// words are changed one by one, atomically, and what a slot points to is written
// before the slot. Only to grow it, another table takes its place.
//
// Ids lie one after the other in blocks, each behind its number and its length,
// so that a contact costs its id and some 5 bytes there, 8 bytes of a slot, and a
// bit in each set; and the garbage collector has nothing to look through.
type table struct {
	seed   maphash.Seed
	slots  []atomic.Uint64   // a hash table with linear probing; see slot
	blocks [][]byte          // where ids lie
	sets   [][]atomic.Uint64 // bitmaps by number

	// Of whoever changes it:
	used  int // bytes of the last block
	count int // contacts
}

const (
	blockBits = 20
	blockSize = 1 << blockBits
	// entryHead is a number of 4 bytes and a length of 2.
	entryHead  = 6
	minSlots   = 1 << 10
	maxContact = 1<<16 - 1
)

// A slot is 0 if it is empty, and else the upper half of the contact's hash and,
// in its own lower half, where the contact lies, plus 1.
func slot(hash uint64, place uint32) uint64 { return hash&^(1<<32-1) | uint64(place+1) }

func newTable(sets int) *table {
	t := &table{seed: maphash.MakeSeed(), slots: make([]atomic.Uint64, minSlots), sets: make([][]atomic.Uint64, sets)}
	for i := range t.sets {
		t.sets[i] = make([]atomic.Uint64, minSlots/64)
	}
	return t
}

// find returns a contact's number.
func (t *table) find(contact string) (number uint32, ok bool) {
	hash := maphash.String(t.seed, contact)
	mask := uint64(len(t.slots) - 1)
	for at := hash & mask; ; at = (at + 1) & mask {
		s := t.slots[at].Load()
		if s == 0 {
			return 0, false
		}
		if s>>32 == hash>>32 {
			if number, ok := t.is(uint32(s)-1, contact); ok {
				return number, true
			}
		}
	}
}

// is tells whether a contact lies at a place, and its number.
func (t *table) is(place uint32, contact string) (number uint32, is bool) {
	e := t.blocks[place>>blockBits][place&(blockSize-1):]
	n := int(binary.LittleEndian.Uint16(e[4:]))
	return binary.LittleEndian.Uint32(e), n == len(contact) && string(e[entryHead:entryHead+n]) == contact
}

// has tells whether a contact is in a set.
func (t *table) has(set int, contact string) bool {
	number, ok := t.find(contact)
	return ok && t.in(set, number)
}

func (t *table) in(set int, number uint32) bool {
	words := t.sets[set]
	return int(number/64) < len(words) && words[number/64].Load()&(1<<(number%64)) != 0
}

// set puts a contact that has a number into a set, or out of it. There must be room.
func (t *table) set(set int, number uint32, in bool) {
	if bit := uint64(1) << (number % 64); in {
		t.sets[set][number/64].Or(bit)
	} else {
		t.sets[set][number/64].And(^bit)
	}
}

// inNone tells whether a contact is in no set.
func (t *table) inNone(number uint32) bool {
	for set := range t.sets {
		if t.in(set, number) {
			return false
		}
	}
	return true
}

// len is how many contacts are in a set.
func (t *table) len(set int) (n int) {
	for i := range t.sets[set] {
		n += bits.OnesCount64(t.sets[set][i].Load())
	}
	return n
}
