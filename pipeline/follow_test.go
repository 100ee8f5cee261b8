package pipeline

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"rollcall/pipeline/catalog"
	"rollcall/pipeline/segment"
)

// listener is somebody to whom a follower tells everything.
type listener struct {
	*follower
	t     *testing.T
	sets  map[string]map[string]bool // recipients by segment
	heard []string                   // all of it, in words
}

func (p *process) listen(account string, segments ...string) *listener {
	l := &listener{t: p.h.t, sets: map[string]map[string]bool{}}
	l.follower = newFollower(p.view, account, segments, l.hear)
	return l
}

// hear notes what is told. Nobody enters twice, or leaves without being there.
func (l *listener) hear(u FollowUpdate) error {
	if u.Freshness != nil {
		l.heard = append(l.heard, fmt.Sprint("fresh ", u.Freshness.Fresh))
		return nil
	}
	set := l.sets[u.Segment]
	if set == nil {
		set = map[string]bool{}
		l.sets[u.Segment] = set
	}
	for _, contact := range u.Exited {
		if !set[contact] {
			l.t.Errorf("%s left %s, and was not there", contact, u.Segment)
		}
		delete(set, contact)
	}
	for _, contact := range u.Entered {
		if set[contact] {
			l.t.Errorf("%s entered %s twice", contact, u.Segment)
		}
		set[contact] = true
	}
	l.heard = append(l.heard, fmt.Sprintf("%s +%s -%s", u.Segment, strings.Join(u.Entered, ","), strings.Join(u.Exited, ",")))
	return nil
}

// listenIn lets somebody who follows all segments of an account in a process
// hear what is new. That leaves him with what a stream of recipients says now.
func (s *simulation) listenIn(p *process, def *catalog.Account) {
	s.t.Helper()
	var ids []string
	for _, seg := range def.Segments {
		ids = append(ids, seg.ID)
	}
	l := p.listeners[def.ID]
	if l == nil || !slices.Equal(l.segments, ids) {
		if l != nil {
			l.close()
		}
		l = p.listen(def.ID, ids...)
		p.listeners[def.ID] = l
	}
	if err := l.round(context.Background()); err != nil {
		s.note("process %d: a follower of %s is cut off: %v", p.number, def.ID, err)
		l.close()
		delete(p.listeners, def.ID)
		return
	}
	for _, id := range ids {
		want, err := recipients(p.view, def.ID, id)
		if got := slices.Sorted(maps.Keys(l.sets[id])); err == nil && !slices.Equal(got, want) {
			s.t.Fatalf("seed %d: a follower of %s/%s\nwas told of %v,\nand there are %v", s.seed, def.ID, id, got, want)
		}
	}
}

func recipients(v *View, account, id string) (contacts []string, err error) {
	of := segment.Origin{Kind: segment.Segment, Name: id}
	_, _, err = v.Stream(context.Background(), account, of, StreamQuery{SendableOnly: true}, func(batch []string, _ string) error {
		contacts = append(contacts, batch...)
		return nil
	})
	slices.Sort(contacts)
	return contacts, err
}

// followOn lets replicas go on from where they are.
func (w *world) followOn() {
	w.t.Helper()
	w.settle()
	for _, r := range w.view.replicas {
		for before := r.seq() + 1; before != r.seq(); {
			before = r.seq()
			w.must(r.follow(w.t.Context(), 0))
		}
	}
}

// hear brings the view up to date and has the listener hear of it.
func (w *world) hear(l *listener) string {
	w.t.Helper()
	w.followOn()
	w.must(w.view.askEnds(w.t.Context()))
	w.now = w.now.Add(time.Millisecond)
	w.must(w.view.askEnds(w.t.Context()))
	l.heard = nil
	w.must(l.round(w.t.Context()))
	return strings.Join(l.heard, "; ")
}

func (w *world) hears(l *listener, want string) {
	w.t.Helper()
	if got := w.hear(l); got != want {
		w.t.Errorf("told %q, want %q", got, want)
	}
}

func TestFollow(t *testing.T) {
	w := newWorld(t, 1)
	w.segment("all", "all contacts")
	w.segment("us", "all contacts where phone in US")
	for _, c := range []string{"a", "b", "c"} {
		w.contact(c, "+12125550123")
		w.consent(TopicOptedIn, c, "2026-11-15 10:00")
	}
	w.settle()
	w.follow()
	l := w.listen(acme, "us", "all")
	defer l.close()
	w.hears(l, "us +a,b,c -; all +a,b,c -; fresh true")
	w.hears(l, "")
	w.consent(TopicOptedOut, "b", "2026-11-15 11:00")
	w.hears(l, "us + -b; all + -b")
	w.consent(TopicOptedOut, "c", "2026-11-15 11:00")
	w.consent(TopicOptedIn, "c", "2026-11-15 11:30")
	w.hears(l, "")
	w.contact("a", "+493012345678")
	w.hears(l, "us + -a")

	w.now = w.now.Add(followBeat)
	w.hears(l, "fresh true")
	w.contact("a", "+12125550123")
	w.followOn()
	w.now = w.now.Add(2 * w.view.MaxStaleness) // nobody has asked where the log ends
	l.heard = nil
	w.must(l.round(t.Context()))
	if fmt.Sprint(l.heard) != "[fresh false us +a -]" {
		t.Errorf("stale, and told %q", l.heard)
	}
	w.hears(l, "fresh true")
}

