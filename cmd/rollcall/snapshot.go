package main

import (
	"encoding/json"
	"fmt"
	"net/url"
	"time"
)

type snapshotCmd struct {
	Create     snapshotCreateCmd     `cmd:"" help:"Freeze the recipients of a segment, as they are now."`
	List       snapshotListCmd       `cmd:"" help:"List the frozen lists, the newest first."`
	Show       snapshotShowCmd       `cmd:"" help:"Show what a frozen list is of."`
	Recipients snapshotRecipientsCmd `cmd:"" help:"Print those who can be sent to still, one to a line."`
	Delete     snapshotDeleteCmd     `cmd:"" help:"Delete a frozen list."`
}

type snapshotAnswer struct {
	ID         string    `json:"id"`
	Segment    string    `json:"segment"`
	Name       string    `json:"name"`
	Definition string    `json:"definition"`
	Version    int64     `json:"version"`
	CreatedAt  time.Time `json:"created_at"`
	Frozen     *int64    `json:"frozen"`
	State      string    `json:"state"`
}

func snapshotPath(id string) string { return "/v1/snapshots/" + url.PathEscape(id) }

func (s *session) showSnapshot(a snapshotAnswer) {
	s.printf("%s  %s  of %s at %s: %s\n", a.ID, a.State, a.Segment, a.CreatedAt.Format(time.RFC3339), a.Definition)
	if a.Name != "" {
		s.printf("%s\n", plain(a.Name))
	}
	s.printf("%s recipients\n", count(a.Frozen))
}

type snapshotCreateCmd struct {
	Segment    string `arg:"" complete:"segments" help:"The segment."`
	Name       string `help:"What people call the list, such as the campaign's name."`
	AllowStale bool   `help:"Freeze what there is even if the state is behind."`
}

func (c *snapshotCreateCmd) Run(s *session) error {
	query := url.Values{}
	if c.AllowStale {
		query.Set("stale", stale(true))
	}
	body := map[string]string{}
	if c.Name != "" {
		body["name"] = c.Name
	}
	return call(s, "POST", segmentPath(c.Segment)+"/snapshots?"+query.Encode(), body, s.showSnapshot)
}

type snapshotListCmd struct {
	Segment string `complete:"segments" help:"Only those of this segment."`
}

func (c *snapshotListCmd) Run(s *session) error {
	query := url.Values{}
	if c.Segment != "" {
		query.Set("segment", c.Segment)
	}
	type list struct {
		Snapshots []snapshotAnswer `json:"snapshots"`
	}
	return call(s, "GET", "/v1/snapshots?"+query.Encode(), nil, func(l list) {
		t := newTable(s, "SNAPSHOT", "STATE", "FROZEN", "CREATED", "SEGMENT", "NAME")
		defer t.Flush()
		for _, a := range l.Snapshots {
			t.row(a.ID, a.State, count(a.Frozen), a.CreatedAt.Format(time.RFC3339), a.Segment, plain(a.Name))
		}
	})
}

type snapshotShowCmd struct {
	ID string `arg:""`
}

func (c *snapshotShowCmd) Run(s *session) error {
	return call(s, "GET", snapshotPath(c.ID), nil, s.showSnapshot)
}

type snapshotDeleteCmd struct {
	ID string `arg:""`
}

func (c *snapshotDeleteCmd) Run(s *session) error {
	return call(s, "DELETE", snapshotPath(c.ID), nil, nothing)
}

type snapshotRecipientsCmd struct {
	ID     string `arg:"" help:"The frozen list."`
	Frozen bool   `help:"All who were frozen, sendable still or not, but for those who were erased."`
	partFlags
}

func (c *snapshotRecipientsCmd) Run(s *session) error {
	query := c.query()
	if c.Frozen {
		query.Set("view", "frozen")
	}
	end, err := s.printList(snapshotPath(c.ID)+"/recipients", query)
	if err == nil && !s.JSON {
		err = s.tellWithheld(end)
	}
	return err
}

// tellWithheld says on stderr, beside the list, who is not in it and why.
func (s *session) tellWithheld(end json.RawMessage) error {
	var e struct {
		Count    int64 `json:"count"`
		Frozen   int64 `json:"frozen"`
		Withheld struct {
			Erased       int64 `json:"erased"`
			OptedOut     int64 `json:"opted_out"`
			NotOptedIn   int64 `json:"not_opted_in"`
			InvalidPhone int64 `json:"invalid_phone"`
		} `json:"withheld"`
	}
	if err := json.Unmarshal(end, &e); err != nil {
		return fmt.Errorf("the end of the list is not what was expected: %w", err)
	}
	w := e.Withheld
	fmt.Fprintf(s.stderr, "%d of %d frozen; withheld: %d erased, %d opted out, %d not opted in, %d without a valid phone\n",
		e.Count, e.Frozen, w.Erased, w.OptedOut, w.NotOptedIn, w.InvalidPhone)
	return nil
}
