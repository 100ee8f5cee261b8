package pipeline

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"rollcall/bitmaps"
	"rollcall/consumers"
	"rollcall/pipeline/catalog"
)

// A rebuild makes a partition's state anew from the log, beside the live one:
// by another task with keys of its own, in a goroutine of its own, that writes
// nothing to Kafka and reads what the live task has read. When it is near, the
// live task stops for a moment between two batches, lets it read the rest,
// compares the two, and takes the new state over, or gives it up (takeover.go).
//
// All that is remembered of it is the new state with its own checkpoint, so it
// goes on after a crash, and Checkpoint.Rebuilt, which says that it is done with.

// rebuild is one of one partition.
type rebuild struct {
	catalog.Rebuild
	live       Config
	partition  int32
	nonce      string                     // of the live state's owner
	sources    []consumers.TopicPartition // that it reads
	watermarks Watermarks
	task       *Task // of the new state; nil: not open
	folded     *Task // whose changelog was folded once it was near
	report     RebuildReport
}

// RebuildReport is how a rebuild of one partition stands.
type RebuildReport struct {
	ID          string       `json:"id"`
	State       RebuildState `json:"state"`
	Reason      string       `json:"reason,omitempty" doc:"why it does not get on"`
	Offsets     int64        `json:"offsets" doc:"read so far"`
	Of          int64        `json:"of" doc:"offsets that the live state has read"`
	Differences int64        `json:"differences" doc:"memberships that differ from the live ones"`
	Listed      []Difference `json:"listed,omitempty" doc:"the first of them"`
	At          time.Time    `json:"at,omitzero"`
}

// RebuildState is what a rebuild does.
type RebuildState string

// The states of a rebuild of one partition.
const (
	RebuildWaits   RebuildState = "waiting"  // for its owner, or for another partition's
	RebuildRuns    RebuildState = "running"  // reading the log
	RebuildStopped RebuildState = "stopped"  // by an error; it is tried again
	RebuildTaken   RebuildState = "replaced" // the new state is live
	RebuildGivenUp RebuildState = "compared" // the new state is gone, as it was asked for
)

// Difference is a membership that a rebuilt state does not share with the live one.
type Difference struct {
	Account string `json:"account"`
	Segment string `json:"segment"`
	Contact string `json:"contact"`
	Change  string `json:"change" doc:"entered or exited, with the new state"`
}

const (
	reportKept   = 7 * 24 * time.Hour
	listedAtMost = 1000
	rebuildRetry = 5 * time.Second
)

// wanted is the rebuild that the task's partition is not done with.
func (t *Task) wantedRebuild() (catalog.Rebuild, bool) {
	r, ok := t.Catalog.Rebuild()
	return r, ok && r.ID != t.checkpoint.Rebuilt
}

func newRebuild(t *Task, r catalog.Rebuild, watermarks Watermarks) *rebuild {
	return &rebuild{Rebuild: r, live: t.Config, partition: t.partition, nonce: t.held.Nonce(), sources: sortedPartitions(t.Offsets()), watermarks: watermarks,
		report: RebuildReport{ID: r.ID, State: RebuildWaits}}
}

// open opens the new state. One that another rebuild left is deleted.
func (r *rebuild) open(ctx context.Context) error {
	cfg := r.live
	cfg.Store, cfg.Publish, cfg.Committed, cfg.Silent = cfg.Store.Beside(), false, nil, true
	cfg.Replays, cfg.Measured = nil, nil
	cfg.Composing = nil // it may take long
	cfg.Turns = nil     // it yields by resting, and to wait for a turn would look as if it were done
	if _, err := r.head(ctx); err != nil {
		return err
	}
	head, err := cfg.Store.Head(ctx, r.partition)
	if errors.Is(err, bitmaps.ErrDamaged) || err == nil && head.Checkpoint.Rebuilt != r.ID {
		err = cfg.Store.Drop(ctx, r.partition)
	}
	if err != nil {
		return err
	}
	marks, err := r.watermarks(ctx, r.sources)
	if err != nil {
		return err
	}
	if r.task, err = Open(ctx, cfg, r.partition, marks); err != nil {
		return err
	}
	r.task.checkpoint.Rebuilt = r.ID
	return nil
}

