package pipeline

import (
	"fmt"
	"strconv"
	"strings"

	"rollcall/consumers"
)

// Headers of a dead letter, beside the record's own.
const (
	headerErrorCode      = "rollcall-error-code"
	headerErrorTopic     = "rollcall-error-topic"
	headerErrorPartition = "rollcall-error-partition"
	headerErrorOffset    = "rollcall-error-offset"
	headerErrorTime      = "rollcall-error-time" // Kafka time, Unix ms
	headerErrorKey       = "rollcall-error-key"  // the record's key, if it has one
	headerErrorNull      = "rollcall-error-null" // it has no value; the letter's is empty

	// connectPrefix begins the names of the headers that Kafka Connect's dead
	// letters have, which many tools read.
	connectPrefix = "__connect.errors."
)

// meanings explains the codes to people.
var meanings = map[Code]string{
	NotJSON:        "not one JSON object, or not UTF-8",
	MissingField:   "a field that must be there is not, or is null",
	WrongType:      "a field is of another JSON type",
	BadContact:     "the contact id is empty or over 200 bytes",
	BadAccount:     "not an account id",
	BadKind:        "there is no such kind of list",
	BadName:        "a message or list name that is empty or over 200 bytes",
	BadTime:        "the time is not RFC 3339 with a zone",
	ImpossibleTime: "the time is before 2000, or ahead of Kafka's time",
	UnknownAccount: "there is no such account",
	TooLarge:       "over 1 MiB, or headers over 512 KiB, or a text over 1,000 bytes",
	BadKey:         "an erasure that can't be read",
	BadHeaders:     "an inbox record that does not say where it first stood",
	BadCloudEvent:  "not a CloudEvent of version 1.0 in JSON with type, source and id",
	UnknownType:    "an event of a type that means nothing here",
	Unmapped:       "a record of a mapped topic that does not say whose it is",
}

// stage is what Kafka Connect calls the step that failed.
func (c Code) stage() string {
	switch c {
	case BadHeaders:
		return "HEADER_CONVERTER"
	case BadKey:
		return "KEY_CONVERTER"
	}
	return "VALUE_CONVERTER"
}

// message is what a dead letter says of a code to people.
func (c Code) message() string {
	if meaning := meanings[c]; meaning != "" {
		return string(c) + ": " + meaning
	}
	return string(c)
}

// letterKey is the key of a dead letter, which names where its record first
// stood. So a record that is dead-lettered once more takes the place of its
// letter, and a letter can be taken out again by its key.
func letterKey(o *origin) []byte {
	return fmt.Appendf(nil, "%s/%d", o.TopicPartition, o.offset)
}

// keyOf is the key of a record's dead letter. What a replay copied from an
// archive goes by its place there: where it first stood is not known for sure.
func keyOf(r *consumers.Record, e *event) []byte {
	value, _ := r.Header(headerReplay)
	if c, ok := parseCopied(value); ok && r.Topic == TopicInbox && c.Topic != TopicInbox && c.Topic != e.origin.Topic {
		return letterKey(&origin{TopicPartition: c.TopicPartition, offset: c.offset})
	}
	return letterKey(&e.origin)
}

// letterPlace is where a dead letter is, as headerRetry has it.
type letterPlace struct {
	partition int32
	key       []byte
}

func (p *letterPlace) header() consumers.Header {
	return header(headerRetry, fmt.Sprintf("%d %s", p.partition, p.key))
}

// retriedFrom is where the dead letter of a retried record is.
func (o *outbox) retriedFrom(r *consumers.Record) (at letterPlace, retried bool) {
	number, key, ok := strings.Cut(headerText(r, headerRetry), " ")
	n, err := strconv.ParseUint(number, 10, 31)
	return letterPlace{int32(n), []byte(key)}, ok && err == nil && r.Topic == TopicInbox && int32(n) < o.partitions
}

// deadLetter writes a record that can't be read.
func (o *outbox) deadLetter(r *consumers.Record, e *event, code Code) {
	at, retried := o.retriedFrom(r)
	if !retried {
		at = letterPlace{o.partition, keyOf(r, e)}
	}
	headers := producerHeaders(r)
	if code == BadHeaders {
		headers = r.Headers()
	}
	topic, offset := e.origin.Topic, strconv.FormatInt(e.origin.offset, 10)
	stood := strconv.Itoa(int(e.origin.Partition))
	headers = append(headers,
		header(headerErrorCode, string(code)),
		header(headerErrorTopic, topic),
		header(headerErrorPartition, stood),
		header(headerErrorOffset, offset),
		header(headerErrorTime, strconv.FormatInt(e.origin.time, 10)))
	if r.Key != nil {
		headers = append(headers, header(headerErrorKey, string(r.Key)))
	}
	value, isNull := notNull(r.Value)
	if isNull {
		headers = append(headers, header(headerErrorNull, "true"))
	}
	headers = append(headers,
		header(connectPrefix+"topic", topic),
		header(connectPrefix+"partition", stood),
		header(connectPrefix+"offset", offset),
		header(connectPrefix+"connector.name", "rollcall"),
		header(connectPrefix+"task.id", strconv.Itoa(int(o.partition))),
		header(connectPrefix+"stage", code.stage()),
		header(connectPrefix+"class.name", "rollcall/pipeline.Task"),
		header(connectPrefix+"exception.class.name", "rollcall/pipeline.Code"),
		header(connectPrefix+"exception.message", code.message()))
	o.add(r, consumers.Message{
		Topic: TopicDeadLetters, Partition: at.partition, Key: at.key, Value: value, Headers: headers,
	})
}

// settled takes the dead letter of a retried record out, once it could be read.
func (o *outbox) settled(r *consumers.Record) {
	if r.Topic != TopicInbox {
		return
	}
	at, retried := o.retriedFrom(r)
	if _, late := r.Header(headerErrorCode); retried && !late {
		o.add(r, consumers.Message{Topic: TopicDeadLetters, Partition: at.partition, Key: at.key})
	}
}
