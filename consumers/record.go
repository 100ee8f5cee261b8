package consumers

import (
	"bytes"
	"fmt"
)

// TopicPartition names one partition of a topic.
type TopicPartition struct {
	Topic     string
	Partition int32
}

func (tp TopicPartition) String() string {
	return fmt.Sprintf("%s/%d", tp.Topic, tp.Partition)
}

// Header is one record header. A nil Value is a header without a value.
type Header struct {
	Key   string
	Value []byte
}

// Record is one record as it lies in the fetched bytes. Key, Value and header
// values alias the fetch buffer: they are valid until the next [Feed.Next].
type Record struct {
	TopicPartition
	Offset int64
	// Time is Kafka's time of the record in Unix milliseconds: when the broker
	// appended it if the topic has LogAppendTime, else what the producer said.
	Time int64
	// Key is nil if the record has none.
	Key []byte
	// Value is nil in a tombstone.
	Value []byte

	headers []byte // the header count and the headers, undecoded but validated
}

// Clone returns a copy that outlives the fetch buffer.
func (r *Record) Clone() Record {
	c := *r
	c.Key, c.Value, c.headers = bytes.Clone(r.Key), bytes.Clone(r.Value), bytes.Clone(r.headers)
	return c
}

// HasHeaders says whether the record has any headers.
func (r *Record) HasHeaders() bool { return len(r.headers) > 1 } // their count alone is one byte

// HeaderBytes is how much the headers take in the log.
func (r *Record) HeaderBytes() int { return len(r.headers) }

// Header returns the value of the last header of that name, as Kafka's own
// clients do.
func (r *Record) Header(name string) (value []byte, ok bool) {
	for it := r.walkHeaders(); it.next(); {
		if string(it.key) == name {
			value, ok = it.value, true
		}
	}
	return value, ok
}

// Headers returns all headers in order, nil if there are none.
func (r *Record) Headers() []Header {
	var hs []Header
	for it := r.walkHeaders(); it.next(); {
		hs = append(hs, Header{Key: string(it.key), Value: it.value})
	}
	return hs
}

// headerIterator walks an encoded header section.
type headerIterator struct {
	data       []byte
	at         int // -1 once the section turned out to be malformed
	left       int64
	key, value []byte
}

func (r *Record) walkHeaders() headerIterator {
	if len(r.headers) == 0 {
		return headerIterator{}
	}
	return newHeaderIterator(r.headers, 0)
}

func newHeaderIterator(data []byte, at int) headerIterator {
	n, at := varint(data, at)
	return headerIterator{data: data, at: at, left: n}
}

func (it *headerIterator) next() bool {
	if it.left <= 0 || it.at < 0 {
		return false
	}
	it.left--
	it.key, it.at = field(it.data, it.at)
	it.value, it.at = field(it.data, it.at)
	return it.at >= 0
}

// validHeaders says whether a header section begins at data[at] and fills data
// to its end.
func validHeaders(data []byte, at int) bool {
	if at == len(data)-1 {
		return data[at] == 0 // no headers: most records
	}
	it := newHeaderIterator(data, at)
	if it.left < 0 {
		return false
	}
	for it.next() {
		if it.key == nil {
			return false // a header's name may be empty but not null
		}
	}
	return it.at == len(data)
}
