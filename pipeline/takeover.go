package pipeline

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"rollcall/bitmaps"
	"rollcall/consumers"
)

// conclude brings a rebuilt state, which is near, to where the live one stands,
// compares them, and takes it over or gives it up. done is false if that has to
// wait; no harm is done then. The live task calls it between two batches.
func (t *Task) conclude(ctx context.Context, r *rebuild) (done bool, err error) {
	if !t.changes.idle() {
		return false, nil
	}
	same, err := t.meet(ctx, r)
	if !same || err != nil {
		return false, err
	}
	differences := compareStates(t.state, r.task.state)
	r.report.Differences = int64(len(differences))
	r.report.Listed = differences[:min(len(differences), listedAtMost)]
	if !r.TakeOver {
		return true, t.giveUp(ctx, r)
	}
	if err := r.task.prepare(ctx, t, differences); err != nil {
		return false, r.stopped(ctx, err)
	}
	if err := t.replaceBy(ctx, r.task, differences); err != nil {
		return false, err
	}
	return true, r.tell(ctx, RebuildTaken, nil)
}

// meet brings a task and a rebuilt state to the same offsets, definitions and day.
func (t *Task) meet(ctx context.Context, r *rebuild) (same bool, err error) {
	n := r.task
	now := max(t.state.now, n.state.now, t.Now().UnixMilli())
	if err := t.composeAll(ctx, now); err != nil {
		return false, err
	}
	if err := n.composeAll(ctx, now); err != nil {
		return false, r.stopped(ctx, err)
	}
	for _, o := range slices.SortedFunc(slices.Values(t.checkpoint.Offsets), erasuresFirst) {
		tp := consumers.TopicPartition{Topic: o.Topic, Partition: o.Partition}
		if err := n.readUpTo(ctx, tp, o.Next); err != nil {
			return false, r.stopped(ctx, err)
		}
	}
	return maps.Equal(t.Offsets(), n.Offsets()) && t.composer.upTo == n.composer.upTo && t.changes.idle(), nil
}

// idle tells whether nothing waits to be published.
func (p *publisher) idle() bool {
	return p == nil || len(p.pending)+len(p.ahead) == 0 && p.upTo.Load() >= p.last
}

// settle waits until nothing waits to be published, but not for long.
func (p *publisher) settle(ctx context.Context, most time.Duration) {
	for began := time.Now(); !p.idle() && ctx.Err() == nil && time.Since(began) < most; {
		pause(ctx, time.Millisecond)
	}
}

// giveUp deletes a rebuilt state.
func (t *Task) giveUp(ctx context.Context, r *rebuild) error {
	if err := t.dropBeside(ctx); err != nil {
		return err
	}
	t.begin()
	t.checkpoint.Rebuilt = r.ID
	if err := t.commit(ctx); err != nil {
		return err
	}
	return r.tell(ctx, RebuildGivenUp, nil)
}

// compareStates finds the memberships that differ, ordered by account, segment
// and contact.
func compareStates(live, anew *state) (all []Difference) {
	for id, b := range anew.accounts {
		a := live.accounts[id]
		if a == nil {
			a = newAccount(live, id)
		}
		all = append(all, compareAccounts(a, b)...)
	}
	for id, a := range live.accounts {
		if anew.accounts[id] == nil {
			all = append(all, compareAccounts(a, newAccount(anew, id))...)
		}
	}
	slices.SortFunc(all, func(x, y Difference) int {
		return cmp.Or(strings.Compare(x.Account, y.Account), strings.Compare(x.Segment, y.Segment), strings.Compare(x.Contact, y.Contact))
	})
	return all
}

// shared is the columns of a segment in two accounts; -1: none.
type shared struct {
	id         string
	live, anew int
}

func compareAccounts(live, anew *account) (all []Difference) {
	var segments []shared
	for id, slot := range anew.slots {
		segments = append(segments, shared{id, live.column(id), slot})
	}
	for id, slot := range live.slots {
		if _, both := anew.slots[id]; !both {
			segments = append(segments, shared{id, slot, -1})
		}
	}
	add := func(contact string, was, is *piece, wasAt, isAt uint32) {
		for _, s := range segments {
			before, after := was.member(s.live, wasAt), is.member(s.anew, isAt)
			if before != after {
				all = append(all, Difference{Account: anew.id, Segment: s.id, Contact: contact, Change: changeName(after)})
			}
		}
	}
	for number, name := range anew.contacts.all() {
		if name != "" {
			is, isAt := anew.at(number)
			was, wasAt := live.named(name)
			add(name, was, is, wasAt, isAt)
		}
	}
	for number, name := range live.contacts.all() {
		if _, both := anew.contacts.lookup(name); name != "" && !both {
			was, wasAt := live.at(number)
			add(name, was, nil, wasAt, 0)
		}
	}
	return all
}

func changeName(member bool) string {
	if member {
		return "entered"
	}
	return "exited"
}

// column is the slot of a segment, -1 if it has none.
func (a *account) column(id string) int {
	if slot, ok := a.slots[id]; ok {
		return slot
	}
	return -1
}

// named finds a contact by name; the piece is nil if nobody has it.
func (a *account) named(name string) (*piece, uint32) {
	number, ok := a.contacts.lookup(name)
	if !ok {
		return nil, 0
	}
	return a.at(number)
}

