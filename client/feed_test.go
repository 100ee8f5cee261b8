package client

import (
	"testing"
	"time"
)

// TestWhatIsFresh is about when a view answers, whatever clocks say and however
// late lines arrive.
func TestWhatIsFresh(t *testing.T) {
	sent := momentOf(time.Now())
	at := func(seconds float64) moment { return sent.add(time.Duration(seconds * float64(time.Second))) }
	fresh := func(asOf, dayEnds int64) followLine { // by the server's clock in 1970, which is nobody's business
		return followLine{Freshness: &Freshness{Fresh: true, AsOf: time.Unix(0, 0)}, AsOfMS: asOf, DayEndsMS: dayEnds}
	}
	const later = 1 << 30
	for _, c := range []struct {
		name   string
		line   followLine
		came   moment
		until  float64 // seconds after sent
		refuse bool
	}{
		{name: "at once", line: fresh(-200, later), came: at(0.1), until: 9.8},
		{name: "after a while", line: fresh(60_000, later), came: at(60.1), until: 70},
		{name: "late", line: fresh(1000, later), came: at(9), until: 11},
		{name: "so late that it is too old", line: fresh(1000, later), came: at(30), until: 11},
		{name: "just before midnight", line: fresh(0, 3000), came: at(0.1), until: 3},
		{name: "not fresh", line: followLine{Freshness: &Freshness{}, DayEndsMS: later}, came: at(0.1)},
		{name: "the calendar was put forward", line: fresh(0, later), came: calendar(at(1), time.Hour), refuse: true},
		{name: "the calendar was put back", line: fresh(0, later), came: calendar(at(1), -time.Hour), refuse: true},
	} {
		v := &View{config: ViewConfig{Segments: []string{"s"}, MaxStaleness: 10 * time.Second}, changed: make(chan struct{})}
		v.picture.Store(&picture{table: newTable(1)})
		if err := newFeed(v, sent).take(c.line, c.came); (err != nil) != c.refuse {
			t.Errorf("%s: %v", c.name, err)
		}
		p := v.picture.Load()
		for s := 0.025; s < 80; s += 0.05 {
			if got, want := at(s).before(p.until), !c.refuse && s < c.until; got != want {
				t.Errorf("%s: fresh %.2f s after the request: %v", c.name, s, got)
				break
			}
		}
	}
}

// TestTwoClocks is about a machine that sleeps, or whose calendar is set, after a
// line came.
func TestTwoClocks(t *testing.T) {
	now := momentOf(time.Now())
	until := now.add(10 * time.Second)
	for _, c := range []struct {
		name string
		at   moment
		want bool
	}{
		{"now", now, true},
		{"later", now.add(11 * time.Second), false},
		{"after the machine slept", calendar(now, time.Minute), false},
		{"later, after the calendar was put back", calendar(now.add(time.Minute), -time.Hour), false},
	} {
		if got := c.at.before(until); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
	if now.before(moment{}) {
		t.Error("nothing is fresh")
	}
}

// calendar is a moment at which only the calendar says something else.
func calendar(m moment, by time.Duration) moment { return moment{m.up, m.wall + by} }
