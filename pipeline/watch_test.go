package pipeline

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"rollcall/pipeline/catalog"
)

// next is what a watch yields now, as segment:members+entered-exited; nothing if
// nothing changed.
func next(t *testing.T, w Watch) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*watchPause)
	defer cancel()
	changes, err := w.Next(ctx)
	if err != nil {
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Fatal(err)
		}
		return ""
	}
	var out []string
	for _, c := range changes {
		text := fmt.Sprintf("%s:%d+%d-%d", c.Segment, c.Size.Members, c.Size.Entered, c.Size.Exited)
		if c.Deleted {
			text = c.Segment + ":deleted"
		}
		if c.Position == "" {
			t.Errorf("%s has no position", text)
		}
		out = append(out, text)
	}
	return strings.Join(out, " ")
}

// TestWatchTellsTheLatest to whoever reads slowly, or leaves and comes back:
// everything that was overtaken is in the totals.
func TestWatchTellsTheLatest(t *testing.T) {
	w := newWorld(t, 2)
	w.segment("all", "all contacts")
	w.segment("in", "all contacts where opted in")
	settle := func() {
		t.Helper()
		w.settle()
		w.follow()
	}
	settle()
	watch, one := w.view.Watch(acme, nil), w.view.Watch(acme, []string{"in"})
	defer one.Close()
	expect := func(when string, watch Watch, want string) {
		t.Helper()
		for range 100 { // a look that came too early for a change is followed by another
			if got := next(t, watch); got == want {
				return
			} else if got != "" {
				t.Fatalf("%s: %q, want %q", when, got, want)
			}
		}
		t.Fatalf("%s: nothing, want %q", when, want)
	}
	expect("at first", watch, "all:0+0-0 in:0+0-0")
	expect("at first", one, "in:0+0-0")
	for i := range 6 { // nobody reads meanwhile
		contact := fmt.Sprint("c", i%3)
		w.contact(contact, "2015550123")
		w.consent(TopicOptedIn, contact, "2026-11-15 11:00")
		settle()
		w.now = w.now.Add(time.Minute)
		w.record(TopicOptedOut, contact, nil)
		settle()
		w.now = w.now.Add(time.Minute)
		w.record(TopicOptedIn, contact, nil)
		settle()
	}
	expect("what was overtaken", watch, "all:3+3-0 in:3+9-6")
	if got := next(t, watch); got != "" {
		t.Errorf("told again: %q", got)
	}
	watch.Close()
	watch = w.view.Watch(acme, nil)
	defer watch.Close()
	expect("after coming back", watch, "all:3+3-0 in:3+9-6")
	expect("the other reader", one, "in:3+9-6")

	w.segment("new", "all contacts where opted out")
	settle()
	expect("a new segment", watch, "new:0+0-0")
	w.put(catalog.DeleteSegment{Account: acme, ID: "new"})
	settle()
	expect("a deleted segment", watch, "new:deleted")
	if got := next(t, one); got != "" {
		t.Errorf("who asked for another segment is told %q", got)
	}
}
