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
	reasons  numbering // why sends failed

	messageTitles, listTitles titles

	awaitedMessages, awaitedLists awaited

	pieces []*piece

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
	key      []byte    // scratch
	deletes  []bitmaps.Field
	former   map[uint32]string // ids of contacts that it erases
}

type dayKey struct {
	piece *piece
	of    series
	day   segment.Date
}

func newAccount(s *state, id string) *account {
	a := &account{
		state: s, id: id,
		erasures: map[[16]byte]int64{}, returned: map[uint32]int64{}, slots: map[string]int{}, former: map[uint32]string{},
		awaitedMessages: awaited{}, awaitedLists: awaited{},
	}
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

// awaited are the names that definitions mention and no record so far. Conditions
// know them by placeholders: real numbers are given by records alone, and the
// fewer there are, the shorter they are.
type awaited map[string]uint32

const firstPlaceholder = 1 << 31

func (w awaited) placeholder(name string) uint32 {
	if _, ok := w[name]; !ok {
		w[name] = firstPlaceholder + uint32(len(w))
	}
	return w[name]
}

// listNumber is what conditions know a list by.
func (a *account) listNumber(kind segment.Kind, name string) uint32 {
	if number, ok := a.lists.lookup(listKey(kind, name)); ok {
		return number
	}
	return a.awaitedLists.placeholder(listKey(kind, name))
}

// messageNumber is what conditions know a message by.
func (a *account) messageNumber(name string) uint32 {
	if number, ok := a.messages.lookup(name); ok {
		return number
	}
	return a.awaitedMessages.placeholder(name)
}

// message is the number of an event's message, given with this commit if it is new.
func (a *account) message(name []byte) uint32 {
	if number, known := a.messages.get(name); known {
		return number
	}
	number := a.messages.add(string(name))
	if placeholder, ok := a.awaitedMessages[string(name)]; ok {
		a.eachPlan(func(p *plan) { p.renameMessage(placeholder, number) })
	}
	a.emit(bitmaps.Op{Code: bitmaps.OpMessage, Number: number, Name: a.messages.name(number)})
	a.dirty(chunkOf(bitmaps.MessageNames, number))
	return number
}

// reason is the number of why a send failed, likewise.
func (a *account) reason(text []byte) uint32 {
	a.key = appendWithoutPhones(a.key[:0], text)
	text = cut(a.key, maxReasonBytes)
	if number, known := a.reasons.get(text); known {
		return number
	}
	number := a.reasons.add(string(text))
	a.emit(bitmaps.Op{Code: bitmaps.OpReason, Number: number, Name: a.reasons.name(number)})
	a.dirty(chunkOf(bitmaps.Reasons, number))
	return number
}

// list is the number of a record's list, likewise.
func (a *account) list(kind segment.Kind, name []byte) uint32 {
	a.key = append(append(a.key[:0], listPrefix(kind)), name...)
	if number, known := a.lists.get(a.key); known {
		return number
	}
	number := a.lists.add(string(a.key))
	if placeholder, ok := a.awaitedLists[string(a.key)]; ok {
		a.eachPlan(func(p *plan) { p.renameList(placeholder, number) })
	}
	a.emit(bitmaps.Op{Code: bitmaps.OpList, Number: number, Kind: byte(kind), Name: string(name)})
	a.dirty(chunkOf(bitmaps.ListNames, number))
	return number
}

// eachPlan calls fn with every plan that the account's pieces are on.
func (a *account) eachPlan(fn func(*plan)) {
	fn(a.plan)
	seen := map[*plan]bool{a.plan: true}
	for _, p := range a.pieces {
		if !seen[p.plan] {
			seen[p.plan] = true
			fn(p.plan)
		}
	}
}

// contact is the number of a contact, given with this commit if it is new.
func (a *account) contact(id []byte) uint32 {
	if number, ok := a.contacts.get(id); ok {
		return number
	}
	number := a.contacts.add(string(id))
	a.emit(bitmaps.Op{Code: bitmaps.OpContact, Number: number, Name: a.contacts.name(number)})
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
