package pipeline

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"golang.org/x/sync/semaphore"

	"rollcall/bitmaps"
	"rollcall/consumers"
	"rollcall/pipeline/segment"
)

// ownerFragments is what the owner of a partition reads: all but the events.
const ownerFragments = "[^e]*"

// Open takes a partition over: it fences whoever had it, reads its state from
// Redis, and the erasures to their end. marks are the watermarks of all the
// partitions that the task reads. A state that Redis lost or damaged, or that is
// of an older format, is made anew from the log. The error is a *LossError if
// Kafka has lost what is needed, and a *bitmaps.FormatError if the state is of a
// newer format, which is left as it is.
func Open(ctx context.Context, cfg Config, partition int32, marks map[consumers.TopicPartition]consumers.Watermark) (*Task, error) {
	held, checkpoint, fresh, err := cfg.Store.Open(ctx, partition)
	if err != nil && !errors.Is(err, bitmaps.ErrDamaged) {
		return nil, err
	}
	cfg.Limits = cfg.Limits.withDefaults()
	if cfg.Rebuilds == nil {
		cfg.Rebuilds = semaphore.NewWeighted(1)
	}
	t := &Task{Config: cfg, partition: partition, held: held, checkpoint: checkpoint, decoder: decoder{inputs: cfg.Inputs}}
	if err := t.open(ctx, marks, fresh, err); err != nil {
		return nil, fmt.Errorf("open partition %d: %w", partition, err)
	}
	if t.Replays != nil {
		t.copier = newCopier(t)
	}
	return t, nil
}

func (t *Task) open(ctx context.Context, marks map[consumers.TopicPartition]consumers.Watermark, fresh bool, damage error) error {
	if err := t.recall(ctx); err != nil {
		return fmt.Errorf("progress: %w", err)
	}
	t.reset(ctx)
	if !fresh && damage == nil {
		if damage = t.restore(ctx); damage != nil && !errors.Is(damage, bitmaps.ErrDamaged) && !errors.Is(damage, errBehind) {
			return damage
		}
	}
	if fresh {
		if err := t.beginAnew(ctx); err != nil {
			return err
		}
	}
	if err := t.admit(ctx, marks, fresh || damage != nil || len(t.checkpoint.Offsets) == 0, damage); err != nil {
		return err
	}
	if damage != nil {
		if other, ok := errors.AsType[*bitmaps.FormatError](damage); ok {
			slog.Warn("the state in redis is of an older format and is made anew from the log", "partition", t.partition, "found", other.Found, "format", bitmaps.Format)
		} else {
			slog.Error("the state in redis is damaged and is made anew from the log", "partition", t.partition, "err", damage)
		}
		if err := t.beginAnew(ctx); err != nil {
			return err
		}
	}
	if err := t.begins(ctx, marks); err != nil {
		return fmt.Errorf("where the state begins: %w", err)
	}
	if t.Publish {
		if err := t.resume(ctx, fresh || damage != nil); err != nil {
			return fmt.Errorf("changes: %w", err)
		}
	}
	if err := t.settleDefinitions(ctx); err != nil {
		return fmt.Errorf("definitions: %w", err)
	}
	if err := t.readErasures(ctx); err != nil {
		return fmt.Errorf("erasures: %w", err)
	}
	return nil
}

// settleDefinitions composes a state that was read and that is of older
// definitions than those of now. Those of then are not at hand, so no record is
// folded before: it would be settled by segments that the state does not stand for.
func (t *Task) settleDefinitions(ctx context.Context) error {
	if !t.state.outdated() {
		return nil
	}
	return t.composeAll(ctx, max(t.state.now, t.Now().UnixMilli()))
}

// reset begins with an empty state in memory.
func (t *Task) reset(ctx context.Context) {
	t.state = newState(t.Catalog, &storedEvents{ctx: ctx, store: t.Store, partition: t.partition}, t.Now().UnixMilli())
	t.state.publish, t.state.flush.limits, t.state.apart = t.Publish, &t.Limits, t.Limits.Apart
}

// define gives the state, as it was read, the definitions and the day to go on
// with: those of now, which are not older than those that some of it was
// composed for; or, if it is to be brought to where changes were published,
// those of then.
func (t *Task) define(ctx context.Context) error {
	needed := max(t.checkpoint.Definitions, t.state.composedFor())
	if t.Catalog.Offset() < needed || t.state.hasUnknown() { // an account may be newer than what is known, and not deleted
		if err := t.CatchUp(ctx); err != nil {
			return err
		}
	}
	if at := t.Catalog.Offset(); at < needed {
		return &LossError{Partition: t.partition, Losses: []bitmaps.Loss{{Topic: TopicDefinitions, From: needed, To: at}}}
	}
	if t.behindPublished() {
		if err := t.goBack(ctx, t.memory.published, needed); err != nil {
			return err
		}
	}
	t.composer = composer{upTo: t.state.catalog.Offset(), queued: map[*account]bool{}, days: map[*zone]segment.Date{}}
	return nil
}

