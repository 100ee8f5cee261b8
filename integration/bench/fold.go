package main

import (
	"context"

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
	task, err := pipeline.Open(ctx, f.config, number, f.spans.marks(number))
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

// foldTasks is the product's main flow: read, decode, fold, maintain, commit.
func foldTasks(ctx context.Context, t *task) (*outcome, error) {
	s, err := t.open(ctx)
	if err != nil {
		return nil, err
	}
	defer s.close()
	folders := make([]*folder, partitions)
	r := &race{task: t, redis: s.redis, worker: func(number int32) worker {
		folders[number] = &folder{config: s.config, spans: t.Spans}
		return folders[number]
	}}
	o, err := r.run(ctx, s.client)
	if err != nil {
		return nil, err
	}
	for _, f := range folders {
		o.add(f.task.Outcomes())
	}
	if t.Answers {
		o.Answers, err = storedAnswers(ctx, s.store, s.defined, t.now())
	}
	return o, err
}
