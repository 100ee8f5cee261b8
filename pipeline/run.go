package pipeline

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"time"

	"rollcall/bitmaps"
	"rollcall/consumers"
)

// What a task takes from its feed at once: a lone record is committed at once,
// and a backlog in large batches.
const (
	batchRecords = 20_000
	batchBytes   = 8 << 20
	courtesy     = time.Second            // between two looks at Redis, and reports of offsets to Kafka
	idleLook     = 100 * time.Millisecond // between two looks at the clock
)

// Watermarks tells where the logs of partitions begin and end.
type Watermarks func(ctx context.Context, tps []consumers.TopicPartition) (map[consumers.TopicPartition]consumers.Watermark, error)

// Feed is what a task reads; *consumers.Feed is one.
type Feed interface {
	// Next returns what there is, nil if there is nothing.
	Next(records, bytes int) (*consumers.Batch, error)
	// Committed tells Kafka's tools how far the task is.
	Committed(map[consumers.TopicPartition]int64)
}

// Serve runs a partition for as long as ctx lives: it opens the state, reads on
// from where that stands, and commits batch after batch. After an error the
// state in memory is let go of; to serve again is to open it anew.
func Serve(ctx context.Context, cfg Config, partition int32, feed *consumers.Feed, watermarks Watermarks) error {
	marks, err := watermarks(ctx, feed.Partitions())
	if err != nil {
		return err
	}
	t, err := Open(ctx, cfg, partition, marks)
	if err != nil {
		return err
	}
	if err := feed.Start(t.Offsets()); err != nil {
		return err
	}
	if t.Opened != nil {
		t.Opened(partition)
	}
	if t.changes != nil {
		defer beside(ctx, t.changes.Run)()
	}
	if t.copier != nil {
		defer beside(ctx, t.copier.Run)()
	}
	if t.HistoryEvery > 0 {
		t.sizes = newSizeRecorder(t)
		defer beside(ctx, t.sizes.Run)()
	}
	defer beside(ctx, newScrubber(&t.Config, partition, watermarks).Run)()
	if err := t.sweepBeside(ctx); err != nil {
		return err
	}
	defer func() { t.rebuild.end() }()
	err = t.run(ctx, feed, watermarks)
	t.complain(ctx, err)
	return err
}

// beside runs something until it is told to end, which it waits for.
func beside(ctx context.Context, run func(context.Context)) (end func()) {
	ctx, stop := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() { defer close(done); run(ctx) }()
	return func() { stop(); <-done }
}

// complain notes in Redis that what is stored there is damaged, so that whoever
// opens the partition next makes it anew.
func (t *Task) complain(ctx context.Context, err error) {
	if !errors.Is(err, bitmaps.ErrDamaged) {
		return
	}
	if err := t.Store.ReportDamage(ctx, t.partition, t.held.Nonce(), err.Error()); err != nil {
		slog.Warn("reporting damage failed", "partition", t.partition, "err", err)
	}
}

func (t *Task) run(ctx context.Context, feed *consumers.Feed, watermarks Watermarks) error {
	work, end := lingering(ctx)
	defer end()
	defer t.endTurn()
	defer t.noteComposing(false)
	reported := time.Time{}
	for ctx.Err() == nil {
		defined := t.Catalog.Changed()
		worked, err := t.step(work, feed)
		if err != nil {
			return err
		}
		t.recordSizes(worked)
		if err := t.tendRebuild(ctx, watermarks); err != nil {
			return err
		}
		if now := time.Now(); now.Sub(reported) > courtesy {
			if err := t.confirm(work); err != nil {
				return err
			}
			feed.Committed(t.Offsets())
			reported = now
		}
		if !worked {
			t.wait(ctx, feed.Ready(), defined)
		}
	}
	feed.Committed(t.Offsets())
	return nil
}

// step takes what there is into the state, and composes a part of what is to be
// composed. It tells whether there was anything.
func (t *Task) step(ctx context.Context, feed Feed) (worked bool, err error) {
	batch, err := feed.Next(batchRecords, batchBytes)
	if err != nil {
		return false, err
	}
	if batch != nil {
		if err := t.Process(ctx, batch); err != nil {
			return false, err
		}
	}
	noted, err := t.noteReplays(ctx)
	if err != nil {
		return false, err
	}
	composed, err := t.Compose(ctx)
	return batch != nil || noted || composed, err
}

// holds looks whether a commit of this task is in Redis, and nobody else has
// taken the partition over since.
func (t *Task) holds(ctx context.Context, seq uint64) error {
	if t.held.Nonce() == "" {
		return nil // a store that keeps nothing
	}
	head, err := t.Store.Head(ctx, t.partition)
	if err == nil && (head.Nonce != t.held.Nonce() || head.Seq < seq) {
		err = fmt.Errorf("partition %d, commit %d: %w", t.partition, seq, bitmaps.ErrConflict)
	}
	return err
}

// confirm looks whether Redis still holds what this task committed last, and
// all of it: where nothing is written, no commit would find out.
func (t *Task) confirm(ctx context.Context) error {
	if t.held.Nonce() == "" {
		return nil // a store that keeps nothing
	}
	head, err := t.Store.Head(ctx, t.partition)
	if err != nil {
		return err
	}
	if head.Nonce != t.held.Nonce() || head.Seq != t.held.Seq() || head.Checkpoint.Seq != t.checkpoint.Seq {
		return fmt.Errorf("partition %d, after commit %d: %w", t.partition, t.held.Seq(), bitmaps.ErrConflict)
	}
	return t.Store.Audit(ctx, t.partition, t.nextAudited())
}

// auditAtOnce bounds the accounts that are looked at each time.
const auditAtOnce = 200

// nextAudited is some of the accounts, all of them in turn.
func (t *Task) nextAudited() []string {
	if len(t.audited) == 0 {
		t.audited = slices.Sorted(maps.Keys(t.state.accounts))
	}
	next := t.audited[:min(auditAtOnce, len(t.audited))]
	t.audited = t.audited[len(next):]
	return next
}

// wait returns when there may be something to do.
func (t *Task) wait(ctx context.Context, ready, defined <-chan struct{}) {
	timer := time.NewTimer(idleLook)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-ready:
	case <-defined:
	case t.awaited() <- struct{}{}:
		t.composer.turn.has = true
	case <-timer.C:
	}
}
