package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/segmentio/kafka-go"
	"golang.org/x/sync/errgroup"

	"rollcall/consumers"
)

// reader does nothing with what it reads.
type reader struct{}

func (reader) open(context.Context, int32) (map[consumers.TopicPartition]int64, error) {
	return nil, nil
}

func (reader) take(context.Context, *consumers.Batch) (bool, error) { return false, nil }

// readRaw reads with the product's feeds, which walk raw record sets.
func readRaw(ctx context.Context, t *task) (*outcome, error) {
	c, err := openKafka(t.Kafka)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	r := &race{task: t, worker: func(int32) worker { return reader{} }}
	return r.run(ctx, c)
}

// readStock reads with kafka-go's Reader, one for each partition, and as
// stock-json decodes what it reads.
func readStock(ctx context.Context, t *task) (*outcome, error) {
	var m meter
	m.start()
	var records atomic.Int64
	g, ctx := errgroup.WithContext(ctx)
	for _, s := range t.Spans {
		if s.From < s.To {
			g.Go(func() error {
				n := int64(0)
				defer func() { records.Add(n) }()
				return s.each(ctx, t, func(m *kafka.Message) error {
					if n++; t.Role == "stock-json" {
						decodeStock(m.Value)
					}
					return nil
				})
			})
		}
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	return &outcome{Records: records.Load(), Used: m.stop()}, nil
}

// each reads a span with a Reader of its own.
func (s span) each(ctx context.Context, t *task, fn func(*kafka.Message) error) error {
	r := kafka.NewReader(kafka.ReaderConfig{
		Brokers: strings.Split(t.Kafka, ","), Topic: s.Topic, Partition: int(s.Partition), MaxBytes: 1 << 20,
		MaxWait: 100 * time.Millisecond, // to end soon, as Close waits for it
	})
	defer r.Close()
	if err := r.SetOffset(s.From); err != nil {
		return err
	}
	for {
		m, err := r.ReadMessage(ctx)
		if err != nil {
			return fmt.Errorf("%s/%d: %w", s.Topic, s.Partition, err)
		}
		if err := fn(&m); err != nil || m.Offset >= s.To-1 {
			return err
		}
	}
}

// stockRecord has the fields of the contract that state is made of.
type stockRecord struct {
	ID, Account, Contact, Message, Phone, Region, Kind, List string
	Member                                                   bool
	At                                                       time.Time
}

// decodeStock decodes a record as one would write it down first. Some are not
// to be read.
func decodeStock(value []byte) {
	var r stockRecord
	_ = json.Unmarshal(value, &r)
}
