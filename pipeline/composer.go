package pipeline

import (
	"context"
	"maps"
	"slices"

	"rollcall/bitmaps"
	"rollcall/pipeline/segment"
)

// composer brings the accounts of a task to newer definitions and new days, a
// bounded part with every commit, so that live events never wait long.
type composer struct {
	queue   []*account
	queued  map[*account]bool
	upTo    int64    // the definitions that the queue brings everybody to
	dropped []string // accounts to delete with the next commit
	days    map[*zone]segment.Date
	urgent  bool // nothing else is to be done before all is composed
	turn    dayTurn
}

// Compose does a part of what definitions and days ask for, and tells whether
// there was any.
func (t *Task) Compose(ctx context.Context) (worked bool, err error) {
	return t.composeAt(ctx, max(t.state.now, t.Now().UnixMilli()))
}

func (t *Task) composeAt(ctx context.Context, now int64) (worked bool, err error) {
	defer t.endTurn()
	t.begin()
	t.state.now = now
	t.noteDefinitions()
	t.noteDays()
	t.noteComposing(t.checkpoint.Definitions < t.composer.upTo && !t.composer.urgent)
	cause, err := t.composeSome()
	if err != nil {
		return false, err
	}
	settled := len(t.composer.queue) == 0 && t.checkpoint.Definitions < t.composer.upTo
	if settled {
		t.checkpoint.Definitions = t.composer.upTo
		t.noteComposing(false)
	}
	if len(t.state.inCommit) == 0 && len(t.composer.dropped) == 0 && !settled && !t.forgets() {
		return false, t.changes.committed(ctx, t)
	}
	t.state.maintain(cause)
	t.endTurn() // Redis takes its time
	return true, t.commit(ctx)
}

// composeAll does all that is to be composed as of a moment.
func (t *Task) composeAll(ctx context.Context, now int64) error {
	t.composer.urgent = true
	defer func() { t.composer.urgent = false }()
	for {
		if worked, err := t.composeAt(ctx, now); err != nil || !worked {
			return err
		}
	}
}

// forgets tells whether it takes a commit, though there is nothing to commit,
// for an erased contact to leave the changelog. It stays there until what it
// entered and exited is published.
func (t *Task) forgets() bool {
	q := &t.state.flush
	return q.overdue(t.state.now) && t.changes.unpublished(t.state.seq) > q.erased.cut
}

// composedAll tells whether all accounts stand on the definitions of the
// checkpoint and on today.
func (t *Task) composedAll() bool {
	return len(t.composer.queue) == 0 && t.checkpoint.Definitions >= t.state.newest
}

// noteDefinitions queues the accounts whose definitions changed.
func (t *Task) noteDefinitions() {
	c := &t.composer
	changed, deleted, upTo := t.state.catalog.Since(c.upTo)
	if upTo == c.upTo {
		return
	}
	for _, def := range changed {
		if a := t.state.accounts[def.ID]; a != nil && a.plan.version <= def.Version {
			a.define(def, upTo)
			c.add(a)
		}
	}
	for _, id := range deleted {
		if t.state.accounts[id] != nil {
			t.drop(id)
		}
	}
	c.upTo = upTo
}

// drop deletes an account with this commit.
func (t *Task) drop(id string) {
	a := t.state.accounts[id]
	a.emit(bitmaps.Op{Code: bitmaps.OpDropAccount})
	a.deletes, a.grown, a.grownIn, a.moved = nil, nil, nil, nil
	t.composer.dropped = append(t.composer.dropped, id)
	delete(t.composer.queued, a)
	t.state.dropAccount(id)
}

// noteDays queues the accounts for which a day has begun.
func (t *Task) noteDays() {
	c := &t.composer
	turned := false
	for _, z := range t.state.zones {
		if day := z.day(t.state.now); c.days[z] < day {
			c.days[z], turned = day, true
		}
	}
	if !turned {
		return
	}
	for _, id := range slices.Sorted(maps.Keys(t.state.accounts)) {
		if a := t.state.accounts[id]; c.days[a.zone] > a.plan.today {
			a.define(a.def, a.plan.version)
			c.add(a)
		}
	}
}

func (c *composer) add(a *account) {
	if !c.queued[a] {
		c.queued[a] = true
		c.queue = append(c.queue, a)
	}
}

// fragmentWork is how many contacts can be settled while Redis deletes one
// fragment.
const fragmentWork = 8

// composeSome composes pieces until that is enough work. All of them have the
// same cause.
func (t *Task) composeSome() (cause bitmaps.Cause, err error) {
	c := &t.composer
	work := 0
	for len(c.queue) > 0 && work < t.Limits.Compose {
		a := c.queue[0]
		p := a.behind()
		if p == nil || !c.queued[a] {
			if c.queued[a] {
				a.sweep()
			}
			delete(c.queued, a)
			c.queue = c.queue[1:]
			continue
		}
		next := p.composeCause()
		if cause != 0 && next != cause {
			break
		}
		if next == bitmaps.CauseWindow && !t.takeTurn() {
			break
		}
		cause = next
		before := len(a.deletes)
		if _, err := p.compose((t.Limits.Compose - work) / fragmentWork); err != nil {
			return 0, err
		}
		work += 1 + p.marked() + fragmentWork*(len(a.deletes)-before)
		if p.plan != a.plan && p.marked() > 0 {
			break // what it marked is of the plan that it is on, and is settled before the next
		}
	}
	return cause, nil
}

// behind is a piece that is not on the account's plan.
func (a *account) behind() *piece {
	for _, p := range a.pieces {
		if p.plan != a.plan {
			return p
		}
	}
	return nil
}
