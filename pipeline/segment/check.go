package segment

import "fmt"

// Check is for definitions that were not parsed under these limits, such as
// stored ones or ones made in Go: it refuses what ParseJSON would refuse in the
// normalised JSON form, with the place there. Whether the lists, segments and
// messages exist it does not ask. Its errors are of type *Error.
func Check(d Definition, limits Limits) error {
	d = d.Normalise()
	c := checker{limits: limits}
	c.target("from", d.From.Kind, d.From.Name, d.From.Kind == AllContacts)
	if d.Where != nil {
		c.condition(d.Where, "where")
	}
	if c.err != nil {
		return c.err
	}
	if e := checkExtent(d); e != nil {
		return e.at("where")
	}
	return nil
}

// checker keeps the first fault.
type checker struct {
	limits Limits
	err    *Error
}

func (c *checker) condition(condition Condition, path string) {
	switch x := condition.(type) {
	case All:
		c.list(x, field(path, "all"))
	case Any:
		c.list(x, field(path, "any"))
	case Not:
		c.condition(x.Of, field(path, "not"))
	case PhoneIn:
		c.countries(x.Countries, field(path, "phone_in"))
	case In:
		c.target(path, x.Kind, x.Name, false)
	case Did:
		c.did(x, field(path, x.Behaviour.String()))
	case OptedIn, OptedOut, ValidPhone:
	default:
		c.fail(path, &Error{Expected: "a condition", Found: fmt.Sprintf("%T", x)})
	}
}

func (c *checker) list(list []Condition, path string) {
	c.notEmpty(len(list), path)
	for i, condition := range list {
		c.condition(condition, item(path, i))
	}
}

func (c *checker) countries(codes []string, path string) {
	c.notEmpty(len(codes), path)
	for i, code := range codes {
		_, e := parseCountry(code)
		c.fail(item(path, i), e)
	}
}

// target checks the name of an origin or of a membership.
func (c *checker) target(path string, kind Kind, name string, everybody bool) {
	switch {
	case everybody && name != "":
		c.fail(path, &Error{Expected: "no name for all contacts", Found: quote(name)})
	case !everybody && (kind < List || kind > Segment):
		c.fail(path, &Error{Expected: either(namedKinds), Found: quote(kind.String())})
	case !everybody:
		c.fail(path, checkName(name))
	}
}

func (c *checker) did(d Did, path string) {
	if d.Behaviour >= Behaviours {
		c.fail(path, &Error{Expected: either(behaviourWords), Found: d.Behaviour.String()})
	}
	c.messages(d.Messages, field(path, "messages"))
	c.frequency(d, path)
	if d.Period.Kind > Since {
		c.fail(path, &Error{Expected: "a period", Found: d.Period.String()})
		return
	}
	at := field(path, periodFields[d.Period.Kind])
	operand, e := c.limits.checkPeriod(d.Behaviour, d.Period)
	c.fail(operandPath(at, d.Period.Kind, operand), e)
}

func (c *checker) messages(m Messages, path string) {
	switch {
	case m.Mode > NoneOf:
		c.fail(path, &Error{Expected: either(modeFields[AnyOf:]), Found: m.String()})
	case m.Mode == AnyMessage && len(m.Names) > 0:
		c.fail(path, &Error{Expected: "no names for any message", Found: quote(m.Names[0])})
	case m.Mode != AnyMessage:
		path = field(path, modeFields[m.Mode])
		c.notEmpty(len(m.Names), path)
		for i, name := range m.Names {
			c.fail(item(path, i), checkName(name))
		}
	}
}

func (c *checker) frequency(d Did, path string) {
	kind := d.Frequency.Kind
	switch {
	case kind > AtLeastDays:
		c.fail(path, &Error{Expected: "a frequency", Found: d.Frequency.String()})
	case kind == AtLeastOnce:
	case d.Messages.Mode == NoneOf:
		c.fail(field(path, frequencyFields[kind]), noneFrequency(frequencyFields[kind]))
	default:
		c.fail(field(path, frequencyFields[kind]), checkCount(d.Frequency.K, unitOf(kind)))
	}
}

func (c *checker) notEmpty(n int, path string) {
	if n == 0 {
		c.fail(path, &Error{Expected: "a list of at least one", Found: "an empty one"})
	}
}

func (c *checker) fail(path string, e *Error) {
	if c.err == nil && e != nil {
		c.err = e.at(path)
	}
}
