package segment

import "strings"

// criteria are the words that a condition begins with.
var criteria = []string{
	"opted in", "opted out", "valid phone", "phone in", "in list", "in form", "in webinar", "in segment",
	"sent", "clicked", "failed", "replied", "not",
}

// joints are the words that may follow a criterion.
var joints = []string{"and", "or", "message", "in last", "between", "since", "before", "at least", "at most", "exactly", "ever"}

func (p *parser) criterion() Condition {
	for i, word := range behaviourWords {
		if p.accept(word) {
			return p.did(Behaviour(i))
		}
	}
	switch {
	case p.accept("opted"):
		if p.expect("in", "out") == "out" {
			return OptedOut{}
		}
		return OptedIn{}
	case p.accept("valid"):
		p.expect("phone")
		return ValidPhone{}
	case p.accept("phone"):
		p.expect("in")
		return PhoneIn{Countries: p.countries()}
	case p.accept("in"):
		return In{Kind: p.kind(either(namedKinds), namedKinds), Name: p.name()}
	}
	p.fail("a condition, such as "+either(criteria[:4]), criteria...)
	return nil
}

// COUNTRY { "," COUNTRY }
func (p *parser) countries() []string {
	list := []string{p.country()}
	for p.acceptMark(",") {
		list = append(list, p.country())
	}
	return list
}

func (p *parser) country() string {
	return operand(p, "an ISO 3166-1 alpha-2 country code such as US", parseCountry)
}

// NAME { "," NAME }
func (p *parser) names() []string {
	list := []string{p.name()}
	for p.acceptMark(",") {
		list = append(list, p.name())
	}
	return list
}

func (p *parser) name() string {
	t := p.peek()
	if t.kind != nameToken {
		p.fail("a name in double quotes")
		return ""
	}
	if e := checkName(t.text); e != nil {
		p.failAt(t, e)
		return ""
	}
	p.pos++
	return t.text
}

// operand takes a word that read accepts.
func operand[T any](p *parser, expected string, read func(string) (T, *Error)) T {
	var none T
	t := p.peek()
	if t.kind != wordToken {
		p.fail(expected)
		return none
	}
	value, e := read(t.text)
	if e != nil {
		p.failAt(t, e)
		return none
	}
	p.pos++
	return value
}

// count takes a number from 1 to MaxCount and its unit, times or days.
func (p *parser) count(unit string) int {
	n := p.number(unit)
	p.expect(unit, strings.TrimSuffix(unit, "s"))
	return n
}

func (p *parser) number(unit string) int {
	read := func(s string) (int, *Error) { return parseCount(s, unit) }
	return operand(p, countError("", unit).Expected, read)
}

func (p *parser) date() Date {
	return operand(p, "a date such as 2026-01-31", parseDate)
}