// head is where the live state stands, as long as its owner has it.
func (r *rebuild) head(ctx context.Context) (bitmaps.Head, error) {
	head, err := r.live.Store.Head(ctx, r.partition)
	if err == nil && head.Nonce != r.nonce {
		err = fmt.Errorf("rebuild of partition %d: %w", r.partition, bitmaps.ErrFenced)
	}
	return head, err
}

// step reads one of the sources as far as the live state has, or composes a
// part. near tells that there was nothing to do.
func (r *rebuild) step(ctx context.Context) (near bool, err error) {
	if r.task == nil {
		return false, r.open(ctx)
	}
	head, err := r.head(ctx)
	if err != nil {
		return false, err
	}
	r.measure(head.Checkpoint.Offsets)
	slices.SortFunc(head.Checkpoint.Offsets, erasuresFirst)
	for _, o := range head.Checkpoint.Offsets {
		tp := consumers.TopicPartition{Topic: o.Topic, Partition: o.Partition}
		at, known := r.task.Offsets()[tp]
		if !known {
			return false, fmt.Errorf("%s is new: %w", tp, errBehind)
		}
		if at < o.Next {
			return false, r.task.readUpTo(ctx, tp, o.Next)
		}
	}
	worked, err := r.task.Compose(ctx)
	if worked || err != nil {
		return false, err
	}
	if r.folded != r.task { // so that little is left to do while the live task waits
		r.folded = r.task
		return false, r.task.drain(ctx)
	}
	return true, nil
}

// measure notes how far the rebuild is.
func (r *rebuild) measure(live []bitmaps.Offset) {
	r.report.Offsets, r.report.Of = 0, 0
	at := r.task.Offsets()
	for _, o := range live {
		r.report.Of += o.Next - o.First
		r.report.Offsets += min(at[consumers.TopicPartition{Topic: o.Topic, Partition: o.Partition}], o.Next) - o.First
	}
}

// tell writes how the rebuild stands where everybody can read it.
func (r *rebuild) tell(ctx context.Context, state RebuildState, reason error) error {
	r.report.State, r.report.Reason, r.report.At = state, "", r.live.Now()
	if reason != nil {
		r.report.Reason = reason.Error()
	}
	report, err := json.Marshal(r.report)
	if err != nil {
		return err
	}
	return r.live.Store.SetReport(ctx, r.partition, report, reportKept)
}

// restShare is how much longer a rebuild rests than it works. What live records
// wait for it is to be less than a hundredth of the time.
const restShare = 3

// run steps until the rebuild is near, or ctx ends. It rests for longer than it
// has worked, and as others of this process do, so that live records hardly notice.
func (r *rebuild) run(ctx context.Context) error {
	r.complain(r.tell(ctx, RebuildWaits, nil))
	if err := r.live.Rebuilds.Acquire(ctx, 1); err != nil {
		return err
	}
	defer r.live.Rebuilds.Release(1)
	began, told := time.Now(), time.Time{}
	rest := func() {
		if now := time.Now(); now.Sub(told) > courtesy {
			r.complain(r.tell(ctx, RebuildRuns, nil))
			told = now
		}
		pause(ctx, restShare*time.Since(began))
		began = time.Now()
	}
	for ctx.Err() == nil {
		near, err := r.step(ctx)
		if err == nil && near {
			r.task.rest = nil
			return nil
		}
		if err != nil && ctx.Err() == nil {
			r.complain(r.stopped(ctx, err))
			pause(ctx, rebuildRetry)
		}
		if r.task != nil {
			r.task.rest = rest
		}
		rest()
	}
	return ctx.Err()
}

// stopped lets go of the new state in memory, to be read again.
func (r *rebuild) stopped(ctx context.Context, reason error) error {
	r.task = nil
	slog.Warn("a rebuild stopped, will be tried again", "partition", r.partition, "rebuild", r.ID, "err", reason)
	return r.tell(ctx, RebuildStopped, reason)
}

func (r *rebuild) complain(err error) {
	if err != nil {
		slog.Warn("telling how a rebuild stands failed", "partition", r.partition, "rebuild", r.ID, "err", err)
	}
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
