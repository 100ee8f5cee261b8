package pipeline

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"rollcall/consumers"
	"rollcall/pipeline/catalog"
)

// gatedDefinitions are the definitions as a process writes them.
type gatedDefinitions struct{ p *process }

func (d gatedDefinitions) Put(ctx context.Context, e catalog.Entry) (offset int64, err error) {
	d.p.define(int64(len(d.p.h.log.of(definitionsTP))))
	err = d.p.io("definitions", func() error {
		offset, err = d.p.h.defs.Put(ctx, e)
		return err
	})
	d.p.define(int64(len(d.p.h.log.of(definitionsTP))))
	return offset, err
}

func onlyFresh(f Freshness) error {
	if !f.Fresh {
		return errors.New(strings.Join(f.Missing, ", "))
	}
	return nil
}

// fresh has the view know all there is.
func (w *world) fresh() {
	w.t.Helper()
	for range 3 {
		w.settle()
		w.follow()
		w.must(w.view.askEnds(w.t.Context()))
		w.now = w.now.Add(time.Second)
	}
}

func (w *world) freeze(segment string) *catalog.Snapshot {
	w.t.Helper()
	w.fresh()
	s, f, err := w.frozen.Freeze(w.t.Context(), acme, segment, "", onlyFresh)
	w.must(err)
	if s.State(w.now) != catalog.SnapshotReady || !f.Fresh || f.Position != s.Position {
		w.t.Errorf("frozen is %+v, %+v", s, f)
	}
	return s
}

// thawed reads a snapshot as send workers do: in slices, and now and then cut off.
func (p *process) thawed(s *catalog.Snapshot, luck *rand.Rand, raw bool) (ids []string, end FrozenEnd, err error) {
	for slice := 1; slice <= 3; slice++ {
		cursor := ""
		for again := true; again; {
			again = false
			q := FrozenQuery{Slice: slice, Slices: 3, Cursor: cursor, Raw: raw, Batch: 1 + luck.IntN(3)}
			last := 0
			got, f, err := p.frozen.Stream(context.Background(), s, q, func(contacts []string, at string) error {
				ids, cursor = append(ids, contacts...), at
				if luck.IntN(5) == 0 {
					again, last = true, len(contacts)
					return errCutOff
				}
				return nil
			})
			if again && errors.Is(err, errCutOff) {
				got.Count += int64(last) // those that it was cut off at
			} else if err == nil {
				err = onlyFresh(f)
			}
			if err != nil && !again {
				return nil, end, err
			}
			end.Count, end.Frozen = end.Count+got.Count, end.Frozen+got.Frozen
			end.Withheld.Erased += got.Withheld.Erased
			end.Withheld.OptedOut += got.Withheld.OptedOut
			end.Withheld.NotOptedIn += got.Withheld.NotOptedIn
			end.Withheld.InvalidPhone += got.Withheld.InvalidPhone
		}
	}
	slices.Sort(ids)
	return ids, end, nil
}

// expectFrozen holds what a snapshot gives now against names, and against who is
// withheld: the erased, opted out, not opted in, and without a valid phone.
func (w *world) expectFrozen(s *catalog.Snapshot, want []string, withheld ...int64) {
	w.t.Helper()
	w.fresh()
	ids, end, err := w.thawed(s, w.rng, false)
	w.must(err)
	slices.Sort(want)
	if !slices.Equal(ids, want) {
		w.t.Errorf("thawed are\n%v, want\n%v", ids, want)
	}
	expected := FrozenEnd{Count: int64(len(want)), Frozen: s.Frozen, Withheld: Withheld{withheld[0], withheld[1], withheld[2], withheld[3]}}
	if end != expected {
		w.t.Errorf("the end is\n%+v, want\n%+v", end, expected)
	}
	raw, end, err := w.thawed(s, w.rng, true)
	w.must(err)
	if n := s.Frozen - withheld[0]; int64(len(raw)) != n || end.Count != n || end.Withheld != (Withheld{Erased: withheld[0]}) {
		w.t.Errorf("in the raw list are %d, %+v", len(raw), end)
	}
}

