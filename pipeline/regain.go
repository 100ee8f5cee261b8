package pipeline

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"rollcall/bitmaps"
	"rollcall/consumers"
	"rollcall/pipeline/catalog"
)

// When Redis holds an older state than the one whose changes were published, or
// none, the log is read up to there, and nothing of what happens on the way is
// published. That ends at the very state whose memberships were published: the
// same offsets, definitions and day, and no erasure that came later. What
// differs from then on is published as ever.

// beyond tells whether the state has something that what was published has not:
// of an older snapshot of Redis, from before it was emptied, it is not known
// what of that was told. It can't be taken back, so such a state is made anew.
func (t *Task) beyond(told progress) bool {
	next := map[consumers.TopicPartition]int64{}
	for _, o := range told.Offsets {
		next[consumers.TopicPartition{Topic: o.Topic, Partition: o.Partition}] = o.Next
	}
	for tp, offset := range t.Offsets() {
		if offset > next[tp] {
			return true
		}
	}
	return t.state.composedFor() > told.Definitions || t.state.aheadOf(told.Now)
}

// goBack gives the state the definitions and the day of what was published.
func (t *Task) goBack(ctx context.Context, told progress, needed int64) error {
	then, err := t.definitionsAt(ctx, max(told.Definitions, needed))
	if err != nil {
		return fmt.Errorf("definitions as of offset %d: %w", told.Definitions, err)
	}
	t.state.publish, t.state.now = false, told.Now
	t.state.catalog, t.state.newer = then, t.Catalog
	return nil
}

// regain brings a state that was opened with goBack to where changes were published.
func (t *Task) regain(ctx context.Context, told progress) error {
	t.checkpoint.Lineage = t.held.Nonce()
	if err := t.composeAll(ctx, t.state.now); err != nil {
		return err
	}
	slices.SortFunc(told.Offsets, erasuresFirst)
	for _, o := range told.Offsets {
		tp := consumers.TopicPartition{Topic: o.Topic, Partition: o.Partition}
		if err := t.readUpTo(ctx, tp, o.Next); err != nil {
			return err
		}
	}
	definitions := t.state.catalog.Offset()
	t.state.publish, t.state.catalog, t.state.newer = true, t.Catalog, nil
	at := t.position(t.held.Seq(), &t.checkpoint)
	at.Definitions = definitions
	return t.changes.remember(ctx, at)
}

func erasuresFirst(a, b bitmaps.Offset) int {
	rank := func(o bitmaps.Offset) int {
		if o.Topic == TopicErasures {
			return 0
		}
		return 1
	}
	return cmp.Compare(rank(a), rank(b))
}

// definitionsAt folds the definitions below an offset.
func (t *Task) definitionsAt(ctx context.Context, end int64) (*catalog.Catalog, error) {
	then := catalog.New()
	_, err := t.Log.ReadAll(ctx, consumers.TopicPartition{Topic: TopicDefinitions}, 0, func(r *consumers.Record) error {
		for then.Offset() < min(r.Offset, end) {
			_ = then.Fold(then.Offset(), 0, nil) // a control record: refused like any entry that says nothing
		}
		if r.Offset < end {
			_ = then.Fold(r.Offset, r.Time, r.Value) // entries that are refused are part of the log
		}
		return nil
	})
	return then, err
}

// regainRecords is how many records a commit takes while a state is regained.
const regainRecords = 10_000

// readUpTo folds a source up to an offset.
func (t *Task) readUpTo(ctx context.Context, tp consumers.TopicPartition, end int64) error {
	from, known := t.Offsets()[tp]
	if !known || from >= end {
		return nil
	}
	var batch consumers.Batch
	flush := func(next int64) error {
		batch.Next = []consumers.NextOffset{{TopicPartition: tp, Offset: next}}
		batch.Skipped = next - from - int64(len(batch.Records))
		err := t.Process(ctx, &batch)
		from, batch.Records = next, batch.Records[:0]
		if t.rest != nil {
			t.rest()
		}
		return err
	}
	_, err := t.Log.ReadUpTo(ctx, tp, from, end, func(r *consumers.Record) error {
		batch.Records = append(batch.Records, r.Clone())
		if len(batch.Records) < regainRecords {
			return nil
		}
		return flush(r.Offset + 1)
	})
	if err != nil {
		return err
	}
	return flush(end)
}
