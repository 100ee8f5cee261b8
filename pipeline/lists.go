package pipeline

import (
	"cmp"
	"iter"
	"slices"

	"github.com/RoaringBitmap/roaring/v2"

	"rollcall/bitmaps"
)

// listChunk is how many contacts one stored fragment of list registers covers.
const listChunk = 1024

// listPiece is a list's part in a piece: who is on it, and since when that is
// known, also of those who are not.
type listPiece struct {
	members   *roaring.Bitmap
	queued    bool // members wait to be flushed
	registers listRegisters
}

type listRegister struct {
	at     int64
	member bool
}

func newListPiece() *listPiece { return &listPiece{members: roaring.New()} }

// later tells whether a record counts against what is known: the later one
// wins, and at the same time the one that says "not a member".
func (r listRegister) later(than listRegister) bool {
	return r.at > than.at || r.at == than.at && than.member && !r.member
}

// listRegisters are the registers of a list in a piece by contact, as they are
// stored: in sorted chunks of some contacts each.
type listRegisters []listRegisterChunk

type listRegisterChunk struct {
	number uint32 // of the contacts, by listChunk
	queued bool   // waits to be flushed
	sorted []bitmaps.ListRegister
}

// flush is the sorted registers of one stored fragment, valid until the next change.
func (l listRegisters) flush(number uint32) []bitmaps.ListRegister {
	at, found := l.find(number)
	if !found {
		return nil
	}
	l[at].queued = false
	return l[at].sorted
}

func (l listRegisters) find(number uint32) (at int, found bool) {
	if at = len(l) - 1; at >= 0 && l[at].number == number { // new contacts come last
		return at, true
	}
	return slices.BinarySearchFunc(l, number, func(c listRegisterChunk, n uint32) int { return cmp.Compare(c.number, n) })
}

func (c *listRegisterChunk) find(contact uint32) (at int, found bool) {
	if n := len(c.sorted); n == 0 || c.sorted[n-1].Contact < contact {
		return n, false
	}
	return slices.BinarySearchFunc(c.sorted, contact, func(r bitmaps.ListRegister, n uint32) int { return cmp.Compare(r.Contact, n) })
}

func (l listRegisters) get(contact uint32) (r listRegister, known bool) {
	chunk, known := l.find(contact / listChunk)
	if !known {
		return r, false
	}
	at, known := l[chunk].find(contact)
	if !known {
		return r, false
	}
	is := &l[chunk].sorted[at]
	return listRegister{at: is.At, member: is.Member}, true
}

// set returns the chunk, valid until the next change.
func (l *listRegisters) set(contact uint32, r listRegister) *listRegisterChunk {
	chunk, known := l.find(contact / listChunk)
	if !known {
		*l = slices.Insert(*l, chunk, listRegisterChunk{number: contact / listChunk})
	}
	c, is := &(*l)[chunk], bitmaps.ListRegister{Contact: contact, At: r.at, Member: r.member}
	at, known := c.find(contact)
	if !known {
		c.sorted = slices.Insert(c.sorted, at, is)
	}
	c.sorted[at] = is
	return c
}

func (l listRegisters) remove(contact uint32) {
	chunk, known := l.find(contact / listChunk)
	if !known {
		return
	}
	if at, known := l[chunk].find(contact); known {
		l[chunk].sorted = slices.Delete(l[chunk].sorted, at, at+1)
	}
}

// all are the registers by contact, in order.
func (l listRegisters) all() iter.Seq2[uint32, listRegister] {
	return func(yield func(uint32, listRegister) bool) {
		for _, chunk := range l {
			for _, r := range chunk.sorted {
				if !yield(r.Contact, listRegister{at: r.At, member: r.Member}) {
					return
				}
			}
		}
	}
}
