// Package history makes up small worlds for tests: accounts, their segments,
// and steps of records, edits and passing time. Alphabets are small, so that
// collisions are the rule, and time crosses many midnights and clock changes.
//
// A history is a function of its seed and options only.
package history

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"rollcall/pipeline/naive"
	"rollcall/pipeline/segment"
)

// Options says how large a history is; zero values are the defaults.
type Options struct {
	Steps      int   // default 20
	Contacts   int   // per account, at most 8; default 5
	Segments   int   // ids in use per account; default 5
	Partitions int32 // of every topic; default 3
	Records    int   // at most, per step; default 12

	// Erasures also erases contacts through the API, not only by tombstones.
	Erasures bool
	// Inbox also has records of rollcall.inbox: replays, repeated forwards,
	// and such that nobody should have written.
	Inbox bool
	// CloudEvents has some records as CloudEvents, in both content modes.
	CloudEvents bool
}

func (o Options) withDefaults() Options {
	set := func(n *int, to int) {
		if *n == 0 {
			*n = to
		}
	}
	set(&o.Steps, 20)
	set(&o.Contacts, 5)
	set(&o.Segments, 5)
	set(&o.Records, 12)
	if o.Partitions == 0 {
		o.Partitions = 3
	}
	o.Contacts = min(o.Contacts, len(contacts))
	return o
}

// History is a world as it comes about.
type History struct {
	Seed       uint64
	Partitions int32
	Accounts   []naive.Account // at the beginning
	Steps      []Step
}

// Step is what happens between the last step's Now and this one's.
// Its changes are known before its records are read.
type Step struct {
	Now      time.Time
	Changes  []Change
	Runs     []Run
	Erasures []naive.Erasure
}

// Run is what is appended to a partition of a topic, in offset order. Kafka
// times don't go down and offsets go up from run to run, with gaps now and
// then. Runs of rollcall.inbox are numbered as if nobody else wrote there.
type Run struct {
	Topic     string
	Partition int32
	Records   []naive.Record
}

// Change is an edit of the definitions.
type Change struct {
	Account    string
	Created    *naive.Account      // the account itself is new
	Segment    string              // else: this segment was put or deleted
	Definition *segment.Definition // nil: deleted
}

// Contacts are the ids that contacts of any history have.
func Contacts() []string { return slices.Clone(contacts) }

// New makes up a history.
func New(seed uint64, o Options) *History {
	o = o.withDefaults()
	m := &maker{
		rng:     rand.New(rand.NewPCG(seed, 0)),
		foreign: rand.New(rand.NewPCG(seed, 4)),
		labels:  rand.New(rand.NewPCG(seed, 6)),
		options: o,
		next:    map[partition]int64{},
		last:    map[partition]int64{},
	}
	h := &History{Seed: seed, Partitions: o.Partitions}
	m.begin()
	for range 1 + m.rng.IntN(2) {
		h.Accounts = append(h.Accounts, m.account())
	}
	for range o.Steps {
		h.Steps = append(h.Steps, m.step())
	}
	return h
}

// World returns everything up to and including the first steps.
func (h *History) World(steps int) naive.World {
	w := naive.World{Partitions: h.Partitions}
	for _, a := range h.Accounts {
		w.Accounts = append(w.Accounts, cloned(a))
	}
	for _, s := range h.Steps[:steps] {
		for _, c := range s.Changes {
			w.Accounts = c.apply(w.Accounts)
		}
		for _, r := range s.Runs {
			w.Records = append(w.Records, r.Records...)
		}
		w.Erasures = append(w.Erasures, s.Erasures...)
	}
	return w
}

func (c Change) apply(accounts []naive.Account) []naive.Account {
	if c.Created != nil {
		return append(accounts, cloned(*c.Created))
	}
	i := slices.IndexFunc(accounts, func(a naive.Account) bool { return a.ID == c.Account })
	if c.Definition == nil {
		delete(accounts[i].Segments, c.Segment)
	} else {
		accounts[i].Segments[c.Segment] = *c.Definition
	}
	return accounts
}

func cloned(a naive.Account) naive.Account {
	a.Segments = maps.Clone(a.Segments)
	return a
}

// Interleave merges runs at random, each in its own order.
func Interleave(rng *rand.Rand, runs []Run) []naive.Record {
	var records []naive.Record
	left := slices.Clone(runs)
	for len(left) > 0 {
		i := rng.IntN(len(left))
		n := min(1+rng.IntN(3), len(left[i].Records))
		records = append(records, left[i].Records[:n]...)
		if left[i].Records = left[i].Records[n:]; len(left[i].Records) == 0 {
			left = slices.Delete(left, i, i+1)
		}
	}
	return records
}

// String names the history for a failing test.
func (h *History) String() string {
	return fmt.Sprintf("history of seed %d: %d steps, %d partitions", h.Seed, len(h.Steps), h.Partitions)
}
