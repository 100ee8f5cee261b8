package pipeline

import (
	"context"
	"errors"
	"testing"

	"github.com/alicebob/miniredis/v2"

	"rollcall/pipeline/catalog"
	"rollcall/pipeline/segment"
)

// previewOf previews a definition of acme's.
func (w *world) previewOf(text, overlap string) (Preview, error) {
	w.t.Helper()
	def, err := segment.Parse(text)
	w.must(err)
	p, _, err := w.view.Preview(w.t.Context(), acme, def, overlap)
	return p, err
}

// While a preview reads events, nothing waits for it: the replica follows what is
// committed, or its state is replaced. What is counted is one state all the same.
func TestPreviewWhileTheStateMoves(t *testing.T) {
	for name, move := range map[string]func(r *replica) error{
		"follows":  func(r *replica) error { return r.follow(context.Background(), 0) },
		"replaced": func(r *replica) error { return r.load(context.Background()) },
	} {
		t.Run(name, func(t *testing.T) {
			for operation := 1; ; operation++ {
				w := newWorld(t, 1)
				w.config.Limits = Limits{Changelog: 1, Flush: 1 << 20}
				w.config.Committed = nil // the replica reads
				people(w)
				w.settle()
				w.must(w.view.replicas[0].follow(t.Context(), 0))
				moved := false
				w.others = func(*process) {
					moved = true
					w.behaviour(TopicClicked, "ann", "m-1", "2026-11-13 12:00")
					w.behaviour(TopicClicked, "ann", "m-1", "2026-11-12 12:00")
					w.settle()
					w.must(move(w.view.replicas[0]))
				}
				w.fuse, w.fate = operation, meanwhile
				p, err := w.previewOf(`all contacts where clicked message "m-1" at least 3 times in last 10 days and not failed at least 1 times in last 5 days`, "")
				w.must(err)
				if !moved {
					if operation < 3 {
						t.Errorf("it took %d operations only", operation-1)
					}
					return
				}
				if p.Size != 1 || p.Funnel[0].Size != 5 || p.Funnel[1].Size != 1 {
					t.Errorf("moved at operation %d: %+v", operation, p)
				}
			}
		})
	}
}

// A day's events are read once: the replica counts on from there, until a contact
// of the day is erased.
func TestPreviewReadsEventsOnce(t *testing.T) {
	w := newWorld(t, 1)
	w.config.Limits = Limits{Changelog: 1, Flush: 1 << 20}
	people(w)
	w.settle()
	w.follow()
	preview := func(what string, reads bool, want int64) {
		t.Helper()
		asked := false
		w.others = func(*process) { asked = true }
		w.fuse, w.fate = 1, meanwhile
		p, err := w.previewOf("all contacts where clicked at least 2 times in last 40 days", "")
		w.fuse = 0
		if w.must(err); p.Size != want || asked != reads {
			t.Errorf("%s: %d clicked twice, want %d; Redis was asked: %v", what, p.Size, want, asked)
		}
	}
	click := func(contact, at string) {
		w.behaviour(TopicClicked, contact, "m-3", at)
		w.settle()
		w.follow()
	}
	preview("the first time", true, 1) // dan
	preview("again", false, 1)
	click("ann", "2026-11-12 11:00")
	preview("once more on a day with a click", false, 2)
	click("bob", "2026-10-16 11:00")
	preview("for the first time", false, 2)
	click("bob", "2026-10-16 12:00")
	preview("for the second time", false, 3)
	w.write(TopicContacts, 0, acme+"/ann", nil)
	w.settle()
	w.follow()
	preview("without ann", true, 2)
	preview("and again", false, 2)
}

// Overlap is with the segment as it is defined now, and only once it is composed.
func TestOverlap(t *testing.T) {
	w := newWorld(t, 3)
	w.segment("us", "all contacts where phone in US, GB")
	people(w)
	w.settle()
	w.follow()
	p, err := w.previewOf("all contacts where clicked", "us")
	if w.must(err); *p.Overlap != (Overlap{"us", 1, 1, 1}) { // ann; dan; bob
		t.Errorf("got %+v", *p.Overlap)
	}
	if p, err := w.previewOf("all contacts", ""); err != nil || p.Overlap != nil {
		t.Errorf("nobody asked for %+v, %v", p.Overlap, err)
	}
	if _, err := w.previewOf("all contacts", "nowhere"); !errors.Is(err, ErrNotComposed) {
		t.Errorf("of a segment that there is not: %v", err)
	}
	w.segment("us", "all contacts where phone in US")
	w.define(w.defined.Offset())
	if _, err := w.previewOf("all contacts where clicked", "us"); !errors.Is(err, ErrNotComposed) {
		t.Errorf("of a segment that is not composed: %v", err)
	}
	w.settle()
	w.follow()
	if p, err = w.previewOf("all contacts where clicked", "us"); err != nil || *p.Overlap != (Overlap{"us", 1, 1, 0}) {
		t.Errorf("got %+v, %v", p.Overlap, err)
	}
}

// A segment that is edited while it is counted in has no overlap.
func TestOverlapOfAnEditedSegment(t *testing.T) {
	w := newWorld(t, 1)
	w.config.Limits = Limits{Changelog: 1, Flush: 1 << 20}
	w.segment("us", "all contacts where phone in US")
	people(w)
	w.settle()
	w.follow()
	w.others = func(*process) {
		w.segment("us", "all contacts where phone in GB")
		w.define(w.defined.Offset())
	}
	w.fuse, w.fate = 1, meanwhile
	if p, err := w.previewOf("all contacts where clicked at least 2 times", "us"); !errors.Is(err, ErrNotComposed) {
		t.Errorf("%+v, %v", p.Overlap, err)
	}
	w.put(catalog.DeleteSegment{Account: acme, ID: "us"})
	w.define(w.defined.Offset())
	if _, err := w.previewOf("all contacts", "us"); !errors.Is(err, ErrNotComposed) {
		t.Errorf("of a deleted segment: %v", err)
	}
}

// A state that is made anew, since Redis had forgotten which accounts it has, has
// other numbers than the fragments that were left there. Until it writes its own,
// these are not taken for them.
func TestPreviewBesideWhatIsLeft(t *testing.T) {
	w := keeping(t, "ann", "bob")
	w.clickOf("ann", "m-1", "2026-11-14 12:00")
	w.clickOf("bob", "m-2", "2026-11-14 12:00")
	w.settle()
	w.write(TopicContacts, 0, "keeps/ann", nil)
	w.config.Limits = Limits{}
	w.reopen()
	w.settle() // ann is in the fragments, and the changelog says that she is gone
	server := w.redis.(*miniredis.Miniredis)
	server.Del(headOf0 + ":accounts")
	w.reopen()
	w.settle()
	w.follow()
	if len(w.fragments("keeps", "e:")) == 0 {
		t.Fatal("nothing is left")
	}
	def, err := segment.Parse(`all contacts where clicked at least 2 times`)
	w.must(err)
	p, _, err := w.view.Preview(t.Context(), "keeps", def, "")
	if w.must(err); p.Size != 0 {
		t.Errorf("%d have clicked twice, and nobody has", p.Size)
	}
}
