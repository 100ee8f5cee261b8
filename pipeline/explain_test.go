package pipeline

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"rollcall/pipeline/history"
	"rollcall/pipeline/naive"
	"rollcall/pipeline/segment"
)

// explained is an explanation in lines: whether a condition holds, until or
// from which day, the condition, and the detail.
func (w *world) explained(id, contact string) string {
	w.t.Helper()
	w.settle()
	w.follow()
	e, _, err := w.view.Explain(w.t.Context(), acme, id, contact)
	w.must(err)
	var b strings.Builder
	fmt.Fprintf(&b, "known %s, member %s, sendable %s %v%s\n", yesOrNo(e.Known), yesOrNo(e.Member), yesOrNo(e.Sendable), e.Blocked, turn(e.Lapses, e.Begins))
	e.Origin.write(&b, "")
	if e.Where != nil {
		e.Where.write(&b, "")
	}
	return b.String()
}

func turn(lapses, begins string) string {
	switch {
	case lapses != "":
		return " until " + lapses
	case begins != "":
		return " from " + begins
	}
	return ""
}

func (f *Finding) write(b *strings.Builder, indent string) {
	fmt.Fprintf(b, "%s%s%s: %s", indent, yesOrNo(f.Holds), turn(f.Lapses, f.Begins), f.Condition)
	if f.Detail != "" {
		fmt.Fprintf(b, " (%s)", f.Detail)
	}
	b.WriteString("\n")
	for i := range f.Parts {
		f.Parts[i].write(b, indent+"  ")
	}
}

func TestExplain(t *testing.T) {
	w := newWorld(t, 3)
	people(w)
	w.segment("engaged", "all contacts where clicked in last 30 days or replied at least 3 times between 1 and 10 days ago")
	for i, c := range []struct{ text, contact, want string }{
		{"all contacts", "ann", `known yes, member yes, sendable yes []
yes: all contacts
`},
		{"all contacts where opted in and phone in GB and not clicked in last 30 days", "ann", `known yes, member no, sendable no [not_member]
yes: all contacts
no: opted in and phone in GB and not clicked in last 30 days
  yes: opted in (opted in since 2026-11-01T09:00:00-05:00)
  no: phone in GB (phone in US)
  no from 2026-12-13: not clicked in last 30 days
    yes until 2026-12-13: clicked in last 30 days (on 1 day in the period, 2026-11-12)
`},
		{"all contacts where opted in or opted out or valid phone", "cat", `known yes, member no, sendable no [not_member invalid_phone not_opted_in]
yes: all contacts
no: opted in or opted out or valid phone
  no: opted in (neither opted in nor opted out so far)
  no: opted out (neither opted in nor opted out so far)
  no: valid phone (no valid phone)
`},
		{`list "spring-sale" where opted out`, "bob", `known yes, member no, sendable no [not_member opted_out]
no: list "spring-sale"
yes: opted out (opted out since 2026-11-01T09:00:00-05:00)
`},
		{`list "spring-sale" where clicked message "m-1"`, "fay", `known no, member no, sendable no [not_member invalid_phone]
no: list "spring-sale" (no contact record so far, or erased since)
yes until 2028-11-12: clicked message "m-1" (1 time in the kept days, on 2026-11-12)
`},
		{`list "spring-sale" where clicked`, "who", `known no, member no, sendable no [not_member invalid_phone not_opted_in]
no: list "spring-sale" (no contact record so far, or erased since)
no: clicked (none in the kept days)
`},
		{"all contacts where replied exactly 1 time between 4 and 5 days ago", "cat", `known yes, member no, sendable no [not_member invalid_phone not_opted_in] from 2026-11-16
yes: all contacts
no from 2026-11-16: replied exactly 1 time between 4 and 5 days ago (3 times in the period, last on 2026-11-11)
`},
		{"all contacts where replied on at least 2 days in last 5 days", "cat", `known yes, member yes, sendable no [invalid_phone not_opted_in] until 2026-11-16
yes: all contacts
yes until 2026-11-16: replied on at least 2 days in last 5 days (on 2 days in the period, last on 2026-11-11)
`},
		{"all contacts where replied at most 1 time in last 4 days", "cat", `known yes, member yes, sendable no [invalid_phone not_opted_in]
yes: all contacts
yes: replied at most 1 time in last 4 days (1 time in the period, on 2026-11-11)
`},
		{`all contacts where clicked all of messages "m-1", "m-2" in last 30 days`, "dan", `known yes, member no, sendable no [not_member not_opted_in]
yes: all contacts
no: clicked all of messages "m-1", "m-2" in last 30 days
  yes until 2026-11-16: clicked message "m-1" in last 30 days (1 time in the period, on 2026-10-16)
  no: clicked message "m-2" in last 30 days (none in the period)
`},
		{`all contacts where clicked none of messages "m-1" in last 30 days and sent between 60 and 90 days ago`, "dan", `known yes, member no, sendable no [not_member not_opted_in]
yes: all contacts
no: clicked none of messages "m-1" in last 30 days and sent between 60 and 90 days ago
  no from 2026-11-16: clicked none of messages "m-1" in last 30 days (1 time in the period, on 2026-10-16)
  no: sent between 60 and 90 days ago (none in the period)
`},
		{"all contacts where sent in last 7 days and sent between 70 and 80 days ago", "bob", `known yes, member no, sendable no [not_member opted_out]
yes: all contacts
no: sent in last 7 days and sent between 70 and 80 days ago
  no: sent in last 7 days (none in the period, last on 2026-09-01)
  yes until 2026-11-21: sent between 70 and 80 days ago (on 1 day in the period, 2026-09-01)
`},
		{`segment "engaged" where not in segment "engaged"`, "ann", `known yes, member no, sendable no [not_member]
yes until 2026-12-13: segment "engaged"
  yes: all contacts
  yes until 2026-12-13: clicked in last 30 days or replied at least 3 times between 1 and 10 days ago
    yes until 2026-12-13: clicked in last 30 days (on 1 day in the period, 2026-11-12)
    no: replied at least 3 times between 1 and 10 days ago (none in the period)
no from 2026-12-13: not in segment "engaged"
  yes until 2026-12-13: in segment "engaged"
`},
	} {
		id := fmt.Sprint("s", i)
		w.segment(id, c.text)
		if got := w.explained(id, c.contact); got != c.want {
			t.Errorf("%s in %s:\n%s\nwant\n%s", c.contact, c.text, got, c.want)
		}
	}
	if _, _, err := w.view.Explain(t.Context(), acme, "none", "ann"); !errors.Is(err, ErrNotComposed) {
		t.Errorf("a segment that does not exist: %v", err)
	}
}

