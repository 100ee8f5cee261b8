package main

import (
	"bytes"
	"os/exec"
	"strings"
	"testing"
	"time"

	"rollcall/consumers"
)

func cutKey(key []byte) (account, contact string, ok bool) {
	a, c, ok := bytes.Cut(key, []byte("/"))
	return string(a), string(c), ok
}

func TestGrowthHasATenthAndFiveTimesOfEach(t *testing.T) {
	all := growthSizes(size{Contacts: 100, Days: 30, Segments: 50, Accounts: 20})
	if len(all) != 9 || all[0].size != (size{100, 30, 50, 20}) {
		t.Fatalf("%d sizes, the first is %+v", len(all), all[0].size)
	}
	for at, want := range map[int]size{1: {10, 30, 50, 20}, 2: {100, 3, 50, 20}, 4: {100, 30, 50, 2}, 5: {500, 30, 50, 20}, 7: {100, 30, 250, 20}} {
		if all[at].size != want {
			t.Errorf("%s x %g: %+v, want %+v", all[at].Of, all[at].Times, all[at].size, want)
		}
	}
}

func TestPartsOfSpansAreAllOfThem(t *testing.T) {
	var all spans
	for p := range int32(partitions) {
		all = append(all, span{"contacts", p, 0, int64(10 + p)})
	}
	for _, n := range []int{1, 2, 4} {
		sum, owners := int64(0), map[int32]int{}
		for i := range n {
			part := all.part(i, n)
			sum += part.records()
			for _, s := range part {
				if s.To > s.From {
					owners[s.Partition]++
				}
			}
		}
		if sum != all.records() || len(owners) != partitions {
			t.Errorf("%d parts have %d records of %d, in %d partitions", n, sum, all.records(), len(owners))
		}
	}
}

func TestMembersInAnswers(t *testing.T) {
	found := membership{}
	found.add("a", "s", []string{"x", "y"})
	found.add("b", "s", []string{"x"})
	found.add("b", "t", nil)
	if got := membersIn(found.digests()); got != 3 || len(found) != 3 {
		t.Errorf("%d members in %d segments, want 3 in 3", got, len(found))
	}
}

func TestClockApproachesMidnight(t *testing.T) {
	zone, err := time.LoadLocation(zoneName)
	if err != nil {
		t.Fatal(err)
	}
	var c shiftedClock
	today := c.now().In(zone).Day()
	midnight := c.approach(time.Minute, zone)
	if left := time.Until(midnight); left < 50*time.Second || left > time.Minute {
		t.Errorf("midnight is in %v, want a minute", left)
	}
	if before := c.now().In(zone); before.Day() != today || before.Hour() != 23 || before.Minute() != 59 {
		t.Errorf("it is %v, a minute before midnight", before)
	}
	if after := c.now().Add(time.Minute).In(zone); after.Day() == today || after.Hour() != 0 {
		t.Errorf("it is %v, at midnight", after)
	}
}

func TestShellTellsWhyAStatementFails(t *testing.T) {
	s, err := startShell(exec.Command("sh"), func(statement string) string { return statement + "; echo " + endMark })
	if err != nil {
		t.Fatal(err)
	}
	if got, err := s.ask("echo one; echo two"); err != nil || got != "one\ntwo" {
		t.Errorf("got %q, %v", got, err)
	}
	if _, err := s.ask("echo because >&2; exit 3"); err == nil || !strings.Contains(err.Error(), "because") {
		t.Errorf("got %v, want why", err)
	}
	_ = s.close() // it has ended
}

func TestWitnessesAreInAllPartitions(t *testing.T) {
	var w witness
	all := w.records()
	has := map[int32]bool{}
	for _, m := range all {
		has[consumers.Partition(m.Key, partitions)] = true
	}
	if len(has) != partitions || len(all) != 2*len(w.written) {
		t.Errorf("%d records of %d contacts in %d partitions", len(all), len(w.written), len(has))
	}
	if again := w.records(); bytes.Equal(again[0].Key, all[0].Key) {
		t.Error("the same contacts again")
	}
}
