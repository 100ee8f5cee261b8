package pipeline

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"golang.org/x/sync/errgroup"

	"rollcall/pipeline/catalog"
	"rollcall/pipeline/segment"
)

// SMSQuery says what an SMS report is about.
type SMSQuery struct {
	Message  string       // only this one; empty: all
	Segment  string       // only who is a member now; empty: all contacts
	From, To segment.Date // the days of sending, both included
}

// SMSReport says what came of the messages that were sent on some days.
type SMSReport struct {
	From     string         `json:"from" doc:"the first day of sending"`
	To       string         `json:"to" doc:"the last one"`
	Message  string         `json:"message,omitempty"`
	Segment  string         `json:"segment,omitempty"`
	Totals   SMSCounts      `json:"totals" doc:"over all messages, each contact once"`
	Messages []SMSOfMessage `json:"messages" doc:"most sent first"`
	Days     []SMSOfDay     `json:"days" doc:"by day of sending, those on which something was sent"`
	Reasons  []SMSReason    `json:"reasons" doc:"most first"`
}

// SMSCounts are of contacts, each once; only Clicks counts events.
type SMSCounts struct {
	Sent      int64 `json:"sent"`
	Delivered int64 `json:"delivered" doc:"sent, and not failed for that message since"`
	Clicked   int64 `json:"clicked"`
	Replied   int64 `json:"replied"`
	Failed    int64 `json:"failed"`
	OptedOut  int64 `json:"opted_out" doc:"by an opt-out that names the message"`
	Clicks    int64 `json:"clicks" doc:"all of them, however often a contact clicked"`
}

// SMSOfMessage is what came of a message.
type SMSOfMessage struct {
	Message string `json:"message"`
	Name    string `json:"name" doc:"what it is called, else its id"`
	SMSCounts
}

// SMSOfDay is what came of what was sent on a day. A contact that was sent a
// message on two days is in both.
type SMSOfDay struct {
	Day string `json:"day"`
	SMSCounts
}

// SMSReason is why sending failed.
type SMSReason struct {
	Reason   string `json:"reason" doc:"empty: none was given"`
	Contacts int64  `json:"contacts"`
}

const (
	// reportTries is how often a report is begun when states are replaced meanwhile.
	reportTries = 3
	// reportPartitions is how many partitions a report reads at once: of each it
	// holds the events of a piece.
	reportPartitions = 2
)

// SMSReport counts what came of messages: for each contact and message that were
// sent on the days asked for, what is known since the first of them. It reads
// piece by piece, each as of one state of its partition; all that is known of a
// contact is in one piece.
func (v *View) SMSReport(ctx context.Context, account string, q SMSQuery) (r SMSReport, f Freshness, err error) {
	def := v.Catalog.Account(account)
	switch {
	case def == nil:
		return r, v.Freshness(account), ErrUnavailable
	case q.Segment != "" && !v.composed(def, q.Segment):
		return r, v.Freshness(account), ErrNotComposed
	}
	for range reportTries {
		if r, f, err = v.reportOnce(ctx, def, &q); !errors.Is(err, errLost) {
			break
		}
	}
	if err == nil {
		return r, f, nil
	}
	if !errors.Is(err, ErrNotComposed) {
		err = fmt.Errorf("%w: %v", ErrUnavailable, err)
	}
	return r, v.Freshness(account), err
}

// reportOnce fails with errLost if a state was replaced meanwhile.
func (v *View) reportOnce(ctx context.Context, def *catalog.Account, q *SMSQuery) (SMSReport, Freshness, error) {
	day, states := v.today(def), v.states()
	f := v.Freshness(def.ID) // what was written before as_of is read afterwards
	tallies, err := v.tallySMS(ctx, def, q, day, states)
	if err == nil && v.edited(def.ID, def.Segment(q.Segment)) {
		err = ErrNotComposed // some by one definition, and some by another
	}
	if err != nil {
		return SMSReport{}, f, err
	}
	report, sameDay := q.report(tallies)
	return report, v.stillFresh(v.ofDay(f, def.ID, day, sameDay)), nil
}

// states are those of the replicas now.
func (v *View) states() []*state {
	states := make([]*state, len(v.replicas))
	for i, r := range v.replicas {
		r.mu.RLock()
		states[i] = r.state
		r.mu.RUnlock()
	}
	return states
}

func (v *View) tallySMS(ctx context.Context, def *catalog.Account, q *SMSQuery, day segment.Date, states []*state) ([]*smsTally, error) {
	tallies := make([]*smsTally, len(v.replicas))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(reportPartitions)
	for i, r := range v.replicas {
		g.Go(func() (err error) {
			x := smsReader{replica: r, state: states[i], def: def, query: q, today: day}
			tallies[i], err = x.tally(ctx)
			return err
		})
	}
	return tallies, g.Wait()
}

// stillFresh takes back that an answer is fresh if it took so long that it is no more.
func (v *View) stillFresh(f Freshness) Freshness {
	if age := v.Now().Sub(f.AsOf); f.Fresh && age > v.MaxStaleness {
		f.Fresh, f.Missing = false, append(f.Missing, "what was written since the answer was begun")
	}
	return f
}

// report adds up what the partitions have.
func (q *SMSQuery) report(tallies []*smsTally) (r SMSReport, sameDay bool) {
	r = SMSReport{
		From: q.From.String(), To: q.To.String(), Message: q.Message, Segment: q.Segment,
		Messages: []SMSOfMessage{}, Days: []SMSOfDay{}, Reasons: []SMSReason{},
	}
	sameDay = true
	all := newSMSTally()
	for _, t := range tallies {
		all.take(t)
		sameDay = sameDay && t.onDay
	}
	r.Totals = all.totals
	for id, m := range all.messages {
		r.Messages = append(r.Messages, SMSOfMessage{id, cmp.Or(all.titles[id].Text, id), *m})
	}
	for _, day := range slices.Sorted(maps.Keys(all.days)) {
		r.Days = append(r.Days, SMSOfDay{day.String(), *all.days[day]})
	}
	for reason, n := range all.reasons {
		r.Reasons = append(r.Reasons, SMSReason{reason, n})
	}
	slices.SortFunc(r.Messages, func(a, b SMSOfMessage) int {
		return cmp.Or(cmp.Compare(b.Sent, a.Sent), cmp.Compare(a.Message, b.Message))
	})
	slices.SortFunc(r.Reasons, func(a, b SMSReason) int {
		return cmp.Or(cmp.Compare(b.Contacts, a.Contacts), cmp.Compare(a.Reason, b.Reason))
	})
	return r, sameDay
}
