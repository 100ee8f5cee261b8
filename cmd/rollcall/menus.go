package main

import (
	"net/url"
	"strconv"

	"rollcall/api"
)

type listListCmd struct {
	Kind  string `enum:",marketing,form,webinar" default:"" help:"Only these: marketing, form or webinar."`
	Query string `short:"q" help:"Only those with this in their id or name."`
}

func (c *listListCmd) Run(s *session) error {
	return call(s, "GET", withQuery("/v1/lists", "kind", c.Kind, "q", c.Query), nil, func(lists []api.ListSize) {
		t := newTable(s, "LIST", "KIND", "SIZE", "NAME")
		defer t.Flush()
		for _, l := range lists {
			t.row(plain(l.ID), l.Kind, number(l.Size), plain(l.Name))
		}
	})
}

type messageCmd struct {
	List messageListCmd `cmd:"" help:"List the messages, the newest first."`
}

type messageListCmd struct {
	Query string `short:"q" help:"Only those with this in their id or name."`
	Limit int    `default:"100" help:"At most so many, up to 1000."`
}

func (c *messageListCmd) Run(s *session) error {
	return call(s, "GET", withQuery("/v1/messages", "q", c.Query, "limit", strconv.Itoa(c.Limit)), nil, func(messages []api.SentMessage) {
		t := newTable(s, "MESSAGE", "FIRST SENT", "SENT", "NAME")
		defer t.Flush()
		for _, m := range messages {
			t.row(plain(m.ID), orDash(m.FirstSent), number(m.Sent), plain(m.Name))
		}
	})
}

// withQuery adds parameters to a path, pairs of name and value, but for empty ones.
func withQuery(path string, parameters ...string) string {
	query := url.Values{}
	for i := 0; i < len(parameters); i += 2 {
		if parameters[i+1] != "" {
			query.Set(parameters[i], parameters[i+1])
		}
	}
	if len(query) == 0 {
		return path
	}
	return path + "?" + query.Encode()
}
