package pipeline

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf8"
)

// scan reads the plain case without allocating: one flat object whose strings
// have no escapes and no numbers. It is false where that does not hold, whether
// the bytes are JSON or not; what it accepts, parse reads alike. It looks at
// eight bytes at a time.
func (o *object) scan(data []byte) bool {
	at := skip(data, 0, '{')
	if at < 0 {
		return false
	}
	if end := skip(data, at, '}'); end >= 0 {
		return skipSpace(data, end) == len(data)
	}
	for last := fieldCount; ; {
		if g := &o.after[last]; g.stands(data, at) {
			from := at + g.size
			if at = textEnd(data, from); at < 0 {
				return false
			}
			o.setText(g.field, data[from:at])
			at, last = at+1, g.field
		} else if at, last = o.scanMember(data, at, last); at < 0 {
			return false
		}
		next := skip(data, at, ',')
		if next < 0 {
			end := skip(data, at, '}')
			return end >= 0 && skipSpace(data, end) == len(data)
		}
		at = next
	}
}

// scanMember reads a name and its value, which come after the last known field.
// The end is -1 if they are not plain.
func (o *object) scanMember(data []byte, from int, last field) (end int, now field) {
	name := skip(data, from, '"')
	if name < 0 {
		return -1, last
	}
	f, known, end := scanName(data, name)
	if end < 0 {
		return -1, last
	}
	value := skip(data, end+1, ':')
	if value < 0 {
		return -1, last
	}
	text := skip(data, value, '"')
	if text < 0 {
		kind, end := scanWord(data, value)
		if known && end >= 0 {
			o.set(f, kind, nil)
			last = f
		}
		return end, last
	}
	if end = textEnd(data, text); end < 0 {
		return -1, last
	}
	if known {
		o.set(f, '"', data[text:end])
		o.after[last].remember(data[from:text], f)
		last = f
	}
	return end + 1, last
}

// skip passes over a character, and spaces before it. It is -1 if there is
// another.
func skip(data []byte, at int, c byte) int {
	if at < len(data) && data[at] == c {
		return at + 1
	}
	return skipSpaced(data, at, c)
}

func skipSpaced(data []byte, at int, c byte) int {
	at = skipSpace(data, at)
	if at < len(data) && data[at] == c {
		return at + 1
	}
	return -1
}

func skipSpace(data []byte, at int) int {
	for at < len(data) && (data[at] == ' ' || data[at] == '\t' || data[at] == '\n' || data[at] == '\r') {
		at++
	}
	return at
}

// eight are the bytes from a place on, the first lowest. Zeros follow the end.
func eight(data []byte, at int) uint64 {
	if at+8 <= len(data) {
		return binary.LittleEndian.Uint64(data[at:])
	}
	return lastBytes(data, at)
}

func lastBytes(data []byte, at int) (word uint64) {
	for i := len(data) - 1; i >= at; i-- {
		word = word<<8 | uint64(data[i])
	}
	return word
}

// stops has the highest bit of the first of eight bytes that is a quote, a
// backslash, a control character or not ASCII; bits above that say nothing.
// A byte less what it must not be, or be below, has the highest bit, and borrows
// from none but those above.
func stops(word uint64) uint64 {
	const ones, highest = 0x0101010101010101, 0x8080808080808080
	quote, backslash, control := (word^ones*'"')-ones, (word^ones*'\\')-ones, word-ones*' '
	return (quote | backslash | control | word) & highest
}

// textEnd is where the quote stands that ends a string without escapes, -1 if
// it is none.
func textEnd(data []byte, from int) int {
	for at := from; ; at += 8 {
		stop := stops(eight(data, at))
		if stop == 0 {
			continue
		}
		at += bits.TrailingZeros64(stop) / 8
		switch {
		case at >= len(data):
			return -1
		case data[at] == '"':
			return at
		}
		return foreignEnd(data, from, at)
	}
}

// foreignEnd is textEnd for a string that is ASCII up to a place.
func foreignEnd(data []byte, from, at int) int {
	for ; at < len(data); at++ {
		switch c := data[at]; {
		case c == '"' && utf8.Valid(data[from:at]):
			return at
		case c == '"' || c < ' ' || c == '\\':
			return -1
		}
	}
	return -1
}

// scanName reads a name, up to the quote after it. The end is -1 if it is none.
func scanName(data []byte, from int) (f field, known bool, end int) {
	word := eight(data, from)
	n := bits.TrailingZeros64(stops(word)) / 8
	if end = from + n; n == 8 || end >= len(data) || data[end] != '"' {
		if end = textEnd(data, from); end < 0 {
			return 0, false, -1
		}
	}
	f, known = knownNames.find(word&(1<<(8*n)-1), data[from:end])
	return f, known, end
}

// scanWord reads one of the three words.
func scanWord(data []byte, at int) (kind byte, end int) {
	at = skipSpace(data, at)
	for _, word := range []string{"true", "false", "null"} {
		if end := at + len(word); end <= len(data) && string(data[at:end]) == word {
			return word[0], end
		}
	}
	return 0, -1
}

// knownField finds a field by name.
func knownField(name []byte) (field, bool) { return knownNames.find(eight(name, 0), name) }

// fieldTable finds fields by name. The first eight bytes of a name are a number:
// times the factor, no two of them begin alike.
type fieldTable struct {
	factor uint64
	slots  [32]knownName
}

type knownName struct {
	first uint64 // eight bytes of the name, or all of them and zeros
	name  string
	field field
	known bool
}

func (t *fieldTable) slot(first uint64) *knownName { return &t.slots[first*t.factor>>59] }

func (t *fieldTable) find(first uint64, name []byte) (field, bool) {
	s := t.slot(first)
	is := s.known && s.first == first && len(s.name) == len(name)
	return s.field, is && (len(name) <= 8 || s.name == string(name))
}

var knownNames = func() *fieldTable {
	for factor := uint64(0x9e3779b97f4a7c15); ; factor += 2 {
		if t := (&fieldTable{factor: factor}); t.fill() {
			return t
		}
	}
}()

// fill puts all names in, if no two want the same slot.
func (t *fieldTable) fill() bool {
	for f, name := range fieldNames {
		first := eight([]byte(name), 0)
		s := t.slot(first)
		if s.known {
			return false
		}
		*s = knownName{first, name, field(f), true}
	}
	return true
}