func (p *piece) member(slot int, contact uint32) bool {
	return p != nil && slot >= 0 && p.members.has(slot, contact)
}

// prepare makes a rebuilt state ready to take the place of a live one: its totals
// of entered and exited go on from there, and all of it is in fragments.
func (t *Task) prepare(ctx context.Context, live *Task, differences []Difference) error {
	for id, a := range t.state.accounts {
		if was := live.state.accounts[id]; was != nil {
			a.takeTotals(was, tallied(differences, id))
		}
	}
	return t.drain(ctx)
}

// replaceBy takes the state of another task over in one step, with the
// differences as changes of memberships on top.
func (t *Task) replaceBy(ctx context.Context, n *Task, differences []Difference) error {
	at := t.held.Replacement(n.held)
	s := n.state
	s.seq, s.publish, s.flush.limits = at.Seq, t.Publish, &t.Limits
	entry := bitmaps.NewEntry(nil)
	s.tellDifferences(differences)
	for _, a := range s.inCommit {
		entry, _ = a.finish(entry, nil)
		a.inCommit = false
	}
	s.inCommit = s.inCommit[:0]
	entry = bitmaps.SealEntry(entry)
	c := n.checkpoint.Clone()
	c.Lineage, c.Changelog, c.Writer, c.Seq = t.checkpoint.Lineage, at.First, at.Nonce, at.Seq
	if err := t.held.Replace(ctx, n.held, c.Encode(), entry); err != nil {
		return err
	}
	s.events = t.state.events
	t.state, t.composer, t.checkpoint, t.audited = s, n.composer, c, nil
	return t.changes.committed(ctx, t)
}

// drain folds all of the changelog into fragments.
func (t *Task) drain(ctx context.Context) error {
	t.state.flush.limits, t.state.flush.enough = &Limits{Flush: t.Limits.Flush}, 0
	for len(t.state.flush.waiting)+len(t.state.flush.round) > 0 {
		t.begin()
		if err := t.commit(ctx); err != nil {
			return err
		}
	}
	return nil
}

// crossings are how many enter and leave a segment.
type crossings struct{ on, off uint64 }

func tallied(differences []Difference, account string) map[string]crossings {
	all := map[string]crossings{}
	for _, d := range differences {
		if d.Account != account {
			continue
		}
		n := all[d.Segment]
		if d.Change == changeName(true) {
			n.on++
		} else {
			n.off++
		}
		all[d.Segment] = n
	}
	return all
}

// takeTotals goes on counting who entered and exited where the live state ended,
// so that with the differences on top they come to the members that there are.
func (a *account) takeTotals(live *account, differences map[string]crossings) {
	for id, slot := range a.slots {
		was := live.column(id)
		if was < 0 {
			continue
		}
		members, d, t := a.memberCount(slot), differences[id], live.totals[was]
		t.Entered = max(t.Entered, members+d.off)
		t.Exited = t.Entered + d.on - d.off - members
		a.totals[slot] = t
		a.dirty(bitmaps.Field{Kind: bitmaps.Meta})
	}
}

func (a *account) memberCount(slot int) (n uint64) {
	for _, p := range a.pieces {
		if slot < len(p.members) {
			members, _ := p.members[slot].count(&column{})
			n += uint64(members)
		}
	}
	return n
}

// tellDifferences puts the differences into the commit in the making.
func (s *state) tellDifferences(differences []Difference) {
	for len(differences) > 0 {
		first := differences[0]
		n := slices.IndexFunc(differences, func(d Difference) bool { return d.Account != first.Account || d.Segment != first.Segment })
		if n < 0 {
			n = len(differences)
		}
		if a := s.account([]byte(first.Account)); a != nil && a.column(first.Segment) >= 0 {
			a.tellSegment(first.Segment, differences[:n])
		}
		differences = differences[n:]
	}
}

func (a *account) tellSegment(id string, differences []Difference) {
	op := bitmaps.Op{Code: bitmaps.OpMembers, Cause: bitmaps.CauseReplay, Name: id}
	for _, d := range differences {
		number, known := a.contacts.lookup(d.Contact)
		if !known {
			number = a.stranger(d.Contact)
		}
		if d.Change == changeName(true) {
			op.On = append(op.On, number)
		} else {
			op.Off = append(op.Off, number)
		}
	}
	slices.Sort(op.On)
	slices.Sort(op.Off)
	slot := a.slots[id]
	a.totals[slot].Entered += uint64(len(op.On))
	a.totals[slot].Exited += uint64(len(op.Off))
	a.dirty(bitmaps.Field{Kind: bitmaps.Meta})
	a.emit(op)
	if a.state.publish {
		a.state.collect(a, &op)
	}
}

// stranger gives a number to a contact that only the other state knew, as if it
// had been erased, so that it can be told who left.
func (a *account) stranger(id string) uint32 {
	for number, former := range a.former {
		if former == id {
			return number
		}
	}
	number := a.contact([]byte(id))
	a.former[number] = id
	a.emit(bitmaps.Op{Code: bitmaps.OpForget, Number: number, Flag: true, Name: id})
	a.contacts.drop(number)
	return number
}
