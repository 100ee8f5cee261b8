package api

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"rollcall/pipeline"
)

// fakeChanges tells so many changes, with a cursor after each tenth.
type fakeChanges struct {
	n     int
	told  pipeline.ToldChanges
	err   error
	asked string
}

func (f *fakeChanges) Read(_ context.Context, account, segment string, q pipeline.ChangeQuery, yield func(ToldChange, func() string) error) (pipeline.ToldChanges, error) {
	f.asked = fmt.Sprintf("%s/%s since %s after %q", account, segment, q.Since.UTC().Format(time.RFC3339), q.Cursor)
	for i := range f.n {
		var cursor func() string
		if i%10 == 9 {
			cursor = func() string { return fmt.Sprint("after-", i) }
		}
		change := ToldChange{ID: fmt.Sprint("id-", i), Contact: "<c>", Change: "entered", Cause: "event", At: time.Unix(0, 0).UTC()}
		if err := yield(change, cursor); err != nil {
			return f.told, err
		}
	}
	return f.told, f.err
}

func TestChanges(t *testing.T) {
	b := newBench(t)
	since := time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)
	b.changes.n, b.changes.told = 1, pipeline.ToldChanges{Count: 1, Cursor: "x", Since: since, More: true}
	got := b.ask("GET", "/v1/segments/base/changes", b.read, "")
	want := `{"id":"id-0","contact":"<c>","change":"entered","cause":"event","at":"1970-01-01T00:00:00Z"}
{"end":{"count":1,"cursor":"x","since":"2026-11-20T00:00:00Z","more":true,"freshness":{"fresh":true,"as_of":"0001-01-01T00:00:00Z","position":"g.1"}}}
`
	if got.status != 200 || got.header.Get("Content-Type") != "application/x-ndjson" || got.body != want {
		t.Errorf("%d %s", got.status, got.body)
	}
	for query, asked := range map[string]string{
		"":                                   `acme/base since 0001-01-01T00:00:00Z after ""`,
		"?since=2026-11-20":                  `acme/base since 2026-11-20T00:00:00Z after ""`,
		"?since=2026-11-20T01:00:00%2B01:00": `acme/base since 2026-11-20T00:00:00Z after ""`,
		"?since=eyJuIjoxfQ":                  `acme/base since 0001-01-01T00:00:00Z after "eyJuIjoxfQ"`,
	} {
		if b.ask("GET", "/v1/segments/base/changes"+query, b.read, ""); b.changes.asked != asked {
			t.Errorf("%s: asked %s", query, b.changes.asked)
		}
	}
	b.changes.n, b.changes.told = 2500, pipeline.ToldChanges{Count: 2500, Cursor: "x"}
	got = b.ask("GET", "/v1/segments/base/changes", b.read, "")
	if n := strings.Count(got.body, `"cursor":"after-`); n != 2 || !strings.Contains(got.body, `{"end":{"count":2500,"cursor":"x","freshness"`) {
		t.Errorf("%d lines have cursors: %.300s", n, got.body)
	}
	b.views.stale = true // which says nothing of what was told
	if got := b.ask("GET", "/v1/segments/base/changes", b.read, ""); !strings.Contains(got.body, `"fresh":false`) {
		t.Errorf("%d %.300s", got.status, got.body)
	}
}

func TestChangesFail(t *testing.T) {
	b := newBench(t)
	for problem, err := range map[string]error{
		"cursor-gone": ErrCursorGone, "invalid": &pipeline.QuestionError{Reason: "expected a time"}, "internal": errors.New("a broker of that name"),
	} {
		b.changes.n, b.changes.err = 0, err
		got := b.ask("GET", "/v1/segments/base/changes?since=x", b.read, "")
		if got.problem() != problem || strings.Contains(got.body, "a broker") {
			t.Errorf("%d %s", got.status, got.body)
		}
		b.changes.n = 2500
		if got := b.ask("GET", "/v1/segments/base/changes", b.read, ""); got.status != 200 || strings.Contains(got.body, `"end"`) {
			t.Errorf("in the middle: %d %s", got.status, got.body)
		}
	}
	if got := b.ask("GET", "/v1/segments/none/changes", b.read, ""); got.problem() != "not-found" {
		t.Errorf("%d %s", got.status, got.body)
	}
}
