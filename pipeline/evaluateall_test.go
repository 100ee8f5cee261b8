package pipeline

import (
	"math/rand/v2"
	"testing"

	"github.com/RoaringBitmap/roaring/v2"
	"pgregory.net/rapid"

	"rollcall/bitmaps"
	"rollcall/pipeline/segment"
)

// All contacts at once come to what each contact by itself does.
func TestEvaluatorAgreesWithHolds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := drawPiece(t)
		e := &evaluator{}
		for range 3 {
			n := drawNode(t, p, 3)
			e.begin(p)
			e.free = append(e.free, drawSet(t)) // what is left in sets does not matter
			s := e.take()
			e.put(s, &n)
			for contact := range p.contacts {
				if got, want := s.has(uint32(contact)), n.holds(p, uint32(contact)); got != want {
					t.Fatalf("contact %d of %d: %v, by itself %v: %+v", contact, len(p.contacts), got, want, n)
				}
			}
		}
	})
}

// How often somebody has an event is counted as if one went through the events,
// some of which came after the days were read.
func TestTimesAreThoseOfEvents(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, rng := drawPiece(t), drawRandom(t)
		counts := make([]uint32, len(p.contacts))
		for day := range segment.Date(testDays) {
			d := p.day(series(segment.Clicked), 100+day)
			d.bits.Clear()
			var read []bitmaps.Event
			clicks := 0
			if len(p.contacts) > 0 {
				clicks = rng.IntN(4 * len(p.contacts))
			}
			for i := range clicks {
				contact := uint32(rng.IntN(1 + rng.IntN(len(p.contacts)))) // some often
				if day > 0 {
					counts[contact]++
				}
				first := d.bits.CheckedAdd(contact)
				switch {
				case i < clicks/2:
					read = append(read, bitmaps.Event{Contact: contact})
				case i == clicks/2:
					d.times.Store(timesOf(read))
					fallthrough
				default:
					if !first {
						d.again(contact)
					}
				}
			}
			if d.times.Load() == nil {
				d.times.Store(timesOf(read))
			}
		}
		window := &counter{key: counterKey{behaviour: segment.Clicked}, from: 101, to: 110}
		e, s := &evaluator{times: true}, new(contactSet)
		for _, k := range []uint32{1, 2, 3, 7, 8, 30, 1000, 10_000} {
			e.begin(p)
			e.putTimes(s, window, k)
			for contact, n := range counts {
				if got := s.has(uint32(contact)); got != (n >= k) {
					t.Fatalf("%d clicks of contact %d are at least %d: %v", n, contact, k, got)
				}
			}
		}
	})
}

func (s *contactSet) has(contact uint32) bool { return s[contact/64]>>(contact%64)&1 == 1 }

// Sets count, and yield, what they hold.
func TestContactSet(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := drawSet(t), drawSet(t)
		n, both := int64(0), int64(0)
		for contact := range uint32(bitmaps.PieceSize) {
			if a.has(contact) {
				n++
				both += int64(bit(b.has(contact)))
			}
		}
		if a.count() != n || a.countBoth(b) != both {
			t.Fatalf("counts %d and %d of %d and %d", a.count(), a.countBoth(b), n, both)
		}
		for contact := range a.all() {
			if n--; !a.has(contact) {
				t.Fatalf("yields %d", contact)
			}
		}
		if n != 0 {
			t.Fatalf("yields %d too few", n)
		}
	})
}

func drawRandom(t *rapid.T) *rand.Rand {
	return rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
}

func drawSet(t *rapid.T) *contactSet {
	rng, s := drawRandom(t), new(contactSet)
	for i := range s {
		s[i] = rng.Uint64() & rng.Uint64()
	}
	return s
}

const (
	testDays    = 6 // on which there are events, from 100 on
	testLists   = 3 // of which a piece has some
	testColumns = 4
)

