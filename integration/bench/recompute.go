package main

import (
	"bytes"
	"context"

	"rollcall/consumers"
	"rollcall/pipeline/naive"
	"rollcall/pipeline/segment"
)

// recompute finds the members in the plain way: from all records at once.
func recompute(ctx context.Context, t *task) (*outcome, error) {
	c, err := openKafka(t.Kafka)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	all, err := segments(t.now())
	if err != nil {
		return nil, err
	}
	world := naive.World{Partitions: partitions, Accounts: []naive.Account{naiveAccount(all)}}
	for _, s := range t.Spans {
		if world.Records, err = s.read(ctx, c, world.Records); err != nil {
			return nil, err
		}
	}
	result := naive.Fold(world, t.now())
	o := &outcome{Records: int64(len(world.Records)), Answers: map[string]string{}}
	for _, s := range all {
		o.Answers[s.id] = digest(result.Members(account, s.id))
	}
	return o, nil
}

func naiveAccount(all []namedSegment) naive.Account {
	a := naive.Account{
		ID: account, Timezone: "America/New_York", RetentionDays: retentionDays, DefaultRegion: "US",
		Segments: map[string]segment.Definition{},
	}
	for _, s := range all {
		a.Segments[s.id] = s.def
	}
	return a
}

// read appends the span's records.
func (s span) read(ctx context.Context, c *consumers.Client, records []naive.Record) ([]naive.Record, error) {
	if s.From == s.To {
		return records, nil
	}
	tp := consumers.TopicPartition{Topic: s.Topic, Partition: s.Partition}
	_, err := c.ReadAll(ctx, tp, s.From, func(r *consumers.Record) error {
		if r.Offset < s.To {
			records = append(records, naive.Record{
				Topic: r.Topic, Partition: r.Partition, Offset: r.Offset, Time: r.Time,
				Key: bytes.Clone(r.Key), Value: bytes.Clone(r.Value),
			})
		}
		return nil
	})
	return records, err
}
