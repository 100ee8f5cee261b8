package pipeline

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"time"

	"rollcall/pipeline/catalog"
	"rollcall/pipeline/naive"
	"rollcall/pipeline/segment"
)

// twin counts for a report in the plainest way: the contacts of each outcome are a
// set of ids. It knows no names.
type twin map[string]map[string]bool

func (t twin) put(outcomes []string, contact string) {
	for _, outcome := range outcomes {
		if t[outcome] == nil {
			t[outcome] = map[string]bool{}
		}
		t[outcome][contact] = true
	}
}

func (t twin) counts(clicks int) SMSCounts {
	n := func(outcome string) int64 { return int64(len(t[outcome])) }
	return SMSCounts{n("sent"), n("delivered"), n("clicked"), n("replied"), n("failed"), n("opted out"), int64(clicks)}
}

// outcomes is what a contact did after a message was sent on a day.
func outcomes(k naive.Known, message string, day segment.Date) (all []string, clicks int) {
	done := map[segment.Behaviour]int{}
	for _, e := range k.Events {
		if e.Message == message && e.Day >= day {
			done[e.Behaviour]++
		}
	}
	all = []string{"sent"}
	for b, name := range map[segment.Behaviour]string{segment.Clicked: "clicked", segment.Replied: "replied", segment.Failed: "failed"} {
		if done[b] > 0 {
			all = append(all, name)
		}
	}
	if done[segment.Failed] == 0 {
		all = append(all, "delivered")
	}
	for of := range k.OptedOutOf {
		if of.Message == message && of.Day >= day {
			all = append(all, "opted out")
		}
	}
	return all, done[segment.Clicked]
}

// naiveSMSReport is the report without what messages are called.
func naiveSMSReport(r *naive.Result, account string, q SMSQuery) SMSReport {
	totals, clicks := twin{}, 0
	messages, messageClicks := map[string]twin{}, map[string]int{}
	days, dayClicks := map[segment.Date]twin{}, map[segment.Date]int{}
	reasons := twin{}
	for _, id := range r.Said(account) {
		k := r.Known(account, id)
		if !k.Exists || q.Segment != "" && !r.Member(account, q.Segment, id) {
			continue
		}
		for message, on := range sentDays(k, q) {
			what, n := outcomes(k, message, slices.Min(on))
			totals.put(what, id)
			if messages[message] == nil {
				messages[message] = twin{}
			}
			messages[message].put(what, id)
			clicks, messageClicks[message] = clicks+n, messageClicks[message]+n
			for _, day := range on {
				if days[day] == nil {
					days[day] = twin{}
				}
				what, n := outcomes(k, message, day)
				days[day].put(what, id)
				dayClicks[day] += n
			}
			if slices.Contains(what, "failed") {
				reasons.put(reasonsFor(k, message, slices.Min(on)), id)
			}
		}
	}
	report := SMSReport{From: q.From.String(), To: q.To.String(), Message: q.Message, Segment: q.Segment,
		Totals: totals.counts(clicks), Messages: []SMSOfMessage{}, Days: []SMSOfDay{}, Reasons: []SMSReason{}}
	for message, t := range messages {
		report.Messages = append(report.Messages, SMSOfMessage{Message: message, SMSCounts: t.counts(messageClicks[message])})
	}
	for _, day := range slices.Sorted(maps.Keys(days)) {
		report.Days = append(report.Days, SMSOfDay{day.String(), days[day].counts(dayClicks[day])})
	}
	for reason, contacts := range reasons {
		report.Reasons = append(report.Reasons, SMSReason{reason, int64(len(contacts))})
	}
	slices.SortFunc(report.Messages, func(a, b SMSOfMessage) int { return cmp.Or(int(b.Sent-a.Sent), cmp.Compare(a.Message, b.Message)) })
	slices.SortFunc(report.Reasons, func(a, b SMSReason) int {
		return cmp.Or(int(b.Contacts-a.Contacts), cmp.Compare(a.Reason, b.Reason))
	})
	return report
}