// names are of the contacts c0 and so on that are none of others.
func names(n int, others ...string) (names []string) {
	for i := range n {
		if name := fmt.Sprint("c", i); !slices.Contains(others, name) {
			names = append(names, name)
		}
	}
	return names
}

const invalid = "12"

func (w *world) reachable(contact string) {
	w.contact(contact, "2015550123")
	w.record(TopicOptedIn, contact, nil)
}

func (w *world) erase(contact string) {
	w.now = w.now.Add(time.Second)
	w.write(TopicContacts, w.partitionOf(contact), "acme/"+contact, nil)
	w.now = w.now.Add(time.Second)
}

// A list is of whoever could be sent to when it was frozen, and leaves out who
// can't be any more, whatever happened to the state in between.
func TestFreeze(t *testing.T) {
	w := newWorld(t, 3)
	w.segment("s", "all contacts where clicked")
	for _, contact := range names(100) {
		w.reachable(contact)
		w.behaviour(TopicClicked, contact, "m", "2026-11-10 10:00")
	}
	w.contact("nobody", "2015550123") // never opted in
	w.behaviour(TopicClicked, "nobody", "m", "2026-11-10 10:00")
	s := w.freeze("s")
	if s.Frozen != 100 || s.Segment != "s" || s.Definition.Text() != "all contacts where clicked" {
		t.Errorf("frozen is %+v", s)
	}
	w.expectFrozen(s, names(100), 0, 0, 0, 0)

	w.reachable("late")
	w.behaviour(TopicClicked, "late", "m", "2026-11-10 10:00")
	w.now = w.now.Add(time.Minute)
	w.record(TopicOptedOut, "c1", nil)
	w.contact("c2", invalid)
	w.contact("c3", "")
	w.erase("c4")
	w.record(TopicOptedOut, "c5", nil)
	w.contact("c5", invalid)
	w.erase("c6")
	w.reachable("c6") // somebody new
	w.erase("c7")
	w.contact("c7", "2015550123")
	w.segment("s", "all contacts where not clicked") // it is not looked at any more
	left := names(100, "c1", "c2", "c3", "c4", "c5", "c6", "c7")
	check := func() {
		t.Helper()
		w.expectFrozen(s, left, 3, 2, 0, 2)
	}
	check()
	w.loseRedis()
	check()
	w.scrub()
	check()
	w.reopen()
	w.scrub()
	check()
	w.put(catalog.DeleteSegment{Account: acme, ID: "s"})
	check()

	w.segment("all", "all contacts")
	again := w.freeze("all") // with those who came back
	w.expectFrozen(again, slices.Concat(left, []string{"c6", "late"}), 0, 0, 0, 0)
	w.now = w.now.AddDate(0, 0, 1)
	w.scrub()
	w.loseRedis()
	w.expectFrozen(again, slices.Concat(left, []string{"c6", "late"}), 0, 0, 0, 0)
	w.erase("c6")
	w.expectFrozen(again, slices.Concat(left, []string{"late"}), 1, 0, 0, 0)
	w.scrub()
	w.expectFrozen(again, slices.Concat(left, []string{"late"}), 1, 0, 0, 0)
	check()
}

