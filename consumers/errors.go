package consumers

import (
	"context"
	"errors"
	"fmt"

	"github.com/segmentio/kafka-go"
)

// OffsetLostError says that reading can't go on where it should: the wanted
// offset is below the log's start (retention or a deletion took the records),
// or past its end (the topic was created anew, or a replica that lagged became
// leader).
type OffsetLostError struct {
	TopicPartition
	Want     int64 // the offset to read on from
	LogStart int64 // the first offset that the log still has
	End      int64 // the high watermark: one past the last committed record
}

func (e *OffsetLostError) Error() string {
	return fmt.Sprintf("%s: offset %d is lost: the log has %d to %d", e.TopicPartition, e.Want, e.LogStart, e.End)
}

// CorruptError says that fetched bytes are not a valid record batch. It is
// returned again on every attempt if the damage is in the log itself.
type CorruptError struct {
	TopicPartition
	Offset int64 // of the batch, as far as it is known
	Reason string
}

func (e *CorruptError) Error() string {
	return fmt.Sprintf("%s: corrupt batch at offset %d: %s", e.TopicPartition, e.Offset, e.Reason)
}

// TooLargeError says that a message is larger than the topic allows. Retrying
// can't help.
type TooLargeError struct {
	Topic string
	Size  int // bytes of key, value and headers, uncompressed
}

func (e *TooLargeError) Error() string {
	return fmt.Sprintf("%s: a message of %d bytes is too large", e.Topic, e.Size)
}

// retriable says whether the same request may succeed later: everything but
// what a broker rejected for good, and the caller's own cancellation.
func retriable(err error) bool {
	var code kafka.Error
	if errors.As(err, &code) {
		return code.Temporary() || code == kafka.BrokerNotAvailable || code == kafka.Unknown
	}
	return !errors.Is(err, context.Canceled)
}

// fetchError is what a broker refused a partition with, for good.
type fetchError struct {
	tp     TopicPartition
	offset int64
	code   kafka.Error
}

func (e *fetchError) Error() string {
	return fmt.Sprintf("fetching %s at offset %d: %v", e.tp, e.offset, e.code)
}

func (e *fetchError) Unwrap() error { return e.code }
