package pipeline

import (
	"context"
	"encoding/hex"
	"fmt"
	"strconv"

	"rollcall/consumers"
	"rollcall/pipeline/cloudevents"
)

// outbox holds what a batch has to write to Kafka before it may be committed:
// what could not be recomputed if it were lost. How far that was done is
// written last, so that a state that is folded anew writes none of it again.
type outbox struct {
	partition, partitions int32 // the task's own, and how many there are

	messages []consumers.Message
	done     map[consumers.TopicPartition]int64 // as Kafka remembers: below, all is written
	reached  map[consumers.TopicPartition]int64 // with the messages of this batch
	silent   bool                               // somebody else writes it
	keyBuf   []byte
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

// forward sends a record to the inbox of the partition it belongs to, as keyed
// by the key of its contact, which was made last.
func (o *outbox) forward(r *consumers.Record, e *event, owner int32) {
	value, headers := forwarded(r, e)
	if letter, retried := o.retriedFrom(r); retried {
		headers = append(headers, letter.header())
	}
	o.add(r, inboxMessage(owner, &e.origin, o.keyBuf, value, headers))
}

// forwarded is a record as it goes to the inbox: as what it means, if it is of a
// mapped topic, and with why it is a dead letter already, if it is.
func forwarded(r *consumers.Record, e *event) (value []byte, headers []consumers.Header) {
	value, headers = r.Value, producerHeaders(r)
	if e.translated != nil {
		value, headers = e.translated, cloudevents.Without(headers)
	}
	if e.means != "" {
		headers = append(headers, header(headerMeans, e.means))
	}
	if e.refused != "" {
		headers = append(headers, header(headerErrorCode, string(e.refused)))
	}
	return value, headers
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
