package pipeline

import (
	"github.com/RoaringBitmap/roaring/v2"

	"rollcall/bitmaps"
	"rollcall/pipeline/segment"
)

// dirty queues a fragment to be flushed.
func (a *account) dirty(f bitmaps.Field) { a.state.flush.add(a, f) }

// chunkOf is the fragment of a kind that has a number's chunk.
func chunkOf(kind bitmaps.Kind, number uint32) bitmaps.Field {
	return bitmaps.Field{Kind: kind, N: [4]uint32{number / bitmaps.ChunkSize}}
}

// queued tells of fragments of a piece that records change all the time whether
// they wait to be flushed. What is taken out may wait all the same.
type queued struct {
	registers bits256 // by chunk
	countries bits256
	facts     facts
}

func (q *queued) removeFact(name string) {
	if f, isFact := factByName[name]; isFact {
		q.facts &^= f
	} else {
		q.countries.remove(uint32(countryByCode[name]))
	}
}

// bits256 is a set of numbers, which are the same if they are modulo 256: of the
// chunks of a piece there are so many.
type bits256 [4]uint64

func (s *bits256) add(n uint32) (added bool) {
	word, bit := &s[n/64%4], uint64(1)<<(n%64)
	added = *word&bit == 0
	*word |= bit
	return added
}

func (s *bits256) remove(n uint32) { s[n/64%4] &^= 1 << (n % 64) }

// dirtyDay queues a day's events, and the bitmap that goes with them.
func (p *piece) dirtyDay(d *daySet, day segment.Date) {
	if !d.queued {
		d.queued = true
		p.account.dirty(bitmaps.Field{Kind: bitmaps.Day, N: [4]uint32{uint32(day), p.number}})
	}
}

// dirtyRegister queues the chunk that has a contact's register.
func (p *piece) dirtyRegister(number uint32) {
	if p.queued.registers.add(number / bitmaps.ChunkSize) {
		p.account.dirty(chunkOf(bitmaps.Registers, number))
	}
}

func (p *piece) dirtyList(list, contact uint32) {
	p.account.dirty(bitmaps.Field{Kind: bitmaps.ListRegisters, N: [4]uint32{list, p.of(contact) / listChunk}})
	p.account.dirty(bitmaps.Field{Kind: bitmaps.ListMembers, N: [4]uint32{list, p.number}})
}

// dirtyFacts queues the bitmaps of the facts that changed.
func (p *piece) dirtyFacts(changed facts, was, is country) {
	for f := exists; f <= validPhone; f <<= 1 {
		if changed&f&^p.queued.facts != 0 {
			p.account.dirty(bitmaps.Field{Kind: bitmaps.Fact, Name: factNames[f], N: [4]uint32{p.number}})
		}
	}
	p.queued.facts |= changed
	for _, c := range []country{was, is} {
		if was != is && c != 0 && p.queued.countries.add(uint32(c)) {
			p.account.dirty(bitmaps.Field{Kind: bitmaps.Fact, Name: c.String(), N: [4]uint32{p.number}})
		}
	}
}

// flipColumn changes a membership, and queues its bitmap.
func (p *piece) flipColumn(slot int, contact uint32) {
	p.members.flip(slot, contact)
	p.dirtyColumn(slot)
}

// dirtyColumn queues the bitmap of a segment's members.
func (p *piece) dirtyColumn(slot int) {
	if col := &p.members[slot]; !col.dirty {
		col.dirty = true
		p.account.dirty(bitmaps.Field{Kind: bitmaps.Members, Name: p.account.segments[slot], N: [4]uint32{p.number}})
	}
}

var factNames = map[facts]string{exists: "exists", optedIn: "in", optedOut: "out", validPhone: "valid"}

// withFact is the contacts of whom a fact holds, or whose country is the one named.
func (p *piece) withFact(name string) *roaring.Bitmap {
	words := make([]uint64, (len(p.contacts)+63)/64)
	fact, isFact := factByName[name]
	in := countryByCode[name]
	for i := range p.contacts {
		c := &p.contacts[i]
		if isFact && c.facts.has(fact) || !isFact && c.country == in {
			words[i/64] |= 1 << (i % 64)
		}
	}
	return roaring.FromDense(words, false)
}

var factByName = func() map[string]facts {
	m := map[string]facts{}
	for f, name := range factNames {
		m[name] = f
	}
	return m
}()
