package main

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"rollcall/consumers"
	"rollcall/pipeline"
)

// partitions is how many partitions every topic has.
const partitions = 8

// topicBare is read by a bare consumer only.
const topicBare = "bench.bare"

// sources are what a task reads.
var sources = []string{
	pipeline.TopicSent, pipeline.TopicClicked, pipeline.TopicFailed, pipeline.TopicReplied,
	pipeline.TopicOptedIn, pipeline.TopicOptedOut, pipeline.TopicContacts, pipeline.TopicLists,
	pipeline.TopicInbox, pipeline.TopicErasures,
}

// span is the part of a partition that a run reads.
type span struct {
	Topic     string
	Partition int32
	From, To  int64
}

// spans are a run's parts of all source partitions.
type spans []span

func (s spans) records() (n int64) {
	for _, p := range s {
		n += p.To - p.From
	}
	return n
}

// from is where a task's partitions begin.
func (s spans) from(task int32) map[consumers.TopicPartition]int64 {
	return s.offsets(task, func(p span) int64 { return p.From })
}

// to is where a task's partitions end.
func (s spans) to(task int32) map[consumers.TopicPartition]int64 {
	return s.offsets(task, func(p span) int64 { return p.To })
}

// marks are the spans of a task as if there were nothing else in the log.
func (s spans) marks(task int32) map[consumers.TopicPartition]consumers.Watermark {
	m, to := map[consumers.TopicPartition]consumers.Watermark{}, s.to(task)
	for tp, from := range s.from(task) {
		m[tp] = consumers.Watermark{LogStart: from, High: to[tp]}
	}
	return m
}

func (s spans) offsets(task int32, of func(span) int64) map[consumers.TopicPartition]int64 {
	m := map[consumers.TopicPartition]int64{}
	for _, p := range s {
		if p.Partition == task {
			m[consumers.TopicPartition{Topic: p.Topic, Partition: p.Partition}] = of(p)
		}
	}
	return m
}

// then are the spans that follow, up to the log's end.
func (s spans) then(ctx context.Context, c *consumers.Client) (spans, error) {
	next, err := logSpans(ctx, c)
	if err != nil {
		return nil, err
	}
	for i := range next {
		next[i].From = s[i].To
	}
	return next, nil
}

// plus are the spans that follow, of records that are yet to be written.
func (s spans) plus(messages []consumers.Message) spans {
	grown := map[consumers.TopicPartition]int64{}
	for i := range messages {
		m := &messages[i]
		grown[consumers.TopicPartition{Topic: m.Topic, Partition: consumers.Partition(m.Key, partitions)}]++
	}
	next := slices.Clone(s)
	for i, p := range s {
		next[i].From = p.To
		next[i].To = p.To + grown[consumers.TopicPartition{Topic: p.Topic, Partition: p.Partition}]
	}
	return next
}

// logSpans are the whole source topics as they are now.
func logSpans(ctx context.Context, c *consumers.Client) (spans, error) {
	var s spans
	var tps []consumers.TopicPartition
	for _, topic := range sources {
		for p := range int32(partitions) {
			tps = append(tps, consumers.TopicPartition{Topic: topic, Partition: p})
		}
	}
	marks, err := c.Watermarks(ctx, tps)
	if err != nil {
		return nil, fmt.Errorf("where the topics end: %w", err)
	}
	for _, tp := range tps {
		s = append(s, span{tp.Topic, tp.Partition, marks[tp].LogStart, marks[tp].High})
	}
	return s, nil
}

// remaining is what a task has still to read.
type remaining map[consumers.TopicPartition]int64

func (s spans) remaining(task int32) remaining {
	r := remaining(s.to(task))
	maps.DeleteFunc(r, func(tp consumers.TopicPartition, to int64) bool { return s.from(task)[tp] >= to })
	return r
}

// moved takes note of what was read.
func (r remaining) moved(next []consumers.NextOffset) {
	for _, n := range next {
		if n.Offset >= r[n.TopicPartition] {
			delete(r, n.TopicPartition)
		}
	}
}
