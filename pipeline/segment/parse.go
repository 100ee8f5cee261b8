package segment

import (
	"fmt"
	"slices"
	"unicode/utf8"
)

// Parse reads a definition in its text form and normalises it. Its errors are
// of type *Error.
func Parse(text string) (Definition, error) { return Limits{}.Parse(text) }

// Parse is the function Parse under the limits of an account.
func (l Limits) Parse(text string) (Definition, error) {
	if e := checkBytes(len(text), MaxTextBytes); e != nil {
		return Definition{}, e.in(text, 0)
	}
	if e := checkUTF8(text); e != nil {
		return Definition{}, e
	}
	p := parser{text: text, limits: l, tokens: lex(text)}
	d := p.definition().Normalise()
	if p.err != nil {
		return Definition{}, p.err
	}
	if e := checkExtent(d); e != nil {
		return Definition{}, e.in(text, p.innermost.offset)
	}
	return d, nil
}

func checkUTF8(text string) *Error {
	for i, r := range text {
		if _, size := utf8.DecodeRuneInString(text[i:]); r == utf8.RuneError && size == 1 {
			e := &Error{Expected: "text in UTF-8", Found: fmt.Sprintf("byte 0x%02x", text[i])}
			return e.in(text, i)
		}
	}
	return nil
}

// parser is a recursive descent over the grammar. After the first fault it
// stands at the end of the text, where every rule stops by itself.
type parser struct {
	text   string
	limits Limits
	tokens []token
	pos    int
	err    *Error

	open      int   // parentheses and nots around pos
	deepest   int   // the greatest open so far
	innermost token // the token that made it so
}

// origin [ "where" condition ]
func (p *parser) definition() Definition {
	d := Definition{From: p.origin()}
	if p.accept("where") {
		d.Where = p.or()
		p.finish(`"and", "or" or the end`, joints...)
		return d
	}
	p.finish(`"where" or the end`, "where")
	return d
}

// "all contacts" | ( "list" | "form" | "webinar" | "segment" ) NAME
func (p *parser) origin() Origin {
	if p.accept("all") {
		p.expect("contacts")
		return Origin{}
	}
	kind := p.kind("an origin: "+either(kindWords), kindWords)
	return Origin{Kind: kind, Name: p.name()}
}

// kind takes the word for a kind that has a name.
func (p *parser) kind(expected string, candidates []string) Kind {
	for i, word := range namedKinds {
		if p.accept(word) {
			return List + Kind(i)
		}
	}
	p.fail(expected, candidates...)
	return AllContacts
}

// condition { "or" condition }
func (p *parser) or() Condition {
	list := Any{p.and()}
	for p.accept("or") {
		list = append(list, p.and())
	}
	return list
}

// condition { "and" condition }
func (p *parser) and() Condition {
	list := All{p.not()}
	for p.accept("and") {
		list = append(list, p.not())
	}
	return list
}

// "not" condition | "(" condition ")" | criterion
func (p *parser) not() Condition {
	opening := p.peek()
	switch {
	case p.accept("not"):
		defer p.enter(opening)()
		return Not{Of: p.not()}
	case p.acceptMark("("):
		defer p.enter(opening)()
		c := p.or()
		if !p.acceptMark(")") {
			p.fail(`"and", "or" or ")"`, joints...)
		}
		return c
	default:
		return p.criterion()
	}
}

// enter goes one level down, if there is one, and returns the way back up.
func (p *parser) enter(opening token) (leave func()) {
	p.open++
	if p.open > p.deepest {
		p.deepest, p.innermost = p.open, opening
	}
	if p.open > MaxDepth {
		p.failAt(opening, depthError())
	}
	return func() { p.open-- }
}

// finish expects the end of the text.
func (p *parser) finish(expected string, candidates ...string) {
	if p.peek().kind != endToken {
		p.fail(expected, candidates...)
	}
}

func (p *parser) peek() token { return p.tokens[p.pos] }

// at reports whether the next tokens are these keywords.
func (p *parser) at(keywords ...string) bool {
	for i, k := range keywords {
		if p.pos+i >= len(p.tokens) || !p.tokens[p.pos+i].is(k) {
			return false
		}
	}
	return true
}

// accept takes the keyword if it is next.
func (p *parser) accept(keyword string) bool {
	if !p.at(keyword) {
		return false
	}
	p.pos++
	return true
}

func (p *parser) acceptMark(mark string) bool {
	if t := p.peek(); t.kind != markToken || t.text != mark {
		return false
	}
	p.pos++
	return true
}

// expect takes one of the keywords and says which.
func (p *parser) expect(keywords ...string) string {
	i := slices.IndexFunc(keywords, p.accept)
	if i < 0 {
		p.fail(either(keywords), keywords...)
		return ""
	}
	return keywords[i]
}

// fail reports that the next token is not what was expected, nor a misspelling
// of the candidates unless it says so.
func (p *parser) fail(expected string, candidates ...string) {
	t := p.peek()
	if t.err != nil {
		p.failAt(t, t.err)
		return
	}
	e := &Error{Expected: expected, Found: t.found()}
	if t.kind == wordToken {
		e.Suggestion = nearest(t.text, candidates)
	}
	p.failAt(t, e)
}

// failAt reports the first fault and ends the parsing.
func (p *parser) failAt(t token, e *Error) {
	if p.err != nil {
		return
	}
	if e.Line == 0 {
		_ = e.in(p.text, t.offset)
	}
	p.err = e
	p.tokens = append(p.tokens, token{kind: endToken, offset: len(p.text)})
	p.pos = len(p.tokens) - 1
}
