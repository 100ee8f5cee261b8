package main

import (
	"context"
	"fmt"
	"sync"

	"github.com/segmentio/kafka-go"
	"golang.org/x/sync/errgroup"

	"rollcall/consumers"
)

// foldStock does what foldTasks does behind kafka-go's Reader and encoding/json.
// The product's state takes what they give: nothing else that has the same
// answers costs less. It decodes once more, which is the scanner's part of it.
func foldStock(ctx context.Context, t *task) (*outcome, error) {
	s, err := t.open(ctx)
	if err != nil {
		return nil, err
	}
	defer s.close()
	folders := make([]*stockFolder, partitions)
	for number := range folders {
		folders[number] = &stockFolder{folder: folder{config: s.config, spans: t.Spans}}
		if _, err := folders[number].open(ctx, int32(number)); err != nil {
			return nil, err
		}
	}
	var m meter
	m.start()
	reading, ctx := errgroup.WithContext(ctx)
	for _, sp := range t.Spans {
		if sp.From < sp.To {
			reading.Go(func() error { return folders[sp.Partition].read(ctx, t, sp) })
		}
	}
	if err := reading.Wait(); err != nil {
		return nil, err
	}
	o := &outcome{Used: m.stop(), Records: t.Spans.records()}
	for _, f := range folders {
		o.add(f.task.Outcomes())
	}
	return o, nil
}

// stockFolder is a task that one Reader for each topic feeds.
type stockFolder struct {
	mu sync.Mutex
	folder
}

func (f *stockFolder) read(ctx context.Context, t *task, s span) error {
	tp := consumers.TopicPartition{Topic: s.Topic, Partition: s.Partition}
	batch := &consumers.Batch{}
	return s.each(ctx, t, func(m *kafka.Message) error {
		decodeStock(m.Value)
		batch.Records = append(batch.Records, consumers.Record{
			TopicPartition: tp, Offset: m.Offset, Time: m.Time.UnixMilli(), Key: m.Key, Value: m.Value,
		})
		if len(batch.Records) < batchRecords && m.Offset < s.To-1 {
			return nil
		}
		batch.Next = []consumers.NextOffset{{TopicPartition: tp, Offset: m.Offset + 1}}
		f.mu.Lock()
		_, err := f.take(ctx, batch)
		f.mu.Unlock()
		*batch = consumers.Batch{Records: batch.Records[:0]}
		if err != nil {
			return fmt.Errorf("%s/%d: %w", s.Topic, s.Partition, err)
		}
		return nil
	})
}
