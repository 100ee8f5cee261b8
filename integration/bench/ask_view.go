package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"time"

	"rollcall/client"
)

// viewResult is what a client's view takes, beside a plain map of the same ids.
type viewResult struct {
	Recipients      int64
	Contains, Map   float64 // ns
	Bytes, MapBytes float64 // of heap a contact
	Further         float64 // bytes that another segment takes, a contact of the view
}

const viewAsked = 1 << 20 // ids, at random

// localView asks memory.
func (a *asker) localView(ctx context.Context, res *askingResult) error {
	v := &res.View
	v.Recipients = howMany(a.task.People, person.reachable)
	n := float64(v.Recipients)
	before := liveHeap()
	one, err := a.openView(ctx, askedSegment)
	if err != nil {
		return err
	}
	defer one.Close()
	v.Bytes = float64(liveHeap()-before) / n
	before = liveHeap()
	two, err := a.openView(ctx, askedSegment, "opted-in")
	if err != nil {
		return err
	}
	v.Further = float64(liveHeap()-before)/n - v.Bytes
	two.Close()
	people, want := make([]string, viewAsked), int64(0)
	for i := range people {
		p := person(rand.IntN(a.task.People))
		if people[i] = p.id(); p.reachable() {
			want++
		}
	}
	segment, found := one.Segment(askedSegment), int64(0)
	began := time.Now()
	for _, id := range people {
		in, err := segment.Contains(id)
		if err != nil {
			return fmt.Errorf("the local view: %w", err)
		}
		if in {
			found++
		}
	}
	v.Contains = float64(time.Since(began).Nanoseconds()) / viewAsked
	a.expect("contained in the local view", found, want)
	a.plainMap(v, people)
	return nil
}

// openView returns a view that holds what it follows.
func (a *asker) openView(ctx context.Context, segments ...string) (*client.View, error) {
	v := a.client.NewView(ctx, client.ViewConfig{Segments: segments})
	deadline := time.Now().Add(time.Minute)
	for {
		_, err := v.Segment(segments[0]).Contains(person(1).id())
		if err == nil || time.Now().After(deadline) {
			return v, err
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func (a *asker) plainMap(v *viewResult, people []string) {
	before := liveHeap()
	in := map[string]struct{}{}
	for p := range person(a.task.People) {
		if p.reachable() {
			in[p.id()] = struct{}{}
		}
	}
	v.MapBytes = float64(liveHeap()-before) / float64(v.Recipients)
	began, found := time.Now(), 0
	for _, id := range people {
		if _, ok := in[id]; ok {
			found++
		}
	}
	v.Map = float64(time.Since(began).Nanoseconds()) / viewAsked
	runtime.KeepAlive(found)
}

// liveHeap is what is reachable.
func liveHeap() int64 {
	var s runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&s)
	return int64(s.HeapAlloc)
}
