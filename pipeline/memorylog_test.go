package pipeline

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sync"

	"rollcall/consumers"
	"rollcall/pipeline/history"
)

// memoryLog is Kafka in memory.
type memoryLog struct {
	mu      sync.Mutex
	records map[consumers.TopicPartition][]consumers.Record
	held    map[consumers.TopicPartition]int64              // first offset of a transaction that is open
	refuses string                                          // a topic that can't be written to
	begin   map[consumers.TopicPartition]int64              // where a log begins that was cut off
	gone    map[consumers.TopicPartition][]consumers.Record // compacted away
	mapped  map[string]bool                                 // topics that are sources too
	dated   map[string]string                               // message.timestamp.type of topics, if it is not CreateTime
	now     int64
	grown   chan struct{} // closed when a definition was written
}

func newMemoryLog() *memoryLog {
	return &memoryLog{
		records: map[consumers.TopicPartition][]consumers.Record{}, gone: map[consumers.TopicPartition][]consumers.Record{},
		grown: make(chan struct{}),
	}
}

// of is what a partition holds now.
func (l *memoryLog) of(tp consumers.TopicPartition) []consumers.Record {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.records[tp]
}

// was is what a partition holds, or held before it was compacted.
func (l *memoryLog) was(tp consumers.TopicPartition) []consumers.Record {
	return slices.Concat(l.gone[tp], l.of(tp))
}

var definitionsTP = consumers.TopicPartition{Topic: TopicDefinitions}

// Append, End and Tail make it the catalog's topic too.
func (l *memoryLog) Append(ctx context.Context, key string, value []byte) (int64, error) {
	offsets, err := l.Write(ctx, []consumers.Message{{Topic: TopicDefinitions, Key: []byte(key), Value: value}})
	l.mu.Lock()
	defer l.mu.Unlock()
	close(l.grown)
	l.grown = make(chan struct{})
	return offsets[0], err
}

func (l *memoryLog) End(context.Context) (int64, error) { return int64(len(l.of(definitionsTP))), nil }

