package pipeline

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// Publishers wait while tasks compose, and no longer than their context lasts.
func TestPublishersGiveWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		waited := func(c *Composing) time.Duration {
			ctx, end := context.WithTimeout(t.Context(), giveWay)
			defer end()
			began := time.Now()
			c.wait(ctx)
			return time.Since(began)
		}
		c := &Composing{}
		one, other := &Task{Config: Config{Composing: c}}, &Task{Config: Config{Composing: c}}
		if got := waited(c) + waited(nil); got != 0 {
			t.Errorf("nobody composes, and they wait for %v", got)
		}
		for range 2 { // and again
			one.noteComposing(true)
			other.noteComposing(true)
			time.AfterFunc(100*time.Millisecond, func() { one.noteComposing(false) })
			time.AfterFunc(200*time.Millisecond, func() { other.noteComposing(true); other.noteComposing(false) })
			if got := waited(c); got != 200*time.Millisecond {
				t.Errorf("they wait for %v", got)
			}
			other.noteComposing(false)
		}
		one.noteComposing(true)
		if got := waited(c); got != giveWay {
			t.Errorf("a task composes on, and they wait for %v", got)
		}
	})
}

// A task counts as one that composes from when it learns of a definition until
// all of its pieces are composed for it.
func TestTasksThatComposeAreNoted(t *testing.T) {
	w := newWorld(t, 1)
	w.config.Composing = &Composing{}
	w.config.Limits = Limits{Compose: 1}
	people(w)
	w.settle()
	w.segment("us", "all contacts where phone in US")
	w.define(w.defined.Offset())
	for _, want := range []int{1, 0} {
		if _, err := w.task(0).Compose(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := w.config.Composing.tasks; got != want {
			t.Errorf("%d tasks compose, want %d", got, want)
		}
	}
}
