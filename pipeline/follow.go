package pipeline

import (
	"context"
	"fmt"
	"time"

	"rollcall/pipeline/catalog"
	"rollcall/pipeline/segment"
)

// FollowUpdate is what Follow tells: who came to the recipients of a segment
// and who left them, or how fresh is what was told so far.
type FollowUpdate struct {
	Segment         string
	Entered, Exited []string   // contacts
	Freshness       *Freshness // nil: this tells of a segment
	DayEnds         time.Time  // with Freshness: until then the account's day is what it is
}

// followBeat is how often Follow tells how fresh all is, at least.
const followBeat = time.Second

// follower tells who can be sent to in some segments. It remembers what it told
// in bitmaps, and looks for what differs: whoever takes it slowly gets less in
// between, and nothing waits for him.
type follower struct {
	view     *View
	account  string
	segments []string
	tell     func(FollowUpdate) error
	parts    []*followed
	fresh    bool      // what was told last
	told     time.Time // when it was
}

// Follow tells the recipients of segments, and from then on who comes and goes,
// until ctx ends (nil), tell fails, or a segment is no more (ErrNotComposed).
//
// All that a fresh Freshness is about was told before it. What follows is told
// in the order of commits, or left out if it was undone since. If a partition
// is read anew, and may be an older state than what was told, a Freshness that
// is not fresh comes first.
func (v *View) Follow(ctx context.Context, account string, segments []string, tell func(FollowUpdate) error) error {
	f := newFollower(v, account, segments, tell)
	defer f.close()
	watch := v.Watch(account, segments).(*watch)
	defer watch.Close()
	for {
		if err := f.round(ctx); err != nil || ctx.Err() != nil {
			return err
		}
		wait, cancel := context.WithTimeout(ctx, followBeat)
		_ = watch.wait(wait)
		cancel()
	}
}

func newFollower(v *View, account string, segments []string, tell func(FollowUpdate) error) *follower {
	f := &follower{view: v, account: account, segments: segments, tell: tell}
	for _, r := range v.replicas {
		f.parts = append(f.parts, r.followed(account))
	}
	return f
}

func (f *follower) close() {
	for _, p := range f.parts {
		p.replica.unfollow(p)
	}
}

// round tells what changed since the last, and how fresh that is if it is time to.
// The freshness is asked for before the look. A state only goes on, so what was
// looked at has all that the freshness is about, unless another took its place.
func (f *follower) round(ctx context.Context) error {
	def := f.view.Catalog.Account(f.account)
	for _, id := range f.segments {
		if def == nil || def.Segment(id) == nil {
			return ErrNotComposed
		}
	}
	due := !f.fresh || f.view.Now().Sub(f.told) >= followBeat
	if !due {
		_, err := f.look(ctx, nil)
		return err
	}
	states := f.states()
	is := f.freshness(def)
	if f.fresh && !is.Freshness.Fresh {
		if err := f.say(is); err != nil {
			return err
		}
	}
	same, err := f.look(ctx, states)
	if err != nil || ctx.Err() != nil || !same {
		return err
	}
	f.demandComposed(def, is.Freshness)
	if !is.Freshness.Fresh && f.view.Now().Sub(f.told) < followBeat {
		return nil // was said
	}
	return f.say(is)
}

func (f *follower) states() (states []*state) {
	for _, p := range f.parts {
		p.replica.mu.RLock()
		states = append(states, p.replica.state)
		p.replica.mu.RUnlock()
	}
	return states
}

func (f *follower) freshness(def *catalog.Account) FollowUpdate {
	freshness := f.view.Freshness(f.account)
	f.demandComposed(def, &freshness)
	return FollowUpdate{Freshness: &freshness, DayEnds: dayEnds(f.view.Now().In(def.Zone))}
}

// demandComposed makes a freshness none if a segment is not composed.
func (f *follower) demandComposed(def *catalog.Account, is *Freshness) {
	for _, id := range f.segments {
		if !f.view.composed(def, id) {
			is.Fresh, is.Missing = false, append(is.Missing, fmt.Sprintf("not every partition has composed %s", id))
		}
	}
}

// say tells how fresh all is that was told.
func (f *follower) say(u FollowUpdate) error {
	f.fresh, f.told = u.Freshness.Fresh, f.view.Now()
	return f.tell(u)
}

// look tells what changed in all partitions, and whether they still have these states.
func (f *follower) look(ctx context.Context, states []*state) (same bool, err error) {
	same = true
	for i, p := range f.parts {
		for more := true; more && ctx.Err() == nil; {
			var changes []FollowUpdate
			var replaced bool
			changes, replaced, more, err = p.look(f.segments)
			if err == nil && replaced && f.fresh {
				err = f.say(f.replaced(i))
			}
			for c := 0; err == nil && c < len(changes); c++ {
				err = f.tell(changes[c])
			}
			if err != nil {
				return false, err
			}
		}
		same = same && (states == nil || p.state == states[i])
	}
	return same, nil
}

func (f *follower) replaced(partition int) FollowUpdate {
	missing := []string{fmt.Sprintf("partition %d: was read anew", partition)}
	return FollowUpdate{Freshness: &Freshness{Position: f.view.position(), Missing: missing}}
}

// dayEnds is when the calendar day of now ends, in now's zone.
func dayEnds(now time.Time) time.Time {
	today := segment.DateOf(now)
	y, m, d := now.Date()
	ends := time.Date(y, m, d+1, 0, 0, 0, 0, now.Location())
	for segment.DateOf(ends) == today { // clocks change at midnight
		ends = ends.Add(15 * time.Minute)
	}
	return ends
}