// sentDays are the days on which a contact was sent each message, each once.
func sentDays(k naive.Known, q SMSQuery) map[string][]segment.Date {
	on := map[string][]segment.Date{}
	for _, e := range k.Events {
		if e.Behaviour == segment.Sent && e.Day >= q.From && e.Day <= q.To && (q.Message == "" || e.Message == q.Message) &&
			!slices.Contains(on[e.Message], e.Day) {
			on[e.Message] = append(on[e.Message], e.Day)
		}
	}
	return on
}

func reasonsFor(k naive.Known, message string, day segment.Date) (reasons []string) {
	for f := range k.FailedFor {
		if f.Message == message && f.Day >= day {
			reasons = append(reasons, f.Reason)
		}
	}
	if len(reasons) == 0 {
		return []string{""}
	}
	return reasons
}

// unnamed takes out of a report what messages are called.
func unnamed(r SMSReport) SMSReport {
	for i := range r.Messages {
		r.Messages[i].Name = ""
	}
	return r
}

// drawSMSQuery asks for all days or some up to tomorrow, and perhaps for a message and a segment.
func drawSMSQuery(rng *rand.Rand, a naive.Account, today segment.Date) SMSQuery {
	q := SMSQuery{From: today - segment.Date(a.RetentionDays), To: today + 1}
	if rng.IntN(2) == 0 {
		q.From = today - segment.Date(rng.IntN(min(a.RetentionDays, 40)+1))
		q.To = q.From + segment.Date(rng.IntN(int(today-q.From)+2))
	}
	if rng.IntN(3) == 0 {
		q.Message = fmt.Sprint("m-", 1+rng.IntN(4))
	}
	if ids := sortedKeys(a.Segments); rng.IntN(3) == 0 && len(ids) > 0 {
		q.Segment = ids[rng.IntN(len(ids))]
	}
	return q
}

// compareReports holds reports about all that is kept, and about something drawn,
// against the naive way.
func (p *process) compareReports(a naive.Account, want *naive.Result) {
	p.h.t.Helper()
	if a.RetentionDays == 0 {
		a.RetentionDays = 730
	}
	today := p.view.today(p.catalog.Account(a.ID))
	everything := SMSQuery{From: today - segment.Date(a.RetentionDays), To: today + 1}
	for _, q := range []SMSQuery{everything, drawSMSQuery(p.h.drawn, a, today)} {
		got, f, err := p.view.SMSReport(context.Background(), a.ID, q)
		if errors.Is(err, ErrUnavailable) && p.h.mend != nil { // it found what nobody had looked at
			p.h.mend()
			got, f, err = p.view.SMSReport(context.Background(), a.ID, q)
		}
		p.h.must(err)
		if p.h.mend != nil && !f.Fresh {
			p.h.t.Errorf("%s: a report of a settled state is not fresh: %v", a.ID, f.Missing)
		}
		p.expectReport(got, naiveSMSReport(want, a.ID, q), a.ID, q)
	}
}

func (p *process) expectReport(got, want SMSReport, account string, q SMSQuery) {
	p.h.t.Helper()
	if got = unnamed(got); !reflect.DeepEqual(got, want) {
		p.h.t.Errorf("seed %d: report %+v of %s\n got %+v\nwant %+v", p.h.seed, q, account, got, want)
	}
}

// checkReport asks for a report in the middle of everything. If it says that it is
// fresh, and nothing was written since, it is what the whole log says.
func (s *simulation) checkReport(p *process, def *catalog.Account) {
	s.t.Helper()
	if p.fuse > 0 {
		return // a report asks from several goroutines
	}
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond) // nobody gets on meanwhile
	defer cancel()
	account := plainAccount(s.defined.Account(def.ID))
	q := drawSMSQuery(s.drawn, account, p.view.today(def))
	got, f, err := p.view.SMSReport(ctx, def.ID, q)
	if err != nil || !f.Fresh {
		return
	}
	for who, at := range s.touched {
		if (who == def.ID || strings.HasPrefix(who, def.ID+"/")) && !at.Before(p.asked[f.AsOf]) {
			return
		}
	}
	want := naive.Fold(s.world([]naive.Account{account}), p.clock())
	p.expectReport(got, naiveSMSReport(want, def.ID, q), def.ID, q)
}
