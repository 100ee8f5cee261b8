package pipeline

import (
	"context"
	"maps"
	"slices"

	"github.com/RoaringBitmap/roaring/v2"

	"rollcall/bitmaps"
	"rollcall/pipeline/catalog"
	"rollcall/pipeline/segment"
)

// smsReader reads what a report needs of one partition, piece by piece. Redis is
// read without the replica's lock, which is held only to look at what the replica
// knows beyond it.
type smsReader struct {
	replica *replica
	state   *state // that is read; the numbers are its
	def     *catalog.Account
	query   *SMSQuery
	today   segment.Date

	number uint32 // of the piece at hand
	stored map[bitmaps.Field]storedDay
	found  smsFound
}

// smsFound is what a look at the replica found out of a piece.
type smsFound struct {
	ended   bool // there is no such piece
	onDay   bool
	nonce   string
	message uint32 // that is asked for
	days    []smsDay
}

// smsDay is the part of a day that counts.
type smsDay struct {
	of     series
	day    segment.Date
	who    *roaring.Bitmap // of the contacts with events those that count
	stored []bitmaps.Event
	since  []bitmaps.Event // what the replica knows beyond stored
}

// tally reads the partition and counts.
func (x *smsReader) tally(ctx context.Context) (*smsTally, error) {
	count := newSMSCount()
	onDay := true
	for x.number = 0; ; x.number++ {
		x.stored = map[bitmaps.Field]storedDay{}
		if err := x.replica.retrying(ctx, func() error { return x.read(ctx) }); err != nil {
			return nil, err
		}
		if x.found.ended {
			break
		}
		onDay = onDay && x.found.onDay
		count.piece(x.events())
	}
	t, err := x.named(count)
	if err == nil {
		t.onDay = onDay
	}
	return t, err
}

// read reads a piece: what is not read yet of the days that count, until all that
// is there and what the replica knows add up to one state.
func (x *smsReader) read(ctx context.Context) error {
	for {
		missing, err := x.look()
		if err != nil {
			return err
		}
		if len(missing) == 0 {
			return x.confirm(ctx)
		}
		stored, err := x.replica.readDays(ctx, x.def.ID, missing...)
		if err != nil {
			return err
		}
		maps.Copy(x.stored, stored)
	}
}

// look takes from the replica what it knows of the piece, and tells what is to be
// read from Redis first. It needs the lock for some milliseconds.
func (x *smsReader) look() (missing []bitmaps.Field, err error) {
	r := x.replica
	r.mu.RLock()
	defer r.mu.RUnlock()
	if r.state != x.state {
		return nil, errLost
	}
	if x.query.Segment != "" && r.checkpoint.Definitions <= newestVersion(x.def, x.query.Segment) {
		return nil, ErrNotComposed
	}
	a := r.state.accounts[x.def.ID]
	if a == nil || int(x.number) >= len(a.pieces) {
		x.found = smsFound{ended: true}
		return nil, nil
	}
	p := a.pieces[x.number]
	x.found = smsFound{onDay: p.today == x.today, nonce: r.nonce, message: knownNumbers{a}.messageNumber(x.query.Message)}
	return x.lookAt(p)
}

func (x *smsReader) lookAt(p *piece) (missing []bitmaps.Field, err error) {
	counts := p.counting(x.query.Segment)
	for of := range series(allSeries) {
		for day, d := range p.days[of] {
			if !x.query.asksFor(of, day) {
				continue
			}
			who := roaring.And(d.bits, counts)
			if who.IsEmpty() {
				continue
			}
			f := dayField(of, day, p.number)
			stored, read := x.stored[f]
			stored, fits := stored.of(x.state, d)
			switch {
			case !read:
				missing = append(missing, f)
			case !fits:
				delete(x.stored, f) // to be read again
				err = errBehind
			}
			x.found.days = append(x.found.days, smsDay{of, day, who, stored.events, slices.Clone(d.since(stored.seq))})
		}
	}
	return missing, err
}

// asksFor tells whether a report is about a day's events.
func (q *SMSQuery) asksFor(of series, day segment.Date) bool {
	return day >= q.From && (of != sentSeries || day <= q.To)
}

// counting are the contacts that exist, and are members of the segment if one is named.
func (p *piece) counting(seg string) *roaring.Bitmap {
	words := make([]uint64, (len(p.contacts)+63)/64)
	slot := knownNumbers{p.account}.slot(seg)
	for i := range p.contacts {
		if p.contacts[i].facts.has(exists) && (seg == "" || p.members.has(slot, uint32(i))) {
			words[i/64] |= 1 << (i % 64)
		}
	}
	return roaring.FromDense(words, false)
}

// confirm looks whether what was read from Redis was of the state that the
// replica follows, and not of one that has taken its place.
func (x *smsReader) confirm(ctx context.Context) error {
	if len(x.stored) == 0 {
		return nil
	}
	head, err := x.replica.store.Head(ctx, x.replica.partition)
	if err == nil && head.Nonce != x.found.nonce {
		err = errBehind
	}
	return err
}

// events sorts what was found.
func (x *smsReader) events() *smsEvents {
	e := &smsEvents{}
	for i := range x.found.days {
		d := &x.found.days[i]
		known := make(map[bitmaps.Event]struct{}, len(d.since))
		for _, event := range d.since {
			known[event] = struct{}{}
			x.add(e, d, event)
		}
		for _, event := range d.stored {
			if _, twice := known[event]; !twice {
				x.add(e, d, event)
			}
		}
		d.stored, d.since = nil, nil
		delete(x.stored, dayField(d.of, d.day, x.number))
	}
	e.sort()
	return e
}

func (x *smsReader) add(e *smsEvents, d *smsDay, event bitmaps.Event) {
	if d.who.Contains(event.Contact) && (x.query.Message == "" || event.Message == x.found.message) {
		e.add(d.of, d.day, event)
	}
}

// named is the count with the names of messages and reasons in place of their numbers.
func (x *smsReader) named(c *smsCount) (*smsTally, error) {
	r := x.replica
	r.mu.RLock()
	defer r.mu.RUnlock()
	if r.state != x.state {
		return nil, errLost
	}
	t := newSMSTally()
	t.totals, t.days = c.totals, c.days
	a := r.state.accounts[x.def.ID]
	if a == nil {
		return t, nil
	}
	for number, m := range c.messages {
		id := a.messages.name(number)
		t.messages[id], t.titles[id] = m, a.messageTitles.at(number)
	}
	for number, n := range c.reasons {
		t.reasons[a.reasons.name(number)] += n // noReason has no name
	}
	return t, nil
}
