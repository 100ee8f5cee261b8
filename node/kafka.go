package node

import (
	"context"
	"fmt"

	"rollcall/consumers"
	"rollcall/pipeline"
)

// kafka is what the pipeline and the catalog ask of Kafka.
type kafka struct {
	*consumers.Client
	*consumers.Producer
	partitions int32
	sources    []string // what tasks read
}

var definitions = consumers.TopicPartition{Topic: pipeline.TopicDefinitions}

// Append implements catalog.Topic.
func (k *kafka) Append(ctx context.Context, key string, value []byte) (int64, error) {
	offsets, err := k.Write(ctx, []consumers.Message{{Topic: definitions.Topic, Key: []byte(key), Value: value}})
	if err != nil {
		return 0, err
	}
	return offsets[0], nil
}

// End implements catalog.Topic.
func (k *kafka) End(ctx context.Context) (int64, error) {
	marks, err := k.Watermarks(ctx, []consumers.TopicPartition{definitions})
	return marks[definitions].High, err
}

// definitionsTopic is the definitions as catalog.Topic.
type definitionsTopic struct{ *kafka }

// Tail implements catalog.Topic. Offsets that hold no record, such as those of
// control records, are handed on as empty entries.
func (d definitionsTopic) Tail(ctx context.Context, from int64, fn func(offset, timeMS int64, value []byte) error) error {
	next := from
	skip := func(to int64) error {
		for ; next < to; next++ {
			if err := fn(next, 0, nil); err != nil {
				return err
			}
		}
		return nil
	}
	return d.Client.Tail(ctx, definitions, from, func(r *consumers.Record) error {
		if err := skip(r.Offset); err != nil {
			return err
		}
		next = r.Offset + 1
		return fn(r.Offset, r.Time, r.Value)
	}, func(to, _ int64) error { return skip(to) })
}

// Ends implements pipeline.Ends.
func (k *kafka) Ends(ctx context.Context) ([]map[consumers.TopicPartition]int64, int64, error) {
	tasks, err := k.tasks(ctx)
	if err != nil {
		return nil, 0, err
	}
	all := []consumers.TopicPartition{definitions}
	for _, tps := range tasks {
		all = append(all, tps...)
	}
	marks, err := k.Watermarks(ctx, all)
	if err != nil {
		return nil, 0, fmt.Errorf("watermarks: %w", err)
	}
	ends := make([]map[consumers.TopicPartition]int64, len(tasks))
	for i, tps := range tasks {
		ends[i] = make(map[consumers.TopicPartition]int64, len(tps))
		for _, tp := range tps {
			ends[i][tp] = marks[tp].High
		}
	}
	return ends, marks[definitions].High, nil
}

// tasks lists the partitions that each task reads now.
func (k *kafka) tasks(ctx context.Context) ([][]consumers.TopicPartition, error) {
	counts, err := k.PartitionCounts(ctx, k.sources)
	if err != nil {
		return nil, fmt.Errorf("partitions of the sources: %w", err)
	}
	tps := make([][]consumers.TopicPartition, k.partitions)
	for p := range k.partitions {
		tps[p] = consumers.PartitionsOf(p, int(k.partitions), counts)
	}
	return tps, nil
}

// Erase implements api.Eraser: the record without a value is what erases, for
// every reader of the topic, and its owner remembers it for good.
func (k *kafka) Erase(ctx context.Context, account, contact string) error {
	_, err := k.Write(ctx, []consumers.Message{
		{Topic: pipeline.TopicContacts, Partition: -1, Key: []byte(account + "/" + contact)},
	})
	return err
}
