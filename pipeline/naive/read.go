package naive

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"regexp"
	"strings"
	"unicode/utf8"
)

// claim is what a record says of a contact.
type claim struct {
	topic            string // which decides the meaning
	account, contact string
	stood            place
	kafkaTime        int64 // ms, where it first stood
	at               int64 // ms, as settled
	id, source       string
	message          string
	title            string // what it calls the message, or the list
	reason           string // why sending failed
	list             list
	member           bool
	phone, region    string
	erase            bool // a tombstone
}

const (
	maxValue = 1 << 20

	maxHeaders = 512 << 10
	maxText    = 1000
	maxName    = 200
)

var accountID = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,39}$`)

// read says what a record means, or why it can't be read. With a BadTime or
// an ImpossibleTime the claim is whole, and dated by its Kafka time. So is that of
// an opt-out with a BadName, which names no message then.
func (r *Result) read(rec Record) (claim, Code) {
	at, kafkaTime, code := stood(rec)
	if code != "" {
		return claim{}, code
	}
	c := claim{topic: at.topic, stood: at, kafkaTime: kafkaTime, at: kafkaTime}
	if means, ok := rec.Headers["rollcall-means"]; ok && rec.Topic == topicInbox {
		c.topic = means // it stood in a topic of others, and was translated from there
	}
	if _, ok := required[c.topic]; !ok {
		return c, UnknownTopic
	}
	if rec.Topic != topicInbox && headerBytes(rec) > maxHeaders {
		return c, TooLarge
	}
	if c.topic == topicContacts && isNull(rec.Value) {
		c.erase = true
		c.account, c.contact, _ = strings.Cut(string(rec.Key), "/")
		return c, r.checkNames(c)
	}
	fields, code := c.parse(rec)
	if code != "" {
		return c, code
	}
	c.fill(fields)
	if code := r.checkNames(c); code != "" {
		return c, code
	}
	code = checkTexts(c, fields)
	if code == BadName && c.topic == topicOptedOut {
		c.message = ""
		c.date(fields)
	}
	if code != "" {
		return c, code
	}
	return c, c.date(fields)
}

func isNull(value []byte) bool {
	return value == nil || string(bytes.Trim(value, " \t\r\n")) == "null"
}

func headerBytes(rec Record) (n int) {
	for name, value := range rec.Headers {
		n += len(name) + len(value)
	}
	return n
}

// parse reads the value's fields and checks that they are there and of their types.
func (c *claim) parse(rec Record) (map[string]any, Code) {
	if len(rec.Value) > maxValue {
		return nil, TooLarge
	}
	read := func(rec Record) (map[string]any, Code) { return object(rec.Value) }
	if isCloudEvent(rec) {
		read = c.cloudEvent
	}
	fields, code := read(rec)
	if code != "" {
		return nil, code
	}
	maps.DeleteFunc(fields, func(_ string, v any) bool { return v == nil })
	if code := checkTypes(c.topic, fields); code != "" {
		return nil, code
	}
	for _, name := range required[c.topic] {
		if _, ok := fields[name]; !ok {
			return nil, MissingField
		}
	}
	return fields, ""
}

func marshal(v any) []byte {
	data, err := json.Marshal(v)
	if err != nil {
		panic(err) // it was JSON
	}
	return data
}

// object reads exactly one JSON object. The last of equal names wins.
func object(value []byte) (map[string]any, Code) {
	if !utf8.Valid(value) {
		return nil, NotJSON
	}
	var fields map[string]any
	d := json.NewDecoder(bytes.NewReader(value))
	d.UseNumber() // any JSON number is valid, even one that no float64 can hold
	if err := d.Decode(&fields); err != nil || fields == nil {
		return nil, NotJSON
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, NotJSON
	}
	return fields, ""
}

// required lists the fields that a record can't do without, for each of the eight topics.
var required = map[string][]string{
	topicSent:     {"account", "contact", "message"},
	topicClicked:  {"account", "contact", "message"},
	topicFailed:   {"account", "contact", "message"},
	topicReplied:  {"account", "contact", "message"},
	topicOptedIn:  {"account", "contact"},
	topicOptedOut: {"account", "contact"},
	topicContacts: {"account", "contact"},
	topicLists:    {"account", "contact", "list", "kind", "member"},
}

// known lists the text fields that have a meaning besides required.
var known = map[string][]string{
	topicSent:     {"id", "at", "url", "reason", "message_name"},
	topicClicked:  {"id", "at", "url", "reason"},
	topicFailed:   {"id", "at", "url", "reason"},
	topicReplied:  {"id", "at", "url", "reason"},
	topicOptedIn:  {"id", "at", "source", "message"},
	topicOptedOut: {"id", "at", "source", "message"},
	topicContacts: {"phone", "region"},
	topicLists:    {"name", "at"},
}

func checkTypes(topic string, fields map[string]any) Code {
	for _, names := range [][]string{required[topic], known[topic]} {
		for _, name := range names {
			v, ok := fields[name]
			_, isText := v.(string)
			_, isBool := v.(bool)
			if ok && (name == "member" && !isBool || name != "member" && !isText) {
				return WrongType
			}
		}
	}
	return ""
}

func (c *claim) fill(fields map[string]any) {
	text := func(name string) string {
		s, _ := fields[name].(string)
		return s
	}
	c.account, c.contact = text("account"), text("contact")
	c.id = text("id")
	if c.topic != topicContacts && c.topic != topicLists {
		c.message = text("message")
	}
	c.list = list{kind: text("kind"), name: text("list")}
	c.member, _ = fields["member"].(bool)
	c.phone, c.region = text("phone"), text("region")
	switch c.topic {
	case topicSent:
		c.title = text("message_name")
	case topicLists:
		c.title = text("name")
	case topicFailed:
		c.reason = text("reason")
	}
}

// checkNames looks at whom a claim is about.
func (r *Result) checkNames(c claim) Code {
	switch {
	case len(c.contact) < 1 || len(c.contact) > maxName || !utf8.ValidString(c.contact):
		return BadContact
	case r.tenants[c.account] != nil:
		return ""
	case !accountID.MatchString(c.account):
		return BadAccount
	}
	return UnknownAccount
}

// checkTexts looks at every other text of a claim, but for the time.
func checkTexts(c claim, fields map[string]any) Code {
	for _, name := range known[c.topic] {
		if s, _ := fields[name].(string); name != "at" && name != "message" && len(s) > maxText {
			return TooLarge
		}
	}
	if isBehaviour(c.topic) && c.message == "" || len(c.message) > maxName {
		return BadName
	}
	if c.topic == topicLists {
		if len(c.list.name) < 1 || len(c.list.name) > maxName {
			return BadName
		}
		if c.list.kind != "marketing" && c.list.kind != "form" && c.list.kind != "webinar" {
			return BadKind
		}
	}
	return ""
}
