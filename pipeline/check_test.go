package pipeline

import (
	"context"
	"encoding/hex"
	"slices"
	"strconv"
	"time"

	"rollcall/bitmaps"
	"rollcall/consumers"
	"rollcall/pipeline/catalog"
	"rollcall/pipeline/history"
	"rollcall/pipeline/naive"
	"rollcall/pipeline/segment"
)

// check looks whether what a process knows of a partition is a fold of a prefix
// of the log, and what it says is fresh has all of the past.
func (s *simulation) check(p *process, q int32) {
	r := p.view.replicas[q]
	if r.loaded {
		s.checkPrefix("view", r.state, &r.checkpoint, q)
	}
	if t := p.tasks[q]; t != nil {
		s.checkPrefix("task", t.state, &t.checkpoint, q)
	}
	for _, def := range p.catalog.Accounts() {
		s.listenIn(p, def)
		if f := p.view.Freshness(def.ID); f.Fresh {
			s.checkFresh(p, def, p.asked[f.AsOf])
			s.checkReport(p, def)
		}
	}
	if s.rng.IntN(8) == 0 {
		s.verify(p, VerifyQuery{Partitions: []int32{q}})
	}
}

// verify lets a process verify, while misfortune strikes it and the others get
// on. It finds nothing, except what misfortune has damaged, perhaps where nobody
// else has looked since, or what a task took for damage that Redis forgot.
func (s *simulation) verify(p *process, q VerifyQuery) {
	s.t.Helper()
	v := p.verifier()
	err := v.Verify(context.Background(), q, func(l VerifyLine) error {
		d := l.Difference
		if d == nil || d.Got == noCheckpoint || d.Kind == "damaged" && s.changes["damage"]+s.changes["rollback"] > 0 { // a checkpoint may be yet to come
			return nil
		}
		if !s.damaged {
			s.t.Errorf("seed %d: process %d verifies: %+v", s.seed, p.number, *d)
		}
		return nil
	})
	s.note("process %d verifies: %v", p.number, err)
	s.revive(p)
	if s.t.Failed() {
		s.t.FailNow()
	}
}

// checkPrefix holds a state against the records up to its own offsets, on the
// day and with the definitions that it stands for.
func (s *simulation) checkPrefix(who string, st *state, c *bitmaps.Checkpoint, q int32) {
	s.t.Helper()
	w := naive.World{Partitions: s.partitions, Alone: true}
	var erasures []consumers.Record
	for _, o := range c.Offsets {
		for _, r := range s.log.of(consumers.TopicPartition{Topic: o.Topic, Partition: o.Partition}) {
			switch {
			case r.Offset >= o.Next:
			case o.Topic == TopicErasures:
				erasures = append(erasures, r)
			default:
				w.Records = append(w.Records, plainRecord(&r))
			}
		}
	}
	for _, id := range sortedKeys(st.accounts) {
		a := st.accounts[id]
		if len(a.pieces) == 0 {
			continue
		}
		today, version := a.pieces[0].today, a.pieces[0].version
		if !st.follows {
			today, version = a.pieces[0].plan.today, a.pieces[0].plan.version
		}
		def := s.definedAt(version).Account(id)
		if def == nil {
			continue // it was known from newer definitions than it stands for
		}
		s.checkAccount(who, st, w, def, today, erasures, q)
	}
}

func (s *simulation) checkAccount(who string, st *state, w naive.World, def *catalog.Account, today segment.Date, erasures []consumers.Record, q int32) {
	s.t.Helper()
	w.Accounts = []naive.Account{plainAccount(def)}
	for _, r := range erasures {
		at, _ := strconv.ParseInt(string(r.Value), 10, 64)
		for _, contact := range history.Contacts() {
			hash := st.erasureHash([]byte(def.ID), []byte(contact))
			if string(r.Key) == def.ID+"/"+hex.EncodeToString(hash[:]) {
				w.Erasures = append(w.Erasures, naive.Erasure{Account: def.ID, Contact: contact, Time: at})
			}
		}
	}
	noon := time.UnixMilli(int64(today) * dayMS).UTC()
	now := time.Date(noon.Year(), noon.Month(), noon.Day(), 12, 0, 0, 0, def.Zone)
	want := naive.Fold(w, now)
	for _, seg := range def.Segments {
		got, expected := st.membersOf(def.ID, seg.ID), want.Members(def.ID, seg.ID)
		if !slices.Equal(got, expected) {
			s.t.Errorf("seed %d: %s of partition %d is not the fold of a prefix: %s/%s %s on %s\n got %v\nwant %v", s.seed, who, q, def.ID, seg.ID,
				seg.Definition.Text(), today, got, expected)
			for _, c := range difference(got, expected) {
				s.t.Log(want.Dump(def.ID, c))
			}
			s.t.FailNow()
		}
	}
}

// definedAt folds the definitions before an offset.
func (s *simulation) definedAt(end int64) *catalog.Catalog {
	c := catalog.New()
	for _, r := range s.log.of(definitionsTP) {
		if r.Offset < end {
			_ = c.Fold(r.Offset, r.Time, r.Value)
		}
	}
	return c
}

// checkFresh asks about the contacts of whom nothing was written since asOf:
// the answer is what the whole log says.
func (s *simulation) checkFresh(p *process, def *catalog.Account, asOf time.Time) {
	s.t.Helper()
	account := s.defined.Account(def.ID)
	if !s.touched[def.ID].Before(asOf) {
		return // its segments were edited since
	}
	w := s.world([]naive.Account{plainAccount(account)})
	want := naive.Fold(w, p.clock())
	for _, seg := range account.Segments {
		if !p.view.composed(account, seg.ID) {
			continue
		}
		got, expected := p.streamed(def.ID, seg.ID), want.Members(def.ID, seg.ID)
		for _, contact := range difference(got, expected) {
			if s.touched[def.ID+"/"+contact].Before(asOf) {
				s.t.Errorf("seed %d: fresh as of %s, %s/%s %s\n got %v\nwant %v\n%s", s.seed, asOf, def.ID, seg.ID, seg.Definition.Text(), got, expected,
					want.Dump(def.ID, contact))
				s.t.FailNow()
			}
		}
	}
}
