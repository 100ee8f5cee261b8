package pipeline

import (
	"context"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"rollcall/consumers"
	"rollcall/pipeline/cloudevents"
)

// Headers of a dead letter, beside the record's own.
const (
	headerErrorCode      = "rollcall-error-code"
	headerErrorTopic     = "rollcall-error-topic"
	headerErrorPartition = "rollcall-error-partition"
	headerErrorOffset    = "rollcall-error-offset"
	headerErrorTime      = "rollcall-error-time" // Kafka time, Unix ms
)

// outbox holds what a batch has to write to Kafka before it may be committed:
// what could not be recomputed if it were lost. How far that was done is
// written last, so that a state that is folded anew writes none of it again.
type outbox struct {
	partition int32 // of the task
	messages  []consumers.Message
	done      map[consumers.TopicPartition]int64 // as Kafka remembers: below, all is written
	reached   map[consumers.TopicPartition]int64 // with the messages of this batch
	silent    bool                               // somebody else writes it
	keyBuf    []byte
}

func (o *outbox) reset() {
	o.messages = o.messages[:0]
	clear(o.reached)
}

// key is the record key of a contact, valid until the next call.
func (o *outbox) key(account, contact []byte) []byte {
	o.keyBuf = append(append(append(o.keyBuf[:0], account...), '/'), contact...)
	return o.keyBuf
}

// add takes a message on account of a record, unless that was done before.
func (o *outbox) add(r *consumers.Record, m consumers.Message) {
	if o.pass(r) {
		o.messages = append(o.messages, m)
	}
}

// pass notes that a record is done with, and tells whether it was not before.
func (o *outbox) pass(r *consumers.Record) bool {
	if o.silent || r.Offset < o.done[r.TopicPartition] {
		return false
	}
	o.reached[r.TopicPartition] = r.Offset + 1
	return true
}

func (o *outbox) deadLetter(r *consumers.Record, code Code) {
	o.add(r, consumers.Message{
		Topic: TopicDeadLetters, Partition: o.partition, Key: r.Key, Value: r.Value,
		Headers: append(r.Headers(),
			header(headerErrorCode, string(code)),
			header(headerErrorTopic, r.Topic),
			header(headerErrorPartition, strconv.Itoa(int(r.Partition))),
			header(headerErrorOffset, strconv.FormatInt(r.Offset, 10)),
			header(headerErrorTime, strconv.FormatInt(r.Time, 10))),
	})
}

// forward sends a record to the inbox of the partition it belongs to.
func (o *outbox) forward(r *consumers.Record, e *event, owner int32) {
	value, headers := r.Value, producerHeaders(r)
	if e.translated != nil {
		value, headers = e.translated, cloudevents.Without(headers)
	}
	if e.means != "" {
		headers = append(headers, header(headerMeans, e.means))
	}
	m := consumers.Message{
		Topic: TopicInbox, Partition: owner, Key: append([]byte(nil), o.keyBuf...), Value: value,
		Headers: append(headers,
			header(headerTopic, e.origin.Topic),
			header(headerPartition, strconv.Itoa(int(e.origin.Partition))),
			header(headerOffset, strconv.FormatInt(e.origin.offset, 10)),
			header(headerTime, strconv.FormatInt(e.origin.time, 10))),
	}
	if e.refused != "" {
		m.Headers = append(m.Headers, header(headerErrorCode, string(e.refused)))
	}
	o.add(r, m)
}

// producerHeaders are a record's headers without those that forwarding added.
func producerHeaders(r *consumers.Record) []consumers.Header {
	return slices.DeleteFunc(r.Headers(), func(h consumers.Header) bool { return strings.HasPrefix(h.Key, "rollcall-") })
}

func (o *outbox) erasure(r *consumers.Record, account string, hash [16]byte, at int64) {
	o.add(r, consumers.Message{
		Topic: TopicErasures, Partition: r.Partition,
		Key:   []byte(account + "/" + hex.EncodeToString(hash[:])),
		Value: strconv.AppendInt(nil, at, 10),
	})
}

func header(key, value string) consumers.Header {
	return consumers.Header{Key: key, Value: []byte(value)}
}

// send writes the messages, and then how far the sources are done.
func (o *outbox) send(ctx context.Context, log Log, partition int32) error {
	if len(o.reached) == 0 {
		return nil
	}
	if len(o.messages) > 0 {
		if _, err := log.Write(ctx, o.messages); err != nil {
			return fmt.Errorf("partition %d, %d messages ahead of a commit: %w", partition, len(o.messages), err)
		}
	}
	var progress []consumers.Message
	for _, tp := range sortedPartitions(o.reached) {
		progress = append(progress, consumers.Message{
			Topic: TopicProgress, Partition: partition, Key: []byte(doneKey(tp)), Value: strconv.AppendInt(nil, o.reached[tp], 10),
		})
	}
	if _, err := log.Write(ctx, progress); err != nil {
		return fmt.Errorf("partition %d, progress of forwarding: %w", partition, err)
	}
	for tp, next := range o.reached {
		o.done[tp] = next
	}
	return nil
}
