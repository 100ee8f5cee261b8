package pipeline

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"time"

	"golang.org/x/sync/errgroup"

	"rollcall/bitmaps"
	"rollcall/pipeline/catalog"
	"rollcall/pipeline/segment"
)

// sampleSize is how many members a preview names.
const sampleSize = 10

// Preview counts who is in a definition that is not stored, exactly: it is
// compiled like any segment and evaluated for every contact.
func (v *View) Preview(ctx context.Context, account string, def segment.Definition) (Preview, Freshness, error) {
	known := v.Catalog.Account(account)
	if known == nil {
		return Preview{}, v.Freshness(account), ErrUnavailable
	}
	day := v.today(known)
	steps := funnel(def)
	parts := make([]tally, len(v.replicas))
	g, ctx := errgroup.WithContext(ctx)
	for i, r := range v.replicas {
		g.Go(func() error {
			return r.retrying(ctx, func() (err error) {
				parts[i], err = r.preview(ctx, known, steps, day)
				return err
			})
		})
	}
	if err := g.Wait(); err != nil {
		return Preview{}, v.Freshness(account), fmt.Errorf("%w: %v", ErrUnavailable, err)
	}
	total, sameDay := sum(parts, len(steps))
	p := Preview{Size: total.steps[len(steps)-1], Reach: total.reach, Sample: total.sample}
	for i, s := range steps {
		p.Funnel = append(p.Funnel, Step{Condition: s.label, Size: total.steps[i]})
	}
	return p, v.sameDay(account, day, sameDay), nil
}

// funnelStep is a definition with some of the conditions, the first ones.
type funnelStep struct {
	label string // the last of them
	def   segment.Definition
}

func funnel(def segment.Definition) []funnelStep {
	steps := []funnelStep{{def.From.String(), segment.Definition{From: def.From}}}
	all, ok := def.Where.(segment.All)
	switch {
	case def.Where == nil:
	case !ok:
		steps = append(steps, funnelStep{segment.Text(def.Where), def})
	default:
		for i := range all {
			steps = append(steps, funnelStep{segment.Text(all[i]), segment.Definition{From: def.From, Where: all[:i+1]}})
		}
	}
	return steps
}

// tally is what a preview counts in one partition.
type tally struct {
	steps  []int64
	reach  Reach
	sample []string
	onDay  bool
}

func sum(parts []tally, steps int) (total tally, onDay bool) {
	total, onDay = tally{steps: make([]int64, steps), sample: []string{}}, true
	for _, t := range parts {
		for i, n := range t.steps {
			total.steps[i] += n
		}
		total.reach.Members += t.reach.Members
		total.reach.ValidPhone += t.reach.ValidPhone
		total.reach.OptedIn += t.reach.OptedIn
		total.reach.Sendable += t.reach.Sendable
		total.sample = append(total.sample, t.sample...)
		onDay = onDay && t.onDay
	}
	total.sample = total.sample[:min(len(total.sample), sampleSize)]
	return total, onDay
}

const (
	readTries = 100
	readPause = 5 * time.Millisecond
)

// retrying does what reads events from Redis; where that is ahead of the
// replica, the replica gets time to follow.
func (r *replica) retrying(ctx context.Context, try func() error) (err error) {
	for range readTries {
		err = try()
		if errors.Is(err, bitmaps.ErrDamaged) {
			r.damaged(ctx, err)
		}
		if !errors.Is(err, errBehind) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(readPause):
		}
	}
	return err
}

// preview counts in one partition.
func (r *replica) preview(ctx context.Context, def *catalog.Account, steps []funnelStep, day segment.Date) (tally, error) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	t := tally{steps: make([]int64, len(steps)), onDay: true}
	a := r.state.accounts[def.ID]
	if a == nil {
		return t, nil
	}
	t.onDay = a.isOn(day)
	c := newCompiler(newPlan(day, def.RetentionDays), knownNumbers{a}, def.RetentionDays)
	for _, s := range steps {
		c.add(&planned{}, s.def)
	}
	plan := c.finish()
	for _, p := range a.pieces {
		scratch, err := p.forPreview(plan, &previewEvents{ctx: ctx, replica: r, piece: p})
		if err != nil {
			return t, err
		}
		scratch.tally(&t)
	}
	return t, nil
}