// drawPiece is a piece of any size, and whatever is known of its contacts.
func drawPiece(t *rapid.T) *piece {
	rng := drawRandom(t)
	size := rapid.SampledFrom([]int{0, 1, 63, 64, 65, 500, 5000, bitmaps.PieceSize}).Draw(t, "size")
	p := newPiece(newAccount(newState(nil, nil, 0), acme), 0, newPlan(105, 10))
	p.restoring = true
	p.grow(size)
	for n := range size {
		c := &p.contacts[n]
		c.facts, c.country = facts(rng.IntN(16)), country(rng.IntN(256))
		for b := range c.last {
			c.last[b] = uint16(98 + rng.IntN(10))
		}
	}
	for l := range uint32(testLists) {
		p.plan.listNumbers = append(p.plan.listNumbers, l)
		if rng.IntN(4) > 0 {
			p.lists[l] = &listPiece{members: randomBitmap(rng, size)}
		}
	}
	for day := range segment.Date(testDays) {
		p.day(series(segment.Clicked), 100+day).bits = randomBitmap(rng, size)
	}
	p.members.grow(testColumns - 1)
	for slot := range p.members {
		for range rng.IntN(2*size + 1) {
			p.members[slot].set(uint32(rng.IntN(size)), true)
		}
	}
	return p
}

func randomBitmap(rng *rand.Rand, size int) *roaring.Bitmap {
	b, oneIn := roaring.New(), 1+rng.IntN(20)
	for n := range uint32(size) {
		if rng.IntN(oneIn) == 0 {
			b.Add(n)
		}
	}
	if rng.IntN(2) == 0 {
		b.RunOptimize()
	}
	return b
}

// drawNode is a condition of at most so many levels. Its counters are added to the plan.
func drawNode(t *rapid.T, p *piece, levels int) node {
	kinds := []op{opFact, opCountry, opSince, opCount, opList, opMember}
	if levels > 0 {
		kinds = append(kinds, opAll, opAny, opNot)
	}
	n := node{op: rapid.SampledFrom(kinds).Draw(t, "op")}
	switch n.op {
	case opAll, opAny:
		for range rapid.IntRange(0, 3).Draw(t, "kids") {
			n.kids = append(n.kids, drawNode(t, p, levels-1))
		}
	case opNot:
		n.kids = []node{drawNode(t, p, levels-1)}
	case opFact:
		n.facts = rapid.SampledFrom([]facts{exists, optedIn, optedOut, validPhone}).Draw(t, "fact")
	case opCountry:
		n.countries = &[4]uint64{}
		for i := range n.countries {
			n.countries[i] = rapid.Uint64().Draw(t, "countries")
		}
	case opSince:
		n.behaviour = segment.Behaviour(rapid.IntRange(0, segment.Behaviours-1).Draw(t, "behaviour"))
		n.day = rapid.Uint16Range(97, 109).Draw(t, "day")
	case opCount:
		n.k = rapid.Uint32Range(1, testDays+2).Draw(t, "k")
		n.number = uint32(drawCounter(t, p))
	case opList:
		n.number = rapid.Uint32Range(0, testLists-1).Draw(t, "list")
	case opMember:
		n.number = rapid.Uint32Range(0, testColumns+1).Draw(t, "slot")
	}
	return n
}

// drawCounter adds a counter to the piece's plan and counts.
func drawCounter(t *rapid.T, p *piece) int {
	c := &counter{from: segment.Date(rapid.IntRange(98, 106).Draw(t, "from")), to: segment.Date(rapid.IntRange(98, 106).Draw(t, "to"))}
	c.key = counterKey{behaviour: segment.Clicked, days: rapid.Bool().Draw(t, "days")}
	at := len(p.plan.counters)
	p.plan.counters = append(p.plan.counters, c)
	p.counts, p.firsts = append(p.counts, nil), append(p.firsts, nil)
	if c.key.days {
		if err := p.moveWindow(int32(at), 0, -1); err != nil {
			t.Fatal(err)
		}
		return at
	}
	rng := drawRandom(t)
	for range rng.IntN(len(p.contacts) + 1) { // the last have no events
		p.counts[at] = append(p.counts[at], uint32(rng.IntN(testDays+2)))
	}
	return at
}
