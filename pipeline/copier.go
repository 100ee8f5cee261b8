package pipeline

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"rollcall/bitmaps"
	"rollcall/consumers"
	"rollcall/pipeline/catalog"
	"rollcall/pipeline/inputs"
)

// copier makes the copies of replays for one partition, beside its task: of
// those source partitions that would be the task's. It has little in flight at
// a time, which the task applies before there is more. What it knows it has from
// the definitions, and from the commits of its task: it keeps no state.
//
// Its methods are for one goroutine, but for committed and takePlan, which are
// the task's.
type copier struct {
	*Replays
	partition, partitions int32
	log                   Log
	catalog               *catalog.Catalog
	inputs                inputs.Set
	decoder               decoder
	now                   func() time.Time
	most                  int // Limits.Copies

	mu      sync.Mutex
	durable durable            // as of the task's newest commit
	plan    []bitmaps.Replayed // for the task to commit
	applied chan struct{}      // signals a commit

	id       int64 // of the replay at work on, -1: of none
	inboxEnd int64 // when it began: what was copied before is in front of it; -1: not asked
	sent     int64 // the inbox has to be applied up to here before there is more
	sources  []*source
	share    float64   // records a second; 0: as many as leave live records alone
	paid     time.Time // until then the share is used up
}

// durable is what a commit made so.
type durable struct {
	inbox   int64 // the first record of the inbox that is not applied
	replays []bitmaps.Replayed
}

// replayError is why a replay can't go on.
type replayError struct{ reason string }

func (e *replayError) Error() string { return e.reason }

func newCopier(t *Task) *copier {
	c := &copier{
		Replays: t.Replays, partition: t.partition, partitions: t.Partitions, log: t.Log, catalog: t.Catalog,
		inputs: t.Inputs, decoder: decoder{inputs: t.Inputs}, now: t.Now, most: t.Limits.Copies,
		applied: make(chan struct{}, 1), id: -1, inboxEnd: -1,
	}
	c.committed(&t.checkpoint)
	return c
}

// committed takes over what the task's commit made durable.
func (c *copier) committed(checkpoint *bitmaps.Checkpoint) {
	if c == nil {
		return
	}
	at := durable{replays: slices.Clone(checkpoint.Replays)}
	for _, o := range checkpoint.Offsets {
		if o.Topic == TopicInbox && o.Partition == c.partition {
			at.inbox = o.Next
		}
	}
	c.mu.Lock()
	c.durable = at
	c.mu.Unlock()
	select {
	case c.applied <- struct{}{}:
	default:
	}
}

// takePlan hands the task what it is to commit.
func (c *copier) takePlan() (plan []bitmaps.Replayed) {
	c.mu.Lock()
	defer c.mu.Unlock()
	plan, c.plan = c.plan, nil
	return plan
}

// planning tells whether the task has not taken the plan yet.
func (c *copier) planning() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.plan != nil
}

func (c *copier) seen() durable {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.durable
}

// Run copies until ctx ends.
func (c *copier) Run(ctx context.Context) {
	for ctx.Err() == nil {
		changed, wait := c.catalog.Changed(), time.Minute
		worked, err := c.turn(ctx)
		switch {
		case worked:
			continue
		case err != nil && ctx.Err() == nil:
			slog.Warn("a replay is held up, will retry", "replay", c.id, "partition", c.partition, "err", err)
			pause(ctx, copyRetry)
			continue
		case c.id >= 0:
			wait = idleLook
		}
		c.await(ctx, changed, wait)
	}
}

// copyRetry is how long a copier waits after a failure.
const copyRetry = time.Second

// await returns when there may be something to do.
func (c *copier) await(ctx context.Context, changed <-chan struct{}, most time.Duration) {
	applied := c.applied
	if c.id < 0 {
		applied = nil // nobody waits for commits
	}
	timer := time.NewTimer(most)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-changed:
	case <-applied:
	case <-timer.C:
	}
}

// turn does a step, and rests after copying.
func (c *copier) turn(ctx context.Context) (worked bool, err error) {
	if c.next() == nil {
		c.leave()
		return false, nil
	}
	if err := c.acquire(ctx); err != nil {
		return false, err
	}
	defer c.release()
	began := time.Now()
	copies, worked, err := c.step(ctx)
	if copies > 0 && c.settle(ctx) {
		c.yield(ctx, time.Since(began))
	}
	return worked, err
}

