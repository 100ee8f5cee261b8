package history

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"rollcall/pipeline/naive"
	"rollcall/pipeline/segment"
)

// maker has what a history's steps depend on.
type maker struct {
	rng      *rand.Rand
	foreign  *rand.Rand // says which records are CloudEvents: a history is the same without them
	labels   *rand.Rand // says what records say beside
	options  Options
	now      time.Time
	accounts []*account
	next     map[partition]int64 // the next offset
	last     map[partition]int64 // the latest Kafka time, ms
	times    []int64             // Kafka times of the current step, ms
	ats      []int64             // times that records were dated with lately, ms
	past     []draft             // sound records of the past, to be repeated
	written  []naive.Record      // the sound ones as they stood, to be replayed
}

type partition struct {
	topic  string
	number int32
}

type account struct {
	naive.Account
	zone *time.Location
}

// pick chooses one of several at random.
func pick[T any](m *maker, from []T) T { return from[m.rng.IntN(len(from))] }

// oneIn is true once in n times.
func (m *maker) oneIn(n int) bool { return m.rng.IntN(n) == 0 }

// upTo is a number from 1 to n.
func (m *maker) upTo(n int) int { return 1 + m.rng.IntN(n) }

// begin sets the clock to shortly before some clocks change.
func (m *maker) begin() {
	change, _ := time.Parse(time.DateOnly, pick(m, clockChanges))
	m.now = change.Add(-time.Duration(m.rng.IntN(72*3600)) * time.Second)
}

// account makes up a new account, with segments.
func (m *maker) account() naive.Account {
	a := &account{Account: naive.Account{
		ID:            accountIDs[len(m.accounts)],
		Timezone:      pick(m, zones),
		RetentionDays: 730,
		DefaultRegion: pick(m, []string{"US", "GB", "us", ""}),
		Segments:      map[string]segment.Definition{},
	}}
	if m.oneIn(2) {
		a.RetentionDays = 4 + m.upTo(36)
	}
	a.zone, _ = time.LoadLocation(a.Timezone)
	m.accounts = append(m.accounts, a)
	for i := range m.options.Segments {
		if !m.oneIn(4) {
			a.Segments[segmentID(i)] = m.definition(a, i)
		}
	}
	return cloned(a.Account)
}

func (m *maker) step() Step {
	before := m.now
	m.advance()
	m.chooseTimes(before)
	s := Step{Now: m.now, Changes: m.changes()} // first: records may be about a new account
	s.Runs = m.runs()
	if m.options.Erasures && m.oneIn(8) {
		s.Erasures = append(s.Erasures, m.erasure())
	}
	return s
}

// changes are none, a new account, or an edited segment.
func (m *maker) changes() []Change {
	switch {
	case len(m.accounts) < len(accountIDs) && m.oneIn(15):
		created := m.account()
		return []Change{{Account: created.ID, Created: &created}}
	case m.oneIn(3):
		return []Change{m.edit()}
	}
	return nil
}

// runs makes up a step's records.
func (m *maker) runs() []Run {
	var runs []Run
	for range m.rng.IntN(m.options.Records + 1) {
		rec := m.record()
		i := slices.IndexFunc(runs, func(r Run) bool { return r.Topic == rec.Topic && r.Partition == rec.Partition })
		if i < 0 {
			i = len(runs)
			runs = append(runs, Run{Topic: rec.Topic, Partition: rec.Partition})
		}
		runs[i].Records = append(runs[i].Records, rec)
	}
	return runs
}

// advance moves the clock on: often not far, and often to about a midnight.
func (m *maker) advance() {
	switch n := m.rng.IntN(20); {
	case n < 5:
		m.now = m.now.Add(time.Duration(m.upTo(30)) * time.Second)
	case n < 8:
		m.now = m.now.Add(time.Duration(m.upTo(3600)) * time.Second)
	case n < 10:
		m.now = m.now.Add(time.Duration(m.upTo(24*3600)) * time.Second)
	case n < 16:
		m.now = m.midnight()
	case n < 19:
		m.now = m.now.Add(time.Duration(24*3600+m.rng.IntN(48*3600)) * time.Second)
	default:
		m.now = m.now.Add(time.Duration(4+m.rng.IntN(5)) * 24 * time.Hour)
	}
}

// midnight is about the next one in some account's zone.
func (m *maker) midnight() time.Time {
	zone := pick(m, m.accounts).zone
	y, month, d := m.now.In(zone).Date()
	off := pick(m, []time.Duration{-time.Second, -time.Millisecond, 0, 0, time.Millisecond, time.Second, time.Hour})
	t := time.Date(y, month, d+1, 0, 0, 0, 0, zone).Add(off).UTC()
	if !t.After(m.now) {
		return m.now.Add(time.Millisecond)
	}
	return t
}

// chooseTimes sets the few Kafka times of a step's records: about now, in the
// order in which brokers will use them, the last one's clock a little fast.
func (m *maker) chooseTimes(before time.Time) {
	window := min(m.now.Sub(before).Milliseconds(), 60_000)
	at := m.now.UnixMilli()
	m.times = []int64{at - m.rng.Int64N(window+1), at - m.rng.Int64N(window+1), at, at + m.rng.Int64N(3000)}
}

func (m *maker) erasure() naive.Erasure {
	a := pick(m, m.accounts)
	return naive.Erasure{Account: a.ID, Contact: m.contact(), Time: pick(m, m.times)}
}

func (m *maker) contact() string { return contacts[m.rng.IntN(m.options.Contacts)] }

func segmentID(i int) string { return fmt.Sprintf("s%d", i) }
