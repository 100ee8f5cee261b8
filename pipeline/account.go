package pipeline

import (
	"rollcall/bitmaps"
	"rollcall/pipeline/catalog"
	"rollcall/pipeline/segment"
)

// account is the state of one account in one partition.
type account struct {
	state *state
	id    string
	def   *catalog.Account
	zone  *zone
	plan  *plan // the newest; a piece may still be on an older one

	contacts numbering
	messages numbering
	lists    numbering // by listKey
	pieces   []*piece

	erasures map[[16]byte]int64 // Kafka time by keyed hash of the contact
	returned map[uint32]int64   // erased contacts that came back: when they were erased

	slots    map[string]int // column of each segment
	segments []string       // by slot; empty: free
	totals   []bitmaps.Totals
	metaSeq  uint64 // of the commit that the restored totals are of

	// What the commit in the making changes.
	inCommit bool
	ops      []byte
	moved    []*piece  // pieces with marks
	grown    []*daySet // sets with events that are not in the changelog
	grownIn  []dayKey  // parallel to grown
	flips    []flip
	key      []byte // scratch
	deletes  []bitmaps.Field
	former   map[uint32]string // ids of contacts that it erases

	announced struct{ messages, lists map[uint32]bool } // numbered for a plan, not yet stored
}

type dayKey struct {
	piece     *piece
	behaviour segment.Behaviour
	day       segment.Date
}

// flip is a changed membership.
type flip struct {
	slot   int32
	number uint32
}

func newAccount(s *state, id string) *account {
	a := &account{
		state: s, id: id,
		contacts: newNumbering(), messages: newNumbering(), lists: newNumbering(),
		erasures: map[[16]byte]int64{}, returned: map[uint32]int64{}, slots: map[string]int{}, former: map[uint32]string{},
	}
	a.announced.messages, a.announced.lists = map[uint32]bool{}, map[uint32]bool{}
	return a
}

// begin enters the account into the commit in the making.
func (a *account) begin() {
	if !a.inCommit {
		a.inCommit = true
		a.state.inCommit = append(a.state.inCommit, a)
	}
}

// emit puts a change into the commit's changelog entry.
func (a *account) emit(op bitmaps.Op) {
	a.begin()
	a.ops = bitmaps.AppendOp(a.ops, &op)
}

// touch enters a piece whose memberships may change.
func (a *account) touch(p *piece) {
	a.begin()
	a.moved = append(a.moved, p)
}

// slot is the column of a segment, given on first use.
func (a *account) slot(id string) int {
	if slot, ok := a.slots[id]; ok {
		return slot
	}
	slot := len(a.segments)
	for i, taken := range a.segments {
		if taken == "" {
			slot = i
			break
		}
	}
	if slot == len(a.segments) {
		a.segments = append(a.segments, "")
		a.totals = append(a.totals, bitmaps.Totals{})
	}
	a.segments[slot], a.slots[id], a.totals[slot] = id, slot, bitmaps.Totals{}
	return slot
}

// listKey names a list in the account's numbering: lists of several kinds may
// share a name.
func listKey(kind segment.Kind, name string) string { return string(rune(listPrefix(kind))) + name }

func listPrefix(kind segment.Kind) byte { return '0' + byte(kind) }

// listNumber is the number of a list that a condition names, given ahead of
// its first record if need be.
func (a *account) listNumber(kind segment.Kind, name string) uint32 {
	key := listKey(kind, name)
	if number, ok := a.lists.byName[key]; ok {
		return number
	}
	number := a.lists.add(key)
	a.announced.lists[number] = true
	return number
}

// messageNumber does the same for a message.
func (a *account) messageNumber(name string) uint32 {
	if number, ok := a.messages.byName[name]; ok {
		return number
	}
	number := a.messages.add(name)
	a.announced.messages[number] = true
	return number
}

// message is the number of an event's message, stored with this commit if it is new.
func (a *account) message(name []byte) uint32 {
	number, known := a.messages.get(name)
	if !known {
		number = a.messages.add(string(name))
	}
	if !known || len(a.announced.messages) > 0 && a.announced.messages[number] {
		delete(a.announced.messages, number)
		a.emit(bitmaps.Op{Code: bitmaps.OpMessage, Number: number, Name: a.messages.names[number]})
		a.dirty(chunkOf(bitmaps.MessageNames, number))
	}
	return number
}

// list is the number of a record's list, likewise.
func (a *account) list(kind segment.Kind, name []byte) uint32 {
	a.key = append(append(a.key[:0], listPrefix(kind)), name...)
	number, known := a.lists.get(a.key)
	if !known {
		number = a.lists.add(string(a.key))
	}
	if !known || a.announced.lists[number] {
		delete(a.announced.lists, number)
		a.emit(bitmaps.Op{Code: bitmaps.OpList, Number: number, Kind: byte(kind), Name: string(name)})
		a.dirty(chunkOf(bitmaps.ListNames, number))
	}
	return number
}

// contact is the number of a contact, given with this commit if it is new.
func (a *account) contact(id []byte) uint32 {
	if number, ok := a.contacts.get(id); ok {
		return number
	}
	number := a.contacts.add(string(id))
	a.emit(bitmaps.Op{Code: bitmaps.OpContact, Number: number, Name: a.contacts.names[number]})
	a.dirty(chunkOf(bitmaps.IDs, number))
	p := a.pieceOf(number)
	p.grow(int(number%bitmaps.PieceSize) + 1)
	return number
}

// at finds the piece of a contact and its number within it.
func (a *account) at(number uint32) (*piece, uint32) {
	return a.pieceOf(number), number % bitmaps.PieceSize
}

// pieceOf is the piece of a contact, made if it is the first.
func (a *account) pieceOf(number uint32) *piece {
	at := number / bitmaps.PieceSize
	for int(at) >= len(a.pieces) {
		p := newPiece(a, uint32(len(a.pieces)), a.plan)
		a.pieces = append(a.pieces, p)
		a.composed(p)
	}
	return a.pieces[at]
}

// composed records what a piece's memberships stand for.
func (a *account) composed(p *piece) {
	a.emit(bitmaps.Op{Code: bitmaps.OpComposed, Number: p.number, Day: int32(p.plan.today), Offset: p.plan.version})
	a.dirty(bitmaps.Field{Kind: bitmaps.Composed, N: [4]uint32{p.number}})
}
