package generate

import (
	"strconv"
	"time"
)

// The topics that the records are for.
const (
	topicSent     = "sms.sent"
	topicClicked  = "sms.clicked"
	topicFailed   = "sms.failed"
	topicReplied  = "sms.replied"
	topicOptedIn  = "sms.opted_in"
	topicOptedOut = "sms.opted_out"
	topicContacts = "contacts"
	topicLists    = "lists"
)

// encoder writes records as JSON by hand: encoding/json would take longer than
// everything else together. No string that it is given needs escaping.
// Bytes are cut off large blocks, one allocation for some hundred records.
type encoder struct {
	account  string
	idPrefix string
	block    []byte
	start    int // of what is being written
}

const (
	blockSize  = 64 << 10
	recordSize = 768 // more than any record takes
)

// begin starts a value, cut writes it off; what is between belongs to it.
func (e *encoder) begin() {
	if cap(e.block)-len(e.block) < recordSize {
		e.block = make([]byte, 0, blockSize)
	}
	e.start = len(e.block)
}

func (e *encoder) cut() []byte {
	return e.block[e.start:len(e.block):len(e.block)]
}

func (e *encoder) key(who int) []byte {
	e.begin()
	e.block = append(e.block, e.account...)
	e.block = append(e.block, '/')
	e.block = appendContact(e.block, who)
	return e.cut()
}

func appendContact(b []byte, who int) []byte {
	return strconv.AppendInt(append(b, "c-"...), int64(who)+1, 10)
}

// end closes the object and makes it a record of a contact, written at a time.
func (e *encoder) end(topic string, written int64, who int) Record {
	e.block = append(e.block, '}')
	value := e.cut()
	return Record{Topic: topic, Key: e.key(who), Value: value, At: time.UnixMilli(written).UTC()}
}

// head starts the object with what every record has.
func (e *encoder) head(who int) {
	e.begin()
	e.block = append(e.block, `{"account":"`...)
	e.block = append(e.block, e.account...)
	e.block = append(e.block, `","contact":"`...)
	e.block = append(appendContact(e.block, who), '"')
}

func (e *encoder) field(name, value string) {
	e.block = append(e.block, `,"`...)
	e.block = append(e.block, name...)
	e.block = append(e.block, `":"`...)
	e.block = append(e.block, value...)
	e.block = append(e.block, '"')
}

func (e *encoder) optional(name, value string) {
	if value != "" {
		e.field(name, value)
	}
}

func (e *encoder) id(n uint64) {
	e.block = append(e.block, `,"id":"`...)
	e.block = append(e.block, e.idPrefix...)
	e.block = append(strconv.AppendUint(e.block, n, 36), '"')
}

func (e *encoder) at(ms int64) {
	e.block = append(e.block, `,"at":"`...)
	e.block = time.UnixMilli(ms).UTC().AppendFormat(e.block, "2006-01-02T15:04:05.000Z07:00")
	e.block = append(e.block, '"')
}

// behaviour writes what happened to a contact on a message; detail is a field of
// its own for each behaviour.
func (e *encoder) behaviour(topic string, id uint64, written int64, who int, at int64, m *message, detail, value string) Record {
	e.head(who)
	e.id(id)
	e.field("message", m.id)
	e.optional(detail, value)
	e.at(at)
	return e.end(topic, written, who)
}

func (e *encoder) consent(topic string, id uint64, written int64, who int, at int64, source, message string) Record {
	e.head(who)
	e.id(id)
	e.field("source", source)
	e.optional("message", message)
	e.at(at)
	return e.end(topic, written, who)
}

func (e *encoder) contact(written int64, who int, phone, region string) Record {
	e.head(who)
	e.optional("phone", phone)
	e.optional("region", region)
	return e.end(topicContacts, written, who)
}

func (e *encoder) list(index int, member bool, written int64, who int, at int64) Record {
	l := &lists[index]
	e.head(who)
	e.field("kind", l.kind)
	e.field("list", l.id)
	e.field("name", l.name)
	e.block = append(e.block, `,"member":`...)
	e.block = strconv.AppendBool(e.block, member)
	e.at(at)
	return e.end(topicLists, written, who)
}