// No list holds an erased contact any more after a round of scrubbing, and
// nobody else is taken out.
func TestScrubFrozen(t *testing.T) {
	w := newWorld(t, 2)
	w.put(catalog.PutAccount{Account: "beta", Timezone: "UTC", RetentionDays: 730})
	w.segment("s", "all contacts")
	w.reachable(gone)
	w.reachable(stays)
	var lists []*catalog.Snapshot
	for range 3 {
		lists = append(lists, w.freeze("s"))
	}
	w.expectTraces(`"`+gone+`"`, 3)
	w.erase(gone)
	w.fresh()
	w.write(TopicContacts, w.partitionOf(stays), "beta/"+stays, nil) // of another account
	w.settle()
	w.scrub()
	w.expectTraces(`"`+gone+`"`, 0)
	w.expectTraces(`"`+stays+`"`, 3)
	for _, s := range lists {
		w.expectFrozen(s, []string{stays}, 1, 0, 0, 0)
	}
	before := len(w.written(TopicSnapshots))
	w.scrub()
	if n := len(w.written(TopicSnapshots)); n > before+2 { // but for what closes segments
		t.Errorf("another round wrote %d records", n-before)
	}
	w.reachable(gone) // anew
	w.freeze("s")
	w.scrub()
	w.expectTraces(`"`+gone+`"`, 1)

	// What belongs to no snapshot any more goes too.
	w.put(catalog.DeleteSnapshot{Account: acme, Snapshot: lists[0].ID})
	w.scrub()
	w.expectTraces(`"`+stays+`"`, 3)
	if _, _, err := w.thawed(lists[0], w.rng, false); !errors.Is(err, ErrSnapshotGone) {
		t.Errorf("a deleted list ends with %v", err)
	}
	w.put(catalog.DeleteAccount{Account: acme})
	w.scrub()
	w.expectTraces(`"`+stays+`"`, 0)
	w.expectTraces(`"`+gone+`"`, 0)
}

// A list that was not written to its end is never taken for one, and goes.
func TestFreezeInterrupted(t *testing.T) {
	for after := range 12 {
		for _, fate := range []fate{failBefore, failAfter, crashBefore, crashAfter} {
			w := newWorld(t, 2)
			w.segment("s", "all contacts")
			for _, contact := range names(40) {
				w.reachable(contact)
			}
			w.fresh()
			w.process.fuse, w.process.fate = after+1, fate
			_, _, err := w.frozen.Freeze(t.Context(), acme, "s", "", onlyFresh)
			w.process.fuse, w.process.dead = 0, false
			w.define(int64(len(w.log.of(definitionsTP))))
			all := w.catalog.Snapshots(acme)
			if err == nil {
				w.expectFrozen(all[0], names(40), 0, 0, 0, 0)
				if after < 3 {
					t.Errorf("interrupted at %d, it is written", after)
				}
				continue
			}
			for _, s := range all {
				switch s.State(w.now) {
				case catalog.SnapshotReady: // its end was written, and the reply lost
					w.expectFrozen(s, names(40), 0, 0, 0, 0)
				case catalog.SnapshotWriting:
					if fate == failBefore {
						t.Errorf("interrupted at %d: it is still being written", after)
					}
					w.fresh()
					w.scrub() // which it may still be
					w.now = w.now.Add(25 * time.Hour)
				}
				if s.State(w.now) != catalog.SnapshotReady {
					w.scrub()
					w.expectTraces(`"c1"`, 0)
				}
			}
		}
	}
}

// A part of a list that Kafka has lost is not taken for one of nobody.
func TestFrozenChunkMissing(t *testing.T) {
	w := newWorld(t, 1)
	w.segment("s", "all contacts")
	for _, contact := range names(30) {
		w.reachable(contact)
	}
	s := w.freeze("s")
	tp := consumers.TopicPartition{Topic: TopicSnapshots}
	w.log.records[tp] = slices.Delete(slices.Clone(w.log.of(tp)), 7, 8)
	if _, end, err := w.thawed(s, w.rng, false); !errors.Is(err, errChunkMissing) {
		t.Errorf("it ends with %v, %+v", err, end)
	}
}

// What changes while a list is looked up does not get into it half.
func TestFreezeOfOneDefinition(t *testing.T) {
	w := newWorld(t, 2)
	w.segment("parent", "all contacts where valid phone")
	w.segment("s", `segment "parent"`)
	w.reachable("ann")
	w.fresh()
	w.lagging = true
	w.segment("parent", "all contacts where not valid phone") // and nobody has read it yet
	if _, _, err := w.frozen.Freeze(t.Context(), acme, "s", "", onlyFresh); !errors.Is(err, ErrNotComposed) {
		t.Errorf("it is answered %v", err)
	}
	w.lagging = false
	w.must(w.catchUp(t.Context()))
	if s := w.freeze("s"); s.Frozen != 0 {
		t.Errorf("frozen are %d", s.Frozen)
	}
}

