package api

import (
	"context"
	"fmt"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"rollcall/pipeline"
	"rollcall/pipeline/catalog"
	"rollcall/pipeline/segment"
)

// What a report is asked for and tells.
type (
	SMSQuery  = pipeline.SMSQuery
	SMSReport = pipeline.SMSReport
	SMSCounts = pipeline.SMSCounts
)

// reportLimit bounds the reports that are under way: each reads many events.
var reportLimit = Limit{All: 6, PerAccount: 3}

// reportFor is how many days a report is about unless it is said.
const reportFor = 30

type smsReportInput struct {
	Message string `query:"message" doc:"only what came of this one"`
	Segment string `query:"segment" doc:"only contacts that are members of it now"`
	From    string `query:"from" doc:"the first day of sending, in the account's zone; default: 29 days before to"`
	To      string `query:"to" doc:"the last day of sending; default: today"`
}

type smsReportOutput struct {
	Body struct {
		SMSReport
		Warnings  []Warning `json:"warnings,omitempty" doc:"the message, if no record has mentioned it so far"`
		Freshness Freshness `json:"freshness"`
	}
}

// reports describes what is counted, and limits the operation as a report.
func reports(op huma.Operation) huma.Operation {
	op.Metadata = map[string]any{reporting: true}
	op.Description = `About each contact and message that were sent from the day from to the day to, both included: ` +
		`sent; delivered, that is not failed on the day of the (first) sending or later; clicked, replied, failed, or opted out by an ` +
		`opt-out that names the message, on that day or later, up to now. Contacts are counted once: in totals over all messages, ` +
		`where one is delivered (and clicked, ...) if some message was; in messages for each; in days by day of sending, with what came ` +
		`after that day, so a contact that was sent a message on two days is in both; in reasons for each reason of a failure. clicks are all clicks. ` +
		`Only contacts that exist count, with a segment only those that are members now. The answer is given also if it is not fresh.`
	return op
}

func (s *Server) smsReport(ctx context.Context, c caller, in *smsReportInput) (*smsReportOutput, error) {
	account := s.Catalog.Account(c.account)
	if account == nil {
		return nil, problem("not-found", "there is no account %q", c.account)
	}
	q, err := in.query(account, time.Now())
	if err != nil {
		return nil, err
	}
	if q.Segment != "" {
		if err := s.answerable(c, q.Segment, "allow"); err != nil {
			return nil, err
		}
	}
	out := &smsReportOutput{}
	out.Body.SMSReport, out.Body.Freshness, err = s.Views.SMSReport(ctx, c.account, q)
	if err == nil && q.Message != "" {
		out.Body.Warnings = s.Views.Warnings(c.account, sentThis(q.Message))
	}
	return out, err
}

// sentThis is everybody who was sent a message.
func sentThis(message string) segment.Definition {
	return segment.Definition{Where: segment.Did{Messages: segment.Messages{Mode: segment.AnyOf, Names: []string{message}}}}
}

func (in *smsReportInput) query(account *catalog.Account, now time.Time) (q SMSQuery, err error) {
	today := segment.DateOf(now.In(account.Zone))
	oldest := today - segment.Date(account.RetentionDays)
	q = SMSQuery{Message: in.Message, Segment: in.Segment, To: today}
	if in.To != "" {
		if q.To, err = dayOf("to", in.To); err != nil {
			return q, err
		}
	}
	q.From = max(q.To-reportFor+1, oldest)
	if in.From != "" {
		if q.From, err = dayOf("from", in.From); err != nil {
			return q, err
		}
	}
	switch {
	case q.From < oldest:
		return q, badQuery("from", fmt.Sprintf("the account keeps %d days, and %v is the first", account.RetentionDays, oldest))
	case q.To < q.From:
		return q, badQuery("to", fmt.Sprintf("expected a day not before %v", q.From))
	}
	return q, nil
}

func dayOf(name, text string) (segment.Date, error) {
	day, err := segment.ParseDate(text)
	if err != nil {
		return 0, badQuery(name, "expected a day such as 2026-01-31")
	}
	return day, nil
}
