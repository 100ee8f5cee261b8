package pipeline

import (
	"bytes"
	"encoding/hex"
	"strconv"
	"unicode/utf8"

	"rollcall/consumers"
	"rollcall/pipeline/cloudevents"
	"rollcall/pipeline/inputs"
	"rollcall/pipeline/segment"
)

// Code says why a record is a dead letter. Codes are stable.
type Code string

// The codes of dead letters.
const (
	NotJSON        Code = "not-json"        // not one JSON object, or not UTF-8
	MissingField   Code = "missing-field"   // a field that must be there is not, or is null
	WrongType      Code = "wrong-type"      // a field is of another JSON type
	BadContact     Code = "bad-contact"     // a contact id that is empty or over 200 bytes
	BadAccount     Code = "bad-account"     // not an account id
	BadKind        Code = "bad-kind"        // a kind of list that there is not
	BadName        Code = "bad-name"        // a message or list name that is empty or over 200 bytes
	BadTime        Code = "bad-time"        // not RFC 3339 with a zone
	ImpossibleTime Code = "impossible-time" // before 2000, or ahead of Kafka's time
	UnknownAccount Code = "unknown-account" // no such account in the definitions
	TooLarge       Code = "too-large"       // over 1 MiB, or headers over 512 KiB, or a text over 1,000 bytes
	BadKey         Code = "bad-key"         // an erasure that can't be read
	BadHeaders     Code = "bad-headers"     // an inbox record that does not say where it first stood
	BadCloudEvent  Code = "bad-cloudevent"  // not of version 1.0, or without type, source or id, or in a format other than JSON
	UnknownType    Code = "unknown-type"    // a CloudEvent, or a record of a mapped topic, of a type that means nothing here
	Unmapped       Code = "unmapped"        // a record of a mapped topic that does not say whose it is
)

// Codes are all of them.
var Codes = []Code{
	NotJSON, MissingField, WrongType, BadContact, BadAccount, BadKind, BadName, BadTime, ImpossibleTime,
	UnknownAccount, TooLarge, BadKey, BadHeaders, BadCloudEvent, UnknownType, Unmapped,
}

const (
	maxValueBytes   = 1 << 20
	maxHeaderBytes  = 512 << 10
	maxTextBytes    = 1000
	maxContactBytes = 200
	maxNameBytes    = 200
)

// shape is what records of a topic look like.
type shape struct {
	kind      kind
	behaviour segment.Behaviour
	optOut    bool
	known     fieldSet
	required  fieldSet
}

var (
	behaviourFields = fieldsOf(fieldID, fieldAccount, fieldContact, fieldMessage, fieldAt, fieldURL, fieldReason)
	sentFields      = behaviourFields | fieldsOf(fieldMessageName)
	consentFields   = fieldsOf(fieldID, fieldAccount, fieldContact, fieldMessage, fieldAt, fieldSource)
	contactFields   = fieldsOf(fieldAccount, fieldContact, fieldPhone, fieldRegion)
	listFields      = fieldsOf(fieldAccount, fieldContact, fieldList, fieldKind, fieldName, fieldMember, fieldAt)
	texts           = fieldsOf(fieldID, fieldURL, fieldReason, fieldMessageName, fieldSource, fieldPhone, fieldRegion, fieldName)
	whose           = fieldsOf(fieldAccount, fieldContact)
)

var shapes = map[string]shape{
	TopicSent:     {behaviour: segment.Sent, known: sentFields, required: whose | fieldsOf(fieldMessage)},
	TopicClicked:  {behaviour: segment.Clicked, known: behaviourFields, required: whose | fieldsOf(fieldMessage)},
	TopicFailed:   {behaviour: segment.Failed, known: behaviourFields, required: whose | fieldsOf(fieldMessage)},
	TopicReplied:  {behaviour: segment.Replied, known: behaviourFields, required: whose | fieldsOf(fieldMessage)},
	TopicOptedIn:  {kind: consentRecord, known: consentFields, required: whose},
	TopicOptedOut: {kind: consentRecord, optOut: true, known: consentFields, required: whose},
	TopicContacts: {kind: contactRecord, known: contactFields, required: whose},
	TopicLists:    {kind: listRecord, known: listFields, required: whose | fieldsOf(fieldList, fieldKind, fieldMember)},
}

// decoder turns records into events. What it returns is valid until the next call.
type decoder struct {
	inputs inputs.Set
	object object
	topic  string // whose shape was looked up last
	shape  shape
}

// decode reads a record. A code other than "" says why it can't be read; the
// time of an event has not been judged then.
func (d *decoder) decode(r *consumers.Record, e *event) Code {
	*e = event{} // for itself: an event that was made elsewhere would be copied
	e.origin.TopicPartition, e.origin.offset, e.origin.time = r.TopicPartition, r.Offset, r.Time
	if r.Topic == TopicInbox {
		if !firstStood(r, &e.origin) {
			return BadHeaders
		}
		if means, ok := r.Header(headerMeans); ok {
			e.means = internTopic(means)
		}
	}
	if r.Topic == TopicErasures {
		return d.erasure(r, e)
	}
	topic := e.origin.Topic
	if e.means != "" {
		topic = e.means
	}
	if d.topic != topic && !d.use(topic) {
		return d.mapped(r, e)
	}
	return d.read(r, e)
}

