package segment

import (
	"fmt"
	"strconv"
	"unicode/utf8"
)

// What the language itself limits, whatever the account.
const (
	MaxCount     = 10_000           // the greatest number of times or days
	MaxNameBytes = 200              // the longest name of a list, form, webinar, segment or message
	MaxDepth     = 64               // how many conditions may stand inside one another
	MaxTextBytes = 64 << 10         // the longest definition, as text and when printed as text
	MaxJSONBytes = 8 * MaxTextBytes // the longest JSON form; the factor leaves room for what JSON adds
)

// Limits are the limits of an account. The zero value has none.
type Limits struct {
	// RetentionDays is how many days of events the account keeps; a relative
	// period that reaches further back is refused. 0: not limited.
	RetentionDays int
}

// The functions below find what is wrong with a part of a definition. They
// don't know where it stands: the caller places the error.

func checkName(name string) *Error {
	const expected = "a name of 1 to 200 bytes"
	switch {
	case name == "":
		return &Error{Expected: expected, Found: "an empty one"}
	case len(name) > MaxNameBytes:
		return &Error{Expected: expected, Found: fmt.Sprintf("%s of %s bytes", quote(name), grouped(len(name)))}
	case !utf8.ValidString(name):
		return &Error{Expected: "a name in UTF-8", Found: fmt.Sprintf("%q", name)}
	}
	return nil
}

// parseCount reads a number of times or days.
func parseCount(s, unit string) (int, *Error) {
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 || n > MaxCount {
		return 0, countError(s, unit)
	}
	return n, nil
}

func checkCount(n int, unit string) *Error {
	if n < 1 || n > MaxCount {
		return countError(strconv.Itoa(n), unit)
	}
	return nil
}

func countError(found, unit string) *Error {
	return &Error{
		Expected: fmt.Sprintf("a number of %s from 1 to %s", unit, grouped(MaxCount)),
		Found:    quote(found),
	}
}

func parseDate(s string) (Date, *Error) {
	d, err := ParseDate(s)
	if err != nil {
		return 0, &Error{Expected: "a date such as 2026-01-31", Found: quote(s)}
	}
	return d, nil
}

func checkDate(d Date) *Error {
	if d < minDate || d > MaxDate {
		return &Error{Expected: fmt.Sprintf("a date from %v to %v", minDate, MaxDate), Found: d.String()}
	}
	return nil
}

// unitOf is what a frequency counts.
func unitOf(k FrequencyKind) string {
	if k == AtLeastDays {
		return "days"
	}
	return "times"
}

// checkPeriod also says which of the period's operands is wrong, from 0.
func (l Limits) checkPeriod(b Behaviour, p Period) (operand int, e *Error) {
	switch p.Kind {
	case LastDays:
		return 0, firstError(checkCount(p.N, "days"), l.checkReach(b, p, p.N))
	case DaysAgo:
		if e := checkCount(p.N, "days"); e != nil {
			return 0, e
		}
		return 1, firstError(checkCount(p.M, "days"), checkOrder(p.N, p.M), l.checkReach(b, p, p.M))
	case On, Since:
		return 0, checkDate(p.From)
	case Before:
		return 0, checkDate(p.To)
	case Between:
		if e := checkDate(p.From); e != nil {
			return 0, e
		}
		return 1, firstError(checkDate(p.To), checkDateOrder(p.From, p.To))
	}
	return 0, nil
}

func checkOrder(n, m int) *Error {
	if n < m {
		return nil
	}
	return &Error{Expected: fmt.Sprintf("a number of days greater than %d", n), Found: quote(strconv.Itoa(m))}
}

func checkDateOrder(from, to Date) *Error {
	if from <= to {
		return nil
	}
	return &Error{Expected: fmt.Sprintf("a date not before %v", from), Found: quote(to.String())}
}

// checkReach refuses a period that begins more days ago than are kept.
func (l Limits) checkReach(b Behaviour, p Period, days int) *Error {
	if l.RetentionDays == 0 || days <= l.RetentionDays {
		return nil
	}
	return &Error{
		Expected: fmt.Sprintf("at most %s, which is what the account keeps", counted(l.RetentionDays, "day")),
		Found:    quote(strconv.Itoa(days)),
		Reason:   fmt.Sprintf("%v %v: the account keeps %s", b, p, counted(l.RetentionDays, "day")),
	}
}

// checkExtent refuses normalised definitions that are too deep or too long to
// be read again in both forms.
func checkExtent(d Definition) *Error {
	if depth(d.Where) > MaxDepth {
		return depthError()
	}
	return checkBytes(len(d.Text()), MaxTextBytes)
}

func depthError() *Error {
	return &Error{Expected: fmt.Sprintf("at most %d conditions inside one another", MaxDepth), Found: "more"}
}

func checkBytes(size, limit int) *Error {
	if size <= limit {
		return nil
	}
	return &Error{Expected: fmt.Sprintf("a definition of at most %d KiB", limit>>10), Found: grouped(size) + " bytes"}
}

func firstError(errs ...*Error) *Error {
	for _, e := range errs {
		if e != nil {
			return e
		}
	}
	return nil
}
