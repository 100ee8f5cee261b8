package consumers

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/protocol/produce"
	"github.com/segmentio/kafka-go/protocol/rawproduce"
)

// Message is a record to write.
type Message struct {
	Topic string
	// Partition is the number of the partition, or -1 for the one that Kafka's
	// Java client chooses by the key: see [Partition].
	Partition int32
	Key       []byte // nil: no key
	Value     []byte // nil: a tombstone
	Headers   []Header
	// Time is what a topic with CreateTime dates the record by. Zero: now.
	Time time.Time
}

func (m *Message) size() int {
	n := len(m.Key) + len(m.Value)
	for _, h := range m.Headers {
		n += len(h.Key) + len(h.Value)
	}
	return n
}

// ProducerConfig is how a Producer writes.
type ProducerConfig struct {
	// MaxRequest bounds the message bytes of one request to a partition. A
	// larger message goes alone, and it is the topic that takes it or not
	// (max.message.bytes, 1 MiB unless configured). Default 900 KiB.
	MaxRequest int
	// Concurrency bounds the requests in flight, each to one partition and on
	// its own connection. Default 8.
	Concurrency int
	// Timeout bounds one Write, with its retries. Default 30 s.
	Timeout time.Duration
}

// Producer writes messages with acknowledgement by all in-sync replicas. It is
// safe for concurrent use. It writes at least once: a request whose answer got
// lost is sent again, so that records may be in the log twice.
type Producer struct {
	c     *Client
	cfg   ProducerConfig
	slots chan struct{}

	mu     sync.Mutex
	counts map[string]int // partitions of the topics written to by key
	asked  time.Time      // when counts were learnt
}

// Producer makes a producer. It needs no closing.
func (c *Client) Producer(cfg ProducerConfig) *Producer {
	cfg.MaxRequest = cmp.Or(cfg.MaxRequest, 900<<10)
	cfg.Concurrency = cmp.Or(cfg.Concurrency, 8)
	cfg.Timeout = cmp.Or(cfg.Timeout, 30*time.Second)
	return &Producer{c: c, cfg: cfg, slots: make(chan struct{}, cfg.Concurrency)}
}

// Write writes the messages and returns their offsets, in the same order, when
// all are acknowledged. Messages for one partition keep their order. What may
// succeed later is retried until ctx ends or the timeout is over. After an
// error, the offset of a message that was not acknowledged is -1; it may have
// been written nevertheless. Write does not keep the messages.
func (p *Producer) Write(ctx context.Context, messages []Message) ([]int64, error) {
	ctx, cancel := context.WithTimeout(ctx, p.cfg.Timeout)
	defer cancel()
	offsets := make([]int64, len(messages))
	for i := range offsets {
		offsets[i] = -1
	}
	byPartition, err := p.group(ctx, messages)
	if err != nil {
		return offsets, err
	}
	var (
		wg   sync.WaitGroup
		mu   sync.Mutex
		errs []error
	)
	for tp, indexes := range byPartition {
		wg.Go(func() {
			w := partitionWrite{p: p, tp: tp, messages: messages, offsets: offsets}
			if err := w.write(ctx, indexes); err != nil {
				mu.Lock()
				defer mu.Unlock()
				errs = append(errs, err)
			}
		})
	}
	wg.Wait()
	return offsets, errors.Join(errs...)
}

// group sorts the messages' indexes by partition.
func (p *Producer) group(ctx context.Context, messages []Message) (map[TopicPartition][]int, error) {
	groups := map[TopicPartition][]int{}
	var last TopicPartition
	var run []int // messages for the same partition often follow each other
	for i := range messages {
		m := &messages[i]
		tp := TopicPartition{m.Topic, m.Partition}
		if m.Partition < 0 {
			n, err := p.partitions(ctx, m.Topic)
			if err != nil {
				return nil, err
			}
			tp.Partition = Partition(m.Key, n)
		}
		if tp != last || run == nil {
			if run != nil {
				groups[last] = run
			}
			last, run = tp, groups[tp]
		}
		run = append(run, i)
	}
	if run != nil {
		groups[last] = run
	}
	return groups, nil
}

// countsAge is how long a topic's partition count is trusted.
const countsAge = 10 * time.Second

// partitions returns the partition count of a topic.
func (p *Producer) partitions(ctx context.Context, topic string) (int, error) {
	if n := p.known(topic); n > 0 {
		return n, nil
	}
	for n := 1; ; n++ {
		t, err := p.c.topology(ctx, []string{topic})
		if err == nil && t.partitions[topic] > 0 {
			p.learn(topic, t.partitions[topic])
			return t.partitions[topic], nil
		}
		if err == nil {
			err = t.unled(TopicPartition{Topic: topic})
		}
		if !retriable(err) || sleep(ctx, backoff(n, retryFirst, retryMost)) != nil {
			return 0, fmt.Errorf("writing to %s: %w", topic, err)
		}
	}
}

