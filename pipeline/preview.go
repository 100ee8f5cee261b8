package pipeline

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"rollcall/bitmaps"
	"rollcall/pipeline/catalog"
	"rollcall/pipeline/segment"
)

// sampleSize is how many members a preview names.
const sampleSize = 10

// Preview counts who is in a definition that is not stored, exactly: its
// conditions are evaluated for every contact. It may be held against a segment
// that is stored: overlap is its id, or empty.
func (v *View) Preview(ctx context.Context, account string, def segment.Definition, overlap string) (Preview, Freshness, error) {
	known := v.Catalog.Account(account)
	if known == nil {
		return Preview{}, v.Freshness(account), ErrUnavailable
	}
	q := &previewed{account: known, day: v.today(known), from: def.From, where: funnel(def), other: known.Segment(overlap)}
	if overlap != "" && q.other == nil {
		return Preview{}, v.Freshness(account), ErrNotComposed
	}
	total, err := v.count(ctx, q)
	if err == nil && v.edited(account, q.other) {
		err = ErrNotComposed
	}
	if err != nil {
		return Preview{}, v.Freshness(account), err
	}
	return total.answer(q), v.sameDay(account, q.day, total.onDay), nil
}

// count counts in all partitions at once.
func (v *View) count(ctx context.Context, q *previewed) (tally, error) {
	parts := make([]tally, len(v.replicas))
	g, ctx := errgroup.WithContext(ctx)
	for i, r := range v.replicas {
		g.Go(func() (err error) {
			parts[i], err = r.preview(ctx, q)
			return err
		})
	}
	err := g.Wait()
	if err != nil && !errors.Is(err, ErrNotComposed) {
		err = fmt.Errorf("%w: %v", ErrUnavailable, err)
	}
	return sum(parts, q), err
}

// previewed is what a preview asks.
type previewed struct {
	account *catalog.Account
	day     segment.Date
	from    segment.Origin
	where   []segment.Condition // all of which hold for a member
	other   *catalog.Segment    // that it is held against; nil: none
}

// edited tells whether a segment is not what it was any more.
func (v *View) edited(account string, was *catalog.Segment) bool {
	if was == nil {
		return false
	}
	def := v.Catalog.Account(account)
	return def == nil || def.Segment(was.ID) == nil || def.Segment(was.ID).Version != was.Version
}

// funnel are the conditions that a definition joins, each of which is a step.
func funnel(def segment.Definition) []segment.Condition {
	if all, ok := def.Where.(segment.All); ok || def.Where == nil {
		return all
	}
	return []segment.Condition{def.Where}
}

// tally is what a preview counts in one partition.
type tally struct {
	steps  []int64 // who is left: of the origin, then after each condition
	reach  Reach
	sample []string
	both   int64 // in the other segment too
	others int64 // in the other segment
	onDay  bool
}

func newTally(q *previewed) tally {
	return tally{steps: make([]int64, 1+len(q.where)), sample: []string{}, onDay: true}
}

func sum(parts []tally, q *previewed) tally {
	total := newTally(q)
	for _, t := range parts {
		for i, n := range t.steps {
			total.steps[i] += n
		}
		total.reach.Members += t.reach.Members
		total.reach.ValidPhone += t.reach.ValidPhone
		total.reach.OptedIn += t.reach.OptedIn
		total.reach.Sendable += t.reach.Sendable
		total.sample = append(total.sample, t.sample...)
		total.both += t.both
		total.others += t.others
		total.onDay = total.onDay && t.onDay
	}
	total.sample = total.sample[:min(len(total.sample), sampleSize)]
	return total
}

func (t *tally) answer(q *previewed) Preview {
	p := Preview{Size: t.reach.Members, Reach: t.reach, Sample: t.sample}
	p.Funnel = append(p.Funnel, Step{Condition: q.from.String(), Size: t.steps[0]})
	for i, c := range q.where {
		p.Funnel = append(p.Funnel, Step{Condition: segment.Text(c), Size: t.steps[1+i]})
	}
	if q.other != nil {
		p.Overlap = &Overlap{q.other.ID, t.both, p.Size - t.both, t.others - t.both}
	}
	return p
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

// preview counts in one partition; once more where its state was replaced meanwhile.
func (r *replica) preview(ctx context.Context, q *previewed) (t tally, err error) {
	for range readTries {
		p := &previewer{ctx: ctx, replica: r, asked: q, tally: newTally(q)}
		if err = p.run(); !errors.Is(err, errLost) {
			return p.tally, err
		}
	}
	return t, err
}