// A state that is not composed for what is defined has no list, fresh or not.
func TestFreezeNotComposed(t *testing.T) {
	w := newWorld(t, 2)
	w.segment("s", "all contacts")
	w.reachable("ann")
	w.fresh()
	w.segment("s", "all contacts where clicked")
	if _, _, err := w.frozen.Freeze(t.Context(), acme, "s", "", func(Freshness) error { return nil }); !errors.Is(err, ErrNotComposed) {
		t.Errorf("it is answered %v", err)
	}
}

func TestFreezeTooMany(t *testing.T) {
	w := newWorld(t, 2)
	w.frozen.most = 3
	w.segment("s", "all contacts")
	for i, contact := range names(4) {
		w.reachable(contact)
		w.fresh()
		_, _, err := w.frozen.Freeze(t.Context(), acme, "s", "", onlyFresh)
		if errors.Is(err, ErrTooManyFrozen) != (i == 3) || i < 3 && err != nil {
			t.Errorf("of %d: %v", i+1, err)
		}
	}
	if all := w.catalog.Snapshots(acme); len(all) != 3 {
		t.Errorf("there are %v", all)
	}
}

// Chunks are found wherever they are written anew, and whenever Kafka compacts.
func TestFrozenChunksThatMove(t *testing.T) {
	w := newWorld(t, 1)
	w.segment("s", "all contacts")
	for _, contact := range names(40) {
		w.reachable(contact)
	}
	s, tp := w.freeze("s"), consumers.TopicPartition{Topic: TopicSnapshots}
	w.expectFrozen(s, names(40), 0, 0, 0, 0)
	w.erase("c3")
	w.erase("c30")
	w.fresh()
	w.must(newScrubber(&w.config, 0, w.watermarks).round(t.Context()))
	for _, older := range []string{"c30", "c3"} { // compacted away one after the other
		w.log.records[tp] = slices.DeleteFunc(slices.Clone(w.log.of(tp)), func(r consumers.Record) bool {
			return strings.Contains(string(r.Value), `"`+older+`"`)
		})
		w.expectFrozen(s, names(40, "c3", "c30"), 2, 0, 0, 0)
	}
	w.log.compact(TopicSnapshots)
	w.expectFrozen(s, names(40, "c3", "c30"), 2, 0, 0, 0)
}

func TestFreezeNotFresh(t *testing.T) {
	w := newWorld(t, 2)
	w.segment("s", "all contacts")
	w.reachable("ann")
	w.fresh()
	w.reachable("bob")
	w.must(w.view.askEnds(t.Context()))
	w.now = w.now.Add(2 * time.Minute)
	w.must(w.view.askEnds(t.Context()))
	if _, f, err := w.frozen.Freeze(t.Context(), acme, "s", "", onlyFresh); err == nil || f.Fresh {
		t.Errorf("it is answered %+v, %v", f, err)
	}
	if all := w.catalog.Snapshots(acme); len(all) > 0 {
		t.Errorf("there are %v", all)
	}
	s, _, err := w.frozen.Freeze(t.Context(), acme, "s", "", func(Freshness) error { return nil })
	if err != nil || s.Frozen != 1 {
		t.Errorf("taken as it is: %+v, %v", s, err)
	}
}

func TestFrozenCursors(t *testing.T) {
	s, other := &catalog.Snapshot{ID: 7}, &catalog.Snapshot{ID: 8}
	at := frozenCursor{3, 4, 5}
	var back frozenCursor
	if err := back.parse(at.of(s), s); err != nil || back != at {
		t.Errorf("%+v came back as %+v, %v", at, back, err)
	}
	for _, bad := range []string{"x", at.of(other), at.of(s) + "x", "Ny4tMS4wLjA", frozenCursor{-1, 0, 0}.of(s)} {
		if err := new(frozenCursor).parse(bad, s); !errors.Is(err, ErrCursorGone) {
			t.Errorf("%q is taken: %v", bad, err)
		}
	}
}
