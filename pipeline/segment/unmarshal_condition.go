package segment

import "fmt"

var (
	conditionFields = []string{
		"all", "any", "not", "opted_in", "opted_out", "valid_phone", "phone_in",
		"in_list", "in_form", "in_webinar", "in_segment", "sent", "clicked", "failed", "replied",
	}
	didFields = append(append([]string{"messages"}, frequencyFields[1:]...), periodFields[1:]...)
)

// condition reads an object of one field. Level counts the conditions that it
// stands in, itself included.
func (r *reader) condition(n node, path string, level int) Condition {
	if level > MaxDepth {
		r.fail(path, depthError())
		return nil
	}
	f, ok := r.single(n, path, `a condition, such as {"opted_in":true} or {"all":[...]}`)
	if !ok {
		return nil
	}
	at := field(path, f.name)
	inner := func(n node, path string) Condition { return r.condition(n, path, level+1) }
	switch f.name {
	case "all":
		return All(list(r, f.value, at, "an array of conditions", inner))
	case "any":
		return Any(list(r, f.value, at, "an array of conditions", inner))
	case "not":
		return Not{Of: inner(f.value, at)}
	case "opted_in":
		return r.fact(OptedIn{}, f.value, at, level)
	case "opted_out":
		return r.fact(OptedOut{}, f.value, at, level)
	case "valid_phone":
		return r.fact(ValidPhone{}, f.value, at, level)
	case "phone_in":
		return PhoneIn{Countries: list(r, f.value, at, "an array of country codes", r.country)}
	}
	return r.named(f, path)
}

// fact reads true as the fact and false as its negation.
func (r *reader) fact(c Condition, n node, path string, level int) Condition {
	if r.boolean(n, path) {
		return c
	}
	if level == MaxDepth {
		r.fail(path, depthError())
	}
	return Not{Of: c}
}

// named reads the criteria that are called after a kind or a behaviour.
func (r *reader) named(f jsonField, path string) Condition {
	at := field(path, f.name)
	for i, word := range namedKinds {
		if f.name == "in_"+word {
			return In{Kind: List + Kind(i), Name: r.name(f.value, at)}
		}
	}
	if b, ok := constant[Behaviour](behaviourWords, f.name); ok {
		return r.did(b, f.value, at)
	}
	r.unknown(path, f.name, conditionFields)
	return nil
}

func (r *reader) did(b Behaviour, n node, path string) Condition {
	d := Did{Behaviour: b}
	var frequency, period string // the fields that said them
	for _, f := range r.fields(n, path, "an object, {} for at least once ever") {
		at := field(path, f.name)
		if f.name == "messages" {
			d.Messages = r.messages(f.value, at)
		} else if kind, ok := constant[FrequencyKind](frequencyFields, f.name); ok {
			r.first("frequency", &frequency, f.name, at)
			d.Frequency = Frequency{Kind: kind, K: r.count(f.value, at, unitOf(kind))}
		} else if kind, ok := constant[PeriodKind](periodFields, f.name); ok {
			r.first("period", &period, f.name, at)
			d.Period = r.period(b, kind, f.value, at)
		} else {
			r.unknown(path, f.name, didFields)
		}
	}
	if d.Messages.Mode == NoneOf && frequency != "" {
		r.fail(field(path, frequency), noneFrequency(frequency))
	}
	return d
}

func noneFrequency(found string) *Error {
	return &Error{Expected: `no frequency beside "none" of messages`, Found: quote(found)}
}

// first refuses a second field of a sort.
func (r *reader) first(sort string, before *string, name, path string) {
	if *before != "" {
		r.fail(path, &Error{Expected: "one " + sort, Found: fmt.Sprintf("%s beside %s", quote(name), quote(*before))})
	}
	*before = name
}

func (r *reader) messages(n node, path string) Messages {
	f, ok := r.single(n, path, `an object of "any", "all" or "none"`)
	if !ok {
		return Messages{}
	}
	mode, known := constant[MessagesMode](modeFields, f.name)
	if !known {
		r.unknown(path, f.name, modeFields[AnyOf:])
		return Messages{}
	}
	return Messages{Mode: mode, Names: list(r, f.value, field(path, f.name), "an array of message names", r.name)}
}

func (r *reader) period(b Behaviour, kind PeriodKind, n node, path string) Period {
	p := Period{Kind: kind}
	switch kind {
	case LastDays:
		p.N = r.count(n, path, "days")
	case DaysAgo:
		days := func(n node, path string) int { return r.count(n, path, "days") }
		p.N, p.M = pair(r, n, path, "two numbers of days, such as [30,60]", days)
	case Between:
		p.From, p.To = pair(r, n, path, `two dates, such as ["2026-01-01","2026-01-31"]`, r.date)
	case Before:
		p.To = r.date(n, path)
	default: // On, Since
		p.From = r.date(n, path)
	}
	if operand, e := r.limits.checkPeriod(b, p); e != nil {
		r.fail(operandPath(path, kind, operand), e)
	}
	return p
}

// operandPath is the place of one of the operands of the period at path.
func operandPath(path string, kind PeriodKind, operand int) string {
	if kind == DaysAgo || kind == Between {
		return item(path, operand)
	}
	return path
}

// pair reads an array of two.
func pair[T any](r *reader, n node, path, expected string, read func(node, string) T) (first, second T) {
	switch {
	case n.kind != arrayNode:
		r.fail(path, &Error{Expected: expected, Found: n.found()})
	case len(n.items) != 2:
		r.fail(path, &Error{Expected: expected, Found: fmt.Sprintf("an array of %d", len(n.items))})
	default:
		first = read(n.items[0], item(path, 0))
		second = read(n.items[1], item(path, 1))
	}
	return first, second
}
