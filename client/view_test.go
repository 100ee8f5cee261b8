package client_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"testing"
	"time"

	"rollcall/client"
)

// TestView holds a view against what the server has, while contacts come and go,
// connections are cut, the state goes stale and comes back. Others ask all the time.
func TestView(t *testing.T) {
	s := newServer(t)
	rng := rand.New(rand.NewPCG(9, 10))
	const contacts = 3000
	random := func() string { return fmt.Sprint("c-", rng.IntN(contacts)) }
	s.state.mu.Lock()
	for range contacts {
		s.state.sets["a"][random()] = true
		s.state.sets["b"][random()] = true
	}
	s.state.mu.Unlock()
	wire := &cutting{rng: rand.New(rand.NewPCG(11, 12)), most: 100_000}
	v := s.client(over(wire)).NewView(t.Context(), client.ViewConfig{Segments: []string{"a", "b"}})
	defer v.Close()
	stop := readers(t, v)
	defer stop()

	for round := range 60 {
		s.state.change(func() {
			s.state.stale = round%10 == 9
			for range rng.IntN(300) {
				segment, contact := string(rune('a'+rng.IntN(2))), random()
				s.state.sets[segment][contact] = true
				if rng.IntN(2) == 0 {
					delete(s.state.sets[segment], contact)
				}
			}
		})
		version := s.state.version // nobody else changes it
		if round%7 == 3 {
			s.CloseClientConnections()
		}
		if s.state.stale {
			eventually(t, "the view is stale", func() bool { _, err := v.Segment("a").Contains("c-1"); return errors.Is(err, client.ErrStale) })
			continue
		}
		eventually(t, "the view is up to date", func() bool {
			at, _ := strconv.Atoi(v.Status().Freshness.Position)
			return at >= version && v.Status().Fresh
		})
		for id, want := range s.state.sets {
			segment := v.Segment(id)
			for i := range contacts {
				contact := fmt.Sprint("c-", i)
				if in, err := segment.Contains(contact); err != nil || in != want[contact] {
					t.Fatalf("round %d: %s in %s: %v, want %v (%v)", round, contact, id, in, want[contact], err)
				}
			}
			n := 0
			for _, in := range want {
				if in {
					n++
				}
			}
			if got, err := segment.Len(); err != nil || got != n {
				t.Fatalf("round %d: %s has %d, want %d (%v)", round, id, got, n, err)
			}
		}
	}
}

// readers ask a view from other goroutines, until they are stopped.
func readers(t *testing.T, v *client.View) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	var asking sync.WaitGroup
	for range 2 {
		asking.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				if _, err := v.Segment("a").Contains(fmt.Sprint("c-", i%5000)); err != nil && !errors.Is(err, client.ErrStale) {
					t.Error(err)
				}
				if i%100 == 0 {
					time.Sleep(time.Millisecond)
				}
			}
		})
	}
	return func() { cancel(); asking.Wait() }
}

// Once somebody has opted out, and the server has said that this is in, no
// answer of the view has him, whatever becomes of connections.
func TestViewNeverTakesAnOptOutBack(t *testing.T) {
	s := newServer(t)
	s.state.slow = true
	const contacts = 200
	s.state.change(func() {
		for i := range contacts {
			s.state.put("a", true, fmt.Sprint("c-", i))
		}
	})
	wire := &cutting{rng: rand.New(rand.NewPCG(13, 14)), most: 8000}
	v := s.client(over(wire)).NewView(t.Context(), client.ViewConfig{Segments: []string{"a"}})
	defer v.Close()
	for gone := range contacts {
		contact := fmt.Sprint("c-", gone)
		s.state.change(func() { s.state.put("a", false, contact) })
		version := s.state.version
		eventually(t, "it is told", func() bool {
			at, _ := strconv.Atoi(v.Status().Freshness.Position)
			return at >= version
		})
		for i := range gone + 1 {
			if in, _ := v.Segment("a").Contains(fmt.Sprint("c-", i)); in {
				t.Fatalf("c-%d had opted out before c-%d, and is there", i, gone)
			}
		}
	}
}

func TestViewOfWhatIsNotThere(t *testing.T) {
	s := newServer(t)
	v := s.client().NewView(t.Context(), client.ViewConfig{Segments: []string{"a", "nobody"}})
	if err := v.Wait(t.Context()); !errors.Is(err, client.ErrNotFound) {
		t.Errorf("an unknown segment: %v", err)
	}
	if _, err := v.Segment("a").Contains("c-1"); !errors.Is(err, client.ErrStale) {
		t.Errorf("it answers all the same: %v", err)
	}
	if v.Segment("b") != nil {
		t.Error("it has a segment that it was not asked for")
	}
	v.Close()
	if err := v.Wait(t.Context()); err == nil {
		t.Error("a closed view is fresh")
	}

	v = s.client().NewView(t.Context(), client.ViewConfig{Segments: []string{"a"}})
	if err := v.Wait(t.Context()); err != nil {
		t.Errorf("a good one: %v", err)
	}
	v.Close()
	if _, err := v.Segment("a").Contains("c-1"); !errors.Is(err, client.ErrStale) {
		t.Errorf("a closed view answers: %v", err)
	}
}

// A server that is gone leaves a view that refuses after a while.
func TestViewGoesStale(t *testing.T) {
	s := newServer(t)
	s.state.change(func() { s.state.put("a", true, "c-1") })
	wire := &cutting{rng: rand.New(rand.NewPCG(15, 16))}
	v := s.client(over(wire)).NewView(t.Context(), client.ViewConfig{Segments: []string{"a"}, MaxStaleness: 500 * time.Millisecond})
	defer v.Close()
	if err := v.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	wire.mu.Lock()
	wire.most = 1 // from the next connection on
	wire.mu.Unlock()
	s.CloseClientConnections()
	eventually(t, "it refuses", func() bool { _, err := v.Segment("a").Contains("c-1"); return errors.Is(err, client.ErrStale) })
	if status := v.Status(); status.Fresh || status.Err == nil || status.Age < 500*time.Millisecond {
		t.Errorf("%+v", status)
	}
	wire.mu.Lock()
	wire.most = 0
	wire.mu.Unlock()
	eventually(t, "it answers again", func() bool { in, _ := v.Segment("a").Contains("c-1"); return in })
}
