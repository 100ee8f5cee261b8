package pipeline

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"rollcall/pipeline/segment"
)

var timeSeeds = []string{
	"2026-11-23T16:10:58Z", "2026-11-23T16:10:58.1Z", "2026-11-23T16:10:58.123456789+05:45", "2000-02-29T23:59:59.999-12:00", "1900-02-29T00:00:00Z",
	"2024-02-29T00:00:00Z", "2026-02-29T00:00:00Z", "2026-04-31T00:00:00Z", "2026-13-01T00:00:00Z", "2026-00-10T00:00:00Z", "2026-01-00T00:00:00Z",
	"2026-01-01T24:00:00Z", "2026-01-01T00:60:00Z", "2026-01-01T00:00:60Z", "2026-01-01T00:00:00", "2026-01-01T00:00:00.Z", "2026-01-01T00:00:00,5Z",
	"2026-01-01t00:00:00z", "2026-01-01 00:00:00Z", "2026-01-01T00:00:00+24:00", "2026-01-01T00:00:00+23:59", "2026-01-01T00:00:00-00:00",
	"2026-01-01T00:00:00+0100", "2026-01-01T00:00:00.1234567891Z", "9999-12-31T23:59:59.999999999Z", "0001-01-01T00:00:00Z", "0000-01-01T00:00:00Z",
	"1969-12-31T23:59:59.999Z", "+026-01-01T00:00:00Z", "2026-1-01T00:00:00ZZ", "2026-01-01T00:00:00.٣Z", "", "Z", "2026-01-01T0a:00:00Z",
}

// rfc3339 refuses what time.Parse lets pass: a fraction after a comma, an hour
// of one digit, an offset of a day or more.
var rfc3339 = regexp.MustCompile(`(?i)^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)$`)

// checkTime holds parseTime against the standard, and time.Parse for the moment.
// Years before 2000 are impossible anyway, so there it is enough that both say so.
func checkTime(t interface{ Errorf(string, ...any) }, text string) {
	ms, ok := parseTime([]byte(text))
	want, err := time.Parse(time.RFC3339Nano, strings.ToUpper(text))
	if valid := err == nil && rfc3339.MatchString(text); ok != valid {
		t.Errorf("%q: read %t, valid %t", text, ok, valid)
	} else if ok && ms != want.UnixMilli() && (ms >= earliest || want.UnixMilli() >= earliest) {
		t.Errorf("%q is %d, but time.Parse says %d", text, ms, want.UnixMilli())
	}
}

func TestParseTime(t *testing.T) {
	for _, s := range timeSeeds {
		checkTime(t, s)
	}
	rapid.Check(t, func(t *rapid.T) {
		two := func(label string, max int) string {
			return fmt.Sprintf("%02d", rapid.IntRange(0, max).Draw(t, label))
		}
		text := fmt.Sprintf("%04d-%s-%sT%s:%s:%s", rapid.IntRange(0, 9999).Draw(t, "year"), two("month", 13), two("day", 32),
			two("hour", 25), two("minute", 61), two("second", 61))
		text += rapid.StringMatching(`(|[.,][0-9]{0,11})`).Draw(t, "fraction")
		text += rapid.StringMatching(`(Z|z||[+-]([01][0-9]|2[0-5]):[0-6][0-9])`).Draw(t, "zone")
		checkTime(t, text)
	})
}

func TestParseTimeOfProducers(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for range 2000 {
		at := time.UnixMilli(earliest + rng.Int64N(50*365*dayMS))
		for _, zone := range []*time.Location{time.UTC, time.FixedZone("", rng.IntN(28*60)*60-14*3600)} {
			for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05.000Z07:00", time.RFC3339Nano} {
				checkTime(t, at.In(zone).Format(layout))
			}
		}
	}
}

func FuzzParseTime(f *testing.F) {
	for _, s := range timeSeeds {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) { checkTime(t, text) })
}

func TestCivil(t *testing.T) {
	at := time.Date(1600, 1, 1, 0, 0, 0, 0, time.UTC)
	for ; at.Year() < 2500; at = at.AddDate(0, 0, 1) {
		year, month, day := at.Date()
		if got, want := civil(year, int(month), day), segment.DateOf(at); got != want {
			t.Fatalf("%s is day %d, want %d", at.Format(time.DateOnly), got, want)
		}
	}
	for year := 1; year < 10000; year++ {
		at := time.Date(year, 2, 1, 0, 0, 0, 0, time.UTC)
		if got, want := int64(civil(year, 2, 1)), at.Unix()/86400; got != want && year >= 1970 || year < 1970 && got*86400 != at.Unix() {
			t.Fatalf("February of %d begins on day %d, want %d", year, got, want)
		}
		if got, want := daysIn(year, 2), at.AddDate(0, 1, -1).Day(); got != want {
			t.Fatalf("February of %d has %d days, want %d", year, got, want)
		}
	}
}
