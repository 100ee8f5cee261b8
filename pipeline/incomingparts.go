package pipeline

import (
	"encoding/hex"
	"slices"

	"github.com/RoaringBitmap/roaring/v2"

	"rollcall/bitmaps"
	"rollcall/pipeline/portable"
	"rollcall/pipeline/segment"
)

// named puts a name at its number, with those before it that nothing holds. An
// export has them in order, which finds what is there twice.
func named(names *[]string, what string, end, number uint32, name string) error {
	if number >= end || int(number) < len(*names) {
		return odd("%s %d of %d, after %d", what, number, end, len(*names))
	}
	for int(number) > len(*names) {
		*names = append(*names, "")
	}
	*names = append(*names, name)
	return nil
}

// names writes the names of an account's contacts, messages, lists or reasons.
func (n *incoming) names(kind bitmaps.Kind, names []string, end uint32) {
	for from := 0; from < int(end); from += bitmaps.ChunkSize {
		to := min(from+bitmaps.ChunkSize, int(end))
		chunk := make([]string, to-from)
		copy(chunk, names[min(from, len(names)):min(to, len(names))])
		n.write(chunkOf(kind, uint32(from)), bitmaps.EncodeNames(chunk))
	}
}

func (n *incoming) message(m *portable.Message) error {
	if err := named(&n.messages, "message", n.meta.Messages, m.Number, m.Name); err != nil {
		return err
	}
	return n.title(bitmaps.MessageTitles, m.Number, m.Title)
}

// title notes what a message or a list is called; nil is nothing.
func (n *incoming) title(kind bitmaps.Kind, number uint32, t *portable.Title) error {
	if t == nil {
		return nil
	}
	if t.Text == "" || len(t.Text) > maxTitleBytes {
		return odd("account %s: a title of %d bytes", n.id, len(t.Text))
	}
	n.titles[kind].put(number, bitmaps.Title{At: t.At, Text: t.Text})
	return nil
}

func (n *incoming) writeTitles() {
	for kind, titles := range n.titles {
		for from := 0; from < len(titles.of); from += bitmaps.ChunkSize {
			at := chunkOf(kind, uint32(from))
			n.write(at, bitmaps.EncodeTitles(titles.chunk(at.N[0])))
		}
	}
}

func (n *incoming) piece(p *portable.Piece) error {
	a := n.standings.accounts[n.id]
	today, err := segment.ParseDate(p.Today)
	if err != nil || !possible(today) || p.Definitions < 0 || int(p.Number) != len(a.pieces) || p.Number > maxNumber/bitmaps.PieceSize {
		return odd("account %s: piece %d after %d, for %q", n.id, p.Number, len(a.pieces), p.Today)
	}
	restored := a.restoredPiece(p.Number)
	restored.today, restored.version = today, p.Definitions
	n.write(bitmaps.Field{Kind: bitmaps.Composed, N: [4]uint32{p.Number}}, bitmaps.EncodeComposed(int32(today), p.Definitions))
	return nil
}

func (n *incoming) list(l *portable.List, r *portable.Reader) error {
	kind, known := listKinds[l.Kind]
	if !known {
		return odd("account %s: a list of kind %q", n.id, l.Kind)
	}
	if err := named(&n.lists, "list", n.meta.Lists, l.Number, listKey(kind, l.Name)); err != nil {
		return err
	}
	if err := n.title(bitmaps.ListTitles, l.Number, l.Title); err != nil {
		return err
	}
	return n.bitmap(r, l.Members, bitmaps.Field{Kind: bitmaps.ListMembers, N: [4]uint32{l.Number}})
}

func (n *incoming) contact(c *portable.Contact) error {
	if err := named(&n.contacts, "contact", n.meta.Contacts, c.Number, c.ID); err != nil {
		return err
	}
	var reg bitmaps.Register
	if c.Consent != nil {
		reg.Consent, reg.OptedOut = c.Consent.At, c.Consent.OptedOut
	}
	if c.Record != nil {
		reg.Time, reg.Partition, reg.Offset = c.Record.At, c.Record.Partition, c.Record.Offset
	}
	if reg.Partition < 0 || reg.Offset < 0 {
		return odd("account %s: contact %d has a record at no place", n.id, c.Number)
	}
	for int(c.Number) > len(n.registers) {
		n.registers = append(n.registers, bitmaps.Register{})
	}
	n.registers = append(n.registers, reg)
	for i, l := range c.Lists {
		if l.List >= n.meta.Lists || i > 0 && l.List <= c.Lists[i-1].List {
			return odd("account %s: contact %d is on list %d of %d, or twice", n.id, c.Number, l.List, n.meta.Lists)
		}
		f := bitmaps.Field{Kind: bitmaps.ListRegisters, N: [4]uint32{l.List, c.Number / listChunk}}
		n.listed[f] = append(n.listed[f], bitmaps.ListRegister{Contact: c.Number % bitmaps.PieceSize, At: l.At, Member: l.Member})
	}
	return nil
}

func (n *incoming) erasure(e *portable.Erasure) error {
	var hash [16]byte
	b, err := hex.DecodeString(e.Hash)
	if err != nil || copy(hash[:], b) != len(b) || len(b) != len(hash) {
		return odd("account %s: an erasure of %q", n.id, e.Hash)
	}
	n.erasures[hash] = e.At
	return nil
}

