package pipeline

import (
	"cmp"
	"encoding/binary"

	"github.com/cespare/xxhash/v2"

	"rollcall/bitmaps"
	"rollcall/pipeline/segment"
)

// fold puts an event into the state and marks the contacts whose segments may
// change. The event is valid, of this partition, and its account exists.
func (s *state) fold(a *account, e *event) (bitmaps.Outcome, error) {
	switch e.kind {
	case behaviourRecord:
		return a.foldBehaviour(e)
	case consentRecord:
		return bitmaps.Applied, a.foldConsent(e)
	case contactRecord:
		a.foldContact(e)
	case listRecord:
		a.foldList(e)
	case eraseRecord:
		return bitmaps.Applied, a.erase(a.state.erasureHash(e.account, e.contact), e.contact, e.origin.time)
	default:
		return bitmaps.Applied, a.erase(e.hash, nil, e.origin.time)
	}
	return bitmaps.Applied, nil
}

// erased tells until when records of a contact count no more, 0 if it was never
// erased; known is whether the contact has a number.
func (a *account) erased(id []byte) (number uint32, known bool, until int64) {
	number, known = a.contacts.get(id)
	switch {
	case known && len(a.returned) == 0:
		return number, true, 0
	case known:
		return number, true, a.returned[number]
	case len(a.erasures) == 0:
		return 0, false, 0
	}
	return 0, false, a.erasures[a.state.erasureHash([]byte(a.id), id)]
}

// enter gives a contact its number, and remembers if it was erased before.
func (a *account) enter(id []byte, number uint32, known bool, erasedUntil int64) uint32 {
	if known {
		return number
	}
	number = a.contact(id)
	if erasedUntil > 0 {
		a.returned[number] = erasedUntil
	}
	return number
}

// planOf is what the piece stands for that has a contact, or is to get it. It may
// be on the day before the account's, until it is composed.
func (a *account) planOf(number uint32, known bool) *plan {
	if !known {
		number = a.contacts.next()
	}
	if at := int(number / bitmaps.PieceSize); at < len(a.pieces) {
		return a.pieces[at].plan
	}
	return a.plan
}

func (a *account) foldBehaviour(e *event) (bitmaps.Outcome, error) {
	day := a.zone.day(e.at)
	number, known, erasedUntil := a.erased(e.contact)
	if day < a.planOf(number, known).oldest {
		return bitmaps.Applied, nil // beyond the kept days: it does not exist
	}
	if erasedUntil > 0 && day <= a.zone.day(erasedUntil) {
		return bitmaps.Applied, nil
	}
	p, contact := a.at(a.enter(e.contact, number, known, erasedUntil))
	row := bitmaps.Event{Contact: contact, Message: a.message(e.message), ID: identity(e)}
	if err := p.foldLabels(e, day, row); err != nil {
		return bitmaps.Applied, err
	}
	added, firstOfDay, err := p.file(series(e.behaviour), day, row)
	if err != nil || !added {
		return bitmaps.Repeated, err
	}
	p.countEvent(e.behaviour, day, row, firstOfDay)
	if firstOfDay {
		p.seenOn(contact, e.behaviour, day)
	}
	return bitmaps.Applied, nil
}

// foldLabels takes what a record says beside its event: what its message is
// called, and why sending failed. That counts also if the event is a repeat, so
// that it does not matter which was read first.
func (p *piece) foldLabels(e *event, day segment.Date, row bitmaps.Event) (err error) {
	if len(e.title) > 0 {
		p.account.titleMessage(row.Message, e)
	}
	if len(e.reason) > 0 {
		row.ID = uint64(p.account.reason(e.reason))
		_, _, err = p.file(failedFor, day, row)
	}
	return err
}

// file puts an event into the set of its day, and tells whether it was not there,
// and is the first of its contact.
func (p *piece) file(of series, day segment.Date, row bitmaps.Event) (added, firstOfDay bool, err error) {
	d := p.day(of, day)
	firstOfDay = d.bits.CheckedAdd(row.Contact)
	if !firstOfDay {
		seen, err := p.seen(d, of, day, row)
		if err != nil || seen {
			return false, false, err
		}
	}
	p.addEvent(d, of, day, row)
	return true, firstOfDay, nil
}

