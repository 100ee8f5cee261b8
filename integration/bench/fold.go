package main

import (
	"context"
	"math"
	"time"

	"rollcall/bitmaps"
	"rollcall/consumers"
	"rollcall/pipeline"
)

// folder folds one task's records into the state, as pipeline.Serve does.
type folder struct {
	config pipeline.Config
	spans  spans
	task   *pipeline.Task
}

func (f *folder) open(ctx context.Context, number int32) (map[consumers.TopicPartition]int64, error) {
	task, err := pipeline.Open(ctx, f.config, number, f.spans.from(number))
	if err != nil {
		return nil, err
	}
	f.task = task
	for worked := true; worked && err == nil; {
		worked, err = task.Compose(ctx)
	}
	return task.Offsets(), err
}

func (f *folder) take(ctx context.Context, batch *consumers.Batch) (bool, error) {
	if batch != nil {
		if err := f.task.Process(ctx, batch); err != nil {
			return false, err
		}
	}
	return f.task.Compose(ctx)
}

// config is the pipeline's configuration in a child process.
func (t *task) config(c *consumers.Client, d *defined, store *bitmaps.Store) pipeline.Config {
	config := pipeline.Config{
		Partitions: partitions, Store: store, Log: kafkaLog{c, c.Producer(consumers.ProducerConfig{})},
		Catalog: d.Catalog, CatchUp: d.log.CaughtUp, Now: t.now, Publish: t.Publish,
	}
	if t.Redis == "" {
		// What is not stored can't be read back: everything stays in memory.
		config.Limits = pipeline.Limits{Changelog: math.MaxInt, Loaded: math.MaxInt}
	}
	return config
}

// now stands still, so that no midnight comes between two runs.
func (t *task) now() time.Time { return t.Definitions.Now }

// foldTasks is the product's main flow: read, decode, fold, maintain, commit.
func foldTasks(ctx context.Context, t *task) (*outcome, error) {
	c, err := openKafka(t.Kafka)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	d, err := t.Definitions.define(ctx)
	if err != nil {
		return nil, err
	}
	defer d.stop()
	client := t.redis()
	store, closeStore := storeIn(client)
	defer closeStore()
	config := t.config(c, d, store)
	folders := make([]*folder, partitions)
	r := &race{task: t, redis: client, worker: func(number int32) worker {
		folders[number] = &folder{config: config, spans: t.Spans}
		return folders[number]
	}}
	o, err := r.run(ctx, c)
	if err != nil {
		return nil, err
	}
	for _, f := range folders {
		for i, n := range f.task.Outcomes() {
			o.Outcomes[i] += n
		}
	}
	if t.Answers {
		o.Answers, err = storedAnswers(ctx, store, d, t.now())
	}
	return o, err
}
