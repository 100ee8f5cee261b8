package inputs

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"rollcall/consumers"
	"rollcall/pipeline/cloudevents"
)

// Translation is what a record means.
type Translation struct {
	Topic string // of the contract
	Value []byte // as records of that topic have it

	Problem string // why it has none: a stable code
	Ignored bool   // the table says that this is no fault of the record
}

// The problems that a record can have.
const (
	notJSON       = "not-json"
	badCloudEvent = "bad-cloudevent"
	unknownType   = "unknown-type" // not in the table
	ignoredType   = "ignored-type" // in the table, to be ignored
	unmapped      = "unmapped"     // it does not say whose it is
)

// Layouts of times.
const (
	rfc3339     = "rfc3339"
	unixSeconds = "unix"
	unixMillis  = "unix_ms"
)

// Translate says what a record means, by itself alone.
func (in *Input) Translate(r *consumers.Record) Translation {
	event, problem := document(r)
	if problem != "" {
		return Translation{Problem: problem}
	}
	meant := rule{Topic: in.Topic}
	if in.types != nil {
		kind, _ := in.kind.text(event)
		var ok bool
		if meant, ok = in.types[kind]; !ok {
			return Translation{Problem: unknownType, Ignored: in.unknown}
		}
		if meant.Topic == ignore {
			return Translation{Problem: ignoredType, Ignored: true}
		}
	}
	for _, whose := range anybody {
		if in.field(meant, whose).value(event) == nil {
			return Translation{Problem: unmapped, Ignored: in.unmapped}
		}
	}
	return Translation{Topic: in.consent(meant, event), Value: encode(in.contract(meant, event))}
}

// contract is the event as the contract has it.
func (in *Input) contract(meant rule, event map[string]any) map[string]any {
	fields := map[string]any{}
	for _, name := range known {
		v := in.field(meant, name).value(event)
		if n, isNumber := v.(json.Number); isNumber {
			v = n.String() // ids, codes and times that are numbers elsewhere are text here
		}
		if v != nil {
			fields[name] = v
		}
	}
	if at, ok := fields["at"]; ok {
		fields["at"] = in.time(at)
	}
	if in.field(meant, "id") == nil {
		if id := identity(event); id != "" {
			fields["id"] = id
		}
	}
	return fields
}

// identity is a CloudEvent's: its id is one of its source's.
func identity(event map[string]any) string {
	source, ok1 := event["source"].(string)
	id, ok2 := event["id"].(string)
	if _, is := event["specversion"].(string); !is || !ok1 || !ok2 {
		return ""
	}
	return string(encode([]string{source, id}))
}

// consent is the topic of an event, which a keyword in its text may change: a
// STOP is an opt-out and not a reply.
func (in *Input) consent(meant rule, event any) string {
	topic := meant.Topic
	for _, s := range meant.Keywords {
		text, _ := sources{s}.text(event)
		switch word := keyword(text); {
		case in.stop[word]:
			return optedOut
		case in.start[word]:
			topic = optedIn
		}
	}
	return topic
}

// keyword is a text that may be one word: in upper case, without what is around it.
func keyword(text string) string {
	return strings.ToUpper(strings.TrimFunc(text, func(c rune) bool { return !unicode.IsLetter(c) }))
}

// time is a time as RFC 3339 if it can be read, else as it is, for the decoder to refuse.
func (in *Input) time(at any) any {
	text, isText := at.(string)
	if !isText || in.layout == rfc3339 {
		return at
	}
	ms, err := strconv.ParseFloat(text, 64)
	if in.layout == unixSeconds {
		ms *= 1000
	}
	if err != nil || math.IsNaN(ms) || ms < 0 || ms > latest {
		return text
	}
	return time.UnixMilli(int64(ms)).UTC().Format("2006-01-02T15:04:05.000Z07:00")
}

// latest is the end of the year 9999 in Unix ms: what RFC 3339 can write.
const latest = 253_402_300_799_999

// document is the event as JSON: a CloudEvent in binary mode as it would be in
// structured mode, whatever else as it is.
func document(r *consumers.Record) (event map[string]any, problem string) {
	mode := cloudevents.ModeOf(r)
	if mode == cloudevents.None {
		return object(r.Value)
	}
	ce, err := cloudevents.Read(r, mode)
	switch {
	case errors.Is(err, cloudevents.ErrNotJSON):
		return nil, notJSON
	case err != nil:
		return nil, badCloudEvent
	}
	event = map[string]any{}
	for name, text := range ce.Attributes {
		event[name] = text
	}
	if ce.Data != nil {
		if event["data"], problem = object(ce.Data); problem != "" {
			return nil, problem
		}
	}
	return event, ""
}

// object reads exactly one JSON object.
func object(data []byte) (map[string]any, string) {
	var fields map[string]any
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	if !utf8.Valid(data) || d.Decode(&fields) != nil || fields == nil || more(d) {
		return nil, notJSON
	}
	return fields, ""
}

// more tells whether anything but space comes after a value.
func more(d *json.Decoder) bool {
	_, err := d.Token()
	return err != io.EOF
}

// encode writes JSON without the escapes that are only for web pages.
func encode(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(err) // what was read as JSON can be written as JSON
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}
