package pipeline

import (
	"fmt"

	"rollcall/bitmaps"
	"rollcall/pipeline/segment"
)

// read puts a stored fragment into the account.
func (a *account) read(f bitmaps.Field, value []byte) error {
	switch f.Kind {
	case bitmaps.Meta:
		return a.readMeta(value)
	case bitmaps.IDs:
		return readNames(f, value, func(number uint32, name string) {
			a.contacts.put(number, name)
			a.restoredAt(number)
		})
	case bitmaps.MessageNames:
		return readNames(f, value, a.messages.put)
	case bitmaps.ListNames:
		return readNames(f, value, a.lists.put)
	case bitmaps.Reasons:
		return readNames(f, value, a.reasons.put)
	case bitmaps.MessageTitles:
		return a.messageTitles.read(f, value)
	case bitmaps.ListTitles:
		return a.listTitles.read(f, value)
	case bitmaps.Registers:
		return a.readRegisters(f, value)
	case bitmaps.Erasures:
		erasures, err := bitmaps.DecodeErasures(value)
		a.erasures = erasures
		return err
	case bitmaps.Composed:
		p := a.restoredPiece(f.N[0])
		today, version, err := bitmaps.DecodeComposed(value)
		if err == nil && !possible(segment.Date(today)) {
			err = fmt.Errorf("%w: composed for day %d", bitmaps.ErrDamaged, today)
		}
		p.today, p.version = segment.Date(today), version
		return err
	case bitmaps.Day:
		return a.readDay(f, value)
	case bitmaps.ListRegisters:
		return a.readListRegisters(f, value)
	case bitmaps.Fact, bitmaps.Members, bitmaps.ListMembers:
		return a.readBitmap(f, value)
	}
	return nil // events are read when they are needed
}

func (a *account) readMeta(value []byte) error {
	m, err := bitmaps.DecodeMeta(value)
	if err != nil {
		return err
	}
	a.metaSeq = m.Seq
	if a.contacts.skipTo(m.Contacts); m.Contacts > 0 {
		a.restoredPiece((m.Contacts - 1) / bitmaps.PieceSize)
	}
	a.messages.skipTo(m.Messages)
	a.lists.skipTo(m.Lists)
	a.reasons.skipTo(m.Reasons)
	for id, t := range m.Totals {
		a.totals[a.slot(id)] = t
	}
	return nil
}

func readNames(f bitmaps.Field, value []byte, put func(number uint32, name string)) error {
	names, err := bitmaps.DecodeNames(value)
	for i, name := range names {
		put(f.N[0]*bitmaps.ChunkSize+uint32(i), name)
	}
	return err
}

func (a *account) readRegisters(f bitmaps.Field, value []byte) error {
	registers, err := bitmaps.DecodeRegisters(value)
	for i, r := range registers {
		p, contact := a.restoredAt(f.N[0]*bitmaps.ChunkSize + uint32(i))
		if a.state.follows {
			p.said[contact] = r.Consent
		} else {
			p.register[contact] = r
		}
	}
	return err
}

func (a *account) readDay(f bitmaps.Field, value []byte) error {
	stored, err := bitmaps.DecodeDay(value)
	for i := range stored.Series {
		if err == nil {
			err = a.readSeries(f, stored.Seq, &stored.Series[i])
		}
	}
	return err
}

// readSeries puts what a day has of a series into the account.
func (a *account) readSeries(f bitmaps.Field, seq uint64, stored *bitmaps.DaySeries) error {
	of, day := series(stored.Series), segment.Date(f.N[0])
	if of >= allSeries || !possible(day) {
		return fmt.Errorf("%w: series %d on day %d", bitmaps.ErrDamaged, of, day)
	}
	p := a.restoredPiece(f.N[1])
	d := p.day(of, day)
	d.bits, d.runs, d.flushedAt = stored.Contacts, stored.Runs, seq
	d.readCounts(of, stored.Counts)
	for it := d.bits.Iterator(); it.HasNext(); {
		contact := it.Next()
		p.grow(int(contact) + 1)
		p.contacts[contact].did(of, day)
	}
	return nil
}

func (a *account) readListRegisters(f bitmaps.Field, value []byte) error {
	registers, err := bitmaps.DecodeListRegisters(value)
	for _, r := range registers {
		if r.Contact >= bitmaps.PieceSize {
			return fmt.Errorf("%w: a contact beyond the piece", bitmaps.ErrDamaged)
		}
		p, _ := a.restoredAt(f.N[1]*listChunk + r.Contact%listChunk)
		p.grow(int(r.Contact) + 1)
		p.list(f.N[0]).registers.set(r.Contact, listRegister{at: r.At, member: r.Member})
		p.contacts[r.Contact].touched = true
	}
	return err
}

// readBitmap reads the contacts of whom a fact holds, or of a list or segment.
func (a *account) readBitmap(f bitmaps.Field, value []byte) error {
	b, err := bitmaps.DecodeBitmap(value)
	if err != nil || b.IsEmpty() {
		return err
	}
	at := f.N[0]
	if f.Kind == bitmaps.ListMembers {
		at = f.N[1]
	}
	p := a.restoredPiece(at)
	p.grow(int(b.Maximum()) + 1)
	switch f.Kind {
	case bitmaps.ListMembers:
		p.list(f.N[0]).members = b
	case bitmaps.Members:
		slot := a.slot(f.Name)
		p.members.grow(slot)
		p.members[slot].words = b.ToDense()
	default:
		for it := b.Iterator(); it.HasNext(); {
			contact := it.Next()
			p.know(contact, f.Name)
			p.sendable.set(contact, p.contacts[contact].facts.has(sendable))
		}
	}
	return nil
}

// know adds a stored fact. Of two countries one is of before the contact moved,
// and not written anew since. Which of them the changelog says, and perhaps does
// not change by that; so both are written anew.
func (p *piece) know(contact uint32, name string) {
	c := &p.contacts[contact]
	fact, isFact := factByName[name]
	if !isFact {
		was := c.country
		if c.country = countryByCode[name]; was != 0 {
			p.dirtyFacts(0, was, c.country)
		}
		return
	}
	c.facts |= fact
	c.settled = c.facts.has(exists)
}
