package pipeline

import (
	"iter"
	"math/bits"

	"github.com/RoaringBitmap/roaring/v2"

	"rollcall/bitmaps"
	"rollcall/pipeline/segment"
)

// piece is the state of up to bitmaps.PieceSize contacts of an account in one
// partition. Contacts go by their number within the piece.
type piece struct {
	account  *account
	number   uint32
	plan     *plan // what members and counts stand for
	contacts []contact
	register []bitmaps.Register // parallel to contacts
	days     [allSeries]byDay
	latest   [allSeries]dayOf      // the set that was asked for last: records mostly come by their days
	lists    map[uint32]*listPiece // by list number
	members  columns
	sendable column     // contacts that can be sent to
	said     []int64    // when consent was last said, Unix ms; only of a state that follows
	counts   [][]uint32 // by counter of the plan, then contact
	firsts   []firsts   // by counter of the plan; only where days of messages are counted

	marks   markList   // contacts to settle
	changed dependents // segments to settle for everybody
	queued  queued

	// As stored: what members stand for. Only while a state is restored, or followed.
	restoring bool
	today     segment.Date
	version   int64
}

// contact is what conditions ask first, in one place.
type contact struct {
	last    [segment.Behaviours]uint16 // day of the latest event, 0: none
	facts   facts
	country country
	touched bool // has been on a list or has an event
	settled bool // existed when its memberships were settled last
}

// did notes an event that is restored.
func (c *contact) did(of series, day segment.Date) {
	if of.isBehaviour() {
		c.last[of], c.touched = max(c.last[of], uint16(day)), true
	}
}

func newPiece(a *account, number uint32, p *plan) *piece {
	return &piece{
		account: a, number: number, plan: p, lists: map[uint32]*listPiece{},
		counts: make([][]uint32, len(p.counters)), firsts: make([]firsts, len(p.counters)),
	}
}

// firsts are the contacts that a counter of days has counted for a day.
type firsts map[segment.Date]*roaring.Bitmap

// firstOf tells whether an event of the counter's messages is the contact's
// first on that day, and remembers that there is one.
func (p *piece) firstOf(counter int32, day segment.Date, contact uint32) bool {
	f := p.firsts[counter]
	if f == nil {
		f = firsts{}
		p.firsts[counter] = f
	}
	if f[day] == nil {
		f[day] = roaring.New()
	}
	return f[day].CheckedAdd(contact)
}

// grow makes room for a contact.
func (p *piece) grow(contacts int) {
	for len(p.contacts) < contacts {
		p.contacts = append(p.contacts, contact{})
	}
	for p.account.state.follows && len(p.said) < contacts {
		p.said = append(p.said, 0)
	}
	for !p.account.state.follows && len(p.register) < contacts {
		p.register = append(p.register, bitmaps.Register{})
	}
}

// of is the account-wide number of a contact of the piece.
func (p *piece) of(contact uint32) uint32 { return p.number*bitmaps.PieceSize + contact }

// day is the set of a series and a day, made if need be.
func (p *piece) day(of series, day segment.Date) *daySet {
	if latest := &p.latest[of]; latest.set != nil && latest.day == day {
		return latest.set
	}
	if p.days[of] == nil {
		p.days[of] = byDay{}
	}
	d := p.days[of][day]
	if d == nil {
		d = newDaySet(of)
		p.days[of][day] = d
	}
	p.latest[of] = dayOf{day, d}
	return d
}

// dropDay lets go of a day.
func (p *piece) dropDay(of int, day segment.Date) {
	delete(p.days[of], day)
	p.latest[of] = dayOf{}
}

type dayOf struct {
	day segment.Date
	set *daySet
}

func (p *piece) count(counter, contact uint32) uint32 {
	if counts := p.counts[counter]; int(contact) < len(counts) {
		return counts[contact]
	}
	return 0
}

func (p *piece) onList(list, contact uint32) bool {
	l := p.lists[list]
	return l != nil && l.members.Contains(contact)
}

// mark remembers to settle the segments for the contact.
func (p *piece) mark(contact uint32, segments dependents) {
	if segments == 0 || p.restoring {
		return
	}
	if p.marks.n == 0 {
		p.account.touch(p)
	}
	p.marks.add(p.account.state, contact, segments)
}

// markAll remembers to settle the segments for everybody.
func (p *piece) markAll(segments dependents) {
	if len(p.contacts) >= p.account.state.apart && segments != 0 {
		p.account.touch(p)
		p.changed = segments
		return
	}
	for contact := range p.contacts {
		if p.contacts[contact].facts.has(exists) {
			p.mark(uint32(contact), segments)
		}
	}
}

// move changes a count and marks the segments for which that matters.
func (p *piece) move(counter int32, contact uint32, by int) {
	counts := p.counts[counter]
	for int(contact) >= len(counts) {
		counts = append(counts, 0)
	}
	was := counts[contact]
	is := uint32(int(was) + by)
	counts[contact], p.counts[counter] = is, counts
	for _, s := range p.plan.counters[counter].steps {
		if (was >= s.k) != (is >= s.k) {
			p.mark(contact, s.segments)
		}
	}
}

// columns are memberships: a dense bitmap for each segment, by slot.
type columns []column

type column struct {
	words []uint64
	dirty bool
}

func (c columns) has(slot int, contact uint32) bool {
	if slot >= len(c) {
		return false
	}
	words := c[slot].words
	return int(contact/64) < len(words) && words[contact/64]&(1<<(contact%64)) != 0
}

// grow makes room for a slot.
func (c *columns) grow(slot int) {
	for slot >= len(*c) {
		*c = append(*c, column{})
	}
}

// flip changes a membership.
func (c *columns) flip(slot int, contact uint32) *column {
	c.grow(slot)
	col := &(*c)[slot]
	col.set(contact, !c.has(slot, contact))
	return col
}

func (c *column) set(contact uint32, member bool) {
	for int(contact/64) >= len(c.words) {
		c.words = append(c.words, 0)
	}
	if bit := uint64(1) << (contact % 64); member {
		c.words[contact/64] |= bit
	} else {
		c.words[contact/64] &^= bit
	}
}

// setWord makes the i-th word another.
func (c *column) setWord(i int, word uint64) {
	for i >= len(c.words) {
		c.words = append(c.words, 0)
	}
	c.words[i] = word
}

// word is the i-th word, of those that are there and those that are not.
func (c *column) word(i int) uint64 {
	if i >= len(c.words) {
		return 0
	}
	return c.words[i]
}

// put and numbers take columns for the pieces of one set of contacts, by their
// account-wide numbers.
func (c *columns) put(number uint32, in bool) {
	piece := int(number / bitmaps.PieceSize)
	c.grow(piece)
	(*c)[piece].set(number%bitmaps.PieceSize, in)
}

func (c columns) numbers() iter.Seq[uint32] {
	return func(yield func(uint32) bool) {
		for piece := range c {
			for i, w := range c[piece].words {
				for ; w != 0; w &= w - 1 {
					if !yield(uint32(piece)*bitmaps.PieceSize + uint32(i*64+bits.TrailingZeros64(w))) {
						return
					}
				}
			}
		}
	}
}

// count is how many members the column has, and how many of them are in other too.
func (c *column) count(other *column) (members, both int64) {
	for i, w := range c.words {
		members += int64(bits.OnesCount64(w))
		if i < len(other.words) {
			both += int64(bits.OnesCount64(w & other.words[i]))
		}
	}
	return members, both
}