// settle waits until the copies are applied, or for a while.
func (c *copier) settle(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, settleWait)
	defer cancel()
	for c.seen().inbox < c.sent {
		select {
		case <-ctx.Done():
			return false
		case <-c.applied:
		}
	}
	return true
}

// settleWait bounds how long a copier keeps the others of its process waiting.
const settleWait = 2 * time.Second

// next is the oldest replay on which this partition has not reported.
func (c *copier) next() *catalog.Replay {
	for _, r := range c.catalog.Replays() {
		if _, told := r.Reports[c.partition]; !told && r.EndedAt.IsZero() {
			return r
		}
	}
	return nil
}

// leave forgets the replay at work on. To go on with it is to find out how far
// it is.
func (c *copier) leave() { c.id, c.inboxEnd, c.sources = -1, -1, nil }

// step does one thing for the oldest replay, without waiting. It tells how many
// copies it made, and whether it did anything.
func (c *copier) step(ctx context.Context) (copies int, worked bool, err error) {
	r := c.next()
	if r == nil {
		c.leave()
		return 0, false, nil
	}
	if r.ID != c.id {
		c.leave()
		c.id = r.ID
	}
	at := c.seen()
	if ready, err := c.caughtUp(ctx, at); !ready {
		return 0, false, err
	}
	copies, worked, err = c.work(ctx, r, at)
	if failure, ok := errors.AsType[*replayError](err); ok {
		return 0, true, c.tell(ctx, r, at, failure.reason)
	}
	return copies, worked, err
}

// caughtUp tells whether all that was copied so far is applied, by whomever it was.
func (c *copier) caughtUp(ctx context.Context, at durable) (bool, error) {
	if c.inboxEnd < 0 {
		inbox := consumers.TopicPartition{Topic: TopicInbox, Partition: c.partition}
		marks, err := c.Topics.Watermarks(ctx, []consumers.TopicPartition{inbox})
		if err != nil {
			return false, fmt.Errorf("end of %s: %w", inbox, err)
		}
		c.inboxEnd = marks[inbox].High
	}
	return at.inbox >= max(c.inboxEnd, c.sent), nil
}

func (c *copier) work(ctx context.Context, r *catalog.Replay, at durable) (copies int, worked bool, err error) {
	if r.State() != catalog.ReplayRunning {
		return 0, true, c.tell(ctx, r, at, "")
	}
	if c.sources == nil || !c.planned(at) {
		worked, err := c.prepare(ctx, r, at)
		return 0, worked, err
	}
	for _, s := range c.sources {
		if s.next() < s.end || len(s.buffer) > 0 {
			most := c.allowed()
			if most == 0 {
				return 0, false, nil
			}
			copies, err := c.copy(ctx, s, most)
			return copies, true, err
		}
	}
	return 0, true, c.tell(ctx, r, at, "")
}

// planned tells whether the task has committed what is to be copied, and knows
// of it still: a state that was made anew does not, until it is resolved again.
func (c *copier) planned(at durable) bool {
	for _, s := range c.sources {
		if !slices.ContainsFunc(at.replays, func(r bitmaps.Replayed) bool {
			return r.Replay == c.id && r.Topic == s.Topic && r.Partition == s.Partition && r.Planned && r.End == s.end
		}) {
			return false
		}
	}
	return true
}

// tell reports on a replay. What was copied is applied.
func (c *copier) tell(ctx context.Context, r *catalog.Replay, at durable, failure string) error {
	report := catalog.ReportReplay{Replay: r.ID, Partition: c.partition, Of: c.partitions, Parts: []catalog.ReplayPart{}, Failure: failure}
	for _, done := range at.replays {
		if done.Replay != r.ID {
			continue
		}
		for _, s := range c.sources {
			if s.Topic == done.Topic && s.Partition == done.Partition && s.read >= done.Read { // the last may have been left out
				done.Next, done.Read = s.next(), s.read
			}
		}
		report.Parts = append(report.Parts, reportOf(&done))
	}
	err := c.Report(ctx, report)
	if _, refused := errors.AsType[*catalog.Refusal](err); refused {
		err = nil // somebody else has reported
	}
	if err != nil {
		return fmt.Errorf("report on replay %d: %w", r.ID, err)
	}
	c.leave()
	return nil
}