// identity is the hash that tells an event from others of its contact, message
// and day: of its id, with its source if it has one, or of where it first stood.
func identity(e *event) uint64 {
	switch {
	case e.source != nil:
		h := xxhash.NewWithSeed(2)
		_, _ = h.Write(binary.LittleEndian.AppendUint32(nil, uint32(len(e.source)))) // never fails
		_, _ = h.Write(e.source)
		_, _ = h.Write(e.id)
		return h.Sum64()
	case len(e.id) > 0:
		return xxhash.Sum64(e.id)
	}
	var b [12]byte
	binary.LittleEndian.PutUint32(b[:], uint32(e.origin.Partition))
	binary.LittleEndian.PutUint64(b[4:], uint64(e.origin.offset))
	h := xxhash.NewWithSeed(1)
	_, _ = h.WriteString(e.origin.Topic) // never fails
	_, _ = h.Write(b[:])
	return h.Sum64()
}

// seen tells whether the day has the event already.
func (p *piece) seen(d *daySet, of series, day segment.Date, row bitmaps.Event) (bool, error) {
	if err := p.load(d, of, day); err != nil {
		return false, err
	}
	return d.table.has(row), nil
}

// addEvent adds an event that is not there yet.
func (p *piece) addEvent(d *daySet, of series, day segment.Date, row bitmaps.Event) {
	a := p.account
	if d.logged == len(d.pending) {
		a.begin()
		a.grown, a.grownIn = append(a.grown, d), append(a.grownIn, dayKey{p, of, day})
	}
	d.add(row)
	if d.table != nil {
		a.state.loaded++
	}
	p.dirtyDay(d, day)
}

// countEvent moves the counters whose window has the day.
func (p *piece) countEvent(b segment.Behaviour, day segment.Date, row bitmaps.Event, firstOfDay bool) {
	by := &p.plan.counted[b]
	for _, at := range by.any {
		if c := p.plan.counters[at]; c.covers(day) && (firstOfDay || !c.key.days) {
			p.move(at, row.Contact, 1)
		}
	}
	for _, at := range by.byMessage[row.Message] {
		c := p.plan.counters[at]
		if c.covers(day) && (!c.key.days || p.firstOf(at, day, row.Contact)) {
			p.move(at, row.Contact, 1)
		}
	}
}

// seenOn moves the day of a contact's latest event, and marks the segments that
// ask for an event since a day in between.
func (p *piece) seenOn(contact uint32, b segment.Behaviour, day segment.Date) {
	c := &p.contacts[contact]
	c.touched = true
	last := c.last[b]
	if uint16(day) <= last {
		return
	}
	c.last[b] = uint16(day)
	for _, s := range p.plan.since[b] {
		if s.day > day {
			return
		}
		if s.day > segment.Date(last) {
			p.mark(contact, s.segments)
		}
	}
}

func (a *account) foldConsent(e *event) error {
	number, known, erasedUntil := a.erased(e.contact)
	if e.at <= erasedUntil {
		return nil
	}
	number = a.enter(e.contact, number, known, erasedUntil)
	p, contact := a.at(number)
	if e.optOut && len(e.message) > 0 {
		if err := p.foldOptOutOf(e, contact, erasedUntil); err != nil {
			return err
		}
	}
	r := &p.register[contact]
	if e.at < r.Consent || e.at == r.Consent && (r.OptedOut || !e.optOut) {
		return nil
	}
	r.Consent, r.OptedOut = e.at, e.optOut
	a.emit(bitmaps.Op{Code: bitmaps.OpConsent, Number: number, Time: e.at, Flag: e.optOut})
	p.dirtyRegister(number)
	c := &p.contacts[contact]
	is := c.facts&^(optedIn|optedOut) | optedIn
	if e.optOut {
		is = c.facts&^(optedIn|optedOut) | optedOut
	}
	p.setFacts(contact, is, c.country)
	return nil
}

// foldOptOutOf counts an opt-out for the message that it names, whether or not it
// is the contact's last word. It is of a day, like an event.
func (p *piece) foldOptOutOf(e *event, contact uint32, erasedUntil int64) error {
	a := p.account
	day := a.zone.day(e.at)
	if day < p.plan.oldest || erasedUntil > 0 && day <= a.zone.day(erasedUntil) {
		return nil
	}
	_, _, err := p.file(optedOutOf, day, bitmaps.Event{Contact: contact, Message: a.message(e.message)})
	return err
}

