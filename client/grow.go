package client

import (
	"encoding/binary"
	"errors"
	"hash/maphash"
	"iter"
	"sync/atomic"
)

// maxBlocks is what a slot can point into: 4 GiB of ids.
const maxBlocks = 1 << (32 - blockBits)

var errFull = errors.New("a view holds no more than 4 GiB of ids")

// add numbers a contact that has no number. If that takes more room, it returns
// another table to take t's place, and t stays as it is.
func (t *table) add(contact string) (number uint32, grown *table, err error) {
	grown = t
	if t.count+1 > len(t.slots)*3/4 {
		grown = grown.withSlots(2 * len(t.slots))
	}
	size := entryHead + len(contact)
	if len(t.blocks) == 0 || t.used+size > blockSize {
		if len(t.blocks) == maxBlocks {
			return 0, t, errFull
		}
		grown = grown.withBlock()
	}
	number = uint32(grown.count)
	last := len(grown.blocks) - 1
	e := grown.blocks[last][grown.used:]
	binary.LittleEndian.PutUint32(e, number)
	binary.LittleEndian.PutUint16(e[4:], uint16(len(contact)))
	copy(e[entryHead:], contact)
	grown.put(maphash.String(grown.seed, contact), uint32(last<<blockBits|grown.used))
	grown.used += size
	grown.count++
	return number, grown, nil
}

// put fills the slot of a contact that has a hash and lies at a place.
func (t *table) put(hash uint64, place uint32) {
	mask := uint64(len(t.slots) - 1)
	at := hash & mask
	for t.slots[at].Load() != 0 {
		at = (at + 1) & mask
	}
	t.slots[at].Store(slot(hash, place))
}

// withSlots is t with more slots, and room in the sets for as many contacts.
func (t *table) withSlots(n int) *table {
	grown := *t
	grown.slots = make([]atomic.Uint64, n)
	grown.sets = make([][]atomic.Uint64, len(t.sets))
	for i, words := range t.sets {
		grown.sets[i] = make([]atomic.Uint64, n/64)
		for w := range words {
			grown.sets[i][w].Store(words[w].Load())
		}
	}
	for e := range t.entries() {
		grown.put(maphash.Bytes(t.seed, e.contact), e.place)
	}
	return &grown
}

// withBlock is t with an empty block more.
func (t *table) withBlock() *table {
	grown := *t
	grown.blocks = append(t.blocks[:len(t.blocks):len(t.blocks)], make([]byte, blockSize))
	grown.used = 0
	return &grown
}

// withEmptySets is t with that many sets more.
func (t *table) withEmptySets(n int) *table {
	grown := *t
	grown.sets = t.sets[:len(t.sets):len(t.sets)]
	for range n {
		grown.sets = append(grown.sets, make([]atomic.Uint64, len(t.slots)/64))
	}
	return &grown
}

// withSets is t with some of its sets only.
func (t *table) withSets(from, to int) *table {
	less := *t
	less.sets = t.sets[from:to:to]
	return &less
}

// entry is a contact in a table.
type entry struct {
	contact []byte // not to be changed
	number  uint32
	place   uint32
}

// entries are all contacts, by number.
func (t *table) entries() iter.Seq[entry] {
	return func(yield func(entry) bool) {
		place, in := 0, 0
		for number := range uint32(t.count) {
			for in >= len(t.blocks[place])-entryHead || binary.LittleEndian.Uint16(t.blocks[place][in+4:]) == 0 {
				place, in = place+1, 0
			}
			e := t.blocks[place][in:]
			n := entryHead + int(binary.LittleEndian.Uint16(e[4:]))
			if !yield(entry{e[entryHead:n], number, uint32(place<<blockBits | in)}) {
				return
			}
			in += n
		}
	}
}

// gone is how many contacts are in no set.
func (t *table) gone() (n int) {
	for number := range uint32(t.count) {
		if t.inNone(number) {
			n++
		}
	}
	return n
}

// compact is a table of those contacts only that are in some set.
func (t *table) compact() (*table, error) {
	c := newTable(len(t.sets))
	for e := range t.entries() {
		if t.inNone(e.number) {
			continue
		}
		number, grown, err := c.add(string(e.contact))
		if err != nil {
			return nil, err
		}
		c = grown
		for set := range t.sets {
			c.set(set, number, t.in(set, e.number))
		}
	}
	return c, nil
}
