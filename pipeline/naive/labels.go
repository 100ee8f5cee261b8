package naive

import (
	"cmp"
	"regexp"
	"unicode/utf8"

	"rollcall/pipeline/segment"
)

// What records say that is no condition of a segment: which message a contact
// opted out of, why sending failed, and what people call messages and lists.

const (
	maxReason = 100 // bytes that count
	maxTitle  = 200
)

// phoneLike is what a phone number may look like in a reason.
var phoneLike = regexp.MustCompile(`[0-9]([-./() ]*[0-9]){6,}`)

// Messaged is a message and a day of the account.
type Messaged struct {
	Message string
	Day     segment.Date
}

// Failure is why sending a message failed on a day.
type Failure struct {
	Messaged
	Reason string
}

// Titled is a message by name, or a list with its kind as in records.
type Titled struct{ Kind, Name string }

// Title is what something is called, by a record of some time.
type Title struct {
	Time int64 // ms since 1970
	Text string
}

// later returns the later title, and of two of one time the greater text.
func later(a, b Title) Title {
	if cmp.Or(cmp.Compare(a.Time, b.Time), cmp.Compare(a.Text, b.Text)) < 0 {
		return b
	}
	return a
}

// label adds what a behaviour's record says beside the behaviour.
func (e *evidence) label(c claim, on segment.Date) {
	of := Messaged{c.message, on}
	if c.reason != "" {
		e.failures[Failure{of, shortened(phoneLike.ReplaceAllString(c.reason, "#"), maxReason)}] = true
	}
	if c.title != "" {
		e.titles[of] = later(e.titles[of], Title{c.at, shortened(c.title, maxTitle)})
	}
}

// counts says whether a day is kept, and after the contact's erasure.
func (t *tenant) counts(e *evidence, on segment.Date) bool {
	return on >= t.firstDay && (e.erased == never || on > day(e.erased, t.zone))
}

func (k *Known) tellLabels(t *tenant, e *evidence) {
	k.OptedOutOf, k.FailedFor, k.Titles = map[Messaged]bool{}, map[Failure]bool{}, map[Titled]Title{}
	for _, c := range e.consents {
		of := Messaged{c.message, day(c.at, t.zone)}
		if c.topic == topicOptedOut && c.message != "" && t.counts(e, of.Day) {
			k.OptedOutOf[of] = true
		}
	}
	for f := range e.failures {
		if t.counts(e, f.Day) {
			k.FailedFor[f] = true
		}
	}
	for of, title := range e.titles {
		if t.counts(e, of.Day) {
			named := Titled{Name: of.Message}
			k.Titles[named] = later(k.Titles[named], title)
		}
	}
	for _, c := range e.lists {
		if c.at > e.erased && c.title != "" {
			named := Titled{c.list.kind, c.list.name}
			k.Titles[named] = later(k.Titles[named], Title{c.at, shortened(c.title, maxTitle)})
		}
	}
}

// shortened drops characters from a text's end until it has no more bytes than that.
func shortened(text string, most int) string {
	for len(text) > most {
		_, size := utf8.DecodeLastRuneInString(text)
		text = text[:len(text)-size]
	}
	return text
}
