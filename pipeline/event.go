package pipeline

import (
	"rollcall/consumers"
	"rollcall/pipeline/segment"
)

// The topics of the contract.
const (
	TopicSent           = "sms.sent"
	TopicClicked        = "sms.clicked"
	TopicFailed         = "sms.failed"
	TopicReplied        = "sms.replied"
	TopicOptedIn        = "sms.opted_in"
	TopicOptedOut       = "sms.opted_out"
	TopicContacts       = "contacts"
	TopicLists          = "lists"
	TopicInbox          = "rollcall.inbox"
	TopicDeadLetters    = "rollcall.dead-letters"
	TopicErasures       = "rollcall.erasures"
	TopicDefinitions    = "rollcall.definitions"
	TopicProgress       = "rollcall.progress"
	TopicSegmentChanges = "rollcall.segment-changes"
	TopicSizes          = "rollcall.sizes"
	TopicSnapshots      = "rollcall.snapshots"
)

// kind is what a record says.
type kind uint8

const (
	behaviourRecord kind = iota
	consentRecord
	contactRecord
	listRecord
	eraseRecord   // a contacts record without a value
	erasureRecord // an entry of rollcall.erasures
)

// event is a record of the contract, decoded. Its byte slices alias the record.
type event struct {
	kind      kind
	behaviour segment.Behaviour
	optOut    bool // of a consentRecord

	account, contact []byte
	id               []byte // empty: none
	source           []byte // of a CloudEvent: its id is of this source
	message          []byte // of an opt-out: empty if it names none
	title            []byte // what the record calls the message, or the list; empty: nothing
	reason           []byte // why sending failed; empty: it does not say
	at               int64  // Unix ms; of a contactRecord: not used
	list             []byte
	listKind         segment.Kind
	member           bool
	phone, region    []byte
	hasRegion        bool
	hash             [16]byte // of an erasureRecord

	origin  origin
	refused Code // of an opt-out that applies all the same

	// Of a record that stands, or first stood, in a mapped topic.
	mapped     bool   // it was read by the mapping, and is to be forwarded as what it means
	means      string // the topic of the contract that it is of
	translated []byte // what it is there, nil if just that
	ignored    bool   // the mapping says to leave it out
}

// appliesDespite tells whether a record applies although it is a dead letter: an
// opt-out is not lost to its time, nor to the message that it names.
func (e *event) appliesDespite(code Code) bool {
	return e.kind == consentRecord && e.optOut && (code == BadTime || code == ImpossibleTime || code == BadName)
}

// origin is where a record first stood: of a forwarded one not the inbox.
type origin struct {
	consumers.TopicPartition
	offset int64
	time   int64 // Kafka time, Unix ms
}
