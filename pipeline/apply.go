package pipeline

import (
	"fmt"
	"math"
	"slices"

	"rollcall/bitmaps"
	"rollcall/pipeline/segment"
)

// apply brings a state that was read from Redis up to a changelog entry. It
// derives nothing: memberships are among the changes. What the entry changes is
// queued to be flushed: it may be in the changelog only.
func (s *state) apply(e *bitmaps.Entry) error { return s.applyNoting(e, nil) }

// applyNoting also adds the accounts that the entry changes to touched.
func (s *state) applyNoting(e *bitmaps.Entry, touched map[string]bool) error {
	s.seq = e.Seq
	var a *account
	return bitmaps.EachOp(e.Ops, func(op *bitmaps.Op) error {
		if op.Code == bitmaps.OpAccount {
			a = s.restored(op.Name)
			if touched != nil {
				touched[op.Name] = true
			}
			return nil
		}
		if a == nil || !fits(op) {
			return fmt.Errorf("%w: an op of code %d about what can't be there", bitmaps.ErrDamaged, op.Code)
		}
		if op.Code == bitmaps.OpDropAccount {
			s.dropAccount(a.id)
		} else {
			a.apply(op)
		}
		return nil
	})
}

// maxNumber is beyond what memory holds of one account's contacts, messages,
// lists or reasons in one partition: a greater number is damage.
const maxNumber = 1 << 27

// fits tells whether an op is about what there can be.
func fits(op *bitmaps.Op) bool {
	beyond := func(number uint32) bool { return number >= maxNumber }
	if (op.Code == bitmaps.OpEvents || op.Code == bitmaps.OpComposed) && !possible(segment.Date(op.Day)) {
		return false
	}
	return !beyond(max(op.Number, op.List)) && op.Series < allSeries &&
		!slices.ContainsFunc(op.On, beyond) && !slices.ContainsFunc(op.Off, beyond) &&
		!slices.ContainsFunc(op.Events, func(e bitmaps.Event) bool { return beyond(max(e.Contact, e.Message)) })
}

// possible tells whether records can be of a day: in 16 bits it is up to 2149.
func possible(day segment.Date) bool { return day >= 0 && day <= math.MaxUint16 }

// restored is the account's state, without definitions and plan yet if it is new.
func (s *state) restored(id string) *account {
	a := s.accounts[id]
	if a == nil {
		a = newAccount(s, id)
		s.accounts[id] = a
	}
	return a
}

func (a *account) apply(op *bitmaps.Op) {
	switch op.Code {
	case bitmaps.OpContact:
		a.contacts.put(op.Number, op.Name)
		a.restoredAt(op.Number)
		a.dirty(chunkOf(bitmaps.IDs, op.Number))
	case bitmaps.OpMessage:
		a.messages.put(op.Number, op.Name)
		a.dirty(chunkOf(bitmaps.MessageNames, op.Number))
	case bitmaps.OpList:
		a.lists.put(op.Number, listKey(segment.Kind(op.Kind), op.Name))
		a.dirty(chunkOf(bitmaps.ListNames, op.Number))
	case bitmaps.OpReason:
		a.reasons.put(op.Number, op.Name)
		a.dirty(chunkOf(bitmaps.Reasons, op.Number))
	case bitmaps.OpTitle:
		a.applyTitle(op)
	case bitmaps.OpFacts:
		a.applyFacts(op)
	case bitmaps.OpConsent:
		p, contact := a.restoredAt(op.Number)
		if a.state.follows {
			p.said[contact] = op.Time
			return
		}
		p.register[contact].Consent, p.register[contact].OptedOut = op.Time, op.Flag
		a.dirty(chunkOf(bitmaps.Registers, op.Number))
	case bitmaps.OpVersion:
		if a.state.follows {
			return
		}
		p, contact := a.restoredAt(op.Number)
		r := &p.register[contact]
		r.Time, r.Partition, r.Offset = op.Time, op.Partition, op.Offset
		a.dirty(chunkOf(bitmaps.Registers, op.Number))
	case bitmaps.OpListMember:
		a.applyList(op)
	case bitmaps.OpEvents:
		a.applyEvents(op)
	case bitmaps.OpMembers:
		a.applyMembers(op)
	case bitmaps.OpComposed:
		p := a.restoredPiece(op.Number)
		p.today, p.version = segment.Date(op.Day), op.Offset
		a.dirty(bitmaps.Field{Kind: bitmaps.Composed, N: [4]uint32{op.Number}})
	case bitmaps.OpErase:
		a.erasures[op.Hash] = op.Time
		if a.state.follows {
			return
		}
		a.state.flush.erase(a.state.seq, a.state.now)
		a.dirty(bitmaps.Field{Kind: bitmaps.Erasures})
	case bitmaps.OpForget:
		a.applyForget(op)
	case bitmaps.OpDropDays:
		p := a.restoredPiece(op.Number)
		for b := range p.days {
			for day := range p.days[b] {
				if day < segment.Date(op.Day) {
					p.dropDay(b, day)
				}
			}
		}
	case bitmaps.OpDropSegment:
		a.applyDrop(op.Name)
	}
}

func (a *account) applyTitle(op *bitmaps.Op) {
	of, kind := &a.messageTitles, bitmaps.MessageTitles
	if op.Flag {
		of, kind = &a.listTitles, bitmaps.ListTitles
	}
	of.put(op.Number, bitmaps.Title{At: op.Time, Text: op.Name})
	a.dirty(chunkOf(kind, op.Number))
}