func (a *account) foldContact(e *event) {
	number, known, erasedUntil := a.erased(e.contact)
	if e.origin.time <= erasedUntil {
		return
	}
	number = a.enter(e.contact, number, known, erasedUntil)
	p, contact := a.at(number)
	r := &p.register[contact]
	order := 1
	if r.Time != 0 {
		order = compareContacts(e, r)
	}
	if order < 0 {
		return
	}
	region := a.def.DefaultRegion
	if e.hasRegion {
		region = regionName(e.region)
	}
	valid, in := a.state.phones.facts(e.phone, region)
	if c := &p.contacts[contact]; order == 0 && phoneRank(valid, in) <= phoneRank(c.facts&validPhone != 0, c.country) {
		return // said already, or by a record of another topic that stood likewise
	}
	r.Time, r.Partition, r.Offset = e.origin.time, e.origin.Partition, e.origin.offset
	a.emit(bitmaps.Op{Code: bitmaps.OpVersion, Number: number, Time: r.Time, Partition: r.Partition, Offset: r.Offset})
	p.dirtyRegister(number)
	is := p.contacts[contact].facts&^validPhone | exists
	if valid {
		is |= validPhone
	}
	p.setFacts(contact, is, in)
}

// compareContacts orders contact records by Kafka time, first partition, first
// offset. Records of two topics may have all three in common: then phoneRank
// decides, and not which was read first.
func compareContacts(e *event, r *bitmaps.Register) int {
	return cmp.Or(
		cmp.Compare(e.origin.time, r.Time),
		cmp.Compare(e.origin.Partition, r.Partition),
		cmp.Compare(e.origin.offset, r.Offset),
	)
}

// phoneRank orders what is known of a phone: valid ones after others, by country.
func phoneRank(valid bool, in country) int {
	if !valid {
		return 0
	}
	return 1 + int(in)
}

func (a *account) foldList(e *event) {
	number, known, erasedUntil := a.erased(e.contact)
	if e.at <= erasedUntil {
		return
	}
	list := a.list(e.listKind, e.list)
	a.titleList(list, e)
	number = a.enter(e.contact, number, known, erasedUntil)
	p, contact := a.at(number)
	l := p.list(list)
	record := listRegister{at: e.at, member: e.member}
	if was, ok := l.registers.get(contact); ok && !record.later(was) {
		return
	}
	p.setList(l, list, contact, record)
	a.emit(bitmaps.Op{Code: bitmaps.OpListMember, List: list, Number: number, Time: e.at, Flag: e.member})
}

func (p *piece) setList(l *listPiece, list, contact uint32, record listRegister) {
	chunk := l.registers.set(contact, record)
	p.contacts[contact].touched = true
	if !l.queued || !chunk.queued {
		l.queued, chunk.queued = true, true
		p.dirtyList(list, contact)
	}
	if l.set(contact, record.member) {
		p.mark(contact, p.plan.lists[list])
	}
}

func (l *listPiece) set(contact uint32, member bool) (changed bool) {
	if member {
		return l.members.CheckedAdd(contact)
	}
	return l.members.CheckedRemove(contact)
}

// setFacts changes what is known of a contact and marks the segments that ask.
func (p *piece) setFacts(contact uint32, is facts, in country) {
	c := &p.contacts[contact]
	was, wasIn := c.facts, c.country
	if was == is && wasIn == in {
		return
	}
	c.facts, c.country = is, in
	p.sendable.set(contact, is.has(sendable))
	a := p.account
	a.emit(bitmaps.Op{Code: bitmaps.OpFacts, Number: p.of(contact), Facts: byte(is), Country: in.String()})
	p.dirtyFacts(was^is, wasIn, in)
	for f := exists; f <= validPhone; f <<= 1 {
		if (was^is)&f != 0 {
			p.markFact(contact, f)
		}
	}
	if wasIn != in {
		p.mark(contact, p.plan.countries[wasIn])
		p.mark(contact, p.plan.countries[in])
	}
}

func (p *piece) markFact(contact uint32, f facts) {
	if f == exists {
		p.mark(contact, p.plan.all)
		return
	}
	p.mark(contact, p.plan.facts[f.bit()])
}
