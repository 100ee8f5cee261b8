package pipeline

import (
	"context"
	"fmt"
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

// Starts tells the first offsets that partitions still have.
type Starts func(ctx context.Context, tps []consumers.TopicPartition) (map[consumers.TopicPartition]int64, error)

// Serve runs a partition for as long as ctx lives: it opens the state, reads on
// from where that stands, and commits batch after batch. After an error the
// state in memory is let go of; to serve again is to open it anew.
func Serve(ctx context.Context, cfg Config, partition int32, feed *consumers.Feed, starts Starts) error {
	first, err := starts(ctx, feed.Partitions())
	if err != nil {
		return err
	}
	t, err := Open(ctx, cfg, partition, first)
	if err != nil {
		return err
	}
	if err := feed.Start(t.Offsets()); err != nil {
		return err
	}
	if t.changes != nil {
		publishing, stop := context.WithCancel(ctx)
		done := make(chan struct{})
		go func() { defer close(done); t.changes.Run(publishing) }()
		defer func() { stop(); <-done }()
	}
	return t.run(ctx, feed)
}

func (t *Task) run(ctx context.Context, feed *consumers.Feed) error {
	reported := time.Time{}
	for ctx.Err() == nil {
		defined := t.Catalog.Changed()
		batch, err := feed.Next(batchRecords, batchBytes)
		if err != nil {
			return err
		}
		if batch != nil {
			if err := t.Process(ctx, batch); err != nil {
				return err
			}
		}
		composed, err := t.Compose(ctx)
		if err != nil {
			return err
		}
		if now := time.Now(); now.Sub(reported) > courtesy {
			if err := t.confirm(ctx); err != nil {
				return err
			}
			feed.Committed(t.Offsets())
			reported = now
		}
		if batch == nil && !composed {
			wait(ctx, feed.Ready(), defined)
		}
	}
	feed.Committed(t.Offsets())
	return nil
}

// confirm looks whether Redis still holds what this task committed last: where
// nothing is written, no commit would find out.
func (t *Task) confirm(ctx context.Context) error {
	if t.held.Nonce() == "" {
		return nil // a store that keeps nothing
	}
	head, err := t.Store.Head(ctx, t.partition)
	if err != nil {
		return err
	}
	if head.Nonce != t.held.Nonce() || head.Seq != t.held.Seq() {
		return fmt.Errorf("partition %d, after commit %d: %w", t.partition, t.held.Seq(), bitmaps.ErrConflict)
	}
	return nil
}

// wait returns when there may be something to do.
func wait(ctx context.Context, ready, defined <-chan struct{}) {
	timer := time.NewTimer(idleLook)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-ready:
	case <-defined:
	case <-timer.C:
	}
}
