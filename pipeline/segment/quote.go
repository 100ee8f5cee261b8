package segment

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// escaped are the characters that a quoted name shows as \u escapes: those that
// would control the terminal or the direction of the text around the name.
var escaped = []*unicode.RangeTable{unicode.Cc, unicode.Zl, unicode.Zp, unicode.Bidi_Control}

// appendQuoted writes s as a JSON string, in both forms the same.
func appendQuoted(b []byte, s string) []byte {
	b = append(b, '"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b = append(b, '\\', byte(r))
		case r == '\n':
			b = append(b, `\n`...)
		case r == '\t':
			b = append(b, `\t`...)
		case unicode.In(r, escaped...):
			b = fmt.Appendf(b, `\u%04x`, r)
		default:
			b = utf8.AppendRune(b, r)
		}
	}
	return append(b, '"')
}

// unquote reads the JSON string that s begins with and says how many bytes it
// took. With an error, that is where in s the fault is. Unlike encoding/json it
// refuses surrogates without a partner instead of replacing them.
func unquote(s string) (value string, size int, e *Error) {
	var b strings.Builder
	for i := 1; i < len(s); {
		switch c := s[i]; {
		case c == '"':
			return b.String(), i + 1, nil
		case c == '\\':
			r, n, e := unescape(s[i:])
			if e != nil {
				return "", i, e
			}
			b.WriteRune(r)
			i += n
		case c < ' ':
			return "", i, &Error{Expected: `an escape such as \n for a control character`, Found: fmt.Sprintf("%q", c)}
		default:
			b.WriteByte(c)
			i++
		}
	}
	return "", len(s), &Error{Expected: `a closing "`, Found: "the end"}
}

// unescape reads the escape that s begins with.
func unescape(s string) (r rune, size int, e *Error) {
	const letters, meanings = `"\/bfnrt`, "\"\\/\b\f\n\r\t"
	if len(s) > 1 {
		if i := strings.IndexByte(letters, s[1]); i >= 0 {
			return rune(meanings[i]), 2, nil
		}
	}
	high, ok := hexEscape(s)
	if !ok {
		return 0, 0, &Error{Expected: `an escape of JSON, such as \" or \u00e9`, Found: quote(firstRunes(s, 2))}
	}
	if !utf16.IsSurrogate(high) {
		return high, 6, nil
	}
	low, _ := hexEscape(s[6:])
	if r := utf16.DecodeRune(high, low); r != unicode.ReplacementChar {
		return r, 12, nil
	}
	return 0, 0, &Error{Expected: "a pair of surrogates", Found: s[:6] + " alone"}
}

// hexEscape reads \u and four hexadecimal digits.
func hexEscape(s string) (rune, bool) {
	if len(s) < 6 || s[:2] != `\u` {
		return 0, false
	}
	var r rune
	for _, c := range []byte(s[2:6]) {
		digit := strings.IndexByte("0123456789abcdef", c|0x20)
		if digit < 0 {
			return 0, false
		}
		r = r<<4 | rune(digit)
	}
	return r, true
}

func firstRunes(s string, n int) string {
	for i := range s {
		if n == 0 {
			return s[:i]
		}
		n--
	}
	return s
}
