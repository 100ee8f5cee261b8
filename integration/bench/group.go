package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/pprof"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"rollcall/consumers"
)

// What a task takes from its feed at once, as in pipeline.Serve.
const (
	batchRecords = 20_000
	batchBytes   = 8 << 20
	idleLook     = 100 * time.Millisecond
)

// worker is what is done with one task's records.
type worker interface {
	// open returns the offsets to begin at; nil: those of the spans. It is not measured.
	open(ctx context.Context, task int32) (map[consumers.TopicPartition]int64, error)
	// take is called with every batch, and with nil when there is none; it says
	// whether it did something all the same.
	take(ctx context.Context, batch *consumers.Batch) (worked bool, err error)
}

// race runs a worker for every task of a consumer group of which this process is
// the only member. All begin when the last has opened; it is over when the last
// has read its spans.
type race struct {
	task     *task
	worker   func(task int32) worker
	redis    *redis.Client // to ask what it did; nil: there is none
	meter    meter
	opened   atomic.Int32
	finished atomic.Int32
	begun    chan struct{}
	records  atomic.Int64
	over     context.CancelCauseFunc
	profile  *os.File

	before redisUse
	used   outcome
}

var errFinished = errors.New("all tasks have finished")

// run returns what was read and used, from the common beginning to the end.
func (r *race) run(ctx context.Context, c *consumers.Client) (*outcome, error) {
	group, err := c.Group(consumers.GroupConfig{
		ID: fmt.Sprintf("bench-%d", os.Getpid()), Topics: sources, Tasks: partitions, JoinBackoff: 100 * time.Millisecond,
	})
	if err != nil {
		return nil, err
	}
	ctx, r.over = context.WithCancelCause(ctx)
	defer r.over(nil)
	r.begun = make(chan struct{})
	if err := group.Run(ctx, r.serve); err != nil {
		return nil, err
	}
	if err := context.Cause(ctx); !errors.Is(err, errFinished) {
		return nil, err
	}
	r.used.Records = r.records.Load()
	return &r.used, nil
}

// serve reads one task's spans, and then waits for the others.
func (r *race) serve(ctx context.Context, number int32, feed *consumers.Feed) error {
	if err := r.drain(ctx, number, feed); err != nil {
		r.over(fmt.Errorf("task %d: %w", number, err))
	} else if r.finished.Add(1) == partitions {
		r.finish()
	}
	<-ctx.Done()
	return nil
}

func (r *race) drain(ctx context.Context, number int32, feed *consumers.Feed) error {
	w := r.worker(number)
	offsets, err := w.open(ctx, number)
	if err != nil {
		return err
	}
	if offsets == nil {
		offsets = r.task.Spans.from(number)
	}
	if err := r.await(ctx); err != nil {
		return err
	}
	if err := feed.Start(offsets); err != nil {
		return err
	}
	left := r.task.Spans.remaining(number)
	for len(left) > 0 && ctx.Err() == nil {
		if err := r.next(ctx, w, feed, left); err != nil {
			return err
		}
	}
	for worked := true; worked && err == nil; {
		worked, err = w.take(ctx, nil)
	}
	return errors.Join(err, ctx.Err())
}

// next takes one batch, or waits for one.
func (r *race) next(ctx context.Context, w worker, feed *consumers.Feed, left remaining) error {
	limit := batchRecords
	if r.task.Batch > 0 {
		limit = r.task.Batch
	}
	batch, err := feed.Next(limit, batchBytes)
	if err != nil {
		return err
	}
	worked, err := w.take(ctx, batch)
	if err != nil {
		return err
	}
	if batch != nil {
		r.records.Add(int64(len(batch.Records)))
		left.moved(batch.Next)
		return nil
	}
	if !worked {
		pause(ctx, feed.Ready())
	}
	return nil
}

func pause(ctx context.Context, ready <-chan struct{}) {
	timer := time.NewTimer(idleLook)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-ready:
	case <-timer.C:
	}
}

// await returns when all tasks are here.
func (r *race) await(ctx context.Context) error {
	if r.opened.Add(1) == partitions {
		if err := r.start(); err != nil {
			return err
		}
		close(r.begun)
	}
	select {
	case <-r.begun:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (r *race) start() (err error) {
	if r.task.Profile != "" {
		if r.profile, err = os.Create(r.task.Profile); err == nil {
			err = pprof.StartCPUProfile(r.profile)
		}
	}
	if r.redis != nil && err == nil {
		r.before, err = readRedis(context.Background(), r.redis)
	}
	if err == nil {
		err = say(&outcome{Begun: true})
	}
	r.meter.start()
	return err
}

func (r *race) finish() {
	r.used.Used = r.meter.stop()
	var err error
	if r.redis != nil {
		var after redisUse
		after, err = readRedis(context.Background(), r.redis)
		r.used.Redis = after.since(r.before)
	}
	if r.profile != nil {
		pprof.StopCPUProfile()
		err = errors.Join(err, r.profile.Close())
	}
	if err == nil {
		err = errFinished
	}
	r.over(err)
}
