package pipeline

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"strings"

	"rollcall/bitmaps"
	"rollcall/consumers"
)

// Changes are told first, and then up to where they are. A process that ends in
// between leaves changes that were told ahead of what is remembered. With the
// state that they are of, they are found in the changelog, and told again. But
// if Redis then loses that state, too, the same records may make other changes,
// or none: so what was told ahead is held against what is so, before anything
// else is told of the same contacts and segments.

// whom a change is about.
type whom struct{ account, segment, contact string }

func (c *Change) whom() whom { return whom{c.Account, c.Segment, c.Contact} }

func (w whom) compare(other whom) int {
	return cmp.Or(strings.Compare(w.account, other.account), strings.Compare(w.segment, other.segment),
		strings.Compare(w.contact, other.contact))
}

// readAhead reads what was told beyond an offset, as a follower does.
func (p *publisher) readAhead(ctx context.Context, from int64) error {
	p.tail, p.ahead = from, map[whom]Change{}
	known := map[string]bool{}
	take := func(r *consumers.Record) error {
		var c Change
		if err := json.Unmarshal(r.Value, &c); err != nil {
			slog.Warn("a change can't be read", "partition", r.TopicPartition.String(), "offset", r.Offset, "err", err)
		} else if !known[c.ID] {
			known[c.ID], p.ahead[c.whom()] = true, c
		}
		return nil
	}
	tp := consumers.TopicPartition{Topic: TopicSegmentChanges, Partition: p.partition}
	_, err := p.log.ReadAll(ctx, tp, from, take)
	if lost := (*consumers.OffsetLostError)(nil); errors.As(err, &lost) { // it keeps a week
		_, err = p.log.ReadAll(ctx, tp, -1, take)
	}
	return err
}

// reconcile puts in place of what is to be told of those of whom was told ahead
// the difference between that and what is so now.
func (p *publisher) reconcile(t *Task) {
	if len(p.ahead) == 0 {
		return
	}
	for i := range p.pending {
		p.pending[i] = p.pending[i].without(func(w whom) bool { _, told := p.ahead[w]; return told })
	}
	for _, w := range slices.SortedFunc(maps.Keys(p.ahead), whom.compare) {
		told := p.ahead[w]
		is, known := t.isMember(w)
		if !known || is == (told.Change == "entered") {
			continue
		}
		told.ID += "/not"
		told.Change, told.Cause = "exited", causeNames[bitmaps.CauseReplay]
		if is {
			told.Change = "entered"
		}
		p.pending = append(p.pending, runOf(told))
	}
	p.ahead = nil
}

// isMember looks a membership up; unknown are those of accounts that do not
// exist any more.
func (t *Task) isMember(w whom) (is, known bool) {
	a := t.state.accounts[w.account]
	if a == nil {
		return false, t.Catalog.Account(w.account) != nil
	}
	number, exists := a.contacts.lookup(w.contact)
	slot, defined := a.slots[w.segment]
	if !exists || !defined {
		return false, true
	}
	p, contact := a.at(number)
	return p.members.has(slot, contact), true
}
