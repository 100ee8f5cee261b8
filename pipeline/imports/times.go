package imports

import (
	"time"

	"rollcall/pipeline/segment"
)

// The ways to write a time of the account's zone, beside RFC 3339 with a zone.
var local = []string{"2006-01-02 15:04:05", "2006-01-02 15:04", "2006-01-02T15:04:05", "2006-01-02T15:04"}

// zoned are RFC 3339 with a zone, and the same with a space in the middle.
var zoned = []string{time.RFC3339, "2006-01-02 15:04:05Z07:00"}

const (
	written  = "2006-01-02T15:04:05.000Z07:00"
	mayBe    = 5 * time.Minute // a clock may be ahead of Kafka's by that
	expected = "expected a day such as 2026-01-31, or a time such as 2026-01-31 15:04 or 2026-01-31T15:04:05Z"
)

var earliest = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// timestamp reads a time, as a record has it, or says why it can't be. Empty is
// no time.
func timestamp(text string, o *Options) (at, reason string) {
	if text == "" {
		return "", ""
	}
	t, ok := parse(text, o.Account.Zone)
	switch {
	case !ok:
		return "", expected
	case t.Before(earliest):
		return "", "the time is before the year 2000"
	case t.After(o.Now().Add(mayBe)):
		return "", "the time is in the future"
	}
	return t.UTC().Format(written), ""
}

func parse(text string, zone *time.Location) (t time.Time, ok bool) {
	if day, err := time.Parse(time.DateOnly, text); err == nil {
		return segment.DateOf(day).Start(zone), true
	}
	for _, layout := range zoned {
		if t, err := time.Parse(layout, text); err == nil {
			return t, true
		}
	}
	for _, layout := range local {
		if t, err := time.ParseInLocation(layout, text, zone); err == nil {
			return t, true
		}
	}
	return t, false
}
