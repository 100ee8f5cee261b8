package main

import (
	"context"
	"math"
	"time"

	"github.com/redis/go-redis/v9"

	"rollcall/bitmaps"
	"rollcall/consumers"
	"rollcall/pipeline"
)

// session is what a child process needs to run the pipeline.
type session struct {
	task    *task
	client  *consumers.Client
	defined *defined
	redis   *redis.Client // nil: nothing is stored
	store   *bitmaps.Store
	config  pipeline.Config
}

func (t *task) open(ctx context.Context) (*session, error) {
	c, err := openKafka(t.Kafka)
	if err != nil {
		return nil, err
	}
	d, err := t.Definitions.define(ctx)
	if err != nil {
		c.Close()
		return nil, err
	}
	s := &session{task: t, client: c, defined: d, redis: t.redis(), store: bitmaps.Discard()}
	if s.redis != nil {
		s.store = bitmaps.NewStore(s.redis, "rollcall")
	}
	s.config = pipeline.Config{
		Partitions: partitions, Store: s.store, Log: kafkaLog{c, c.Producer(consumers.ProducerConfig{})},
		Catalog: d.Catalog, CatchUp: d.log.CaughtUp, Now: t.now, Publish: t.Publish,
		Turns: pipeline.NewTurns(), Composing: new(pipeline.Composing),
	}
	if s.redis == nil {
		// What is not stored can't be read back: everything stays in memory.
		s.config.Limits = pipeline.Limits{Changelog: math.MaxInt, Loaded: math.MaxInt}
	}
	if t.Settle {
		s.config.Limits = pipeline.Limits{Changelog: 1, Flush: math.MaxInt}
	}
	return s, nil
}

func (s *session) close() {
	if s.redis != nil {
		_ = s.redis.Close() // nothing is left to be lost
	}
	s.defined.stop()
	s.client.Close()
}

// redis connects to the Redis of a task, nil if it has none.
func (t *task) redis() *redis.Client {
	if t.Redis == "" {
		return nil
	}
	return redis.NewClient(&redis.Options{Addr: t.Redis, MaxRetries: -1, PoolSize: 3 * partitions})
}

// now stands still, so that no midnight comes between two runs.
func (t *task) now() time.Time { return t.Definitions.Now }

// kafkaLog is where the pipeline writes what it can't recompute.
type kafkaLog struct {
	*consumers.Client
	*consumers.Producer
}

// ReadAll has nobody remember how far other measurements were: each is of a
// state of its own, and some begin in the middle of the log.
func (l kafkaLog) ReadAll(ctx context.Context, tp consumers.TopicPartition, from int64, fn func(*consumers.Record) error) (int64, error) {
	if tp.Topic == pipeline.TopicProgress {
		return 0, nil
	}
	return l.Client.ReadAll(ctx, tp, from, fn)
}
