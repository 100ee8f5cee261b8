package pipeline

import (
	"encoding/binary"
	"hash/maphash"
	"iter"
)

// numbering gives names dense numbers in order of arrival, never twice. Names
// lie one after the other in blocks without pointers, 4 GiB of them at most: to
// look one up touches the table and the name, allocates nothing, and gives the
// garbage collector nothing to follow.
type numbering struct {
	blocks [][]byte // entries; the first block is none, so that no place is 0
	places []uint32 // of entries, by number: block, offset; 0: given up, or not known yet
	table  nameTable
}

// An entry is the number in 4 bytes, the length of the name as a varint, and
// the name.
const (
	numberBytes   = 4
	offsetBits    = 16
	smallestBlock = 64
	largestBlock  = 1 << offsetBits
)

func (n *numbering) next() uint32 { return uint32(len(n.places)) }

// named is how many names have a number.
func (n *numbering) named() int { return n.table.taken }

func (n *numbering) get(name []byte) (uint32, bool) {
	slot, known := n.find(name, hashName(name))
	if !known {
		return 0, false
	}
	return binary.LittleEndian.Uint32(n.entry(n.table.slots[slot].place)), true
}

func (n *numbering) lookup(name string) (uint32, bool) { return n.get([]byte(name)) }

// find is the slot of a name, or where it is to go.
func (n *numbering) find(name []byte, hash uint32) (slot int, known bool) {
	if len(n.table.slots) == 0 {
		return 0, false
	}
	for slot = n.table.home(hash); ; slot = n.table.after(slot) {
		s := n.table.slots[slot]
		if s.place == 0 {
			return slot, false
		}
		if s.hash == hash && string(n.at(s.place)) == string(name) {
			return slot, true
		}
	}
}

// entry is an entry, and what comes after it in its block.
func (n *numbering) entry(place uint32) []byte {
	return n.blocks[place>>offsetBits][place&(1<<offsetBits-1):]
}

// at is the name of an entry.
func (n *numbering) at(place uint32) []byte {
	e := n.entry(place)[numberBytes:]
	if length := e[0]; length < 0x80 {
		return e[1 : 1+int(length)]
	}
	length, size := binary.Uvarint(e)
	return e[size : size+int(length)]
}

// bytes is the name that has a number, empty if none has. It is not to be kept.
func (n *numbering) bytes(number uint32) []byte {
	if number >= n.next() || n.places[number] == 0 {
		return nil
	}
	return n.at(n.places[number])
}

// name is the name that has a number, empty if none has.
func (n *numbering) name(number uint32) string { return string(n.bytes(number)) }

// all are the names by number, empty where none has it.
func (n *numbering) all() iter.Seq2[uint32, string] {
	return func(yield func(uint32, string) bool) {
		for number := range n.next() {
			if !yield(number, n.name(number)) {
				return
			}
		}
	}
}

// add numbers a name that has no number yet.
func (n *numbering) add(name string) uint32 {
	number := n.next()
	n.put(number, name)
	return number
}

// put says that a name has a number, as stored. Two numbers may have the name
// for a while, then it stands for the one that was put last.
func (n *numbering) put(number uint32, name string) {
	n.skipTo(number + 1)
	if string(n.bytes(number)) != name {
		n.places[number] = 0
	}
	if name == "" {
		return
	}
	if n.places[number] == 0 {
		n.places[number] = n.write(number, name)
	}
	n.table.grow()
	hash := hashName([]byte(name))
	slot, _ := n.find([]byte(name), hash)
	n.table.set(slot, nameSlot{hash, n.places[number]})
}

// write appends an entry.
func (n *numbering) write(number uint32, name string) (place uint32) {
	var head [numberBytes + binary.MaxVarintLen64]byte
	binary.LittleEndian.PutUint32(head[:], number)
	size := numberBytes + binary.PutUvarint(head[numberBytes:], uint64(len(name)))
	last := len(n.blocks) - 1
	if last < 1 || cap(n.blocks[last])-len(n.blocks[last]) < size+len(name) {
		n.addBlock(size + len(name))
		last = len(n.blocks) - 1
	}
	block := n.blocks[last]
	n.blocks[last] = append(append(block, head[:size]...), name...)
	return uint32(last)<<offsetBits | uint32(len(block))
}

// addBlock begins a block, twice as large as the one before up to a limit.
func (n *numbering) addBlock(atLeast int) {
	if len(n.blocks) == 0 {
		n.blocks = append(n.blocks, nil)
	}
	size := min(max(smallestBlock, 2*cap(n.blocks[len(n.blocks)-1])), largestBlock)
	n.blocks = append(n.blocks, make([]byte, 0, max(size, atLeast)))
}

// skipTo makes next at least number.
func (n *numbering) skipTo(number uint32) {
	for n.next() < number {
		n.places = append(n.places, 0)
	}
}

// drop gives a name up, not its number. Nothing is left of the name.
func (n *numbering) drop(number uint32) {
	name := n.bytes(number)
	if len(name) == 0 {
		return
	}
	if slot, known := n.find(name, hashName(name)); known {
		n.table.free(slot)
	}
	clear(name)
	n.places[number] = 0
}

// chunk is the names of one stored chunk.
func (n *numbering) chunk(chunk, size uint32) []string {
	from := min(chunk*size, n.next())
	names := make([]string, min(size, n.next()-from))
	for i := range names {
		names[i] = n.name(from + uint32(i))
	}
	return names
}

// nameTable is an open hash table of places. A slot has the hash of its name
// too, so that the table grows and shrinks without looking at names.
type nameTable struct {
	slots []nameSlot
	taken int
}

type nameSlot struct{ hash, place uint32 } // place 0: free

var nameSeed = maphash.MakeSeed()

func hashName(name []byte) uint32 { return uint32(maphash.Bytes(nameSeed, name)) }

func (t *nameTable) home(hash uint32) int { return int(hash) & (len(t.slots) - 1) }
func (t *nameTable) after(slot int) int   { return (slot + 1) & (len(t.slots) - 1) }

// set takes a slot, or takes it over.
func (t *nameTable) set(slot int, s nameSlot) {
	if t.slots[slot].place == 0 {
		t.taken++
	}
	t.slots[slot] = s
}

// grow makes room for one more: a quarter is always free.
func (t *nameTable) grow() {
	if (t.taken+1)*4 <= len(t.slots)*3 {
		return
	}
	old := t.slots
	t.slots = make([]nameSlot, max(8, 2*len(old)))
	for _, s := range old {
		if s.place == 0 {
			continue
		}
		slot := t.home(s.hash)
		for t.slots[slot].place != 0 {
			slot = t.after(slot)
		}
		t.slots[slot] = s
	}
}

// free gives a slot up, and moves those after it that could not be nearer home.
func (t *nameTable) free(slot int) {
	t.taken--
	for next := t.after(slot); t.slots[next].place != 0; next = t.after(next) {
		// It may move unless its home lies behind the free slot, up to where it is.
		if home := t.home(t.slots[next].hash); t.distance(home, next) >= t.distance(slot, next) {
			t.slots[slot] = t.slots[next]
			slot = next
		}
	}
	t.slots[slot] = nameSlot{}
}

// distance is how many slots on from one another is.
func (t *nameTable) distance(from, to int) int { return (to - from) & (len(t.slots) - 1) }
