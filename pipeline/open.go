package pipeline

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"maps"
	"strconv"
	"strings"

	"rollcall/bitmaps"
	"rollcall/consumers"
	"rollcall/pipeline/segment"
)

// ownerFragments is what the owner of a partition reads: all but the events.
const ownerFragments = "[^e]*"

// Open takes a partition over: it fences whoever had it, reads its state from
// Redis, and the erasures to their end. starts are the first offsets of all the
// partitions that the task reads.
func Open(ctx context.Context, cfg Config, partition int32, starts map[consumers.TopicPartition]int64) (*Task, error) {
	held, checkpoint, fresh, err := cfg.Store.Open(ctx, partition)
	if err != nil {
		return nil, err
	}
	cfg.Limits = cfg.Limits.withDefaults()
	t := &Task{Config: cfg, partition: partition, held: held, checkpoint: checkpoint}
	events := &storedEvents{ctx: ctx, store: cfg.Store, partition: partition}
	t.state = newState(cfg.Catalog, events, cfg.Now().UnixMilli())
	t.state.publish, t.state.flush.limits = cfg.Publish, &t.Limits
	t.composer = composer{upTo: cfg.Catalog.Offset(), queued: map[*account]bool{}, days: map[*zone]segment.Date{}}
	if fresh {
		if err := held.Reset(ctx); err != nil {
			return nil, err
		}
		t.checkpoint.Lineage = rand.Text()
	} else if err := t.restore(ctx); err != nil {
		return nil, fmt.Errorf("restore partition %d: %w", partition, err)
	}
	t.begins(starts)
	told, err := t.readProgress(ctx)
	if err != nil {
		return nil, fmt.Errorf("progress of partition %d: %w", partition, err)
	}
	if cfg.Publish {
		if err := t.resume(ctx, told, fresh); err != nil {
			return nil, fmt.Errorf("changes of partition %d: %w", partition, err)
		}
	}
	if err := t.readErasures(ctx); err != nil {
		return nil, fmt.Errorf("erasures of partition %d: %w", partition, err)
	}
	return t, nil
}

// resume goes on publishing where Kafka remembers that it ended.
func (t *Task) resume(ctx context.Context, told progress, fresh bool) error {
	t.changes = newPublisher(t.Log, t.partition)
	switch {
	case told.Lineage == "" && fresh: // nothing was ever published, or could have been
		return nil
	case told.Lineage == "" || told.Lineage == t.checkpoint.Lineage && told.Seq < t.held.Seq():
		return t.changes.resume(ctx, t, told)
	}
	return t.regain(ctx, told)
}

func (t *Task) restore(ctx context.Context) error {
	last, err := t.state.restore(ctx, t.Store, t.partition, ownerFragments)
	if err != nil {
		return err
	}
	if last.Seq != t.held.Seq() {
		return fmt.Errorf("the changelog ends at %d, the head says %d: %w", last.Seq, t.held.Seq(), bitmaps.ErrConflict)
	}
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

// begins notes where the state of a new source begins.
func (t *Task) begins(starts map[consumers.TopicPartition]int64) {
	known := t.Offsets()
	for tp, start := range starts {
		if _, ok := known[tp]; !ok {
			t.checkpoint.Offsets = append(t.checkpoint.Offsets,
				bitmaps.Offset{Topic: tp.Topic, Partition: tp.Partition, First: start, Next: start})
		}
	}
}

// Offsets is where to read on.
func (t *Task) Offsets() map[consumers.TopicPartition]int64 {
	m := map[consumers.TopicPartition]int64{}
	for _, o := range t.checkpoint.Offsets {
		m[consumers.TopicPartition{Topic: o.Topic, Partition: o.Partition}] = o.Next
	}
	return m
}

// readProgress reads what Kafka remembers of side effects: which were done for
// what records, and up to where changes were published.
func (t *Task) readProgress(ctx context.Context) (told progress, err error) {
	t.out = outbox{
		done:    map[consumers.TopicPartition]int64{},
		reached: map[consumers.TopicPartition]int64{},
	}
	_, err = t.Log.ReadAll(ctx, consumers.TopicPartition{Topic: TopicProgress, Partition: t.partition}, -1,
		func(r *consumers.Record) error {
			if key, ok := bytes.CutPrefix(r.Key, []byte("done/")); ok {
				return t.out.remember(string(key), string(r.Value))
			}
			return json.Unmarshal(r.Value, &told)
		})
	return told, err
}

func (o *outbox) remember(key, value string) error {
	topic, number, _ := strings.Cut(key, "/")
	partition, err := strconv.ParseInt(number, 10, 32)
	if err != nil {
		return fmt.Errorf("key %q: %w", key, err)
	}
	next, err := strconv.ParseInt(value, 10, 64)
	o.done[consumers.TopicPartition{Topic: topic, Partition: int32(partition)}] = next
	return err
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
func (t *Task) Reasons() map[string]int64 { return maps.Clone(t.checkpoint.Reasons) }