func (a *account) applyFacts(op *bitmaps.Op) {
	p, contact := a.restoredAt(op.Number)
	c := &p.contacts[contact]
	was := *c
	c.facts, c.country = facts(op.Facts), countryByCode[op.Country]
	c.settled = c.facts.has(exists)
	p.sendable.set(contact, c.facts.has(sendable))
	p.dirtyFacts(was.facts^c.facts, was.country, c.country)
}

// restoredPiece is a piece by number, with those before it.
func (a *account) restoredPiece(number uint32) *piece {
	for int(number) >= len(a.pieces) {
		p := newPiece(a, uint32(len(a.pieces)), &plan{})
		a.pieces = append(a.pieces, p)
	}
	return a.pieces[number]
}

// restoredAt is the place of a contact, with room for it.
func (a *account) restoredAt(number uint32) (*piece, uint32) {
	p, contact := a.restoredPiece(number/bitmaps.PieceSize), number%bitmaps.PieceSize
	p.grow(int(contact) + 1)
	return p, contact
}

func (a *account) applyList(op *bitmaps.Op) {
	p, contact := a.restoredAt(op.Number)
	p.dirtyList(op.List, contact)
	l := p.list(op.List)
	l.set(contact, op.Flag)
	p.contacts[contact].touched = true
	switch {
	case a.state.follows:
	case op.Time == 0:
		l.registers.remove(contact)
	default:
		l.registers.set(contact, listRegister{at: op.Time, member: op.Flag})
	}
}

// applyEvents files events in their sets, unless a run holds them already.
func (a *account) applyEvents(op *bitmaps.Op) {
	of, day := series(op.Series), segment.Date(op.Day)
	for _, e := range op.Events {
		p, contact := a.restoredAt(e.Contact)
		d := p.day(of, day)
		first := d.bits.CheckedAdd(contact)
		p.contacts[contact].did(of, day)
		if a.state.seq <= d.flushedAt {
			continue
		}
		p.dirtyDay(d, day)
		e.Contact = contact
		d.add(e)
		d.logged = len(d.pending)
		if a.state.follows {
			d.count(e.Message)
			if !first {
				d.again(contact)
			}
			a.state.arrived(d)
		}
	}
}

func (a *account) applyMembers(op *bitmaps.Op) {
	slot := a.slot(op.Name)
	for _, number := range op.On {
		a.applyMember(slot, number, true)
	}
	for _, number := range op.Off {
		a.applyMember(slot, number, false)
	}
	a.dirty(bitmaps.Field{Kind: bitmaps.Meta})
	if a.state.seq > a.metaSeq {
		a.totals[slot].Entered += uint64(len(op.On))
		a.totals[slot].Exited += uint64(len(op.Off))
	}
}

func (a *account) applyMember(slot int, number uint32, member bool) {
	p, contact := a.restoredAt(number)
	if p.members.has(slot, contact) != member {
		p.flipColumn(slot, contact)
		return
	}
	a.dirty(bitmaps.Field{Kind: bitmaps.Members, Name: a.segments[slot], N: [4]uint32{p.number}})
}

// applyForget removes a contact's events up to a day, and perhaps the contact.
func (a *account) applyForget(op *bitmaps.Op) {
	p, contact := a.restoredAt(op.Number)
	for of := range series(allSeries) {
		last := segment.Date(0)
		for day, d := range p.days[of] {
			switch {
			case !d.bits.Contains(contact):
			case day > segment.Date(op.Day):
				last = max(last, day)
			default:
				d.forget(contact)
				d.times.Store(nil) // without reading there is no telling
				d.arrivedAll(a.state.seq)
				if a.state.seq <= d.flushedAt {
					d.forgotten = nil // the runs were rewritten since
				} else if a.state.follows {
					d.counts.Store(nil) // without reading there is no telling
				}
				p.dirtyDay(d, day)
			}
		}
		if of.isBehaviour() {
			p.contacts[contact].last[of] = uint16(last)
		}
	}
	if op.Flag {
		if a.state.leaving != nil {
			a.state.leaving(a.id, op.Number, a.contacts.name(op.Number))
		}
		a.contacts.drop(op.Number)
		a.dirty(chunkOf(bitmaps.IDs, op.Number))
	}
}

// list is the list's part in the piece, made if need be.
func (p *piece) list(number uint32) *listPiece {
	l := p.lists[number]
	if l == nil {
		l = newListPiece()
		p.lists[number] = l
	}
	return l
}

// applyDrop empties a segment's column. If meta is of a later commit, the totals
// are of a segment that was defined under the same id since, and stay.
func (a *account) applyDrop(id string) {
	slot, ok := a.slots[id]
	if !ok {
		return
	}
	totals := a.totals[slot]
	a.freeSlot(id)
	if a.state.seq <= a.metaSeq {
		a.totals[a.slot(id)] = totals
	}
	a.dirty(bitmaps.Field{Kind: bitmaps.Meta})
}

// freeSlot empties the column of a segment and gives it up.
func (a *account) freeSlot(id string) {
	slot, ok := a.slots[id]
	if !ok {
		return
	}
	a.segments[slot], a.totals[slot] = "", bitmaps.Totals{}
	delete(a.slots, id)
	for _, p := range a.pieces {
		if slot < len(p.members) {
			p.members[slot] = column{}
		}
	}
}
