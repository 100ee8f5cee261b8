package pipeline

import (
	"encoding/json"
	"unicode/utf8"
)

// field is a name that records of the contract use.
type field uint8

const (
	fieldID field = iota
	fieldAccount
	fieldContact
	fieldMessage
	fieldAt
	fieldURL
	fieldReason
	fieldMessageName
	fieldSource
	fieldPhone
	fieldRegion
	fieldList
	fieldKind
	fieldName
	fieldMember
	fieldCount
)

var fieldNames = [fieldCount]string{
	fieldID: "id", fieldAccount: "account", fieldContact: "contact", fieldMessage: "message", fieldAt: "at", fieldURL: "url",
	fieldReason: "reason", fieldMessageName: "message_name", fieldSource: "source", fieldPhone: "phone", fieldRegion: "region",
	fieldList: "list", fieldKind: "kind", fieldName: "name", fieldMember: "member",
}

// object is the known fields of a JSON object: strings, but for member.
type object struct {
	text    [fieldCount][]byte // of those that are present; see string
	member  bool
	present fieldSet // not null
	wrong   fieldSet // of a type other than theirs
	long    fieldSet // of more than maxTextBytes

	after [fieldCount + 1]guess // what comes after each field, and last of all first
}

// reset takes all fields away. What text holds of them is not looked at.
func (o *object) reset() { o.present, o.wrong, o.long = 0, 0, 0 }

// string is a field's text, empty if it is absent.
func (o *object) string(f field) []byte {
	if !o.present.has(f) {
		return nil
	}
	return o.text[f]
}

type fieldSet uint32

func (s fieldSet) has(f field) bool { return s&(1<<f) != 0 }

func fieldsOf(fields ...field) fieldSet {
	var s fieldSet
	for _, f := range fields {
		s |= 1 << f
	}
	return s
}

// setText takes a text for a field that is to be one.
func (o *object) setText(f field, text []byte) {
	bit := fieldSet(1) << f
	o.present |= bit
	o.wrong &^= bit
	o.long &^= bit
	o.text[f] = text
	if len(text) > maxTextBytes {
		o.long |= bit
	}
}

// set takes a value; a later one of the same name replaces it.
func (o *object) set(f field, kind byte, text []byte) {
	bit := fieldSet(1) << f
	o.present |= bit
	o.wrong &^= bit
	o.long &^= bit
	o.text[f] = nil
	switch {
	case kind == 'n':
		o.present &^= bit
	case f == fieldMember && (kind == 't' || kind == 'f'):
		o.member = kind == 't'
	case f != fieldMember && kind == '"':
		o.setText(f, text)
	default:
		o.wrong |= bit
	}
}

// read reads a JSON object. It is false for anything else, and for invalid UTF-8.
func (o *object) read(data []byte) bool {
	o.reset()
	if o.scan(data) {
		return true
	}
	o.reset()
	return o.parse(data)
}

// parse reads any JSON object, with the standard library.
func (o *object) parse(data []byte) bool {
	if !utf8.Valid(data) {
		return false
	}
	var values map[string]json.RawMessage
	if json.Unmarshal(data, &values) != nil || values == nil {
		return false
	}
	for name, raw := range values {
		f, known := knownField([]byte(name))
		if !known {
			continue
		}
		var text string
		if raw[0] == '"' && json.Unmarshal(raw, &text) != nil {
			return false
		}
		o.set(f, raw[0], []byte(text))
	}
	return true
}
