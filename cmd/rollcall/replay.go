package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"strings"
	"time"

	"rollcall/api"
	"rollcall/client"
)

type replayCmd struct {
	Start  replayStartCmd  `cmd:"" default:"withargs" help:"Replay topics over a time range, and watch it (the default)."`
	List   replayListCmd   `cmd:"" help:"List the replays that go on, and the newest of the others."`
	Show   replayShowCmd   `cmd:"" help:"Show how a replay is doing, and what became of its records."`
	Cancel replayCancelCmd `cmd:"" help:"End a replay; what it has applied stays."`
}

type replayStartCmd struct {
	Topics []string `arg:"" name:"topic" help:"The topics, archives of topics included."`
	From   string   `required:"" help:"From when on, by Kafka's time: RFC 3339, or a date for its midnight in UTC."`
	To     string   `help:"Until before when, likewise. Default: now."`
	As     string   `help:"The topic that the records first stood in, if the one named is an archive of another name."`
	Rate   int      `help:"Records a second at most. Default: as many as leave live records alone."`
	Detach bool     `help:"Return when it has begun."`
}

func (c *replayStartCmd) Run(s *session) error {
	body, err := c.body()
	if err != nil {
		return err
	}
	r, err := fetch[api.Replay](s, "POST", "/v1/replays", body)
	if err != nil {
		return err
	}
	if c.Detach {
		return show(s, r, func() { s.printf("%s\n", r.ID) })
	}
	return followReplay(s, r)
}

func (c *replayStartCmd) body() (map[string]any, error) {
	from, err := moment(c.From)
	if err != nil {
		return nil, fmt.Errorf("--from: %w", err)
	}
	if c.As != "" && len(c.Topics) > 1 {
		return nil, errors.New("--as is for one topic: replay the others on their own")
	}
	body := map[string]any{"from": from, "rate": c.Rate}
	if c.To != "" {
		if body["to"], err = moment(c.To); err != nil {
			return nil, fmt.Errorf("--to: %w", err)
		}
	}
	var topics []api.ReplayTopic
	for _, name := range c.Topics {
		topics = append(topics, api.ReplayTopic{Name: name, As: c.As})
	}
	body["topics"] = topics
	return body, nil
}

// moment is a time as people write it.
func moment(text string) (time.Time, error) {
	if day, err := time.Parse(time.DateOnly, text); err == nil {
		return day, nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return at, fmt.Errorf("%q is neither like 2026-01-31T15:04:05Z nor like 2026-01-31", text)
	}
	return at, nil
}

const (
	lookEvery = 500 * time.Millisecond
	// absence is how long the server may be away: replays and rebuilds outlive it.
	absence = 2 * time.Minute
)

// follow looks at something that goes on, until it is over, and returns how it
// was seen last.
func follow[T any](s *session, path string, seen T, over func(T) bool) (T, error) {
	for answered := time.Now(); !over(seen); {
		select {
		case <-s.ctx.Done():
			return seen, s.ctx.Err()
		case <-time.After(lookEvery):
		}
		next, err := fetch[T](s, "GET", path, nil)
		if err == nil {
			seen, answered = next, time.Now()
		} else if _, away := errors.AsType[*client.Unreachable](err); !away || s.ctx.Err() == nil && time.Since(answered) > absence {
			return seen, err
		}
	}
	return seen, nil
}

// followReplay shows a replay until it has ended.
func followReplay(s *session, r api.Replay) error {
	meter := newMeter(s)
	r, err := follow(s, "/v1/replays/"+r.ID, r, func(r api.Replay) (over bool) {
		meter.show(r)
		return r.EndedAt != nil
	})
	meter.end()
	if s.ctx.Err() != nil {
		return fmt.Errorf("the replay goes on: rollcall replay show %s looks at it, rollcall replay cancel %s ends it", r.ID, r.ID)
	}
	if err != nil {
		return err
	}
	err = show(s, r, func() { showReport(s, r) })
	if err == nil && r.State != "done" {
		err = fmt.Errorf("replay %s %s", r.ID, ending(r))
	}
	return err
}

func ending(r api.Replay) string {
	if r.State == "failed" {
		return "failed: " + r.Failure
	}
	return "was cancelled"
}

// fetch asks the server, whatever is to be done with the answer.
func fetch[T any](s *session, method, path string, body any) (answer T, err error) {
	response, err := s.send(method, path, body)
	if err != nil {
		return answer, err
	}
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	if err == nil {
		err = json.Unmarshal(data, &answer)
	}
	if err != nil {
		return answer, &client.Unreachable{Server: s.Server, Err: err}
	}
	return answer, nil
}

// show prints an answer as JSON, or calls human.
func show(s *session, answer any, human func()) error {
	if !s.JSON {
		human()
		return nil
	}
	return json.NewEncoder(s.stdout).Encode(answer)
}

type replayListCmd struct{}

type replayList struct {
	Replays []api.Replay `json:"replays"`
}

func (replayListCmd) Run(s *session) error {
	return call(s, "GET", "/v1/replays", nil, func(all replayList) {
		t := newTable(s, "REPLAY", "STATE", "TOPICS", "FROM", "TO", "DONE")
		defer t.Flush()
		for _, r := range all.Replays {
			t.row(r.ID, string(r.State), replayTopics(r), r.From.Format(time.RFC3339), r.To.Format(time.RFC3339), share(r))
		}
	})
}

type replayShowCmd struct {
	ID string `arg:""`
}

func (c *replayShowCmd) Run(s *session) error {
	return call(s, "GET", "/v1/replays/"+url.PathEscape(c.ID), nil, func(r api.Replay) {
		s.printf("replay %s of %s from %s to %s: %s, %s\n", r.ID, replayTopics(r), r.From.Format(time.RFC3339), r.To.Format(time.RFC3339),
			strings.TrimSuffix(string(r.State)+": "+r.Failure, ": "), share(r))
		t := newTable(s, "TOPIC", "PARTITION", "FROM", "NEXT", "END")
		for _, p := range r.Progress {
			t.row(p.Topic, strconv.Itoa(int(p.Partition)), strconv.FormatInt(p.From, 10), strconv.FormatInt(p.Next, 10), strconv.FormatInt(p.End, 10))
		}
		t.Flush()
		showReport(s, r)
	})
}

func replayTopics(r api.Replay) string {
	var names []string
	for _, t := range r.Topics {
		name := t.Name
		if t.As != "" {
			name += " as " + t.As
		}
		names = append(names, name)
	}
	return strings.Join(names, ", ")
}

func showReport(s *session, r api.Replay) {
	t := newTable(s, "READ", "APPLIED", "REPEATED", "FORWARDED", "DEAD-LETTERED", "LEFT OUT")
	defer t.Flush()
	var cells []string
	for _, n := range []int64{
		r.Report.Read, r.Report.Applied, r.Report.Repeated, r.Report.Forwarded, r.Report.DeadLettered, r.Report.LeftOut,
	} {
		cells = append(cells, strconv.FormatInt(n, 10))
	}
	t.row(cells...)
}

type replayCancelCmd struct {
	ID string `arg:""`
}

func (c *replayCancelCmd) Run(s *session) error {
	return call(s, "DELETE", "/v1/replays/"+url.PathEscape(c.ID), nil, nothing)
}
