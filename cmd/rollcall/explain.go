package main

import (
	"net/url"
	"strings"
)

type segmentExplainCmd struct {
	ID         string `arg:"" complete:"segments" help:"The segment."`
	Contact    string `arg:"" help:"The contact's id."`
	AllowStale bool   `help:"Take the answer even if the state is behind."`
}

type explainAnswer struct {
	Contact  string   `json:"contact"`
	Segment  string   `json:"segment"`
	Known    bool     `json:"known"`
	Member   bool     `json:"member"`
	Sendable bool     `json:"sendable"`
	Blocked  []string `json:"blocked"`
	Lapses   string   `json:"lapses"`
	Begins   string   `json:"begins"`
	Origin   finding  `json:"origin"`
	Where    *finding `json:"where"`
}

type finding struct {
	Condition string    `json:"condition"`
	Holds     bool      `json:"holds"`
	Lapses    string    `json:"lapses"`
	Begins    string    `json:"begins"`
	Detail    string    `json:"detail"`
	Parts     []finding `json:"parts"`
}

func (c *segmentExplainCmd) Run(s *session) error {
	query := url.Values{"contact": {c.Contact}}
	if c.AllowStale {
		query.Set("stale", "allow")
	}
	return call(s, "GET", segmentPath(c.ID)+"/explain?"+query.Encode(), nil, func(a explainAnswer) { showExplanation(s, a) })
}

func showExplanation(s *session, a explainAnswer) {
	if !a.Known {
		s.printf("there is no contact %s; this is what was said of it\n", plain(a.Contact))
	}
	is := "is not"
	if a.Member {
		is = "is"
	}
	s.printf("%s %s in %s%s", plain(a.Contact), is, a.Segment, turn(a.Lapses, a.Begins))
	if a.Sendable {
		s.printf(", and sendable\n")
	} else {
		s.printf(", not sendable: %s\n", strings.Join(a.Blocked, ", "))
	}
	t := newTable(s, "HOLDS", "CHANGES", "CONDITION", "DETAIL")
	defer t.Flush()
	a.Origin.show(t, "")
	if a.Where != nil {
		a.Where.show(t, "")
	}
}

func (f *finding) show(t *table, indent string) {
	t.row(yesNo(f.Holds), orDash(f.Lapses+f.Begins), indent+f.Condition, f.Detail)
	for i := range f.Parts {
		f.Parts[i].show(t, indent+"  ")
	}
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// turn says when a membership changes by itself.
func turn(lapses, begins string) string {
	switch {
	case lapses != "":
		return " until " + lapses
	case begins != "":
		return " before " + begins
	}
	return ""
}
