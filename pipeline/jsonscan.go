package pipeline

import (
	"bytes"
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

// object is the known fields of a JSON object: strings, but for member.
type object struct {
	text    [fieldCount][]byte
	member  bool
	present fieldSet // not null
	wrong   fieldSet // of a type other than theirs
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

// set takes a value; a later one of the same name replaces it.
func (o *object) set(f field, kind byte, text []byte) {
	bit := fieldSet(1) << f
	o.present |= bit
	o.wrong &^= bit
	o.text[f] = nil
	switch {
	case kind == 'n':
		o.present &^= bit
	case f == fieldMember && (kind == 't' || kind == 'f'):
		o.member = kind == 't'
	case f != fieldMember && kind == '"':
		o.text[f] = text
	default:
		o.wrong |= bit
	}
}

// read reads a JSON object. It is false for anything else, and for invalid UTF-8.
func (o *object) read(data []byte) bool {
	*o = object{}
	if o.scan(data) {
		return true
	}
	*o = object{}
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

// scan reads the plain case without allocating: one flat object whose strings
// have no escapes and no numbers. It is false where that does not hold, whether
// the bytes are JSON or not; what it accepts, parse reads alike.
func (o *object) scan(data []byte) bool {
	s := scanner{data: data}
	if !s.skip('{') {
		return false
	}
	for first := true; ; first = false {
		if s.skip('}') {
			return s.end()
		}
		if !first && !s.skip(',') {
			return false
		}
		name, ok := s.string()
		if !ok || !s.skip(':') {
			return false
		}
		kind, text, ok := s.value()
		if !ok {
			return false
		}
		if f, known := knownField(name); known {
			o.set(f, kind, text)
		}
	}
}

// knownField finds a field by name. The compiler makes a search of the cases.
func knownField(name []byte) (field, bool) {
	switch string(name) {
	case "id":
		return fieldID, true
	case "account":
		return fieldAccount, true
	case "contact":
		return fieldContact, true
	case "message":
		return fieldMessage, true
	case "at":
		return fieldAt, true
	case "url":
		return fieldURL, true
	case "reason":
		return fieldReason, true
	case "message_name":
		return fieldMessageName, true
	case "source":
		return fieldSource, true
	case "phone":
		return fieldPhone, true
	case "region":
		return fieldRegion, true
	case "list":
		return fieldList, true
	case "kind":
		return fieldKind, true
	case "name":
		return fieldName, true
	case "member":
		return fieldMember, true
	}
	return 0, false
}

type scanner struct {
	data []byte
	at   int
}

func (s *scanner) space() {
	for s.at < len(s.data) {
		switch s.data[s.at] {
		case ' ', '\t', '\n', '\r':
			s.at++
		default:
			return
		}
	}
}

func (s *scanner) end() bool {
	s.space()
	return s.at == len(s.data)
}

func (s *scanner) skip(c byte) bool {
	s.space()
	if s.at == len(s.data) || s.data[s.at] != c {
		return false
	}
	s.at++
	return true
}

// string reads a string without escapes.
func (s *scanner) string() ([]byte, bool) {
	if !s.skip('"') {
		return nil, false
	}
	rest, seen := s.data[s.at:], byte(0)
	for n, c := range rest {
		if c == '"' {
			s.at += n + 1
			return rest[:n], seen < utf8.RuneSelf || utf8.Valid(rest[:n])
		}
		if c < ' ' || c == '\\' {
			return nil, false
		}
		seen |= c
	}
	return nil, false
}

// value reads a string or one of the three words.
func (s *scanner) value() (kind byte, text []byte, ok bool) {
	s.space()
	if s.at == len(s.data) {
		return 0, nil, false
	}
	kind = s.data[s.at]
	switch kind {
	case '"':
		text, ok = s.string()
		return kind, text, ok
	case 't':
		ok = s.word("true")
	case 'f':
		ok = s.word("false")
	case 'n':
		ok = s.word("null")
	}
	return kind, nil, ok
}

func (s *scanner) word(w string) bool {
	if !bytes.HasPrefix(s.data[s.at:], []byte(w)) {
		return false
	}
	s.at += len(w)
	return true
}
