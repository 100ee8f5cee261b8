package pipeline

import (
	"math/bits"

	"rollcall/pipeline/segment"
)

// facts are what is known of a contact apart from its behaviours and lists.
type facts uint8

const (
	exists facts = 1 << iota
	optedIn
	optedOut
	validPhone
)

const sendable = exists | optedIn | validPhone

func (f facts) bit() int           { return bits.TrailingZeros8(uint8(f)) }
func (f facts) has(all facts) bool { return f&all == all }

type op uint8

const (
	opAll op = iota
	opAny
	opNot
	opFact
	opCountry
	opSince
	opCount
	opList
	opMember
)

// node is a condition over one contact.
type node struct {
	op        op
	facts     facts
	behaviour segment.Behaviour
	day       uint16 // opSince: the first day that counts
	k         uint32 // opCount: how many it takes
	number    uint32 // place of the counter or the list, or slot of the segment
	countries *[4]uint64
	kids      []node
}

func not(n node) node { return node{op: opNot, kids: []node{n}} }

// holds tells whether the condition holds for a contact of the piece. Segments
// that it names have been settled before.
func (n *node) holds(p *piece, contact uint32) bool {
	switch n.op {
	case opAll:
		for i := range n.kids {
			if !n.kids[i].holds(p, contact) {
				return false
			}
		}
		return true
	case opAny:
		for i := range n.kids {
			if n.kids[i].holds(p, contact) {
				return true
			}
		}
		return false
	case opNot:
		return !n.kids[0].holds(p, contact)
	case opFact:
		return p.contacts[contact].facts&n.facts != 0
	case opCountry:
		c := p.contacts[contact].country
		return n.countries[c/64]&(1<<(c%64)) != 0
	case opSince:
		return p.contacts[contact].last[n.behaviour] >= n.day
	case opCount:
		return p.count(n.number, contact) >= n.k
	case opList:
		return p.onList(p.plan.listNumbers[n.number], contact)
	default:
		return p.members.has(int(n.number), contact)
	}
}
