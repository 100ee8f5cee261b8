package main

import (
	"context"
	"strings"

	"github.com/twmb/franz-go/pkg/kgo"
)

// readFranz reads with franz-go, all partitions with one client.
func readFranz(ctx context.Context, t *task) (*outcome, error) {
	var m meter
	m.start()
	from, left := map[string]map[int32]kgo.Offset{}, map[string]map[int32]int64{}
	for _, s := range t.Spans {
		if s.From == s.To {
			continue
		}
		if from[s.Topic] == nil {
			from[s.Topic], left[s.Topic] = map[int32]kgo.Offset{}, map[int32]int64{}
		}
		from[s.Topic][s.Partition], left[s.Topic][s.Partition] = kgo.NewOffset().At(s.From), s.To
	}
	c, err := kgo.NewClient(kgo.SeedBrokers(strings.Split(t.Kafka, ",")...), kgo.ConsumePartitions(from))
	if err != nil {
		return nil, err
	}
	defer c.Close()
	f := franz{client: c, to: left, unread: t.Spans.records()}
	if err := f.read(ctx); err != nil {
		return nil, err
	}
	return &outcome{Records: f.records, Used: m.stop()}, nil
}

// franz reads until it has everything that is before an offset.
type franz struct {
	client          *kgo.Client
	to              map[string]map[int32]int64
	records, unread int64
}

func (f *franz) read(ctx context.Context) error {
	for f.records < f.unread {
		fetches := f.client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return err
		}
		fetches.EachRecord(func(r *kgo.Record) {
			if r.Offset < f.to[r.Topic][r.Partition] {
				f.records++
			}
		})
	}
	return nil
}