func (p *Producer) known(topic string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if time.Since(p.asked) > countsAge {
		p.counts, p.asked = map[string]int{}, time.Now()
	}
	return p.counts[topic]
}

func (p *Producer) learn(topic string, n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.counts[topic] = n
}

// partitionWrite writes the messages of one partition.
type partitionWrite struct {
	p        *Producer
	tp       TopicPartition
	messages []Message // of the whole Write
	offsets  []int64   // likewise
}

// write sends requests of bounded size, one after the other.
func (w *partitionWrite) write(ctx context.Context, indexes []int) error {
	for len(indexes) > 0 {
		n, bytes := 0, 0
		for n < len(indexes) && (n == 0 || bytes+w.messages[indexes[n]].size() <= w.p.cfg.MaxRequest) {
			bytes += w.messages[indexes[n]].size()
			n++
		}
		if err := w.writeBatch(ctx, indexes[:n]); err != nil {
			return err
		}
		indexes = indexes[n:]
	}
	return nil
}

// retriesInSilence is how often a write may fail, in a second and a half or so,
// before that is told. Leaders move in less.
const retriesInSilence = 6

// writeBatch sends one request until it succeeds, in halves if the topic
// doesn't take it whole.
func (w *partitionWrite) writeBatch(ctx context.Context, indexes []int) error {
	for n := 1; ; n++ {
		base, err := w.send(ctx, indexes)
		if err == nil {
			for i, index := range indexes {
				w.offsets[index] = base + int64(i)
			}
			w.p.c.Stats.Produced.Add(int64(len(indexes)))
			return nil
		}
		w.p.c.Stats.ProduceErrors.Add(1)
		if n == retriesInSilence {
			w.p.c.cfg.Log.Warn("writing fails, will be retried", "partition", w.tp.String(), "messages", len(indexes), "err", err)
		}
		switch half := len(indexes) / 2; {
		case !errors.Is(err, kafka.MessageSizeTooLarge):
		case half == 0:
			return &TooLargeError{Topic: w.tp.Topic, Size: w.messages[indexes[0]].size()}
		default:
			if err := w.writeBatch(ctx, indexes[:half]); err != nil {
				return err
			}
			return w.writeBatch(ctx, indexes[half:])
		}
		if ctx.Err() != nil || !retriable(err) || sleep(ctx, backoff(n, retryFirst, retryMost)) != nil {
			return fmt.Errorf("writing %d messages to %s: %w", len(indexes), w.tp, err)
		}
	}
}

// send makes one attempt and returns the offset of the first message.
func (w *partitionWrite) send(ctx context.Context, indexes []int) (int64, error) {
	select {
	case w.p.slots <- struct{}{}:
		defer func() { <-w.p.slots }()
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	leaders, err := w.p.c.byLeader(ctx, []TopicPartition{w.tp})
	if err != nil {
		return 0, err
	}
	var base int64
	for broker := range leaders { // one
		if base, err = w.sendTo(ctx, broker, indexes); err != nil {
			w.p.c.leaders.forget()
		}
	}
	return base, err
}

func (w *partitionWrite) sendTo(ctx context.Context, broker int32, indexes []int) (int64, error) {
	set := newRecordSet(w.messages, indexes)
	timeout := w.p.c.cfg.RequestTimeout
	res, err := w.p.c.roundTrip(ctx, timeout, &produceRequest{
		Acks:    int16(kafka.RequireAll),
		Timeout: int32(timeout / 2 / time.Millisecond), // for the brokers, the rest is for the way
		Topics: []rawproduce.RequestTopic{{Topic: w.tp.Topic, Partitions: []rawproduce.RequestPartition{{
			Partition: w.tp.Partition,
			RecordSet: protocol.RawRecordSet{Reader: bytes.NewReader(set.b)},
		}}}},
		broker: broker,
	})
	if err != nil {
		return 0, err // a request that was given up may still hold the set
	}
	set.release()
	topics := res.(*produce.Response).Topics
	if len(topics) != 1 || len(topics[0].Partitions) != 1 {
		return 0, errors.New("the broker's answer does not name the partition")
	}
	answer := topics[0].Partitions[0]
	if answer.ErrorCode != 0 {
		return 0, fmt.Errorf("%w %s", kafka.Error(answer.ErrorCode), answer.ErrorMessage)
	}
	return answer.BaseOffset, nil
}