// numbers are the contacts of the account that a bitmap names.
func (n *incoming) numbers(r *portable.Reader, ref portable.Ref) (*roaring.Bitmap, error) {
	b, err := r.Bitmap(ref)
	if err == nil && !b.IsEmpty() && b.Maximum() >= n.meta.Contacts {
		err = odd("account %s: contact %d of %d in a bitmap", n.id, b.Maximum(), n.meta.Contacts)
	}
	return b, err
}

// bitmap writes a bitmap, piece by piece. The number of the piece is the last of
// the field's.
func (n *incoming) bitmap(r *portable.Reader, ref portable.Ref, f bitmaps.Field) error {
	b, err := n.numbers(r, ref)
	if err != nil {
		return err
	}
	for number, part := range byPiece(b) {
		at := f
		if at.N[0] = number; f.Kind == bitmaps.ListMembers {
			at.N = [4]uint32{f.N[0], number}
		}
		n.write(at, bitmaps.EncodeBitmap(part))
	}
	return nil
}

// byPiece is the parts of a bitmap of an account, with the numbers of each within its piece.
func byPiece(b *roaring.Bitmap) map[uint32]*roaring.Bitmap {
	parts := map[uint32]*roaring.Bitmap{}
	for it := b.Iterator(); it.HasNext(); {
		number := it.Next()
		part := parts[number/bitmaps.PieceSize]
		if part == nil {
			part = roaring.New()
			parts[number/bitmaps.PieceSize] = part
		}
		part.Add(number % bitmaps.PieceSize)
	}
	return parts
}

func (n *incoming) segment(s *portable.Segment, r *portable.Reader) error {
	if _, twice := n.meta.Totals[s.ID]; twice || !segmentName(s.ID) {
		return odd("account %s: a segment that can't be, or a second time", n.id)
	}
	n.meta.Totals[s.ID] = bitmaps.Totals{Entered: s.Entered, Exited: s.Exited}
	return n.bitmap(r, s.Members, bitmaps.Field{Kind: bitmaps.Members, Name: s.ID})
}

// segmentName tells whether the name of a fragment can hold the id.
func segmentName(name string) bool {
	f := bitmaps.Field{Kind: bitmaps.Members, Name: name}
	back, err := bitmaps.ParseField(f.String())
	return err == nil && back == f && name != ""
}

// day writes a day's events, and its bitmap, which is to say the same.
func (n *incoming) day(d *portable.Day, r *portable.Reader) error {
	of, known := seriesNamed(d.Series)
	day, err := segment.ParseDate(d.Day)
	if !known || err != nil || !possible(day) {
		return odd("account %s: %q on %q", n.id, d.Series, d.Day)
	}
	contacts, err := n.numbers(r, d.Contacts)
	if err != nil {
		return err
	}
	events, err := r.Events(d.Events)
	if err != nil {
		return err
	}
	said := roaring.New()
	rows := map[uint32][]bitmaps.Event{} // by piece
	for i, e := range events {
		if e.Message >= n.meta.Messages || !n.possible(of, e.Identity) || i > 0 && compareExported(events[i-1], e) >= 0 {
			return odd("account %s: event %d of %s on %s can't be, or not there", n.id, i, of, day)
		}
		said.Add(e.Contact)
		piece := e.Contact / bitmaps.PieceSize
		rows[piece] = append(rows[piece], bitmaps.Event{Contact: e.Contact % bitmaps.PieceSize, Message: e.Message, ID: e.Identity})
	}
	if !said.Equals(contacts) {
		return odd("account %s: the bitmap and the events of %s on %s differ", n.id, of, day)
	}
	for piece, part := range byPiece(contacts) {
		if err := n.dayOf(of, day, piece, part, rows[piece]); err != nil {
			return err
		}
	}
	return nil
}

// possible tells whether events of a series can have an identity.
func (n *incoming) possible(of series, identity uint64) bool {
	switch of {
	case optedOutOf:
		return identity == 0
	case failedFor:
		return identity < uint64(n.meta.Reasons)
	}
	return true
}

// dayOf writes the events of a piece's day in runs, and notes what tells of them.
func (n *incoming) dayOf(of series, day segment.Date, piece uint32, contacts *roaring.Bitmap, events []bitmaps.Event) error {
	at := dayField(of, day, piece)
	fragment := n.days[fragmentOf(at)]
	if fragment.Of(uint8(of)) != nil {
		return odd("account %s: %s on %s a second time", n.id, of, day)
	}
	stored := bitmaps.DaySeries{Series: uint8(of), Contacts: contacts}
	if of.counted() {
		d := newDaySet(of)
		d.countRuns(0, events)
		stored.Counts = d.storedCounts()
	}
	for run := range slices.Chunk(events, fullRun) {
		at.N[3] = uint32(len(stored.Runs))
		n.write(at, bitmaps.EncodeEvents(run))
		stored.Runs = append(stored.Runs, len(run))
	}
	fragment.Series = append(fragment.Series, stored)
	n.days[fragmentOf(at)] = fragment
	return nil
}

// writeDays writes the fragments of days, once all of their series are known.
func (n *incoming) writeDays() {
	for f, day := range n.days {
		day.Seq = n.held.Seq()
		slices.SortFunc(day.Series, func(x, y bitmaps.DaySeries) int { return int(x.Series) - int(y.Series) })
		n.write(f, bitmaps.EncodeDay(day))
	}
}
