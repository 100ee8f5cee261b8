package pipeline

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"

	"rollcall/bitmaps"
	"rollcall/consumers"
	"rollcall/pipeline/catalog"
)

// regain reads the log up to where changes were published, when Redis holds an
// older state or none, and publishes nothing of what happens on the way. That
// ends at the very state whose memberships were published: the same offsets,
// definitions and day, and no erasure that came later. What differs from then
// on is published as ever.
func (t *Task) regain(ctx context.Context, told progress) error {
	live := t.Catalog
	then, err := t.definitionsAt(ctx, told.Definitions)
	if err != nil {
		return fmt.Errorf("definitions as of offset %d: %w", told.Definitions, err)
	}
	t.checkpoint.Lineage = rand.Text()
	t.state.publish, t.state.now = false, min(told.Now, t.state.now)
	t.state.catalog, t.state.newer = then, live
	slices.SortFunc(told.Offsets, erasuresFirst)
	for _, o := range told.Offsets {
		tp := consumers.TopicPartition{Topic: o.Topic, Partition: o.Partition}
		if err := t.readUpTo(ctx, tp, o.Next); err != nil {
			return err
		}
	}
	t.state.publish, t.state.catalog, t.state.newer = true, live, nil
	t.composer.upTo = min(t.composer.upTo, told.Definitions)
	at := t.position(t.held.Seq(), &t.checkpoint)
	at.Definitions = told.Definitions
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

var errReached = errors.New("reached")

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
		return err
	}
	_, err := t.Log.ReadAll(ctx, tp, from, func(r *consumers.Record) error {
		if r.Offset >= end {
			return errReached
		}
		batch.Records = append(batch.Records, r.Clone())
		if len(batch.Records) < regainRecords {
			return nil
		}
		return flush(r.Offset + 1)
	})
	if err != nil && !errors.Is(err, errReached) {
		return err
	}
	return flush(end)
}