// The day until which something is explained to be so is the day on which it
// ends: with nothing recorded, the view says the same of it the day before.
func TestExplainedDayComes(t *testing.T) {
	w := newWorld(t, 2)
	people(w)
	w.segment("clicked", "all contacts where clicked at least 1 time in last 30 days and sent message \"m-1\"")
	w.expect("clicked", "ann")
	e, _, err := w.view.Explain(t.Context(), acme, "clicked", "ann")
	w.must(err)
	w.now = w.local(e.Lapses + " 00:00").Add(-time.Second)
	w.expect("clicked", "ann")
	w.now = w.now.Add(time.Second)
	w.expect("clicked", "")
}

// For any history every condition turns out as the naive way says, today and on
// every day to come.
func TestExplainLikeNaive(t *testing.T) {
	turned := map[bool]int{}
	for seed := range uint64(some(30)) {
		hist := history.New(seed, history.Options{Steps: 10, Contacts: 3, Segments: 6, Records: 60, CloudEvents: true})
		w := &world{harness: newHarness(t, hist.Partitions, seed)}
		w.now = hist.Steps[0].Now
		for _, a := range hist.Accounts {
			w.account(a)
		}
		w.live(hist.Steps)
		w.follow()
		all := hist.World(len(hist.Steps))
		want := naive.Fold(all, w.now)
		for _, a := range all.Accounts {
			var of []finding
			for _, id := range sortedKeys(a.Segments) {
				for _, contact := range append(history.Contacts()[:3], "nobody") {
					of = append(of, w.findings(a, id, contact, want)...)
				}
			}
			for _, f := range of {
				turned[f.Lapses+f.Begins != ""]++
			}
			w.compareTurns(a, want, of, func(segment.Date) bool { return true })
		}
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
	if turned[true] < some(250) || turned[false] < some(250) {
		t.Errorf("conditions that turn or not: %v", turned)
	}
}

// finding is one that was told of a contact; def is its condition's.
type finding struct {
	Finding
	contact string
	def     segment.Definition
	origin  bool // the condition is an origin, or a whole definition
}

// findings asks why, and holds the answer against the naive way's of today.
func (p *process) findings(a naive.Account, id, contact string, want *naive.Result) (of []finding) {
	t := p.h.t
	t.Helper()
	e, _, err := p.view.Explain(t.Context(), a.ID, id, contact)
	if errors.Is(err, ErrUnavailable) && p.h.mend != nil {
		p.h.mend()
		e, _, err = p.view.Explain(t.Context(), a.ID, id, contact)
	}
	p.h.must(err)
	if known := want.Known(a.ID, contact); e.Known != known.Exists || e.Member != want.Member(a.ID, id, contact) ||
		e.Sendable != slices.Contains(want.Sendable(a.ID, id), contact) {
		t.Errorf("%s/%s: %s is explained as %+v", a.ID, id, contact, e)
	}
	whole := Finding{Condition: a.Segments[id].Text(), Holds: e.Member, Lapses: e.Lapses, Begins: e.Begins, Parts: []Finding{e.Origin}}
	if e.Where != nil {
		whole.Parts = append(whole.Parts, *e.Where)
	}
	return flattened(t, nil, contact, whole)
}

func flattened(t *testing.T, of []finding, contact string, f Finding) []finding {
	t.Helper()
	def, err := segment.Parse(f.Condition)
	origin := err == nil
	if !origin {
		if def, err = segment.Parse("all contacts where " + f.Condition); err != nil {
			t.Fatalf("%q: %v", f.Condition, err)
		}
	}
	of = append(of, finding{f, contact, def, origin})
	for _, part := range f.Parts {
		of = flattened(t, of, contact, part)
	}
	return of
}

func (f *finding) holds(account string, want *naive.Result) bool {
	if f.origin {
		return slices.Contains(want.Matching(account, f.def), f.contact)
	}
	return want.Holds(account, f.contact, f.def.Where)
}

// compareExplained does so for one contact and segment, and the days that turn.
func (h *harness) compareExplained(a naive.Account, want *naive.Result, p *process) {
	h.t.Helper()
	ids, contacts := sortedKeys(a.Segments), history.Contacts()
	if len(ids) == 0 {
		return
	}
	chosen := int(h.seed) + len(want.Outcomes)
	of := p.findings(a, ids[chosen%len(ids)], contacts[chosen%3], want)
	h.compareTurns(a, want, of, func(day segment.Date) bool {
		return slices.ContainsFunc(of, func(f finding) bool {
			turn, err := segment.ParseDate(cmp.Or(f.Lapses, f.Begins))
			return err == nil && (day == turn || day == turn-1)
		})
	})
}

// compareTurns lets one day come after the other, as long as any event is kept,
// and looks at some of them.
func (h *harness) compareTurns(a naive.Account, want *naive.Result, of []finding, look func(segment.Date) bool) {
	h.t.Helper()
	defer want.Settle(a, h.now)
	told := make([]bool, len(of)) // its first turn is past
	for after := range a.RetentionDays + 3 {
		day, noon := h.noon(a, after)
		if !look(day) {
			continue
		}
		want.Settle(a, noon)
		for i, f := range of {
			if told[i] {
				continue
			}
			expected, is := f.Holds, f.holds(a.ID, want)
			if turn := cmp.Or(f.Lapses, f.Begins); turn == day.String() {
				expected, told[i] = !expected, true
			}
			if is != expected {
				h.t.Errorf("%s, %s on %s: %q holds %v, want %v\n%+v\n%s", a.ID, f.contact, day, f.Condition, expected, is, f.Finding, want.Dump(a.ID, f.contact))
				told[i] = true
			}
			if f.Holds && f.Begins != "" || !f.Holds && f.Lapses != "" {
				h.t.Errorf("%+v can't turn so", f.Finding)
			}
		}
	}
	for i, f := range of {
		if !told[i] && f.Lapses+f.Begins != "" {
			h.t.Errorf("%+v did not turn", f.Finding)
		}
	}
}

// noon is that of the account's day so many days after today.
func (h *harness) noon(a naive.Account, after int) (segment.Date, time.Time) {
	zone := h.defined.Account(a.ID).Zone
	y, m, d := h.now.In(zone).Date()
	noon := time.Date(y, m, d+after, 12, 0, 0, 0, zone)
	return segment.DateOf(noon), noon
}