// forPreview is the piece's contacts on another plan. It shares what it only reads.
func (p *piece) forPreview(plan *plan, events eventReader) (*piece, error) {
	state := &state{events: events, follows: true, flush: flushQueue{}}
	a := &account{state: state, id: p.account.id, contacts: p.account.contacts}
	scratch := &piece{
		account: a, number: p.number, contacts: p.contacts, lists: p.lists, members: p.members, restoring: true,
	}
	if len(plan.counters) > 0 {
		for b := range segment.Behaviours {
			scratch.days[b] = byDay{}
			for day, d := range p.days[b] {
				scratch.days[b][day] = &daySet{bits: d.bits, runs: []int{1}} // events are asked for
			}
		}
	}
	scratch.plan = newPlan(plan.today, 0)
	return scratch, scratch.recount(plan)
}

// tally counts the contacts that are left after each step.
func (p *piece) tally(t *tally) {
	last := len(p.plan.segments) - 1
	for contact := range p.contacts {
		known := p.contacts[contact].facts
		if !known.has(exists) {
			continue
		}
		for i, s := range p.plan.segments {
			if !s.member.holds(p, uint32(contact)) {
				break
			}
			t.steps[i]++
			if i == last {
				t.count(known, p.account.contacts.names[p.of(uint32(contact))])
			}
		}
	}
}

func (t *tally) count(known facts, id string) {
	t.reach.Members++
	if known.has(validPhone) {
		t.reach.ValidPhone++
	}
	if known.has(optedIn) {
		t.reach.OptedIn++
	}
	if known.has(sendable) {
		t.reach.Sendable++
	}
	if len(t.sample) < sampleSize {
		t.sample = append(t.sample, id)
	}
}

// knownNumbers looks names up without giving new ones numbers.
type knownNumbers struct{ *account }

const unknownNumber = math.MaxUint32

func (k knownNumbers) listNumber(kind segment.Kind, name string) uint32 {
	if n, ok := k.lists.byName[listKey(kind, name)]; ok {
		return n
	}
	return unknownNumber
}

func (k knownNumbers) messageNumber(name string) uint32 {
	if n, ok := k.messages.byName[name]; ok {
		return n
	}
	return unknownNumber
}

func (k knownNumbers) slot(id string) int {
	if n, ok := k.slots[id]; ok {
		return n
	}
	return math.MaxInt32
}

// previewEvents reads a day's events as of the replica's position: the stored
// runs, and what came after them.
type previewEvents struct {
	ctx     context.Context
	replica *replica
	piece   *piece
}

func (e *previewEvents) readEvents(account string, piece uint32, of series, day segment.Date, _ int) ([]bitmaps.Event, error) {
	r, d, f := e.replica, e.piece.days[of][day], dayField(of, day, piece)
	all, err := r.readDays(e.ctx, account, f)
	if err != nil {
		return nil, err
	}
	stored, fits := all[f].of(r.state, d)
	if !fits {
		return nil, errBehind
	}
	return distinct(stored.events, d, stored.seq), nil
}

// distinct adds the events that came after seq to those that runs hold, without
// those of contacts that have none any more.
func distinct(stored []bitmaps.Event, d *daySet, seq uint64) []bitmaps.Event {
	set := make(map[bitmaps.Event]struct{}, len(stored))
	for _, e := range stored {
		if d.bits.Contains(e.Contact) {
			set[e] = struct{}{}
		}
	}
	for _, e := range d.since(seq) {
		set[e] = struct{}{}
	}
	events := make([]bitmaps.Event, 0, len(set))
	for e := range maps.Keys(set) {
		events = append(events, e)
	}
	return events
}
