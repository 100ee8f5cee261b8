package consumers

import (
	"cmp"
	"encoding/binary"
	"slices"

	"github.com/segmentio/kafka-go/compress"
)

// abortedTransaction is one that a producer aborted, with all its records.
type abortedTransaction struct {
	producer int64
	first    int64 // offset of its first record
}

// walker hands on the records of one fetched record set in place, leaving out
// what a reader of committed records must not see.
type walker struct {
	tp      TopicPartition
	next    int64                // the offset to read on from; records before it are left out
	rest    []byte               // batches not yet begun
	aborted []abortedTransaction // not yet reached, by first offset
	aborts  []int64              // producers whose transaction is an aborted one at this point
	batches int64                // how many were begun

	// The batch that is being walked.
	head     batchHeader
	body     []byte // records not yet handed on
	left     int32  // how many
	delta    int64  // offset delta of the record before
	inflated *buffer
}

// walk sets the walker on a record set. The set must stay as it is until the
// records are done with.
func (w *walker) walk(set []byte, aborted []abortedTransaction) {
	slices.SortFunc(aborted, func(a, b abortedTransaction) int { return cmp.Compare(a.first, b.first) })
	w.rest, w.aborted, w.aborts = set, aborted, w.aborts[:0]
	w.body, w.left = nil, 0
}

// limit is how much a call may still hand on.
type limit struct{ records, bytes int }

func (l *limit) reached() bool { return l.records <= 0 || l.bytes <= 0 }

// fill appends records to b until the limit is reached or the set is at its
// end. Records before a damaged place are handed on.
func (w *walker) fill(b *Batch, l *limit) error {
	for !l.reached() {
		if w.left == 0 {
			begun, err := w.begin()
			if err != nil || !begun {
				return err
			}
		}
		if err := w.records(b, l); err != nil {
			return err
		}
	}
	return nil
}

// done says whether the whole set is walked. What is left of a batch that was
// cut off is not walked: it is fetched again.
func (w *walker) done() bool {
	batch, reason := cutBatch(w.rest)
	return w.left == 0 && batch == nil && reason == ""
}

// begin takes up the next batch. It may turn out to hold no records.
func (w *walker) begin() (bool, error) {
	batch, reason := cutBatch(w.rest)
	if reason != "" {
		return false, w.corrupt(w.next, reason)
	}
	if batch == nil {
		return false, nil
	}
	w.head = readHeader(batch)
	if reason := w.head.check(batch); reason != "" {
		return false, w.corrupt(w.head.base, reason)
	}
	w.rest = w.rest[len(batch):]
	w.batches++
	return true, w.open(batch[batchHeaderSize:])
}

// open makes the records of the batch ready, or steps over a batch of which
// nothing is to be handed on.
func (w *walker) open(body []byte) error {
	w.reachAborted()
	h := &w.head
	switch {
	case h.attributes&controlBit != 0:
		if err := w.endTransaction(body); err != nil {
			return err
		}
	case w.inAborted(), h.last() < w.next, h.count == 0:
	default:
		return w.openBody(body)
	}
	w.next = max(w.next, h.last()+1)
	return nil
}

func (w *walker) openBody(body []byte) error {
	h := &w.head
	if codec := compress.Compression(h.attributes & codecMask); codec != compress.None {
		inflated, err := inflate(codec, body, maxInflated)
		if err != nil {
			return w.corrupt(h.base, err.Error())
		}
		w.inflated, body = inflated, inflated.b
	}
	w.body, w.left, w.delta = body, h.count, -1
	return nil
}

// reachAborted notes the aborted transactions that the batch at hand reaches.
// By the rule of the Java client one counts from there until its producer's
// abort marker.
func (w *walker) reachAborted() {
	for len(w.aborted) > 0 && w.aborted[0].first <= w.head.last() {
		w.aborts = append(w.aborts, w.aborted[0].producer)
		w.aborted = w.aborted[1:]
	}
}

func (w *walker) inAborted() bool {
	return w.head.attributes&transactionalBit != 0 && slices.Contains(w.aborts, w.head.producer)
}

func (w *walker) endTransaction(body []byte) error {
	if w.head.count == 0 {
		return nil // a marker that compaction emptied
	}
	var r Record
	if _, n := w.head.decode(body, &r); n < 0 || len(r.Key) < controlKeyMinimum {
		return w.corrupt(w.head.base, "malformed control record")
	}
	if binary.BigEndian.Uint16(r.Key[2:]) == abortMarker {
		w.aborts = slices.DeleteFunc(w.aborts, func(id int64) bool { return id == w.head.producer })
	}
	return nil
}

// records hands on records of the batch at hand.
func (w *walker) records(b *Batch, l *limit) error {
	for w.left > 0 && !l.reached() {
		r := b.grow(l.records)
		delta, n := w.head.decode(w.body, r)
		if n < 0 || delta <= w.delta || delta > int64(w.head.lastDelta) {
			b.shrink()
			return w.corrupt(w.head.base, "malformed record")
		}
		w.body, w.left, w.delta = w.body[n:], w.left-1, delta
		if r.Offset = w.head.base + delta; r.Offset < w.next {
			b.shrink()
			continue
		}
		r.TopicPartition = w.tp
		w.next = r.Offset + 1
		l.records--
		l.bytes -= len(r.Key) + len(r.Value) + len(r.headers)
	}
	if w.left > 0 {
		return nil
	}
	if len(w.body) != 0 {
		return w.corrupt(w.head.base, "bytes after the last record")
	}
	w.next = max(w.next, w.head.last()+1)
	b.hold(w.inflated)
	w.inflated = nil
	return nil
}

func (w *walker) corrupt(offset int64, reason string) error {
	return &CorruptError{TopicPartition: w.tp, Offset: offset, Reason: reason}
}
