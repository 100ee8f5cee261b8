package pipeline

import (
	"context"
	"rollcall/pipeline/segment"
)

// previewer counts in one partition, piece by piece. Whoever is to change the
// replica waits for a piece at most, and never for Redis.
type previewer struct {
	ctx     context.Context
	replica *replica
	asked   *previewed
	of      *state // that is counted in; another one numbers its contacts otherwise
	tally
	evaluator
	stored storedDays // of the piece that is at hand
}

func (c *previewer) run() error {
	c.times = true
	for number, more := 0, true; more; number++ {
		c.stored = storedDays{}
		err := c.replica.retrying(c.ctx, func() (err error) {
			more, err = c.count(number)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// count counts in a piece, once all events are at hand that it takes. It tells
// whether there is such a piece.
func (c *previewer) count(number int) (more bool, err error) {
	for {
		missing, more, err := c.try(number)
		if err != nil || len(missing) == 0 {
			return more, err
		}
		if err := c.read(missing); err != nil {
			return false, err
		}
	}
}

// try counts in a piece, or tells which days' events are missing.
func (c *previewer) try(number int) (missing []dayKey, more bool, err error) {
	r := c.replica
	r.mu.RLock()
	defer r.mu.RUnlock()
	if c.of == nil {
		c.of = r.state
	}
	if c.of != r.state {
		return nil, false, errLost
	}
	if other := c.asked.other; other != nil && r.checkpoint.Definitions <= other.Version {
		return nil, false, ErrNotComposed
	}
	a := c.of.accounts[c.asked.account.ID]
	if a == nil || number >= len(a.pieces) {
		return nil, false, nil
	}
	p := a.pieces[number]
	plan, steps := c.compile(a)
	if missing = c.stored.missing(p, plan); len(missing) > 0 {
		return missing, true, nil
	}
	scratch, err := c.onPlan(p, plan)
	if err != nil {
		return nil, true, err
	}
	c.begin(scratch)
	c.onDay = c.onDay && p.today == c.asked.day
	c.steps(steps)
	return nil, true, nil
}

// compile makes what is asked ready for an account as it is now: the origin, and each condition.
func (c *previewer) compile(a *account) (*plan, []node) {
	days := c.asked.account.RetentionDays
	compiler := newCompiler(newPlan(c.asked.day, days), knownNumbers{a}, days)
	steps := []node{compiler.definition(segment.Definition{From: c.asked.from})}
	steps = append(steps, compiler.conditions(c.asked.where)...)
	return compiler.finish(), steps
}

// steps counts who is left after each condition, and who of the last can be reached.
func (c *previewer) steps(conditions []node) {
	left, of := c.take(), c.take()
	*left = everybody
	for i := range conditions {
		c.put(of, &conditions[i])
		left.and(of)
		c.tally.steps[i] += left.count()
	}
	c.reached(left)
	c.overlap(left)
	for contact := range left.all() {
		if len(c.sample) == sampleSize {
			break
		}
		c.sample = append(c.sample, c.piece.account.contacts.name(c.piece.of(contact)))
	}
	c.give(left)
	c.give(of)
}

func (c *previewer) reached(members *contactSet) {
	both := c.take()
	*both = *c.fact(validPhone)
	both.and(c.fact(optedIn))
	c.reach.Members += members.count()
	c.reach.ValidPhone += members.countBoth(c.fact(validPhone))
	c.reach.OptedIn += members.countBoth(c.fact(optedIn))
	c.reach.Sendable += members.countBoth(both)
	c.give(both)
}

// overlap counts who is in the other segment, as it is stored.
func (c *previewer) overlap(members *contactSet) {
	if c.asked.other == nil {
		return
	}
	if slot, ok := c.piece.account.slots[c.asked.other.ID]; ok {
		in := c.take()
		in.putColumn(c.piece.members, slot)
		c.both += members.countBoth(in)
		c.others += in.count()
		c.give(in)
	}
}
