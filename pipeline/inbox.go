package pipeline

import (
	"crypto/rand"
	"strconv"
	"strings"

	"rollcall/consumers"
)

// Headers of an inbox record: where it first stood, and what it had there.
const (
	headerTopic     = "rollcall-topic"
	headerPartition = "rollcall-partition"
	headerOffset    = "rollcall-offset"
	headerTime      = "rollcall-time"
	headerKey       = "rollcall-key"   // the record's key
	headerNull      = "rollcall-null"  // it has no value; the inbox's own record has an empty one
	headerMeans     = "rollcall-means" // of which topic it is, if it stood in a mapped one
	headerRetry     = "rollcall-retry" // of a dead letter: see letterPlace
)

// ownPrefixes begin the names of the headers that are not the producer's.
var ownPrefixes = []string{"rollcall-", connectPrefix}

// inboxMessage copies a record into the inbox of a partition. The inbox is
// compacted, so that what an erased contact left there can be taken out again.
// Each copy has a key of its own, so that compaction takes nothing else; what
// the record is keyed by comes in a header.
func inboxMessage(partition int32, stood *origin, key, value []byte, headers []consumers.Header) consumers.Message {
	headers = append(headers,
		header(headerTopic, stood.Topic),
		header(headerPartition, strconv.Itoa(int(stood.Partition))),
		header(headerOffset, strconv.FormatInt(stood.offset, 10)),
		header(headerTime, strconv.FormatInt(stood.time, 10)))
	if key != nil {
		headers = append(headers, header(headerKey, string(key)))
	}
	value, isNull := notNull(value)
	if isNull {
		headers = append(headers, header(headerNull, "true"))
	}
	return consumers.Message{Topic: TopicInbox, Partition: partition, Key: []byte(rand.Text()), Value: value, Headers: headers}
}

// notNull makes a value of none: in a compacted topic that would delete.
func notNull(value []byte) (_ []byte, isNull bool) {
	if value == nil {
		return []byte{}, true
	}
	return value, false
}

// unpack gives an inbox record the key and the value that it first had. It says
// false of one that only takes another out of the inbox.
func unpack(r *consumers.Record) bool {
	if _, ok := r.Header(headerTopic); !ok && r.Value == nil {
		return false
	}
	if key, ok := r.Header(headerKey); ok {
		r.Key = key
	}
	if _, ok := r.Header(headerNull); ok {
		r.Value = nil
	}
	return true
}

// producerHeaders are a record's headers without those that rollcall added.
func producerHeaders(r *consumers.Record) []consumers.Header {
	var headers []consumers.Header
	for _, h := range r.Headers() {
		if !strings.HasPrefix(h.Key, ownPrefixes[0]) && !strings.HasPrefix(h.Key, ownPrefixes[1]) {
			headers = append(headers, h)
		}
	}
	return headers
}

// firstStood reads the headers that say where an inbox record first stood.
func firstStood(r *consumers.Record, o *origin) bool {
	topic, ok := r.Header(headerTopic)
	partition, err1 := strconv.ParseUint(headerText(r, headerPartition), 10, 31)
	offset, err2 := strconv.ParseUint(headerText(r, headerOffset), 10, 63)
	at, ok3 := headerNumber(r, headerTime, 64) // that of a record that has none is -1
	if !ok || err1 != nil || err2 != nil || !ok3 {
		return false
	}
	o.Topic, o.Partition, o.offset, o.time = internTopic(topic), int32(partition), int64(offset), at
	return true
}

func headerNumber(r *consumers.Record, name string, bits int) (n int64, ok bool) {
	n, err := strconv.ParseInt(headerText(r, name), 10, bits)
	return n, err == nil
}

func headerText(r *consumers.Record, name string) string {
	value, _ := r.Header(name)
	return string(value)
}
