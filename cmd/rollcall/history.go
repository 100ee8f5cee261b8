package main

import (
	"net/url"
	"strconv"
	"time"

	"rollcall/api"
)

type segmentHistoryCmd struct {
	ID   string `arg:"" help:"The segment."`
	From string `help:"A day, or a time as RFC 3339 has it. Default: 30 days ago, or 1,000 steps."`
	To   string `help:"Likewise, a day included. Default: now."`
	Step string `default:"1d" help:"How far apart the lines are, such as 5m, 1h or 1d."`
}

func (c *segmentHistoryCmd) Run(s *session) error {
	type history struct {
		Points []api.SizePoint `json:"points"`
	}
	query := url.Values{"step": {c.Step}}
	for name, value := range map[string]string{"from": c.From, "to": c.To} {
		if value != "" {
			query.Set(name, value)
		}
	}
	return call(s, "GET", segmentPath(c.ID)+"/history?"+query.Encode(), nil, func(h history) {
		t := newTable(s, "FROM", "SIZE", "SENDABLE", "ENTERED", "EXITED")
		defer t.Flush()
		for _, p := range h.Points {
			t.row(p.At.Format(time.RFC3339), number(p.Size), number(p.Sendable), number(p.Entered), number(p.Exited))
		}
	})
}

func number(n int64) string { return strconv.FormatInt(n, 10) }
