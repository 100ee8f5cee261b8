package pipeline

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"rollcall/pipeline/catalog"
)

// rebuildAll has every partition make its state anew, and returns what differed.
func (w *world) rebuildAll(id string, takeOver bool) (all []Difference) {
	w.t.Helper()
	w.put(catalog.StartRebuild{ID: id, TakeOver: takeOver})
	for p := range w.tasks {
		w.task(int32(p))
		r := newRebuild(w.tasks[p], wanted(w.t, w.tasks[p]), w.watermarks)
		for near := false; !near; {
			var err error
			near, err = r.step(w.t.Context())
			w.must(err)
		}
		done, err := w.tasks[p].conclude(w.t.Context(), r)
		w.must(err)
		if !done || int(r.report.Differences) != len(r.report.Listed) {
			w.t.Fatalf("partition %d: done %v, %+v", p, done, r.report)
		}
		all = append(all, r.report.Listed...)
	}
	return all
}

// wanted is the rebuild that a task is to do.
func wanted(t *testing.T, task *Task) catalog.Rebuild {
	t.Helper()
	r, is := task.wantedRebuild()
	if !is {
		t.Fatal("no rebuild is wanted")
	}
	return r
}

// A rebuild finds what the live state has wrong, tells of it as a replay, and
// goes on counting where that was; one that only compares changes nothing.
func TestRebuild(t *testing.T) {
	w := newWorld(t, 3)
	var changed int64 // memberships, as metrics count them
	w.config.Measured = func(_ int32, m Measure) {
		for _, n := range m.Changed {
			changed += n
		}
	}
	people(w)
	w.segment("s", "all contacts where valid phone")
	w.expect("s", "ann bob dan")
	if changed != 3 {
		t.Errorf("%d memberships are said to have changed", changed)
	}
	if got := w.rebuildAll("counted", false); len(got) > 0 || changed != 3 {
		t.Errorf("beside a healthy state, %d memberships are said to have changed, %+v differ", changed, got)
	}
	if got := w.rebuildAll("healthy", true); len(got) > 0 {
		t.Fatalf("a healthy state differs: %+v", got)
	}
	w.expect("s", "ann bob dan")

	live := w.task(w.partitionOf("ann")).state.accounts[acme]
	number, _ := live.contacts.lookup("ann")
	p, contact := live.at(number)
	p.members.flip(live.slots["s"], contact)
	ghost := live.contact([]byte("ghost"))
	p, contact = live.at(ghost)
	p.members.flip(live.slots["s"], contact)
	want := []Difference{{acme, "s", "ann", "entered"}, {acme, "s", "ghost", "exited"}}
	if got := w.rebuildAll("compared", false); !slices.Equal(got, want) {
		t.Errorf("compared: %+v", got)
	}
	told := len(w.published())
	if got := w.rebuildAll("replaced", true); !slices.Equal(got, want) {
		t.Errorf("replaced: %+v", got)
	}
	w.settle()
	w.expect("s", "ann bob dan")
	changes := w.published()[told:]
	slices.SortFunc(changes, func(a, b Change) int { return strings.Compare(a.Contact, b.Contact) })
	if len(changes) != 2 || changes[0].Contact != "ann" || changes[0].Change != "entered" || changes[0].Cause != "replay" ||
		changes[1].Contact != "ghost" || changes[1].Change != "exited" {
		t.Errorf("told %+v", changes)
	}
	w.reopen()
	w.expect("s", "ann bob dan")
	w.contact("eve", "2015550123")
	w.expect("s", "ann bob dan eve")
}

// What a rebuild lists of a contact is deleted with the contact's erasure, also
// where the new state does not know it.
func TestRebuildReportErased(t *testing.T) {
	w := newWorld(t, 1)
	w.segment("s", "all contacts")
	w.contact("ann", "2015550123")
	w.settle()
	live := w.task(0).state.accounts[acme]
	p, contact := live.at(live.contact([]byte("ghost")))
	p.members.flip(live.slots["s"], contact)
	w.put(catalog.StartRebuild{ID: "x", TakeOver: true})
	r := newRebuild(w.tasks[0], wanted(t, w.tasks[0]), w.watermarks)
	for near := false; !near; {
		var err error
		near, err = r.step(t.Context())
		w.must(err)
	}
	_, err := w.tasks[0].conclude(t.Context(), r)
	w.must(err)
	listed := func() bool {
		report, err := w.config.Store.Report(t.Context(), 0)
		w.must(err)
		return bytes.Contains(report, []byte("ghost"))
	}
	if !listed() {
		t.Fatal("the difference is not listed")
	}
	w.write(TopicContacts, 0, "acme/ghost", nil)
	w.settle()
	if listed() {
		t.Error("it is listed still")
	}
}

// A state that is made anew meanwhile was not compared with anything.
func TestComparisonOfLostState(t *testing.T) {
	w := newWorld(t, 1)
	w.segment("s", "all contacts")
	w.contact("ann", "2015550123")
	w.expect("s", "ann")
	w.put(catalog.StartRebuild{ID: "x", TakeOver: false})
	w.loseRedis()
	w.expect("s", "ann")
	s, err := w.view.Rebuild(t.Context(), "x")
	w.must(err)
	if s.Partitions[0].State == RebuildGivenUp {
		t.Error("it is said to be compared")
	}
}
