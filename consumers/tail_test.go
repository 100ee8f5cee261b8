package consumers

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
)

func TestReadAll(t *testing.T) {
	c := newCluster(t).client(t)
	tp := TopicPartition{topic(t, c, "all", 1), 0}
	var got []string
	read := func(r *Record) error { got = append(got, string(r.Value)); return nil }
	if next, err := c.ReadAll(testContext(t), tp, -1, read); next != 0 || err != nil || got != nil {
		t.Errorf("an empty partition: next %d, %v, %v", next, got, err)
	}
	want := numbered("v", 30_000)
	write(t, c, tp, want...)
	if next, err := c.ReadAll(testContext(t), tp, 5, read); next != 30_000 || err != nil || !slices.Equal(got, want[5:]) {
		t.Errorf("next %d, %d records, %v", next, len(got), err)
	}
	var lost *OffsetLostError
	if _, err := c.ReadAll(testContext(t), tp, 30_001, read); !errors.As(err, &lost) {
		t.Errorf("past the end: %v", err)
	}
	stop := errors.New("stop")
	next, err := c.ReadAll(testContext(t), tp, 0, func(r *Record) error {
		if r.Offset == 77 {
			return stop
		}
		return nil
	})
	if next != 77 || !errors.Is(err, stop) {
		t.Errorf("after the callback's error: next %d, %v", next, err)
	}
	if len(c.fetcher.readers) != 0 {
		t.Errorf("%v are still read", c.fetcher.readers)
	}
}

func TestTail(t *testing.T) {
	c := newCluster(t).client(t)
	tp := TopicPartition{topic(t, c, "tail", 1), 0}
	ctx, cancel := context.WithCancel(testContext(t))
	events := make(chan string)
	done := make(chan error)
	go func() {
		done <- c.Tail(ctx, tp, -1,
			func(r *Record) error { events <- string(r.Value); return nil },
			func(next, high int64) error { events <- fmt.Sprintf("caught up %d", next); return nil })
	}()
	expect := func(want ...string) {
		t.Helper()
		for _, w := range want {
			if got := <-events; got != w {
				t.Fatalf("got %q, want %q", got, w)
			}
		}
	}
	expect("caught up 0")
	write(t, c, tp, "a")
	expect("a", "caught up 1")
	write(t, c, tp, "b", "c")
	expect("b", "c", "caught up 3")
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("ended with %v", err)
	}
}
