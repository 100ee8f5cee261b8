package soak

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"rollcall/generate"
)

// Writer writes records with acknowledgement by all replicas in sync, and
// retries for as long as it takes. It is a producer of another make than
// rollcall's own.
type Writer struct {
	ledger *Ledger
	right  *kgo.Client // chooses partitions as Java's client does
	wrong  *kgo.Client // as Sarama's does, so that most records have to be forwarded
}

// NewWriter writes to the brokers, and tells ledger of what is acknowledged.
func NewWriter(ledger *Ledger, brokers ...string) (*Writer, error) {
	open := func(p kgo.Partitioner) (*kgo.Client, error) {
		return kgo.NewClient(kgo.SeedBrokers(brokers...), kgo.RecordPartitioner(p),
			kgo.RequiredAcks(kgo.AllISRAcks()), kgo.ProducerLinger(5*time.Millisecond),
			kgo.RetryBackoffFn(func(int) time.Duration { return 100 * time.Millisecond }),
			kgo.MetadataMinAge(100*time.Millisecond), kgo.ProduceRequestTimeout(5*time.Second))
	}
	right, err := open(kgo.StickyKeyPartitioner(nil))
	if err != nil {
		return nil, fmt.Errorf("writer: %w", err)
	}
	wrong, err := open(kgo.StickyKeyPartitioner(kgo.SaramaCompatHasher(fnv32a)))
	if err != nil {
		right.Close()
		return nil, fmt.Errorf("writer: %w", err)
	}
	return &Writer{ledger: ledger, right: right, wrong: wrong}, nil
}

func fnv32a(b []byte) uint32 {
	h := fnv.New32a()
	h.Write(b)
	return h.Sum32()
}

// Close lets go of the connections.
func (w *Writer) Close() {
	w.right.Close()
	w.wrong.Close()
}

// misplaced are the topics whose producers choose partitions otherwise.
var misplaced = map[string]bool{"sms.clicked": true, "sms.opted_out": true}

// Run writes what next gives, so many records a second, until ctx ends or there
// is no more, and then waits at most patience until all of it is acknowledged or
// refused.
func (w *Writer) Run(ctx context.Context, rate int, patience time.Duration, next func() (generate.Record, bool)) error {
	w.write(ctx, rate, next)
	rest, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	if err := errors.Join(w.right.Flush(rest), w.wrong.Flush(rest)); err != nil {
		return fmt.Errorf("records are not acknowledged after %v: %w", patience, err)
	}
	return nil
}

func (w *Writer) write(ctx context.Context, rate int, next func() (generate.Record, bool)) {
	const tick = 20 * time.Millisecond
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	began := time.Now()
	for written := 0; ; {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		for due := int(time.Since(began).Seconds() * float64(rate)); written < due; written++ {
			r, ok := next()
			if !ok {
				return
			}
			w.produce(ctx, r)
		}
	}
}

// produce hands a record to its client. What ctx ends for is not given up.
func (w *Writer) produce(ctx context.Context, r generate.Record) {
	client := w.right
	if misplaced[r.Topic] {
		client = w.wrong
	}
	w.ledger.wrote()
	// The generator may use its buffers again.
	record := &kgo.Record{Topic: r.Topic, Key: clone(r.Key), Value: clone(r.Value)}
	client.Produce(context.WithoutCancel(ctx), record, func(r *kgo.Record, err error) {
		if err == nil {
			w.ledger.acknowledged(r.Topic, r.Partition, r.Offset, r.Key, r.Value)
		}
	})
}

// clone keeps nil, which is a tombstone, apart from empty.
func clone(b []byte) []byte {
	if b == nil {
		return nil
	}
	return append([]byte{}, b...)
}
