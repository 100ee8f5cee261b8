package pipeline

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"rollcall/bitmaps"
	"rollcall/consumers"
)

// TestQueuedFragmentsWait looks after each commit whether all that is said to
// wait to be flushed does, and in the end whether all that was changed is flushed.
func TestQueuedFragmentsWait(t *testing.T) {
	w := newWorld(t, 1)
	w.segment("s", "all contacts where phone in US and opted in")
	w.config.Store, w.config.Publish, w.config.Limits = bitmaps.Discard(), false, Limits{Changelog: 2000, Flush: 500}
	task, err := Open(t.Context(), w.config, 0, w.log.taskMarks(0, 1))
	w.must(err)
	rng := rand.New(rand.NewPCG(1, 1))
	waited, offset := 0, int64(0)
	for range 300 {
		var batch consumers.Batch
		for range 1 + rng.IntN(20) {
			contact, at := fmt.Sprint("contact-", rng.IntN(600)), w.now.Add(-time.Duration(rng.IntN(10_000))*time.Second)
			offset++
			phone := []string{"+49 151 23456789", "+1 212 555 0123", "n/a"}[rng.IntN(3)]
			list := fmt.Sprintf(`{"account":"acme","contact":%q,"list":"l-%d","kind":"form","member":%t}`, contact, rng.IntN(3), rng.IntN(2) == 0)
			batch.Records = append(batch.Records, []consumers.Record{
				recordOf(TopicContacts, contact, offset, at, fmt.Sprintf(`{"account":"acme","contact":%q,"phone":%q}`, contact, phone)),
				recordOf(TopicLists, contact, offset, at, list),
				consentOf(contact, offset, at),
			}[rng.IntN(3)])
		}
		w.must(task.Process(t.Context(), &batch))
		waited += checkQueued(t, task.state)
	}
	if waited == 0 {
		t.Error("nothing waited")
	}
	w.must(task.drain(t.Context()))
	if n := checkQueued(t, task.state); n != 0 {
		t.Errorf("%d fragments are said to wait after all were flushed", n)
	}
}

// checkQueued counts the fragments that are said to wait, and finds them.
func checkQueued(t *testing.T, s *state) (n int) {
	t.Helper()
	waits := map[fragment]bool{}
	for f := range s.flush.waiting {
		waits[f] = true
	}
	for _, f := range s.flush.round {
		waits[f] = true
	}
	for _, a := range s.accounts {
		want := func(is bool, kind bitmaps.Kind, name string, numbers ...uint32) {
			f := bitmaps.Field{Kind: kind, Name: name}
			copy(f.N[:], numbers)
			if !is {
				return
			}
			if n++; !waits[fragment{a, f}] {
				t.Fatalf("%s does not wait", f)
			}
		}
		for _, p := range a.pieces {
			for chunk := range uint32(256) {
				want(p.queued.registers[chunk/64]>>(chunk%64)&1 != 0, bitmaps.Registers, "", p.number*256+chunk)
			}
			for f := exists; f <= validPhone; f <<= 1 {
				want(p.queued.facts&f != 0, bitmaps.Fact, factNames[f], p.number)
			}
			for c := range countryCodes {
				want(p.queued.countries[c/64]>>(c%64)&1 != 0, bitmaps.Fact, countryCodes[c], p.number)
			}
			for list, l := range p.lists {
				want(l.queued, bitmaps.ListMembers, "", list, p.number)
				for _, chunk := range l.registers {
					want(chunk.queued, bitmaps.ListRegisters, "", list, chunk.number+p.number*bitmaps.PieceSize/listChunk)
				}
			}
		}
	}
	return n
}