// beginAnew begins with an empty state in memory and in Redis.
func (t *Task) beginAnew(ctx context.Context) error {
	if err := t.held.Reset(ctx); err != nil {
		return err
	}
	t.checkpoint = bitmaps.Checkpoint{Lineage: t.held.Nonce(), Changelog: t.held.Seq(), Metadata: phoneMetadata, Reasons: map[string]int64{}}
	if r, ok := t.Catalog.Rebuild(); ok && r.TakeOver {
		t.checkpoint.Rebuilt = r.ID // which this is
	}
	t.reset(ctx)
	return t.define(ctx)
}

// behindPublished tells whether changes were published that the state has not seen.
func (t *Task) behindPublished() bool {
	told := t.memory.published
	return t.Publish && told.Lineage != "" && (told.Lineage != t.checkpoint.Lineage || told.Seq > t.checkpoint.Seq)
}

// resume goes on publishing where Kafka remembers that it ended.
func (t *Task) resume(ctx context.Context, anew bool) error {
	told := t.memory.published
	t.changes = newPublisher(t.Log, t.partition, t.holds)
	t.changes.composing = t.Composing
	t.changes.erasures = offsetOf(told.Offsets, TopicErasures, t.partition, 0)
	if err := t.changes.readAhead(ctx, told.Changes); err != nil {
		return err
	}
	switch {
	case told.Lineage == "" && anew: // nothing was ever published, or could have been
		return nil
	case t.behindPublished():
		return t.regain(ctx, told)
	}
	return t.changes.resume(ctx, t, told)
}

func (t *Task) restore(ctx context.Context) error {
	at, err := t.state.restore(ctx, t.Store, t.partition, ownerFragments)
	if err != nil {
		return err
	}
	if at.Nonce != t.held.Nonce() || at.Seq != t.held.Seq() {
		return fmt.Errorf("the state stands at %d, not at %d: %w", at.Seq, t.held.Seq(), bitmaps.ErrConflict)
	}
	if t.behindPublished() && t.beyond(t.memory.published) {
		return fmt.Errorf("%w: the state has a part of the log that what was published has not, and lacks another", bitmaps.ErrDamaged)
	}
	if err := t.define(ctx); err != nil {
		return err
	}
	t.state.keepDay()
	gone, err := t.state.ready()
	if err != nil {
		return err
	}
	for _, a := range gone {
		t.drop(a.id)
	}
	for _, a := range t.state.accounts {
		if a.behind() != nil {
			t.composer.add(a)
		}
		t.composer.days[a.zone] = a.plan.today
	}
	return nil
}

// Offsets is where to read on.
func (t *Task) Offsets() map[consumers.TopicPartition]int64 {
	m := map[consumers.TopicPartition]int64{}
	for _, o := range t.checkpoint.Offsets {
		m[consumers.TopicPartition{Topic: o.Topic, Partition: o.Partition}] = o.Next
	}
	return m
}

// readErasures folds the erasures to their end before anything else, so that
// nothing erased comes back even for a moment.
func (t *Task) readErasures(ctx context.Context) error {
	tp := consumers.TopicPartition{Topic: TopicErasures, Partition: t.partition}
	from := t.Offsets()[tp]
	var batch consumers.Batch
	next, err := t.Log.ReadAll(ctx, tp, from, func(r *consumers.Record) error {
		batch.Records = append(batch.Records, r.Clone())
		return nil
	})
	if err != nil || next <= from {
		return err
	}
	batch.Next = []consumers.NextOffset{{TopicPartition: tp, Offset: next}}
	batch.Skipped = next - from - int64(len(batch.Records))
	return t.Process(ctx, &batch)
}

// Outcomes is how every offset consumed so far ended.
func (t *Task) Outcomes() [bitmaps.Outcomes]int64 { return t.checkpoint.Outcomes }

// Reasons counts the dead letters by code.
func (t *Task) Reasons() map[string]int64 {
	deadLetters, _ := splitReasons(t.checkpoint.Reasons)
	return deadLetters
}

// ignoredPrefix begins the reasons of what was ignored, in the checkpoint.
const ignoredPrefix = "ignored/"

func splitReasons(reasons map[string]int64) (deadLetters, ignored map[string]int64) {
	deadLetters, ignored = map[string]int64{}, map[string]int64{}
	for code, n := range reasons {
		if why, ok := strings.CutPrefix(code, ignoredPrefix); ok {
			ignored[why] += n
		} else {
			deadLetters[code] += n
		}
	}
	return deadLetters, ignored
}
