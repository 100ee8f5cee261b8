package integration

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"rollcall/client"
)

// testLocalView holds what a send worker keeps in its memory against the lists,
// while records arrive. Who has opted out is not there once that is in it.
func testLocalView(t *testing.T, c *cluster, p *process) {
	a := tenant{"local", "UTC", "US", 730, map[string]string{
		"in": "all contacts where opted in", "sent": `segment "in" where sent in last 7 days`,
	}}
	a.create(t, p)
	a.define(t, p, "is")
	api := client.New(client.Config{URL: p.url, Token: operatorToken, Account: "local"})
	view := api.NewView(t.Context(), client.ViewConfig{Segments: []string{"in", "sent"}})
	defer view.Close()
	must(t, view.Wait(t.Context()))

	const contacts = 300
	name := func(i int) string { return fmt.Sprintf("c-%d", i) }
	for _, topic := range []string{"contacts", "sms.opted_in", "sms.sent"} {
		var lines strings.Builder
		for i := range contacts {
			record := consentRecord("local", name(i), time.Now())
			if topic == "contacts" {
				record = contactRecord("local", name(i))
			}
			if topic != "sms.sent" || i%2 == 0 {
				lines.WriteString(line("local/"+name(i), strings.Replace(record, `"source"`, `"message"`, 1)))
			}
		}
		c.kcat(topic, strings.NewReader(lines.String()), likeJava...)
	}
	c.settled(p)
	compare := func() {
		t.Helper()
		for id := range a.segments {
			want, code := readList(t, p, "local", id, "recipients")
			if code != 200 {
				t.Fatalf("recipients are answered %d", code)
			}
			eventually(t, time.Minute, "the view has the recipients", func() error {
				got, err := held(view.Segment(id), contacts, name)
				if err != nil || !slices.Equal(got, want.contacts) {
					return fmt.Errorf("%d contacts in %s, want %d: %w", len(got), id, len(want.contacts), err)
				}
				return nil
			})
		}
	}
	compare()
	if n, err := view.Segment("sent").Len(); n != contacts/2 || err != nil {
		t.Errorf("%d have been sent something (%v), want %d", n, err, contacts/2)
	}
	for i := range 3 {
		c.put("sms.opted_out", "local/"+name(i), consentRecord("local", name(i), time.Now()))
		acknowledged := time.Now()
		eventually(t, time.Minute, "the view has an opt-out", func() error {
			if status := view.Status(); !status.Fresh || status.Freshness.AsOf.Before(acknowledged) {
				return fmt.Errorf("%+v", status)
			}
			return nil
		})
		if in, err := view.Segment("in").Contains(name(i)); in || err != nil {
			t.Errorf("%s has opted out, and is there: %v, %v", name(i), in, err)
		}
	}
	c.put("contacts", "local/"+name(10), "") // erased
	c.settled(p)
	compare()
}

// held are the contacts that a segment of a view contains, sorted.
func held(s *client.Segment, contacts int, name func(int) string) (ids []string, err error) {
	for i := range contacts {
		in, err := s.Contains(name(i))
		if err != nil {
			return nil, err
		}
		if in {
			ids = append(ids, name(i))
		}
	}
	slices.Sort(ids)
	return ids, nil
}
