package pipeline

import (
	"context"
	"errors"
	"fmt"

	"rollcall/bitmaps"
	"rollcall/pipeline/segment"
)

// errBehind says that the changelog lacks what a reader has not read: it was
// trimmed or replaced meanwhile or, for the only writer, it is damaged.
var errBehind = errors.New("the changelog lacks entries")

const changelogPage = 1000 // entries read at once

// restore reads a partition: its changelog first, then its fragments, then what
// was committed meanwhile. Fragments hold all that the changelog no longer
// says, and applying an entry to a fragment that has it does no harm, so the
// order makes the result the state after the last entry. It gives where the
// state stands then. The error is ErrDamaged if something is missing or can't
// be read, and errBehind if the state was replaced meanwhile.
func (s *state) restore(ctx context.Context, store *bitmaps.Store, partition int32, pattern string) (at bitmaps.Head, err error) {
	at, err = store.Head(ctx, partition)
	if err != nil {
		return at, err
	}
	s.readAt = at.Seq
	entries, err := changelog(ctx, store, partition, 0)
	if err != nil {
		return at, err
	}
	first := at.Checkpoint.Changelog
	if first != 0 && first <= at.Seq && (len(entries) == 0 || entries[0].Seq > first) {
		return at, fmt.Errorf("%w: entry %d is needed", errBehind, first)
	}
	if err := s.readFragments(ctx, store, partition, pattern); err != nil {
		return at, err
	}
	from := at.Seq + 1
	if len(entries) > 0 {
		from = entries[len(entries)-1].Seq + 1
	}
	later, err := changelog(ctx, store, partition, from)
	if err != nil {
		return at, err
	}
	for i, e := range append(entries, later...) {
		if i > 0 && e.Seq != s.seq+1 {
			return at, fmt.Errorf("%w: entry %d follows %d", errBehind, e.Seq, s.seq)
		}
		if err := s.redo(&e, &at); err != nil {
			return at, fmt.Errorf("changelog of partition %d, entry %d: %w", partition, e.Seq, err)
		}
	}
	if s.seq > 0 && s.seq < at.Seq {
		return at, fmt.Errorf("%w: it ends at %d, the head says %d", errBehind, s.seq, at.Seq)
	}
	at.Seq = max(at.Seq, s.seq)
	s.seq = at.Seq
	return at, nil
}

func (s *state) readFragments(ctx context.Context, store *bitmaps.Store, partition int32, pattern string) error {
	accounts, err := store.Accounts(ctx, partition)
	if err != nil {
		return err
	}
	for _, id := range accounts {
		a := s.restored(id)
		if err := store.Fragments(ctx, partition, id, pattern, a.read); err != nil {
			return err
		}
	}
	return store.Audit(ctx, partition, accounts)
}

// redo applies an entry, and moves at to where it stands if it is later. What
// was written after at was read must have been written on top of it.
func (s *state) redo(e *bitmaps.Entry, at *bitmaps.Head) error {
	later := e.Seq > at.Seq
	s.seq = e.Seq
	if e.Seq > at.Seq+1 {
		return fmt.Errorf("%w: entry %d follows %d", errBehind, e.Seq, at.Seq)
	}
	if e.Nonce != "" {
		if later && e.Before != at.Nonce {
			return errBehind
		}
		if later {
			at.Nonce, at.Seq = e.Nonce, e.Seq
		}
		return nil
	}
	if later && e.Checkpoint.Writer != at.Nonce {
		return errBehind
	}
	if later {
		at.Seq, at.Checkpoint = e.Seq, e.Checkpoint
	} else if at.Checkpoint.Writer == "" {
		return fmt.Errorf("%w: a commit, and no checkpoint", bitmaps.ErrDamaged)
	}
	return s.apply(e)
}

// changelog reads all entries from seq on.
func changelog(ctx context.Context, store *bitmaps.Store, partition int32, seq uint64) ([]bitmaps.Entry, error) {
	var all []bitmaps.Entry
	for {
		page, err := store.Changelog(ctx, partition, seq, changelogPage, 0)
		if err != nil {
			return nil, err
		}
		all = append(all, page...)
		if len(page) < changelogPage {
			return all, nil
		}
		seq = page[len(page)-1].Seq + 1
	}
}

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

// composedFor is the newest definitions that a piece was composed for.
func (s *state) composedFor() (version int64) {
	for _, a := range s.accounts {
		for _, p := range a.pieces {
			version = max(version, p.version)
		}
	}
	return version
}

// outdated tells whether a piece stands for other definitions of its account
// than those that are known.
func (s *state) outdated() bool {
	for _, a := range s.accounts {
		for _, p := range a.pieces {
			if p.plan.version < a.def.Version {
				return true
			}
		}
	}
	return false
}

// hasUnknown tells whether the definitions do not know some account.
func (s *state) hasUnknown() bool {
	for id := range s.accounts {
		if s.definition(id) == nil {
			return true
		}
	}
	return false
}

// aheadOf tells whether a piece stands for a later day than that of a moment.
func (s *state) aheadOf(now int64) bool {
	for _, a := range s.accounts {
		if def := s.definition(a.id); def != nil {
			for _, p := range a.pieces {
				if s.zone(def).day(now) < p.today {
					return true
				}
			}
		}
	}
	return false
}

// keepDay sets the state's time to that of the latest day that a piece stands
// for: a clock that was ahead has let that day begin, and no day comes back.
func (s *state) keepDay() {
	for _, a := range s.accounts {
		def := s.definition(a.id)
		if def == nil {
			continue
		}
		for _, p := range a.pieces {
			if zone := s.zone(def); zone.day(s.now) < p.today {
				s.now = zone.start(p.today)
			}
		}
	}
}

// ready derives, for the owner of the partition, what is not stored: plans,
// counts, and who was erased before. Accounts that the definitions no longer
// know are returned.
func (s *state) ready() (gone []*account, err error) {
	for _, a := range s.accounts {
		version := s.catalog.Offset()
		def := s.definition(a.id)
		if def == nil {
			gone = append(gone, a)
			continue
		}
		a.define(def, version)
		for _, p := range a.pieces {
			if err := p.ready(); err != nil {
				return nil, err
			}
		}
		a.recallErased()
	}
	return gone, nil
}

// ready puts a restored piece on the plan that its memberships stand for.
func (p *piece) ready() error {
	a := p.account
	version := p.version
	if a.def.Version < version { // nothing of the account's changed since
		version = a.plan.version
	}
	next := a.plan
	if version != next.version || p.today != next.today {
		next = compile(a, a.def, version, p.today)
	}
	p.restoring = true
	defer func() { p.restoring = false }()
	p.plan = &plan{}
	return p.recount(next)
}

// recallErased finds the contacts that were erased once and came back.
func (a *account) recallErased() {
	if len(a.erasures) == 0 {
		return
	}
	for number := range a.contacts.next() {
		id := a.contacts.bytes(number)
		if len(id) == 0 {
			continue
		}
		if at := a.erasures[a.state.erasureHash([]byte(a.id), id)]; at > 0 {
			a.returned[number] = at
		}
	}
}
