package main

import (
	"context"
	"strings"
	"testing"
	"time"

	"rollcall/api"
	"rollcall/pipeline"
)

// fakeChanges tells one change, and one more after the cursor "x".
type fakeChanges struct{}

func (fakeChanges) Read(_ context.Context, _, _ string, q pipeline.ChangeQuery, yield func(api.ToldChange, func() string) error) (pipeline.ToldChanges, error) {
	at := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	switch q.Cursor {
	case "":
		err := yield(api.ToldChange{ID: "1", Contact: "c 1", Change: "entered", Cause: "event", At: at}, nil)
		return pipeline.ToldChanges{Count: 1, Cursor: "x", More: true, Since: at}, err
	case "x":
		err := yield(api.ToldChange{ID: "2", Contact: "c\n2", Change: "exited", Cause: "definition", At: at}, nil)
		return pipeline.ToldChanges{Count: 1, Cursor: "y"}, err
	}
	return pipeline.ToldChanges{}, api.ErrCursorGone
}

func TestChanges(t *testing.T) {
	b := newBench(t)
	b.run("segment", "put", "a", "all contacts")
	code, out, errs := b.run("segment", "changes", "a")
	if code != 0 || out != "2026-11-20T12:00:00Z  entered  event       c 1\n2026-11-20T12:00:00Z  exited   definition  \"c\\n2\"\n" ||
		errs != "some from before 2026-11-20T12:00:00Z are no longer kept\nto go on later: --since y\n" {
		t.Errorf("exit %d\n%s%s", code, out, errs)
	}
	b.expect(`{"id":"2","contact":"c\n2"`, "segment", "changes", "a", "--since", "x", "--json")
	b.expectError("start again without a cursor", "segment", "changes", "a", "--since", "z")
	if _, err := copyChanges(&strings.Builder{}, strings.NewReader(`{"id":"1"}`), false); err == nil || !strings.Contains(err.Error(), "cut off") {
		t.Errorf("%v", err)
	}
}
