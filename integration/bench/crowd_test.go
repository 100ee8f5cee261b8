package main

import (
	"testing"

	"rollcall/generate"
	"rollcall/pipeline/segment"
)

func TestCrowdIsMixedAndUneven(t *testing.T) {
	c, err := newCrowd(generate.Config{Contacts: 1000, Days: 3, Now: today, Seed: 1, Repeats: 0.01, Late: 0.01, Bad: 0.01}, 20)
	if err != nil {
		t.Fatal(err)
	}
	contacts, records := map[string]map[string]bool{}, 0
	var before generate.Record
	for r := range c.history() {
		if r.At.Before(before.At) {
			t.Fatalf("a record of %v comes after one of %v", r.At, before.At)
		}
		records, before = records+1, r
		if id, contact, _ := cutKey(r.Key); r.Topic == "contacts" {
			if contacts[id] == nil {
				contacts[id] = map[string]bool{}
			}
			contacts[id][contact] = true
		}
	}
	if len(contacts) != 20 {
		t.Errorf("%d accounts, want 20", len(contacts))
	}
	if first, last := len(contacts[account]), len(contacts[accountID(19)]); first < 200 || last > 30 || last == 0 {
		t.Errorf("the largest account has %d contacts, the smallest %d", first, last)
	}
	if n := c.counts(); n.Records != records || n.Repeats == 0 || n.Late == 0 || n.Bad == 0 {
		t.Errorf("%d records, counted %+v", records, n)
	}
}

func TestLiveRecordsAreOfAllAccounts(t *testing.T) {
	c, err := newCrowd(generate.Config{Contacts: 1000, Now: today, Seed: 1, Rate: 1000}, 3)
	if err != nil {
		t.Fatal(err)
	}
	of := map[string]int{}
	for _, m := range some(1100, messages(c.live(), map[string]int64{})) {
		id, _, _ := cutKey(m.Key)
		of[id]++
	}
	if of[account] < 550 || of[account] > 650 || of[accountID(1)] < 250 || of[accountID(2)] < 150 {
		t.Errorf("records by account: %v, want about 600, 300 and 200", of)
	}
}

func TestManySegments(t *testing.T) {
	for _, n := range []int{5, 50, 250, 1000} {
		all, err := manySegments(n, today)
		if err != nil {
			t.Fatal(err)
		}
		seen := map[string]bool{}
		for _, s := range all {
			seen[s.id] = true
		}
		if len(all) != n || len(seen) != n {
			t.Errorf("%d segments with %d ids, want %d", len(all), len(seen), n)
		}
		d := definitions{Large: true, Segments: n, Now: today}
		c, err := d.define(t.Context())
		if err != nil {
			t.Fatalf("%d segments: %v", n, err)
		}
		if got := len(c.Account(large).Segments); got != n {
			t.Errorf("%d segments are defined, want %d", got, n)
		}
		c.stop()
	}
}

func TestNarrowedIsInBoth(t *testing.T) {
	def, err := segment.Parse(`list "vip" where opted in or valid phone`)
	if err != nil {
		t.Fatal(err)
	}
	got, err := narrowed(def, `in form "giveaway" and opted in`)
	if err != nil {
		t.Fatal(err)
	}
	if want := `list "vip" where (opted in or valid phone) and in form "giveaway" and opted in`; got.Text() != want {
		t.Errorf("got %q, want %q", got.Text(), want)
	}
}
