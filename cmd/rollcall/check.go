package main

import "strings"

type checkCmd struct {
	ID         string   `arg:"" complete:"segments" help:"The segment."`
	Contacts   []string `arg:"" help:"1 to 10,000 ids."`
	AllowStale bool     `help:"Take the answer even if the state is behind."`
}

type checkAnswer struct {
	Results []struct {
		Contact  string   `json:"contact"`
		Member   bool     `json:"member"`
		Sendable bool     `json:"sendable"`
		Blocked  []string `json:"blocked"`
	} `json:"results"`
}

func (c *checkCmd) Run(s *session) error {
	path := segmentPath(c.ID) + "/check"
	if c.AllowStale {
		path += "?stale=allow"
	}
	return call(s, "POST", path, map[string]any{"contacts": c.Contacts}, func(a checkAnswer) {
		t := newTable(s, "CONTACT", "MEMBER", "SENDABLE", "BLOCKED")
		defer t.Flush()
		for _, r := range a.Results {
			t.row(plain(r.Contact), yesNo(r.Member), yesNo(r.Sendable), strings.Join(r.Blocked, ", "))
		}
	})
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}
