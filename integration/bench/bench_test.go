package main

import (
	"context"
	"fmt"
	"reflect"
	"testing"
	"time"

	"rollcall/consumers"
	"rollcall/pipeline"
	"rollcall/pipeline/segment"
)

var today = time.Date(2026, 3, 15, 12, 0, 0, 0, time.UTC)

func TestSegmentsAreFiftyOfEveryKind(t *testing.T) {
	all, err := segments(today)
	if err != nil {
		t.Fatal(err)
	}
	if len(all) != 50 {
		t.Errorf("%d segments, the benchmark says 50", len(all))
	}
	seen := map[reflect.Type]bool{}
	for _, s := range all {
		conditionTypes(seen, s.def.Where)
	}
	for _, c := range []segment.Condition{
		segment.All{}, segment.Any{}, segment.Not{}, segment.OptedIn{}, segment.OptedOut{}, segment.ValidPhone{},
		segment.PhoneIn{}, segment.In{}, segment.Did{},
	} {
		if !seen[reflect.TypeOf(c)] {
			t.Errorf("no segment has a %T", c)
		}
	}
}

func conditionTypes(seen map[reflect.Type]bool, c segment.Condition) {
	if c == nil {
		return
	}
	seen[reflect.TypeOf(c)] = true
	switch c := c.(type) {
	case segment.All:
		for _, kid := range c {
			conditionTypes(seen, kid)
		}
	case segment.Any:
		for _, kid := range c {
			conditionTypes(seen, kid)
		}
	case segment.Not:
		conditionTypes(seen, c.Of)
	}
}

func TestDefinitionsAreAcceptedAndEqualEverywhere(t *testing.T) {
	for _, d := range []definitions{{Now: today, Accounts: 3}, {Now: today, Accounts: 1, Idle: 100}, {Tiny: 10}} {
		var offsets []int64
		for range 2 {
			c, err := d.define(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			offsets = append(offsets, c.Offset())
			if a := c.Account(account); d.Tiny == 0 && len(a.Segments) != 50+d.Idle {
				t.Errorf("%+v: %d segments", d, len(a.Segments))
			}
			c.stop()
		}
		if offsets[0] != offsets[1] {
			t.Errorf("%+v: ends at %d and at %d", d, offsets[0], offsets[1])
		}
	}
}

func TestDatesMoveWithToday(t *testing.T) {
	all, err := segments(today)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range all {
		if s.id == "clicked-on" {
			if got, want := s.def.Text(), "all contacts where clicked on 2026-03-10"; got != want {
				t.Errorf("got %q, want %q", got, want)
			}
			return
		}
	}
	t.Error("no segment clicked-on")
}

func TestQuantileAndMedian(t *testing.T) {
	var of []time.Duration
	for i := 100; i >= 1; i-- {
		of = append(of, time.Duration(i))
	}
	for q, want := range map[float64]time.Duration{0: 1, 0.5: 50, 0.99: 99, 1: 100} {
		if got := quantile(of, q); got != want {
			t.Errorf("quantile %v: got %d, want %d", q, got, want)
		}
	}
	if got := median([]float64{3, 1, 2}); got != 2 {
		t.Errorf("median: got %v, want 2", got)
	}
}

func TestDigestIsOfTheSet(t *testing.T) {
	of := func(members ...string) string { return digest{}.with(members).String() }
	a, b := of("x", "y"), digest{}.with([]string{"y"}).with([]string{"x"}).String()
	if a != b {
		t.Errorf("order counts: %s, %s", a, b)
	}
	for _, c := range []string{of("xy", ""), of("x"), of("x", "x")} {
		if c == a {
			t.Errorf("different members, equal digests: %s", c)
		}
	}
	if got := different(map[string]string{"s": a}, map[string]string{"s": "2:0"}); len(got) != 1 {
		t.Errorf("different: %v", got)
	}
	if got := different(map[string]string{"s": a}, map[string]string{"s": a, "t": a}); len(got) != 1 {
		t.Errorf("a segment too many is not seen: %v", got)
	}
}

func TestSpansFollow(t *testing.T) {
	tp := consumers.TopicPartition{Topic: pipeline.TopicSent, Partition: 3}
	key := keyOf(t, tp.Partition)
	s := spans{{Topic: tp.Topic, Partition: tp.Partition, From: 0, To: 5}}
	next := s.plus([]consumers.Message{{Topic: tp.Topic, Key: key}, {Topic: tp.Topic, Key: key}})
	if next[0].From != 5 || next[0].To != 7 || next.records() != 2 {
		t.Errorf("got %+v", next)
	}
	left := next.remaining(3)
	left.moved([]consumers.NextOffset{{TopicPartition: tp, Offset: 6}})
	if len(left) != 1 {
		t.Error("done before the end")
	}
	left.moved([]consumers.NextOffset{{TopicPartition: tp, Offset: 7}})
	if len(left) != 0 {
		t.Error("not done at the end")
	}
}

// keyOf is a key that belongs to a partition.
func keyOf(t *testing.T, partition int32) []byte {
	for i := range 1000 {
		if key := fmt.Appendf(nil, "%s/probe-%d", account, i); consumers.Partition(key, partitions) == partition {
			return key
		}
	}
	t.Fatal("no key belongs to the partition")
	return nil
}
