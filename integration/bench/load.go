package main

import (
	"context"
	"fmt"
	"iter"
	"log/slog"
	"os"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"rollcall/consumers"
	"rollcall/generate"
	"rollcall/pipeline"
)

// openKafka makes a client that only complains.
func openKafka(addr string) (*consumers.Client, error) {
	return consumers.Open(consumers.Config{
		Brokers: strings.Split(addr, ","),
		Log:     slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError})),
	})
}

// createTopics makes all topics as the product does: dated by Kafka, kept forever.
func createTopics(ctx context.Context, c *consumers.Client) error {
	names := append([]string{pipeline.TopicDeadLetters, pipeline.TopicProgress, pipeline.TopicSegmentChanges, topicBare}, sources...)
	var specs []consumers.TopicSpec
	for _, name := range names {
		config := map[string]string{"message.timestamp.type": "LogAppendTime", "retention.ms": "-1"}
		specs = append(specs, consumers.TopicSpec{Name: name, Partitions: partitions, ReplicationFactor: 1, Config: config})
	}
	_, err := c.EnsureTopics(ctx, specs)
	return err
}

// loadChunk is how many records are written at once.
const loadChunk = 40_000

// load writes records as fast as Kafka takes them.
func load(ctx context.Context, p *consumers.Producer, records iter.Seq[consumers.Message]) error {
	var chunk []consumers.Message
	flush := func() error {
		_, err := p.Write(ctx, chunk)
		chunk = chunk[:0]
		return err
	}
	for m := range records {
		if chunk = append(chunk, m); len(chunk) == loadChunk {
			if err := flush(); err != nil {
				return fmt.Errorf("load: %w", err)
			}
		}
	}
	return flush()
}

// messages turns generated records into messages, and counts them by topic.
func messages(records iter.Seq[generate.Record], counts map[string]int64) iter.Seq[consumers.Message] {
	return func(yield func(consumers.Message) bool) {
		for r := range records {
			counts[r.Topic]++
			if !yield(consumers.Message{Topic: r.Topic, Partition: -1, Key: r.Key, Value: r.Value}) {
				return
			}
		}
	}
}

// some collects the first n.
func some(n int, all iter.Seq[consumers.Message]) []consumers.Message {
	var out []consumers.Message
	for m := range all {
		if out = append(out, m); len(out) == n {
			break
		}
	}
	return out
}

// inFlight bounds the records that are being written one by one.
const inFlight = 64

// paced calls fn with 0 to n-1, so many times a second, each on a goroutine of
// its own, and returns when all are through.
func paced(ctx context.Context, perSecond, n int, fn func(i int) error) error {
	var g errgroup.Group
	g.SetLimit(inFlight)
	began := time.Now()
	for i := 0; i < n && ctx.Err() == nil; i++ {
		time.Sleep(time.Until(began.Add(time.Duration(i) * time.Second / time.Duration(perSecond))))
		g.Go(func() error { return fn(i) })
	}
	return g.Wait()
}

// trickle writes messages one by one at a rate.
func trickle(ctx context.Context, p *consumers.Producer, perSecond int, all []consumers.Message) error {
	return paced(ctx, perSecond, len(all), func(i int) error {
		_, err := p.Write(ctx, all[i:i+1])
		return err
	})
}
