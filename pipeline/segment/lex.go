package segment

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

type tokenKind uint8

const (
	endToken  tokenKind = iota // after the last character
	wordToken                  // a keyword, country, number or date
	nameToken                  // a quoted string; text is what it means
	markToken                  // a parenthesis, a comma or a character that means nothing
	badToken                   // a quoted string that can't be read; err says why
)

type token struct {
	kind   tokenKind
	text   string
	offset int // in bytes
	err    *Error
}

// is reports whether the token is the keyword, in either case.
func (t token) is(keyword string) bool {
	return t.kind == wordToken && strings.EqualFold(t.text, keyword)
}

// found is the token as an error shows it.
func (t token) found() string {
	switch t.kind {
	case endToken:
		return "the end"
	case nameToken:
		return "the name " + quote(t.text)
	default:
		return quote(t.text)
	}
}

// lex cuts the text into tokens, of which the last is an endToken. It never
// fails: what can't be read is a token that no rule of the grammar takes, so
// faults are reported in the order in which they stand.
func lex(text string) []token {
	var tokens []token
	for i := skipSpace(text, 0); i < len(text); {
		t, size := lexOne(text[i:])
		t.offset = i
		if t.err != nil {
			_ = t.err.in(text, i+size)
			return append(tokens, t)
		}
		tokens = append(tokens, t)
		i = skipSpace(text, i+size)
	}
	return append(tokens, token{kind: endToken, offset: len(text)})
}

// lexOne reads the token that s begins with.
func lexOne(s string) (t token, size int) {
	if s[0] == '"' {
		name, size, e := unquote(s)
		if e != nil {
			return token{kind: badToken, err: e}, size
		}
		return token{kind: nameToken, text: name}, size
	}
	if size := spanOf(s, inWord); size > 0 {
		return token{kind: wordToken, text: s[:size]}, size
	}
	_, size = utf8.DecodeRuneInString(s)
	return token{kind: markToken, text: s[:size]}, size
}

func inWord(r rune) bool {
	return r == '-' || r == '_' || unicode.In(r, unicode.L, unicode.M, unicode.N)
}

func skipSpace(s string, i int) int {
	return i + spanOf(s[i:], unicode.IsSpace)
}

// spanOf is how many bytes s begins with that are in a class of characters.
func spanOf(s string, class func(rune) bool) int {
	rest := strings.IndexFunc(s, func(r rune) bool { return !class(r) })
	if rest < 0 {
		return len(s)
	}
	return rest
}
