package pipeline

import (
	"context"
	"time"

	"rollcall/consumers"
	"rollcall/pipeline/catalog"
)

// Replays is what the copiers of a process share. Use it by NewReplays.
type Replays struct {
	Topics Topics
	// Report writes what a partition has to say of a replay to the definitions.
	Report func(context.Context, catalog.ReportReplay) error

	turns chan struct{} // holds one while a copier is at work
	floor time.Duration // about the least time that copies took lately
}

// Topics tells of the topics that are replayed.
type Topics interface {
	PartitionCounts(ctx context.Context, topics []string) (map[string]int, error)
	OffsetsAt(ctx context.Context, tps []consumers.TopicPartition, at time.Time) (map[consumers.TopicPartition]int64, error)
	Watermarks(ctx context.Context, tps []consumers.TopicPartition) (map[consumers.TopicPartition]consumers.Watermark, error)
	// TimestampType says what dates the records of topics: CreateTime or LogAppendTime.
	TimestampType(ctx context.Context, topics ...string) (map[string]string, error)
}

// NewReplays makes copiers possible.
func NewReplays(topics Topics, report func(context.Context, catalog.ReportReplay) error) *Replays {
	return &Replays{Topics: topics, Report: report, turns: make(chan struct{}, 1)}
}

// acquire waits for the turn of a copier: one in a process is at work at a
// time, however many partitions there are.
func (r *Replays) acquire(ctx context.Context) error {
	select {
	case r.turns <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (r *Replays) release() { <-r.turns }

// mostRest bounds a rest, so that a replay gets on whatever happens.
const mostRest = time.Second

// yield leaves the machine to live records for a while, after copies took so long
// from being written until they were applied, which is what live records take.
func (r *Replays) yield(ctx context.Context, took time.Duration) {
	pause(ctx, r.rest(took))
}

// rest is as long as the copies took if they were applied as fast as any lately,
// and longer the slower they were: then somebody else needs what they need.
func (r *Replays) rest(took time.Duration) time.Duration {
	took = max(took, time.Microsecond)
	if r.floor == 0 || took < r.floor {
		r.floor = took
	}
	slowness := float64(took) / float64(r.floor)
	r.floor += r.floor / 16
	return time.Duration(min(float64(took)*slowness, float64(mostRest)))
}
