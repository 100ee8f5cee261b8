package segment

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// means is the contract's definition of each period, day by day.
func means(p Period, day, today Date) bool {
	switch p.Kind {
	case LastDays:
		return day >= today-Date(p.N)
	case DaysAgo:
		return today-day >= Date(p.N) && today-day <= Date(p.M)
	case On:
		return day == p.From
	case Between:
		return p.From <= day && day <= p.To
	case Before:
		return day < p.To
	case Since:
		return day >= p.From
	default:
		return true
	}
}

func TestWindowIsTheDaysThatArePeriodAndKept(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const today = Date(20_000)
		retention := rapid.IntRange(1, 40).Draw(t, "retention")
		near := rapid.Int32Range(int32(today)-50, int32(today)+10)
		kind := PeriodKind(rapid.Uint8Range(0, uint8(Since)).Draw(t, "kind"))
		p := periodOf(t, kind, rapid.IntRange(1, 50), near)
		from, to, ok := p.Window(today, retention)
		if ok != (from <= to) {
			t.Fatalf("%v: %v to %v, ok %v", p, from, to, ok)
		}
		for day := today - 60; day < today+20; day++ {
			want := means(p, day, today) && day >= today-Date(retention)
			if got := ok && from <= day && day <= to; got != want {
				t.Fatalf("%v, %v kept, %v days after today: %v, want %v", p, retention, day-today, got, want)
			}
		}
	})
}

func TestSpellIsTheTodaysWhoseWindowHasTheDay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const day = Date(20_000)
		retention := rapid.IntRange(1, 40).Draw(t, "retention")
		kind := PeriodKind(rapid.Uint8Range(0, uint8(Since)).Draw(t, "kind"))
		p := periodOf(t, kind, rapid.IntRange(1, 50), rapid.Int32Range(int32(day)-10, int32(day)+10))
		first, last, ok := p.Spell(day, retention)
		for today := day - 10; today < day+60; today++ {
			want := means(p, day, today) && day >= today-Date(retention)
			if got := ok && first <= today && today <= last; got != want {
				t.Fatalf("%v, %v kept, seen %v days later: %v, want %v", p, retention, today-day, got, want)
			}
		}
	})
}

func TestWindowIsOpenToTheRight(t *testing.T) {
	for _, p := range []Period{{}, {Kind: LastDays, N: 3}, {Kind: Since, From: 20_001}} {
		if _, to, ok := p.Window(20_000, 730); to != MaxDate || !ok {
			t.Errorf("%v ends with %v, %v", p, to, ok)
		}
	}
}

func TestDates(t *testing.T) {
	for text, want := range map[string]Date{
		"1970-01-01": 0, "1969-12-31": -1, "2024-02-29": 19782, "9999-12-31": MaxDate, "0000-01-01": minDate,
	} {
		if got, err := ParseDate(text); err != nil || got != want || got.String() != text {
			t.Errorf("%s is %d (%v), %v", text, got, got, err)
		}
	}
	for _, text := range []string{"", "2025-02-29", "2026-1-1", "2026-01-01T00:00:00Z", "10000-01-01", "-001-01-01", "+2026-01-01", "２０２６-01-01"} {
		if got, err := ParseDate(text); err == nil {
			t.Errorf("%q is taken for %v", text, got)
		}
	}
}

func TestDateOfIsTheDayInTheLocation(t *testing.T) {
	newYork, err := time.LoadLocation("America/New_York")
	if err != nil {
		t.Skip(err)
	}
	at := time.Date(2026, 3, 1, 4, 59, 59, 0, time.UTC)
	for want, got := range map[string]Date{
		"2026-03-01": DateOf(at),
		"2026-02-28": DateOf(at.In(newYork)),
		"1969-12-31": DateOf(time.Unix(-1, 0).UTC()),
		"1969-12-30": DateOf(time.Unix(-86401, 0).UTC()),
	} {
		if got.String() != want {
			t.Errorf("got %v, want %s", got, want)
		}
	}
}

func TestEveryDateReadsBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := Date(dates.Draw(t, "date"))
		if got, err := ParseDate(d.String()); err != nil || got != d {
			t.Fatalf("%v reads back as %v, %v", d, got, err)
		}
	})
}
