package main

import (
	"bytes"
	"context"
	"time"

	"rollcall/consumers"
	"rollcall/pipeline/naive"
)

// recompute finds the members in the plain way: from all records of a partition at once.
func recompute(ctx context.Context, t *task) (*outcome, error) {
	c, err := openKafka(t.Kafka)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	accounts, err := t.Definitions.naiveAccounts()
	if err != nil {
		return nil, err
	}
	found := membership{}
	for number := range int32(partitions) {
		r, err := t.Spans.recompute(ctx, c, accounts, number, t.now())
		if err != nil {
			return nil, err
		}
		for _, a := range accounts {
			for id := range a.Segments {
				found.add(a.ID, id, r.Members(a.ID, id))
			}
		}
	}
	return &outcome{Records: t.Spans.records(), Answers: found.digests()}, nil
}

// recompute folds what the spans have of a partition.
func (s spans) recompute(ctx context.Context, c *consumers.Client, accounts []naive.Account, number int32, now time.Time) (*naive.Result, error) {
	r := naive.Begin(naive.World{Partitions: partitions, Accounts: accounts})
	for _, p := range s {
		if p.Partition != number {
			continue
		}
		if err := p.read(ctx, c, func(rec naive.Record) { r.Take(rec) }); err != nil {
			return nil, err
		}
	}
	for _, a := range accounts {
		r.Settle(a, now)
	}
	return r, nil
}

// read calls fn with the span's records.
func (s span) read(ctx context.Context, c *consumers.Client, fn func(naive.Record)) error {
	if s.From == s.To {
		return nil
	}
	tp := consumers.TopicPartition{Topic: s.Topic, Partition: s.Partition}
	_, err := c.ReadUpTo(ctx, tp, s.From, s.To, func(r *consumers.Record) error {
		fn(naive.Record{
			Topic: r.Topic, Partition: r.Partition, Offset: r.Offset, Time: r.Time,
			Key: bytes.Clone(r.Key), Value: bytes.Clone(r.Value),
		})
		return nil
	})
	return err
}