func (l *memoryLog) Tail(ctx context.Context, from int64, fn func(offset, timeMS int64, value []byte) error) error {
	for {
		l.mu.Lock()
		records, grown := l.records[definitionsTP], l.grown
		l.mu.Unlock()
		for _, r := range records[from:] {
			if err := fn(r.Offset, r.Time, r.Value); err != nil {
				return err
			}
			from++
		}
		select {
		case <-grown:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (l *memoryLog) append(run history.Run) {
	l.mu.Lock()
	defer l.mu.Unlock()
	tp := consumers.TopicPartition{Topic: run.Topic, Partition: run.Partition}
	for _, r := range run.Records {
		rec := consumers.Record{TopicPartition: tp, Offset: r.Offset, Time: r.Time, Key: r.Key, Value: r.Value}
		var headers []consumers.Header
		for k, v := range r.Headers {
			headers = append(headers, consumers.Header{Key: k, Value: []byte(v)})
		}
		l.records[tp] = append(l.records[tp], rec.WithHeaders(headers...))
		l.now = max(l.now, r.Time)
	}
}

func (l *memoryLog) Write(_ context.Context, messages []consumers.Message) ([]int64, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	offsets := make([]int64, len(messages))
	for i, m := range messages {
		if m.Topic == l.refuses {
			return nil, fmt.Errorf("%s: not enough replicas", m.Topic)
		}
		if m.Partition < 0 {
			return nil, fmt.Errorf("%s: no partition", m.Topic)
		}
		tp := consumers.TopicPartition{Topic: m.Topic, Partition: m.Partition}
		offsets[i] = l.begin[tp]
		if held := l.records[tp]; len(held) > 0 {
			offsets[i] = held[len(held)-1].Offset + 1
		}
		clone := func(b []byte) []byte {
			if b == nil {
				return nil
			}
			return append([]byte{}, b...)
		}
		rec := consumers.Record{TopicPartition: tp, Offset: offsets[i], Time: l.now, Key: clone(m.Key), Value: clone(m.Value)}
		l.records[tp] = append(l.records[tp], rec.WithHeaders(m.Headers...))
	}
	return offsets, nil
}

func (l *memoryLog) ReadAll(ctx context.Context, tp consumers.TopicPartition, from int64, fn func(*consumers.Record) error) (int64, error) {
	return l.ReadUpTo(ctx, tp, from, math.MaxInt64, fn)
}

func (l *memoryLog) ReadUpTo(_ context.Context, tp consumers.TopicPartition, from, end int64, fn func(*consumers.Record) error) (int64, error) {
	next := from
	for _, r := range l.of(tp) {
		if r.Offset < from || r.Offset >= end {
			continue
		}
		if err := fn(&r); err != nil {
			return next, err
		}
		next = r.Offset + 1
	}
	return next, nil
}

// cutOff lets a log begin at an offset, as retention does.
func (l *memoryLog) cutOff(tp consumers.TopicPartition, begin int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.begin == nil {
		l.begin = map[consumers.TopicPartition]int64{}
	}
	l.begin[tp] = begin
	l.records[tp] = slices.DeleteFunc(slices.Clone(l.records[tp]), func(r consumers.Record) bool { return r.Offset < begin })
}

// compact keeps of each key in a topic only what was written last, and that if
// it has a value. The newest record of a partition stays, as on a broker.
func (l *memoryLog) compact(topic string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for tp, records := range l.records {
		if tp.Topic != topic {
			continue
		}
		last := map[string]int64{}
		for _, r := range records {
			last[string(r.Key)] = r.Offset
		}
		var kept []consumers.Record
		for i, r := range records {
			if i == len(records)-1 || r.Value != nil && last[string(r.Key)] == r.Offset {
				kept = append(kept, r)
			} else {
				l.gone[tp] = append(l.gone[tp], r)
			}
		}
		l.records[tp] = kept
	}
}

var sourceTopics = []string{
	TopicSent, TopicClicked, TopicFailed, TopicReplied, TopicOptedIn, TopicOptedOut, TopicContacts, TopicLists,
	TopicInbox, TopicErasures, topicPartner,
}

// sources are the partitions that a task reads.
func (l *memoryLog) sources(p, partitions int32) []consumers.TopicPartition {
	l.mu.Lock()
	defer l.mu.Unlock()
	counts := map[string]int{}
	for _, topic := range sourceTopics {
		counts[topic] = int(partitions)
	}
	for tp := range l.records {
		if n, ok := counts[tp.Topic]; ok || l.mapped[tp.Topic] {
			counts[tp.Topic] = max(n, int(tp.Partition)+1)
		}
	}
	return consumers.PartitionsOf(p, int(partitions), counts)
}

// taskMarks are the watermarks of a task's partitions.
func (l *memoryLog) taskMarks(p, partitions int32) map[consumers.TopicPartition]consumers.Watermark {
	return l.marks(l.sources(p, partitions))
}

func (l *memoryLog) marks(tps []consumers.TopicPartition) map[consumers.TopicPartition]consumers.Watermark {
	marks := map[consumers.TopicPartition]consumers.Watermark{}
	for _, tp := range tps {
		mark := consumers.Watermark{LogStart: l.begin[tp], High: l.begin[tp]}
		if records := l.of(tp); len(records) > 0 {
			mark.High = records[len(records)-1].Offset + 1
		}
		marks[tp] = mark
	}
	return marks
}

// batch is a random next part of what a task has not read, nil if it has all.
func (l *memoryLog) batch(rng *rand.Rand, offsets map[consumers.TopicPartition]int64) *consumers.Batch {
	var b consumers.Batch
	tps := sortedPartitions(offsets)
	rng.Shuffle(len(tps), func(i, j int) { tps[i], tps[j] = tps[j], tps[i] })
	for _, tp := range tps {
		next := offsets[tp]
		want := 1 + rng.IntN(4)
		held, open := l.held[tp]
		for _, r := range l.of(tp) {
			if open && r.Offset >= held {
				break
			}
			if r.Offset >= next && want > 0 {
				b.Skipped += r.Offset - next
				b.Records = append(b.Records, r)
				next, want = r.Offset+1, want-1
			}
		}
		if next > offsets[tp] {
			b.Next = append(b.Next, consumers.NextOffset{TopicPartition: tp, Offset: next})
		}
		if rng.IntN(3) == 0 && len(b.Next) > 0 {
			break
		}
	}
	if len(b.Next) == 0 {
		return nil
	}
	return &b
}
