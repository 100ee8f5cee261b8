package segment

import (
	"fmt"
	"slices"
	"strings"
)

// clause is a part of a behaviour criterion. They follow in this order, each at
// most once.
type clause uint8

const (
	noClause clause = iota
	messagesClause
	frequencyClause
	periodClause
)

var clauseNames = []string{messagesClause: "messages", frequencyClause: "frequency", periodClause: "period"}

// [ messages ] [ frequency ] [ period ]
func (p *parser) did(b Behaviour) Condition {
	d := Did{Behaviour: b}
	last := noClause
	for next := p.clause(); next != noClause; next = p.clause() {
		if why := misplaced(d, last, next); why != "" {
			p.fail(`"and", "or" or the end (` + why + ")")
			break
		}
		p.read(next, &d)
		last = next
	}
	return d
}

// clause is the part of a behaviour criterion that the next words begin.
func (p *parser) clause() clause {
	next := func(keyword string) bool { return p.at(keyword) }
	inKind := func(kind string) bool { return p.at("in", kind) }
	switch {
	case slices.ContainsFunc([]string{"message", "any", "all", "none"}, next):
		return messagesClause
	case p.at("at"), p.at("exactly"), p.at("on", "at"):
		return frequencyClause
	case slices.ContainsFunc(namedKinds, inKind):
		return noClause // a criterion of its own, whose "and" is missing
	case slices.ContainsFunc([]string{"in", "between", "on", "before", "since", "ever"}, next):
		return periodClause
	default:
		return noClause
	}
}

// misplaced says why next can't follow last.
func misplaced(d Did, last, next clause) string {
	switch {
	case next == last:
		return fmt.Sprintf("%v has its %s already", d.Behaviour, clauseNames[next])
	case next < last:
		return "messages, frequency and period follow in this order"
	case next == frequencyClause && d.Messages.Mode == NoneOf:
		return `"none of" takes no frequency`
	default:
		return ""
	}
}

func (p *parser) read(next clause, d *Did) {
	switch next {
	case messagesClause:
		d.Messages = p.messages()
	case frequencyClause:
		d.Frequency = p.frequency()
	case periodClause:
		d.Period = p.period(d.Behaviour)
	}
}

// "message" NAME | ( "any of" | "all of" | "none of" ) "messages" NAME { "," NAME }
func (p *parser) messages() Messages {
	if p.accept("message") {
		return Messages{Mode: AnyOf, Names: []string{p.name()}}
	}
	mode, _ := constant[MessagesMode](modeFields, p.expect("any", "all", "none"))
	p.expect("of")
	p.expect("messages")
	return Messages{Mode: mode, Names: p.names()}
}

// ( "at least" | "at most" | "exactly" ) K "times" | "on at least" K "days"
func (p *parser) frequency() Frequency {
	switch p.expect("on", "exactly", "at") {
	case "on":
		p.expect("at")
		p.expect("least")
		return Frequency{Kind: AtLeastDays, K: p.count("days")}
	case "exactly":
		return Frequency{Kind: Exactly, K: p.count("times")}
	}
	kind := AtLeast
	if p.expect("least", "most") == "most" {
		kind = AtMost
	}
	return Frequency{Kind: kind, K: p.count("times")}
}

func (p *parser) period(b Behaviour) Period {
	var operands [2]token
	period := p.periodOf(&operands)
	if at, e := p.limits.checkPeriod(b, period); e != nil {
		p.failAt(operands[at], e)
	}
	return period
}

// "in last" N "days" | "on" DATE | "before" DATE | "since" DATE | "ever" | between
func (p *parser) periodOf(operands *[2]token) Period {
	word := p.expect("in", "on", "before", "since", "between", "ever")
	if word == "in" {
		p.expect("last")
	}
	operands[0] = p.peek()
	switch word {
	case "in":
		return Period{Kind: LastDays, N: p.count("days")}
	case "on":
		return Period{Kind: On, From: p.date()}
	case "before":
		return Period{Kind: Before, To: p.date()}
	case "since":
		return Period{Kind: Since, From: p.date()}
	case "between":
		return p.between(operands)
	default:
		return Period{}
	}
}

// "between" N "and" M "days ago" | "between" DATE "and" DATE
func (p *parser) between(operands *[2]token) Period {
	second := func() {
		p.expect("and")
		operands[1] = p.peek()
	}
	switch first := p.peek(); {
	case first.kind != wordToken:
		p.fail("a number of days or a date such as 2026-01-31")
		return Period{}
	case strings.Contains(first.text, "-"):
		from := p.date()
		second()
		return Period{Kind: Between, From: from, To: p.date()}
	}
	n := p.number("days")
	second()
	m := p.count("days")
	p.expect("ago")
	return Period{Kind: DaysAgo, N: n, M: m}
}
