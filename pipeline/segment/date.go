package segment

import (
	"fmt"
	"time"
)

// MaxDate, 9999-12-31, is the last day there is. A Window that is open to the
// right ends with it, because events may be dated later than today.
const MaxDate Date = 2932896

// minDate is 0000-01-01, the first day that four digits of year can name.
const minDate Date = -719528

const secondsPerDay = 24 * 60 * 60

// ParseDate reads a day written as 2026-01-31 and refuses days that no
// calendar has, such as 2026-02-30.
func ParseDate(s string) (Date, error) {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		return 0, fmt.Errorf("expected a date such as 2026-01-31, found %s", quote(s))
	}
	return DateOf(t), nil
}

// DateOf is the day that the calendar shows at t in t's own location.
func DateOf(t time.Time) Date {
	year, month, day := t.Date()
	return Date(time.Date(year, month, day, 0, 0, 0, 0, time.UTC).Unix() / secondsPerDay)
}

// Start is the first moment of the day in a zone, also where clocks are set
// forward at midnight and the day begins at one o'clock.
func (d Date) Start(zone *time.Location) time.Time {
	year, month, day := time.Unix(int64(d)*secondsPerDay, 0).UTC().Date()
	t := time.Date(year, month, day, 0, 0, 0, 0, zone)
	if t.Day() != day {
		_, t = t.ZoneBounds()
	}
	return t
}

// String writes the day as 2026-01-31.
func (d Date) String() string {
	return time.Unix(int64(d)*secondsPerDay, 0).UTC().Format(time.DateOnly)
}
