package pipeline

import (
	"cmp"
	"encoding/hex"
	"maps"
	"slices"

	"github.com/RoaringBitmap/roaring/v2"

	"rollcall/bitmaps"
	"rollcall/pipeline/portable"
	"rollcall/pipeline/segment"
)

// exporting writes a partition's files. The first failure sticks.
type exporting struct {
	out *portable.PartitionWriter
	err error
}

func (e *exporting) line(l *portable.Line) {
	if e.err == nil {
		e.err = e.out.Line(l)
	}
}

func (e *exporting) bitmap(b *roaring.Bitmap) (ref portable.Ref) {
	if e.err == nil {
		ref, e.err = e.out.Bitmap(b)
	}
	return ref
}

func (e *exporting) account(a *account) {
	e.line(&portable.Line{Account: &portable.Account{
		ID: a.id, Contacts: a.contacts.next(), Messages: a.messages.next(), Lists: a.lists.next(), Reasons: a.reasons.next(),
	}})
	for _, p := range a.pieces {
		e.line(&portable.Line{Piece: &portable.Piece{Number: p.number, Today: p.today.String(), Definitions: p.version}})
	}
	for number, name := range a.messages.all() {
		e.line(&portable.Line{Message: &portable.Message{Number: number, Name: name, Title: a.messageTitles.exported(number)}})
	}
	e.lists(a)
	for number, text := range a.reasons.all() {
		e.line(&portable.Line{Reason: &portable.Reason{Number: number, Text: text}})
	}
	for _, p := range a.pieces {
		e.contacts(p)
	}
	for _, hash := range slices.SortedFunc(maps.Keys(a.erasures), func(x, y [16]byte) int { return slices.Compare(x[:], y[:]) }) {
		e.line(&portable.Line{Erasure: &portable.Erasure{Hash: hex.EncodeToString(hash[:]), At: a.erasures[hash]}})
	}
	e.facts(a)
	e.days(a)
	e.segments(a)
}

// whole is a bitmap of the account from one of each piece; nil is none.
func (a *account) whole(of func(*piece) *roaring.Bitmap) *roaring.Bitmap {
	all := roaring.New()
	for _, p := range a.pieces {
		if b := of(p); b != nil {
			all.Or(roaring.AddOffset(b, p.of(0)))
		}
	}
	return all
}

func (e *exporting) lists(a *account) {
	for number, key := range a.lists.all() {
		members := a.whole(func(p *piece) *roaring.Bitmap {
			if l := p.lists[number]; l != nil {
				return l.members
			}
			return nil
		})
		kind, name := splitListKey(key)
		title := a.listTitles.exported(number)
		e.line(&portable.Line{List: &portable.List{Number: number, Kind: kind, Name: name, Title: title, Members: e.bitmap(members)}})
	}
}

func (t *titles) exported(number uint32) *portable.Title {
	is := t.at(number)
	if is.Text == "" {
		return nil
	}
	return &portable.Title{Text: is.Text, At: is.At}
}

// splitListKey is the inverse of listKey, with the kind as records call it.
func splitListKey(key string) (kind, name string) {
	for word, k := range listKinds {
		if key != "" && listPrefix(k) == key[0] {
			return word, key[1:]
		}
	}
	return "", key
}

// contacts tells of all contacts of whom there is something to tell.
func (e *exporting) contacts(p *piece) {
	listed := make(map[uint32][]portable.Listed)
	for _, list := range slices.Sorted(maps.Keys(p.lists)) {
		for contact, r := range p.lists[list].registers.all() {
			listed[contact] = append(listed[contact], portable.Listed{List: list, At: r.at, Member: r.member})
		}
	}
	for at := range p.contacts {
		contact := uint32(at)
		c := portable.Contact{Number: p.of(contact), ID: p.account.contacts.name(p.of(contact)), Lists: listed[contact]}
		if at < len(p.register) {
			c.Consent, c.Record = exportedRegister(p.register[at])
		}
		if c.ID != "" || c.Consent != nil || c.Record != nil || c.Lists != nil {
			e.line(&portable.Line{Contact: &c})
		}
	}
}

func exportedRegister(r bitmaps.Register) (consent *portable.Consent, record *portable.Record) {
	if r.Consent != 0 || r.OptedOut {
		consent = &portable.Consent{At: r.Consent, OptedOut: r.OptedOut}
	}
	if r.Time != 0 {
		record = &portable.Record{At: r.Time, Partition: r.Partition, Offset: r.Offset}
	}
	return consent, record
}

// exportedFacts are the names of facts, as an export has them.
var exportedFacts = map[string]facts{"exists": exists, "opted_in": optedIn, "opted_out": optedOut, "valid_phone": validPhone}

func (e *exporting) facts(a *account) {
	for _, name := range slices.Sorted(maps.Keys(exportedFacts)) {
		b := a.whole(func(p *piece) *roaring.Bitmap { return p.withFact(factNames[exportedFacts[name]]) })
		e.line(&portable.Line{Fact: &portable.Fact{Name: name, Contacts: e.bitmap(b)}})
	}
	in := map[country]*roaring.Bitmap{}
	for _, p := range a.pieces {
		for at := range p.contacts {
			c := p.contacts[at].country
			if c == 0 {
				continue
			}
			if in[c] == nil {
				in[c] = roaring.New()
			}
			in[c].Add(p.of(uint32(at)))
		}
	}
	for _, c := range slices.Sorted(maps.Keys(in)) {
		e.line(&portable.Line{Country: &portable.Country{Code: c.String(), Contacts: e.bitmap(in[c])}})
	}
}

func (e *exporting) days(a *account) {
	for of := range series(allSeries) {
		days := map[segment.Date]bool{}
		for _, p := range a.pieces {
			for day := range p.days[of] {
				days[day] = true
			}
		}
		for _, day := range slices.Sorted(maps.Keys(days)) {
			e.day(a, of, day)
		}
	}
}

func (e *exporting) day(a *account, of series, day segment.Date) {
	var events []portable.Event
	contacts := a.whole(func(p *piece) *roaring.Bitmap {
		d := p.days[of][day]
		if d == nil {
			return nil
		}
		for _, row := range d.all() {
			events = append(events, portable.Event{Contact: p.of(row.Contact), Message: row.Message, Identity: row.ID})
		}
		return d.bits
	})
	if contacts.IsEmpty() && len(events) == 0 {
		return // of contacts that were erased
	}
	slices.SortFunc(events, compareExported)
	if e.err != nil {
		return
	}
	var ref portable.Ref
	ref, e.err = e.out.Events(events)
	e.line(&portable.Line{Day: &portable.Day{Series: of.String(), Day: day.String(), Contacts: e.bitmap(contacts), Events: ref}})
}

// all are the events of a day that was read with them.
func (d *daySet) all() []bitmaps.Event {
	if d.table != nil {
		return d.table.events
	}
	return d.pending
}

func compareExported(a, b portable.Event) int {
	return cmp.Or(cmp.Compare(a.Contact, b.Contact), cmp.Compare(a.Message, b.Message), cmp.Compare(a.Identity, b.Identity))
}

func (e *exporting) segments(a *account) {
	for _, id := range slices.Sorted(maps.Keys(a.slots)) {
		slot := a.slots[id]
		members := a.whole(func(p *piece) *roaring.Bitmap {
			if slot < len(p.members) {
				return roaring.FromDense(p.members[slot].words, true)
			}
			return nil
		})
		t := a.totals[slot]
		e.line(&portable.Line{Segment: &portable.Segment{ID: id, Entered: t.Entered, Exited: t.Exited, Members: e.bitmap(members)}})
	}
}
