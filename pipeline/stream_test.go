package pipeline

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"rollcall/pipeline/catalog"
	"rollcall/pipeline/segment"
)

// crowd is a world in which contacts come and go while their segment is streamed.
type crowd struct {
	*world
	names      []string
	in         map[string]bool // sendable members, as far as the view was told
	throughout map[string]bool // members that never left
	yielded    map[string]int
}

var crowded = segment.Origin{Kind: segment.Segment, Name: "in"}

func newCrowd(t *testing.T, seed uint64) *crowd {
	w := &world{harness: newHarness(t, 3, seed)}
	w.now = w.local("2026-11-15 12:00")
	w.put(catalog.PutAccount{Account: acme, Timezone: "America/New_York", RetentionDays: 730, DefaultRegion: "US"})
	w.segment("in", `list "x" where not opted out`)
	c := &crowd{world: w, in: map[string]bool{}, throughout: map[string]bool{}, yielded: map[string]int{}}
	for i := range 400 {
		name := fmt.Sprint("c", i)
		c.names = append(c.names, name)
		w.contact(name, "+12015550123")
		w.list("marketing", "x", name, w.rng.IntN(3) > 0)
		w.record(TopicOptedIn, name, fields{})
	}
	c.told()
	for name := range c.in {
		c.throughout[name] = true
	}
	return c
}

// told lets everything be applied, and looks who is in.
func (c *crowd) told() {
	c.settle()
	c.follow()
	answers, _, err := c.view.Check(c.t.Context(), acme, "in", c.names)
	c.must(err)
	for _, a := range answers {
		c.in[a.Contact] = a.Sendable
		c.throughout[a.Contact] = c.throughout[a.Contact] && a.Sendable
	}
}

// stir lets some come and others go.
func (c *crowd) stir() {
	for range c.rng.IntN(6) {
		name := c.names[c.rng.IntN(len(c.names))]
		switch c.rng.IntN(8) {
		case 0, 1:
			c.record(TopicOptedOut, name, fields{})
		case 2, 3:
			c.record(TopicOptedIn, name, fields{})
		case 4:
			c.list("marketing", "x", name, false)
		case 5, 6:
			c.list("marketing", "x", name, true)
		default:
			c.record(TopicContacts, name, fields{"phone": []string{"", "+12015550123"}[c.rng.IntN(2)]})
		}
	}
	c.now = c.now.Add(1e9)
	c.told()
}

var errCutOff = errors.New("cut off")

// read streams a slice on from a cursor until it ends or is cut off. Between any
// two batches things happen; a cut may lose a batch that was yielded already.
func (c *crowd) read(slice int, cursor string) (next string, ended bool) {
	q := StreamQuery{Slice: slice, Slices: 8, Cursor: cursor, SendableOnly: true, Batch: 1 + c.rng.IntN(8)}
	_, _, err := c.view.Stream(c.t.Context(), acme, crowded, q, func(contacts []string, at string) error {
		for _, name := range contacts {
			if !c.in[name] {
				c.t.Errorf("%s is yielded, and not in", name)
			}
		}
		lost := c.rng.IntN(10) == 0
		if !lost {
			cursor = at
			for _, name := range contacts {
				c.yielded[name]++
			}
		}
		c.stir()
		if lost || c.rng.IntN(5) == 0 {
			return errCutOff
		}
		return nil
	})
	if err != nil && !errors.Is(err, errCutOff) {
		c.must(err)
	}
	return cursor, err == nil
}

// Members come and go while eight workers read, each cut off and going on again:
// who was a member throughout is there once, nobody twice, and nobody who had
// opted out, or left, by the time its batch was yielded.
func TestStreamMeanwhile(t *testing.T) {
	for seed := range uint64(6) {
		c := newCrowd(t, seed+1)
		cursors, reading := make([]string, 8), []int{0, 1, 2, 3, 4, 5, 6, 7}
		for len(reading) > 0 {
			i := c.rng.IntN(len(reading))
			slice, ended := reading[i], false
			if cursors[slice], ended = c.read(slice+1, cursors[slice]); ended {
				reading = slices.Delete(reading, i, i+1)
			}
			c.stir()
		}
		left := 0
		for _, name := range c.names {
			if n := c.yielded[name]; n > 1 || c.throughout[name] && n != 1 {
				t.Errorf("seed %d: %s, throughout %t, is yielded %d times", c.seed, name, c.throughout[name], n)
			}
			if c.throughout[name] {
				left++
			}
		}
		if left < 20 || len(c.yielded) < left+20 {
			t.Errorf("seed %d: %d were members throughout, %d at some time", c.seed, left, len(c.yielded))
		}
	}
}

// A list that was begun with one definition does not end with another.
func TestStreamOfAnEditedSegment(t *testing.T) {
	for name, edit := range map[string]func(w *world){
		"itself":     func(w *world) { w.segment("in", "all contacts where opted in") },
		"its parent": func(w *world) { w.segment("base", "all contacts where opted in") },
		"deleted":    func(w *world) { w.put(catalog.DeleteSegment{Account: acme, ID: "in"}) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, 2)
			people(w)
			w.segment("base", "all contacts where valid phone")
			w.segment("in", `segment "base"`)
			w.expect("in", "ann bob dan")
			edited := false
			_, _, err := w.view.Stream(t.Context(), acme, crowded, StreamQuery{Batch: 1}, func([]string, string) error {
				if !edited {
					edited = true
					edit(w)
					w.settle()
					w.follow()
				}
				return nil
			})
			if !errors.Is(err, ErrNotComposed) {
				t.Errorf("it ends with %v", err)
			}
		})
	}
}

// Whom on a marketing list can be sent to, and nobody else.
func TestStreamOfAList(t *testing.T) {
	w := newWorld(t, 2)
	people(w)
	w.list("marketing", "spring-sale", "dan", true)
	w.settle()
	w.follow()
	read := func(name string) (all []string) {
		_, _, err := w.view.Stream(t.Context(), acme, segment.Origin{Kind: segment.List, Name: name}, StreamQuery{SendableOnly: true},
			func(contacts []string, _ string) error { all = append(all, contacts...); return nil })
		w.must(err)
		return all
	}
	if got := read("spring-sale"); !slices.Equal(got, []string{"ann"}) {
		t.Errorf("spring-sale has %v", got)
	}
	if got := read("demo"); got != nil { // a form, and a webinar
		t.Errorf("demo has %v", got)
	}
}
