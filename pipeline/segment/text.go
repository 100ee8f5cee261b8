package segment

import (
	"fmt"
	"strings"
)

// Text is the normalised definition in its text form, with no more parentheses
// than needed. Parse reads it back, unless Check refuses the definition.
func (d Definition) Text() string {
	var b strings.Builder
	b.WriteString(d.From.String())
	if d.Where != nil {
		b.WriteString(" where ")
		writeCondition(&b, normalise(d.Where), false)
	}
	return b.String()
}

// String is Text.
func (d Definition) String() string { return d.Text() }

// Text is a normalised condition in its text form, for showing it by itself.
func Text(c Condition) string {
	var b strings.Builder
	writeCondition(&b, normalise(c), false)
	return b.String()
}

// String is the origin as the language writes it.
func (o Origin) String() string {
	if o.Kind == AllContacts {
		return o.Kind.String()
	}
	return named(o.Kind, o.Name)
}

func named(k Kind, name string) string {
	return k.String() + " " + string(appendQuoted(nil, name))
}

// writeCondition writes a normalised condition, in parentheses if it is an
// operator and stands where only one condition may: inside "and" and "not".
// (Inside "or" an "and" needs none, and another "or" can't be.)
func writeCondition(b *strings.Builder, c Condition, alone bool) {
	switch c := c.(type) {
	case Any:
		writeJoined(b, c, " or ", false, alone)
	case All:
		writeJoined(b, c, " and ", true, alone)
	case Not:
		b.WriteString("not ")
		writeCondition(b, c.Of, true)
	default:
		b.WriteString(criterion(c))
	}
}

func writeJoined(b *strings.Builder, list []Condition, joint string, alone, parentheses bool) {
	if parentheses {
		b.WriteByte('(')
		defer b.WriteByte(')')
	}
	for i, c := range list {
		if i > 0 {
			b.WriteString(joint)
		}
		writeCondition(b, c, alone)
	}
}

func criterion(c Condition) string {
	switch c := c.(type) {
	case OptedIn:
		return "opted in"
	case OptedOut:
		return "opted out"
	case ValidPhone:
		return "valid phone"
	case PhoneIn:
		return "phone in " + strings.Join(c.Countries, ", ")
	case In:
		return "in " + named(c.Kind, c.Name)
	case Did:
		return c.text()
	default:
		return fmt.Sprintf("(unknown condition %T)", c)
	}
}

func (d Did) text() string {
	words := []string{d.Behaviour.String()}
	if d.Messages.Mode != AnyMessage {
		words = append(words, d.Messages.String())
	}
	if d.Frequency.Kind != AtLeastOnce {
		words = append(words, d.Frequency.String())
	}
	if d.Period.Kind != Ever {
		words = append(words, d.Period.String())
	}
	return strings.Join(words, " ")
}

// String is the messages as the language writes them, such as message "m".
func (m Messages) String() string {
	names := make([]string, len(m.Names))
	for i, name := range m.Names {
		names[i] = string(appendQuoted(nil, name))
	}
	switch {
	case m.Mode == AnyMessage:
		return "any message"
	case m.Mode == AnyOf && len(names) == 1:
		return "message " + names[0]
	default:
		return wordOf(modeFields, m.Mode, "mode") + " of messages " + strings.Join(names, ", ")
	}
}

// String is the frequency as the language writes it, such as "at least 3 times".
func (f Frequency) String() string {
	switch f.Kind {
	case AtLeastOnce:
		return "at least 1 time"
	case AtLeast:
		return "at least " + counted(f.K, "time")
	case AtMost:
		return "at most " + counted(f.K, "time")
	case Exactly:
		return "exactly " + counted(f.K, "time")
	case AtLeastDays:
		return "on at least " + counted(f.K, "day")
	default:
		return fmt.Sprintf("frequency %d", f.Kind)
	}
}
