package main

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"rollcall/pipeline/segment"
)

type segmentCmd struct {
	Put        segmentPutCmd        `cmd:"" help:"Create or replace a segment."`
	List       segmentListCmd       `cmd:"" help:"List the segments."`
	Show       segmentShowCmd       `cmd:"" help:"Show a segment."`
	Delete     segmentDeleteCmd     `cmd:"" help:"Delete a segment."`
	Size       segmentSizeCmd       `cmd:"" help:"Print how many are in a segment."`
	Members    segmentMembersCmd    `cmd:"" help:"Print all members, one to a line."`
	Recipients segmentRecipientsCmd `cmd:"" help:"Print the sendable members, one to a line."`
	Explain    segmentExplainCmd    `cmd:"" help:"Tell why a contact is in a segment, or is not, and until when."`
	Changes    segmentChangesCmd    `cmd:"" help:"Print who entered and exited."`
	History    segmentHistoryCmd    `cmd:"" help:"Print how large a segment was over time, and how many entered and exited."`
	Preview    segmentPreviewCmd    `cmd:"" help:"Count what a definition would match, without storing it."`
	Format     segmentFormatCmd     `cmd:"" help:"Print a definition as it is written here, or its JSON form. Takes no server."`
}

type segmentAnswer struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	Text     string `json:"text"`
	Version  int64  `json:"version"`
	Size     *int64 `json:"size"`
	Sendable *int64 `json:"sendable"`
	Composed *struct {
		Done int `json:"done"`
		Of   int `json:"of"`
	} `json:"composed"`
	Freshness struct {
		Fresh bool `json:"fresh"`
	} `json:"freshness"`
	KeptDays int       `json:"kept_days"`
	Warnings []warning `json:"warnings"`
}

type warning struct {
	Message string `json:"message"`
}

func segmentPath(id string) string { return "/v1/segments/" + url.PathEscape(id) }

// definitionBody is a request's body; what begins with { is the JSON form.
func definitionBody(text string) (map[string]any, error) {
	if !strings.HasPrefix(strings.TrimSpace(text), "{") {
		return map[string]any{"text": text}, nil
	}
	var body map[string]any
	if err := json.Unmarshal([]byte(text), &body); err != nil {
		return nil, fmt.Errorf("the definition begins like JSON, but is not: %w", err)
	}
	return body, nil
}

func (s *session) warn(warnings []warning) {
	for _, w := range warnings {
		fmt.Fprintln(s.stderr, "warning:", w.Message)
	}
}

type segmentPutCmd struct {
	ID         string `arg:"" complete:"segments" help:"1 to 64 of a-z, 0-9 and -."`
	Definition string `arg:"" help:"Such as: 'all contacts where opted in and clicked in last 30 days'; or its JSON form."`
	Name       string `help:"What people call it. Default: the name it has, or its id."`
	IfVersion  int64  `help:"Refuse to replace any version but this one."`
}

func (c *segmentPutCmd) Run(s *session) error {
	body, err := definitionBody(c.Definition)
	if err != nil {
		return err
	}
	if c.Name != "" {
		body["name"] = c.Name
	}
	s = s.with("If-Match", version(c.IfVersion))
	return placed(c.Definition, call(s, "PUT", segmentPath(c.ID), body, func(a segmentAnswer) {
		s.warn(a.Warnings)
		s.printf("%s\n%s\n%s%s\n", a.ID, formatted(a.Text), keptLine(a.KeptDays), sizeLine(a))
	}))
}

// version is a condition on a version as HTTP writes it; 0 is none.
func version(v int64) string {
	if v == 0 {
		return ""
	}
	return strconv.Quote(strconv.FormatInt(v, 10))
}

// keptLine says how far back a definition reaches that says ever.
func keptLine(days int) string {
	if days == 0 {
		return ""
	}
	return fmt.Sprintf("over the %d days that the account keeps\n", days)
}

func sizeLine(a segmentAnswer) string {
	switch {
	case a.Size == nil && a.Composed != nil:
		return fmt.Sprintf("composed by %d of %d partitions so far", a.Composed.Done, a.Composed.Of)
	case !a.Freshness.Fresh:
		return fmt.Sprintf("%s members, %s sendable (not fresh)", count(a.Size), count(a.Sendable))
	}
	return fmt.Sprintf("%s members, %s sendable", count(a.Size), count(a.Sendable))
}

type segmentListCmd struct{}

func (segmentListCmd) Run(s *session) error {
	type list struct {
		Segments []segmentAnswer `json:"segments"`
	}
	return call(s, "GET", "/v1/segments", nil, func(l list) {
		t := newTable(s, "SEGMENT", "SIZE", "SENDABLE", "NAME", "DEFINITION")
		defer t.Flush()
		for _, a := range l.Segments {
			t.row(a.ID, count(a.Size), count(a.Sendable), plain(a.Name), a.Text)
		}
	})
}

type segmentShowCmd struct {
	ID string `arg:"" complete:"segments"`
}

func (c *segmentShowCmd) Run(s *session) error {
	return call(s, "GET", segmentPath(c.ID), nil, func(a segmentAnswer) {
		s.printf("%s  %s\n%s\n%s%s\nversion %d\n", a.ID, plain(a.Name), formatted(a.Text), keptLine(a.KeptDays), sizeLine(a), a.Version)
	})
}

type segmentDeleteCmd struct {
	ID        string `arg:"" complete:"segments"`
	IfVersion int64  `help:"Refuse to delete any version but this one."`
}

func (c *segmentDeleteCmd) Run(s *session) error {
	return call(s.with("If-Match", version(c.IfVersion)), "DELETE", segmentPath(c.ID), nil, nothing)
}

// lineWidth is how wide a definition is printed.
const lineWidth = 80

// formatted is a definition of the server's, for people.
func formatted(text string) string {
	d, err := segment.Parse(text)
	if err != nil {
		return text // of a server that knows more of the language
	}
	return d.Format(lineWidth)
}

type segmentFormatCmd struct {
	Definition string `arg:"" help:"As in segment put."`
}

func (c *segmentFormatCmd) Run(s *session) error {
	parse := segment.Parse
	if strings.HasPrefix(strings.TrimSpace(c.Definition), "{") {
		parse = func(text string) (segment.Definition, error) { return segment.ParseJSON([]byte(text)) }
	}
	d, err := parse(c.Definition)
	if err != nil {
		return err
	}
	if !s.JSON {
		s.printf("%s\n", d.Format(lineWidth))
		return nil
	}
	return json.NewEncoder(s.stdout).Encode(d)
}
