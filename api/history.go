package api

import (
	"context"
	"time"

	"rollcall/pipeline/catalog"
	"rollcall/pipeline/segment"
	"rollcall/pipeline/sizes"
)

// Sizes knows how large segments were; *pipeline.SizeHistory does.
type Sizes interface {
	Points(account, segment string, from, to time.Time, step sizes.Step) ([]SizePoint, error)
}

// SizePoint is a segment over one step of its history.
type SizePoint = sizes.Point

type historyInput struct {
	ID   string `path:"id"`
	From string `query:"from" doc:"RFC 3339, or a day of the account's zone; default: 30 days before to, or 1,000 steps if that is less"`
	To   string `query:"to" doc:"likewise, a day included; default: now"`
	Step string `query:"step" default:"1d" doc:"how far apart the points are: minutes, hours or days, such as 5m, 1h or 1d. What is older than two days is known by the hour, and beyond 60 days by the day"`
}

type historyOutput struct {
	Body struct {
		Segment   string      `json:"segment"`
		Step      string      `json:"step"`
		Points    []SizePoint `json:"points" doc:"by time; the steps before anything is known are left out, and the last one may go on"`
		Freshness Freshness   `json:"freshness"`
	}
}

func (s *Server) sizeHistory(_ context.Context, c caller, in *historyInput) (*historyOutput, error) {
	account, seg, err := s.find(c, in.ID)
	if err != nil {
		return nil, err
	}
	step, err := sizes.ParseStep(in.Step)
	if err != nil {
		return nil, badQuery("step", err.Error())
	}
	from, to, err := in.times(account, step, time.Now())
	if err != nil {
		return nil, err
	}
	out := &historyOutput{}
	out.Body.Segment, out.Body.Step, out.Body.Freshness = seg.ID, in.Step, s.Views.Freshness(c.account)
	out.Body.Points, err = s.Sizes.Points(c.account, seg.ID, from, to, step)
	return out, err
}

// How far a history goes back unless it is said.
const (
	historyFor   = 30 * 24 * time.Hour
	historySteps = 1000 // at most, of small ones
)

func (in *historyInput) times(account *catalog.Account, step sizes.Step, now time.Time) (from, to time.Time, err error) {
	to = now
	if in.To != "" {
		var day bool
		if to, day, err = moment("to", in.To, account.Zone); err != nil {
			return from, to, err
		}
		if day {
			to = (segment.DateOf(to) + 1).Start(account.Zone)
		}
		if to.After(now) {
			to = now
		}
	}
	from = to.Add(-historyFor)
	if step.Days == 0 {
		from = to.Add(-min(historyFor, historySteps*step.Time))
	}
	if in.From != "" {
		from, _, err = moment("from", in.From, account.Zone)
	}
	return from, to, err
}

// moment reads a time as RFC 3339 has it, or a day of a zone, which begins then.
func moment(name, text string, zone *time.Location) (t time.Time, day bool, err error) {
	if d, err := segment.ParseDate(text); err == nil {
		return d.Start(zone), true, nil
	}
	if t, err = time.Parse(time.RFC3339, text); err != nil {
		return t, false, badQuery(name, "expected a time such as 2026-01-31T15:04:05Z, or a day such as 2026-01-31")
	}
	return t, false, nil
}

// badQuery is what is wrong with a parameter. It does not repeat it.
func badQuery(name, reason string) *Problem {
	p := problem("invalid", "%s: %s", name, reason)
	p.Errors = []Fault{{reason, "query." + name}}
	return p
}