// tooLarge tells whether a record would not fit into the inbox. In there, it does.
func tooLarge(r *consumers.Record) bool {
	return len(r.Value) > maxValueBytes || r.HeaderBytes() > maxHeaderBytes && r.Topic != TopicInbox
}

// use takes up the shape of a topic's records.
func (d *decoder) use(topic string) bool {
	s, known := shapes[topic]
	if known {
		d.topic, d.shape = topic, s
	}
	return known
}

// read reads a record of the shape at hand, or a CloudEvent.
func (d *decoder) read(r *consumers.Record, e *event) Code {
	e.kind, e.behaviour, e.optOut = d.shape.kind, d.shape.behaviour, d.shape.optOut
	if tooLarge(r) {
		return TooLarge
	}
	if e.kind == contactRecord && (r.Value == nil || bytes.Equal(bytes.TrimSpace(r.Value), []byte("null"))) {
		return d.tombstone(r, e)
	}
	if mode := cloudevents.ModeOf(r); mode != cloudevents.None {
		return d.cloudEvent(r, e, mode)
	}
	if r.Value == nil || !d.object.read(r.Value) {
		return NotJSON
	}
	return d.fields(e)
}

func (d *decoder) fields(e *event) Code {
	o := &d.object
	switch {
	case o.wrong&d.shape.known != 0:
		return WrongType
	case o.present&d.shape.required != d.shape.required:
		return MissingField
	}
	e.account, e.contact = o.text[fieldAccount], o.text[fieldContact]
	if code := whoseCode(e); code != "" {
		return code
	}
	switch e.kind {
	case contactRecord:
		e.phone, e.hasRegion = o.string(fieldPhone), o.present.has(fieldRegion)
		e.region = o.string(fieldRegion)
	case listRecord:
		e.list, e.member, e.title = o.text[fieldList], o.member, o.string(fieldName)
	default:
		e.id, e.message = o.string(fieldID), o.string(fieldMessage)
		d.labels(e)
	}
	return ""
}

// labels sets what a behaviour's record says beside its event.
func (d *decoder) labels(e *event) {
	switch {
	case e.kind != behaviourRecord:
	case e.behaviour == segment.Sent:
		e.title = d.object.string(fieldMessageName)
	case e.behaviour == segment.Failed:
		e.reason = d.object.string(fieldReason)
	}
}

func whoseCode(e *event) Code {
	switch {
	case len(e.contact) == 0 || len(e.contact) > maxContactBytes:
		return BadContact
	case !validAccount(e.account):
		return BadAccount
	}
	return ""
}

// details judges what comes after the account is known to exist: names and
// times. It leaves the event as it is to be applied also where that is done all
// the same.
func (d *decoder) details(e *event) Code {
	e.at = e.origin.time
	if e.kind == eraseRecord || e.kind == erasureRecord {
		return ""
	}
	if d.object.long&d.shape.known&texts != 0 {
		return TooLarge
	}
	if e.kind == contactRecord {
		return ""
	}
	code := d.names(e)
	switch {
	case e.appliesDespite(code):
		e.message = nil
		_ = d.date(e) // the dead letter says what is wrong first
		return code
	case code != "":
		return code
	}
	return d.date(e)
}

// date sets the time of an event, which is its Kafka time until then.
func (d *decoder) date(e *event) Code {
	if !d.object.present.has(fieldAt) {
		return ""
	}
	at, ok := parseTime(d.object.text[fieldAt])
	switch {
	case !ok:
		return BadTime
	case at < earliest || at > e.origin.time+maxAheadMS:
		return ImpossibleTime
	}
	e.at = min(at, e.origin.time)
	return ""
}

func (d *decoder) names(e *event) Code {
	name := e.message
	if e.kind == listRecord {
		name = e.list
		kind, ok := listKinds[string(d.object.text[fieldKind])]
		if !ok {
			return BadKind
		}
		e.listKind = kind
	}
	if len(name) > maxNameBytes || len(name) == 0 && e.kind != consentRecord {
		return BadName
	}
	return ""
}

var listKinds = map[string]segment.Kind{"marketing": segment.List, "form": segment.Form, "webinar": segment.Webinar}

func validAccount(id []byte) bool {
	if len(id) == 0 || len(id) > 40 || id[0] == '-' {
		return false
	}
	for _, c := range id {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return true
}

// tombstone reads a contacts record without a value: its key alone says whose.
func (d *decoder) tombstone(r *consumers.Record, e *event) Code {
	e.kind = eraseRecord
	account, contact, ok := bytes.Cut(r.Key, []byte("/"))
	if !ok || !utf8.Valid(contact) {
		return BadContact
	}
	e.account, e.contact = account, contact
	return whoseCode(e)
}

// erasure reads an entry of rollcall.erasures: the key is the account, a slash
// and the keyed hash in hex, the value the Kafka time of the erasure.
func (d *decoder) erasure(r *consumers.Record, e *event) Code {
	e.kind = erasureRecord
	account, hash, ok := bytes.Cut(r.Key, []byte("/"))
	n, err := hex.Decode(e.hash[:], hash[:min(len(hash), 2*len(e.hash))])
	at, timeErr := strconv.ParseInt(string(r.Value), 10, 64)
	if !ok || err != nil || n != len(e.hash) || timeErr != nil {
		return BadKey
	}
	e.account, e.origin.time = account, at
	return ""
}

// internTopic avoids a copy of each topic's name.
func internTopic(name []byte) string {
	for topic := range shapes {
		if topic == string(name) {
			return topic
		}
	}
	return string(name)
}
