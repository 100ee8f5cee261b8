package pipeline

import (
	"rollcall/bitmaps"
	"rollcall/pipeline/segment"
)

// erase removes what a contact did and said up to a moment, and keeps a keyed
// hash of its id, so that none of it comes back on any replay. The id is nil if
// only the hash is known.
func (a *account) erase(hash [16]byte, id []byte, at int64) error {
	if a.erasures[hash] >= at {
		return nil
	}
	a.erasures[hash] = at
	a.state.forgot = true // a report may name it that the state does not know
	a.emit(bitmaps.Op{Code: bitmaps.OpErase, Hash: hash, Time: at})
	a.state.flush.erase(a.state.seq, a.state.now)
	a.dirty(bitmaps.Field{Kind: bitmaps.Erasures})
	number, known := a.contacts.get(id)
	if id == nil {
		number, known = a.contactByHash(hash)
	}
	if !known {
		return nil
	}
	return a.forget(number, at)
}

// contactByHash looks through all contacts: it is needed only where an erasure
// outlived the record that asked for it.
func (a *account) contactByHash(hash [16]byte) (number uint32, known bool) {
	for number := range a.contacts.next() {
		if id := a.contacts.bytes(number); len(id) > 0 && a.state.erasureHash([]byte(a.id), id) == hash {
			return number, true
		}
	}
	return 0, false
}

// forget removes what is not later than at, and the contact itself if nothing
// of it is later.
func (a *account) forget(number uint32, at int64) error {
	p, contact := a.at(number)
	until := a.zone.day(at)
	remains, err := p.forgetEvents(contact, until)
	if err != nil {
		return err
	}
	is, in := p.contacts[contact].facts, p.contacts[contact].country
	r := &p.register[contact]
	if r.Consent > at {
		remains = true
	} else {
		r.Consent, r.OptedOut, is = 0, false, is&^(optedIn|optedOut)
		a.emit(bitmaps.Op{Code: bitmaps.OpConsent, Number: number})
	}
	if r.Time > at {
		remains = true
	} else {
		r.Time, r.Partition, r.Offset, is, in = 0, 0, 0, is&^(exists|validPhone), 0
		a.emit(bitmaps.Op{Code: bitmaps.OpVersion, Number: number})
	}
	a.dirty(chunkOf(bitmaps.Registers, number))
	if p.forgetLists(contact, at) {
		remains = true
	}
	p.setFacts(contact, is, in)
	p.mark(contact, p.plan.all)
	op := bitmaps.Op{Code: bitmaps.OpForget, Number: number, Day: int32(until), Flag: !remains}
	if op.Flag {
		op.Name = a.contacts.name(number) // for the changes that are told of it
	}
	a.emit(op)
	a.release(number, remains, at)
	return nil
}

// release gives up the contact's number, or remembers what was erased of it.
func (a *account) release(number uint32, remains bool, at int64) {
	delete(a.returned, number)
	if remains {
		a.returned[number] = at
		return
	}
	if a.state.publish {
		a.former[number] = a.contacts.name(number)
	}
	a.contacts.drop(number)
	a.dirty(chunkOf(bitmaps.IDs, number))
}

// forgetEvents removes a contact's events up to a day and tells whether it has later ones.
func (p *piece) forgetEvents(contact uint32, until segment.Date) (remains bool, err error) {
	for of := range series(allSeries) {
		last := segment.Date(0)
		for day, d := range p.days[of] {
			if !d.bits.Contains(contact) {
				continue
			}
			if day > until {
				last = max(last, day)
				continue
			}
			if err := p.uncount(of, day, d, contact); err != nil {
				return false, err
			}
			p.forgetDay(of, day, d, contact)
		}
		if of.isBehaviour() {
			p.contacts[contact].last[of] = uint16(last)
		}
		remains = remains || last > 0
	}
	return remains, nil
}

func (p *piece) forgetDay(of series, day segment.Date, d *daySet, contact uint32) {
	d.forget(contact)
	p.dirtyDay(d, day)
}

// uncount takes a contact's events of a day out of the counters.
func (p *piece) uncount(of series, day segment.Date, d *daySet, contact uint32) error {
	for at, c := range p.plan.counters {
		if series(c.key.behaviour) != of || !c.covers(day) {
			continue
		}
		by, err := p.contribution(int32(at), c, day, d, contact)
		if err != nil {
			return err
		}
		if by != 0 {
			p.move(int32(at), contact, -by)
		}
		if f := p.firsts[at][day]; f != nil {
			f.Remove(contact)
		}
	}
	return nil
}

// contribution is what a day adds to a contact's count.
func (p *piece) contribution(at int32, c *counter, day segment.Date, d *daySet, contact uint32) (int, error) {
	switch {
	case c.key.days && c.messages == nil:
		return 1, nil
	case c.key.days:
		if f := p.firsts[at][day]; f != nil && f.Contains(contact) {
			return 1, nil
		}
		return 0, nil
	}
	if err := p.load(d, series(c.key.behaviour), day); err != nil {
		return 0, err
	}
	n := 0
	for _, e := range d.table.events {
		if e.Contact == contact && c.counts(e.Message) {
			n++
		}
	}
	return n, nil
}

// forgetLists removes list records up to a moment and tells whether there are later ones.
func (p *piece) forgetLists(contact uint32, at int64) (remains bool) {
	a := p.account
	for list, l := range p.lists {
		r, ok := l.registers.get(contact)
		switch {
		case !ok:
		case r.at > at:
			remains = true
		default:
			p.setList(l, list, contact, listRegister{})
			l.registers.remove(contact)
			a.emit(bitmaps.Op{Code: bitmaps.OpListMember, List: list, Number: p.of(contact)})
		}
	}
	return remains
}
