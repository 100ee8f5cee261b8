package pipeline

import (
	"github.com/RoaringBitmap/roaring/v2"

	"rollcall/bitmaps"
)

// listChunk is how many contacts one stored fragment of list registers covers.
const listChunk = 1024

// listPiece is a list's part in a piece: who is on it, and since when that is
// known, also of those who are not.
type listPiece struct {
	members   *roaring.Bitmap
	registers map[uint32]listRegister
}

type listRegister struct {
	at     int64
	member bool
}

func newListPiece() *listPiece {
	return &listPiece{members: roaring.New(), registers: map[uint32]listRegister{}}
}

// later tells whether a record counts against what is known: the later one
// wins, and at the same time the one that says "not a member".
func (r listRegister) later(than listRegister) bool {
	return r.at > than.at || r.at == than.at && than.member && !r.member
}

// chunk is the registers of one stored fragment, sorted.
func (l *listPiece) chunk(from uint32) []bitmaps.ListRegister {
	out := make([]bitmaps.ListRegister, 0, min(len(l.registers), listChunk))
	for contact := from; contact < from+listChunk && len(out) < len(l.registers); contact++ {
		if r, ok := l.registers[contact]; ok {
			out = append(out, bitmaps.ListRegister{Contact: contact, At: r.at, Member: r.member})
		}
	}
	return out
}
