package main

import (
	"cmp"

	"rollcall/api"
)

type reportCmd struct {
	SMS reportSMSCmd `cmd:"" name:"sms" help:"Count the contacts that messages were sent to, and what they did since."`
}

type reportSMSCmd struct {
	Message string `help:"Only this message."`
	Segment string `complete:"segments" help:"Only contacts that are in this segment now."`
	From    string `help:"The first day of sending. Default: 29 days before the last."`
	To      string `help:"The last day of sending. Default: today."`
}

type reportAnswer struct {
	api.SMSReport
	Warnings  []warning     `json:"warnings"`
	Freshness api.Freshness `json:"freshness"`
}

func (c *reportSMSCmd) Run(s *session) error {
	path := withQuery("/v1/reports/sms", "message", c.Message, "segment", c.Segment, "from", c.From, "to", c.To)
	return call(s, "GET", path, nil, func(a reportAnswer) { a.show(s) })
}

func (a *reportAnswer) show(s *session) {
	s.warn(a.Warnings)
	s.printf("sent from %s to %s", a.From, a.To)
	if !a.Freshness.Fresh {
		s.printf(" (not fresh)")
	}
	s.printf("\n\n")
	t := countsTable(s, "MESSAGE", "NAME")
	countsRow(t, "all", a.Totals, "")
	for _, m := range a.Messages {
		countsRow(t, plain(m.Message), m.SMSCounts, plain(m.Name))
	}
	t.Flush()
	if len(a.Days) > 0 {
		s.printf("\n")
		t = countsTable(s, "DAY")
		for _, d := range a.Days {
			countsRow(t, d.Day, d.SMSCounts)
		}
		t.Flush()
	}
	if len(a.Reasons) > 0 {
		s.printf("\n")
		t = newTable(s, "FAILED", "REASON")
		for _, r := range a.Reasons {
			t.row(number(r.Contacts), cmp.Or(plain(r.Reason), "none given"))
		}
		t.Flush()
	}
}

func countsTable(s *session, what string, more ...string) *table {
	return newTable(s, append([]string{what, "SENT", "DELIVERED", "CLICKED", "REPLIED", "FAILED", "OPTED OUT", "CLICKS"}, more...)...)
}

func countsRow(t *table, what string, c api.SMSCounts, more ...string) {
	t.row(append([]string{
		what, number(c.Sent), number(c.Delivered), number(c.Clicked), number(c.Replied), number(c.Failed), number(c.OptedOut), number(c.Clicks),
	}, more...)...)
}
