package inputs

import (
	"encoding/json"
	"errors"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"
)

// sources are where a value is looked for: the first that has one gives it.
type sources []source

// source is a constant, or a place in an event: a JSON pointer, and perhaps the
// parameter of the URL that stands there.
type source struct {
	constant any // text or a boolean; nil: a place
	pointer  []string
	query    string
}

// UnmarshalJSON reads one source or several.
func (s *sources) UnmarshalJSON(data []byte) error {
	var several []any
	if err := json.Unmarshal(data, &several); err != nil {
		var one any
		if err := json.Unmarshal(data, &one); err != nil {
			return err
		}
		several = []any{one}
	}
	*s = nil
	for _, v := range several {
		one, err := newSource(v)
		if err != nil {
			return err
		}
		*s = append(*s, one)
	}
	return nil
}

var unescape = strings.NewReplacer("~1", "/", "~0", "~")

func newSource(v any) (source, error) {
	text, isText := v.(string)
	switch _, isBool := v.(bool); {
	case isBool, isText && text != "" && text[0] != '/':
		return source{constant: v}, nil
	case !isText || text == "":
		return source{}, errors.New("a source is a place such as \"/data/id\", a text, or true or false")
	}
	place, query, _ := strings.Cut(text, "?")
	s := source{query: query}
	for name := range strings.SplitSeq(place[1:], "/") {
		s.pointer = append(s.pointer, unescape.Replace(name))
	}
	return s, nil
}

// value is the first that there is: not absent, null or empty.
func (s sources) value(event any) any {
	for _, one := range s {
		if v := one.value(event); v != nil && v != "" {
			return v
		}
	}
	return nil
}

// text is the first value if it can be written as text.
func (s sources) text(event any) (string, bool) {
	switch v := s.value(event).(type) {
	case string:
		return v, true
	case json.Number:
		return v.String(), true
	}
	return "", false
}

func (s source) value(event any) any {
	if s.constant != nil {
		return s.constant
	}
	v := event
	for _, name := range s.pointer {
		v = member(v, name)
	}
	if s.query == "" {
		return v
	}
	text, _ := v.(string)
	link, err := url.Parse(text)
	if err != nil {
		return nil
	}
	if text = link.Query().Get(s.query); !utf8.ValidString(text) {
		return nil
	}
	return text
}

// member is a member of an object or an element of an array, nil if there is none.
func member(of any, name string) any {
	switch of := of.(type) {
	case map[string]any:
		return of[name]
	case []any:
		if i, err := strconv.Atoi(name); err == nil && i >= 0 && i < len(of) {
			return of[i]
		}
	}
	return nil
}
