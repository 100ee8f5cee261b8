package segment

import "strconv"

// MarshalJSON is the normalised definition in its JSON form, an object of from
// and, unless everybody in the origin is meant, where. Its errors are those of
// Check.
func (d Definition) MarshalJSON() ([]byte, error) {
	if err := Check(d, Limits{}); err != nil {
		return nil, err
	}
	d = d.Normalise()
	b := append([]byte(`{"from":`), originJSON(d.From)...)
	if d.Where != nil {
		b = append(b, `,"where":`...)
		b = appendCondition(b, d.Where)
	}
	return append(b, '}'), nil
}

func originJSON(o Origin) []byte {
	if o.Kind == AllContacts {
		return []byte(`{"all_contacts":true}`)
	}
	return append(appendQuoted(opened(nil, o.Kind.String()), o.Name), '}')
}

func appendCondition(b []byte, c Condition) []byte {
	switch c := c.(type) {
	case All:
		b = appendList(opened(b, "all"), c, appendCondition)
	case Any:
		b = appendList(opened(b, "any"), c, appendCondition)
	case Not:
		b = appendCondition(opened(b, "not"), c.Of)
	case OptedIn:
		b = append(opened(b, "opted_in"), "true"...)
	case OptedOut:
		b = append(opened(b, "opted_out"), "true"...)
	case ValidPhone:
		b = append(opened(b, "valid_phone"), "true"...)
	case PhoneIn:
		b = appendList(opened(b, "phone_in"), c.Countries, appendQuoted)
	case In:
		b = appendQuoted(opened(b, "in_"+c.Kind.String()), c.Name)
	case Did:
		b = appendDid(opened(b, c.Behaviour.String()), c)
	}
	return append(b, '}')
}

// appendDid writes messages, frequency and period, as far as they are not the default.
func appendDid(b []byte, d Did) []byte {
	b = append(b, '{')
	if d.Messages.Mode != AnyMessage {
		b = opened(appendField(b, "messages"), modeFields[d.Messages.Mode])
		b = append(appendList(b, d.Messages.Names, appendQuoted), '}')
	}
	if d.Frequency.Kind != AtLeastOnce {
		b = appendField(b, frequencyFields[d.Frequency.Kind])
		b = appendInt(b, d.Frequency.K)
	}
	if d.Period.Kind != Ever {
		b = appendField(b, periodFields[d.Period.Kind])
		b = appendPeriod(b, d.Period)
	}
	return append(b, '}')
}

func appendPeriod(b []byte, p Period) []byte {
	switch p.Kind {
	case LastDays:
		return appendInt(b, p.N)
	case DaysAgo:
		return appendList(b, []int{p.N, p.M}, appendInt)
	case Between:
		return appendList(b, []Date{p.From, p.To}, appendDate)
	case Before:
		return appendDate(b, p.To)
	default: // On, Since
		return appendDate(b, p.From)
	}
}

// opened begins an object and names its only field.
func opened(b []byte, name string) []byte {
	return append(appendQuoted(append(b, '{'), name), ':')
}

// appendField names a further field of an object.
func appendField(b []byte, name string) []byte {
	if b[len(b)-1] != '{' {
		b = append(b, ',')
	}
	return append(appendQuoted(b, name), ':')
}

func appendList[T any](b []byte, list []T, write func([]byte, T) []byte) []byte {
	b = append(b, '[')
	for i, element := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = write(b, element)
	}
	return append(b, ']')
}

func appendInt(b []byte, n int) []byte   { return strconv.AppendInt(b, int64(n), 10) }
func appendDate(b []byte, d Date) []byte { return appendQuoted(b, d.String()) }