// An erased contact is told to leave, although nobody knows its id any more.
func TestFollowErased(t *testing.T) {
	w := newWorld(t, 1)
	w.segment("all", "all contacts")
	for _, c := range []string{"a", "b"} {
		w.contact(c, "+12125550123")
		w.consent(TopicOptedIn, c, "2026-11-15 10:00")
	}
	w.settle()
	w.follow()
	l := w.listen(acme, "all")
	defer l.close()
	w.hears(l, "all +a,b -; fresh true")
	w.now = w.now.Add(time.Second)
	w.write(TopicContacts, 0, acme+"/a", nil)
	w.hears(l, "all + -a; fresh true")

	w.now = w.now.Add(time.Second)
	w.write(TopicContacts, 0, acme+"/b", nil)
	w.settle()
	w.now = w.now.Add(time.Second)
	w.contact("b", "+12125550123") // and back, under another number
	w.consent(TopicOptedIn, "b", "2026-11-15 12:02")
	w.hears(l, "all +b -b; fresh true")
	for _, p := range l.parts {
		if len(p.left) > 0 {
			t.Errorf("%d ids of erased contacts are kept", len(p.left))
		}
	}
}

// A partition that is read anew may be behind what was told: nobody is told to
// enter before it was said that this is not fresh.
func TestFollowReplacedState(t *testing.T) {
	w := newWorld(t, 1)
	w.segment("all", "all contacts")
	for _, c := range []string{"a", "b"} {
		w.contact(c, "+12125550123")
		w.consent(TopicOptedIn, c, "2026-11-15 10:00")
	}
	w.settle()
	w.follow()
	older := w.view.replicas[0].state
	l := w.listen(acme, "all")
	defer l.close()
	w.hears(l, "all +a,b -; fresh true")
	r := w.view.replicas[0]
	r.loaded = false
	w.follow()
	newer := r.state
	if newer == older {
		t.Fatal("the state was not read anew")
	}
	w.consent(TopicOptedOut, "a", "2026-11-15 11:00")
	w.hears(l, "fresh false; all + -a")
	w.hears(l, "fresh true")

	r.state = older
	l.heard = nil
	w.must(l.round(t.Context()))
	if got := strings.Join(l.heard, "; "); got != "fresh false; all +a -" {
		t.Errorf("an older state: told %q", got)
	}
}

// Nothing is fresh that was asked for before a partition was read anew.
func TestFollowStateReplacedMeanwhile(t *testing.T) {
	w := newWorld(t, 2)
	w.segment("all", "all contacts")
	var one, other string // a contact of each partition
	for i := 0; one == "" || other == ""; i++ {
		c := fmt.Sprint("c-", i)
		if w.partitionOf(c) == 0 {
			one = c
		} else {
			other = c
		}
		w.contact(c, "+12125550123")
		w.consent(TopicOptedIn, c, "2026-11-15 10:00")
	}
	w.settle()
	w.follow()
	r := w.view.replicas[1]
	older := r.state
	r.loaded = false
	for r.state == older {
		w.follow()
	}
	l := w.listen(acme, "all")
	defer l.close()
	w.hear(l)
	w.now = w.now.Add(followBeat)
	l.tell = func(u FollowUpdate) error {
		r.state = older // while it is told of the partition before
		return l.hear(u)
	}
	w.consent(TopicOptedOut, one, "2026-11-15 11:00")
	w.hears(l, "all + -"+one+"; fresh false")
	w.hears(l, "fresh true")
}

func TestFollowEndsWithItsSegment(t *testing.T) {
	w := newWorld(t, 1)
	w.segment("all", "all contacts")
	w.settle()
	w.follow()
	ctx, cancel := context.WithCancel(t.Context())
	err := w.view.Follow(ctx, acme, []string{"all"}, func(FollowUpdate) error {
		cancel()
		return nil
	})
	if err != nil {
		t.Errorf("ended by ctx: %v", err)
	}
	full := errors.New("full")
	if err := w.view.Follow(t.Context(), acme, []string{"all"}, func(FollowUpdate) error { return full }); !errors.Is(err, full) {
		t.Errorf("ended by who listens: %v", err)
	}
	w.put(catalog.DeleteSegment{Account: acme, ID: "all"})
	if err := w.view.Follow(t.Context(), acme, []string{"all"}, func(FollowUpdate) error { return nil }); !errors.Is(err, ErrNotComposed) {
		t.Errorf("a deleted segment: %v", err)
	}
	if n := len(w.view.replicas[0].followers); n > 0 {
		t.Errorf("%d followers stay", n)
	}
}

func TestDayEnds(t *testing.T) {
	for _, c := range []struct{ zone, now, want string }{
		{"America/New_York", "2026-11-15T12:00:00-05:00", "2026-11-16T00:00:00-05:00"},
		{"America/New_York", "2026-03-07T23:59:59-05:00", "2026-03-08T00:00:00-05:00"},
		{"America/Havana", "2026-03-07T12:00:00-05:00", "2026-03-08T01:00:00-04:00"}, // no midnight
		{"Asia/Beirut", "2025-10-25T12:00:00+03:00", "2025-10-26T00:00:00+02:00"},    // 23:00 comes twice
	} {
		zone, err := time.LoadLocation(c.zone)
		if err != nil {
			t.Fatal(err)
		}
		now, err := time.Parse(time.RFC3339, c.now)
		if err != nil {
			t.Fatal(err)
		}
		if got := dayEnds(now.In(zone)).Format(time.RFC3339); got != c.want {
			t.Errorf("%s, %s: %s, want %s", c.zone, c.now, got, c.want)
		}
	}
}
