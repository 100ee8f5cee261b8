// Package cloudevents reads CloudEvents 1.0 as Kafka records carry them: in
// binary mode the attributes are headers and the data is the value, in
// structured mode the value is all of the event, in JSON.
package cloudevents

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"unicode/utf8"

	"rollcall/consumers"
)

// Mode is how a record carries an event.
type Mode uint8

// The content modes.
const (
	None       Mode = iota // no CloudEvent
	Binary                 // attributes in headers ce_*, data in the value
	Structured             // all of it in the value
)

const (
	contentType = "content-type"
	mediaType   = "application/cloudevents"
	prefix      = "ce_"
)

// ModeOf tells whether a record is a CloudEvent, and of which mode. Records
// without headers, which most are, cost nothing.
func ModeOf(r *consumers.Record) Mode {
	if !r.HasHeaders() {
		return None
	}
	if t, _ := r.Header(contentType); len(t) >= len(mediaType) && strings.EqualFold(string(t[:len(mediaType)]), mediaType) {
		return Structured
	}
	if _, ok := r.Header(prefix + "specversion"); ok {
		return Binary
	}
	return None
}

// Event is a CloudEvent. Its type, source and id are not empty.
type Event struct {
	// Attributes are those that are text, extensions among them.
	Attributes map[string]string
	// Data is nil if there is none. Of a structured event it is JSON unless it
	// came in base64.
	Data []byte
}

// What can be wrong with an event.
var (
	ErrInvalid = errors.New("not a CloudEvent of version 1.0 that can be read")
	ErrNotJSON = errors.New("not one JSON object in UTF-8")
)

// texts are the attributes that must be text if they are there; others may be
// extensions of any type. The first ones must be there.
var (
	required = []string{"specversion", "type", "source", "id"}
	texts    = append([]string{"subject", "time", "account"}, required...)
)

// Read reads the event that a record carries in a mode other than None. What it
// returns may alias the record.
func Read(r *consumers.Record, mode Mode) (Event, error) {
	read := binary
	if mode == Structured {
		read = structured
	}
	e, err := read(r)
	if err != nil {
		return e, err
	}
	for _, name := range required {
		if e.Attributes[name] == "" {
			return e, ErrInvalid
		}
	}
	if e.Attributes["specversion"] != "1.0" {
		return e, ErrInvalid
	}
	return e, nil
}

func binary(r *consumers.Record) (Event, error) {
	e := Event{Attributes: map[string]string{}}
	for _, h := range r.Headers() {
		name, ok := strings.CutPrefix(h.Key, prefix)
		if !ok {
			continue
		}
		if !utf8.Valid(h.Value) {
			return e, ErrInvalid
		}
		e.Attributes[name] = string(h.Value)
	}
	if len(r.Value) > 0 {
		e.Data = r.Value
	}
	return e, nil
}

func structured(r *consumers.Record) (Event, error) {
	e := Event{Attributes: map[string]string{}}
	t, _ := r.Header(contentType)
	if format, _, _ := strings.Cut(string(t), ";"); !strings.EqualFold(strings.TrimSpace(format), mediaType+"+json") {
		return e, ErrInvalid
	}
	var members map[string]json.RawMessage
	if !utf8.Valid(r.Value) || json.Unmarshal(r.Value, &members) != nil || members == nil {
		return e, ErrNotJSON
	}
	for name, raw := range members {
		var text string
		if raw[0] == '"' && json.Unmarshal(raw, &text) == nil {
			e.Attributes[name] = text
		}
	}
	for _, name := range texts {
		if _, ok := e.Attributes[name]; !ok && present(members[name]) {
			return e, ErrInvalid
		}
	}
	return e, e.takeData(members["data"], members["data_base64"])
}

func present(raw json.RawMessage) bool { return raw != nil && !bytes.Equal(raw, []byte("null")) }

// takeData sets the data, which may be in either member.
func (e *Event) takeData(plain, encoded json.RawMessage) error {
	delete(e.Attributes, "data")
	delete(e.Attributes, "data_base64")
	switch {
	case present(plain) && present(encoded):
		return ErrInvalid
	case present(plain):
		e.Data = plain
	case present(encoded):
		var text string
		if json.Unmarshal(encoded, &text) != nil {
			return ErrInvalid
		}
		data, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			return ErrInvalid
		}
		if len(data) > 0 {
			e.Data = data
		}
	}
	return nil
}

// Without returns the headers but for those that make a record a CloudEvent.
func Without(headers []consumers.Header) []consumers.Header {
	return slices.DeleteFunc(headers, func(h consumers.Header) bool {
		return h.Key == contentType || strings.HasPrefix(h.Key, prefix)
	})
}
