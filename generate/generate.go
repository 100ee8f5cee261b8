// Package generate makes up the records of an SMS marketing account: contacts
// with phones typed in many ways, consent, list memberships, campaigns and what
// people do with them. The same Config gives the same records, byte for byte.
//
// Who is active is skewed, as it is in life: a few contacts account for much of
// the clicks and replies.
package generate

import (
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"regexp"
	"strconv"
	"time"
)

// Config says how much to make up. Account and Contacts are required.
type Config struct {
	Account  string // whose records they are
	Contacts int    // how many contacts, named c-1, c-2, ...

	Days int       // how many days of campaigns History covers; 0: only contacts, consent and lists
	Now  time.Time // where History ends and Live begins; default: time.Now()
	Rate float64   // records per second of Live; default 1000
	Seed uint64    // another seed, another population

	// Shares of records, 0 to 1, that go wrong on the way. Zero for demos.
	Repeats float64 // written a second time, later on
	Late    float64 // behaviours dated 1 to 72 hours before they arrive
	Bad     float64 // records that can't be applied, written between the others
}

// Record is one Kafka record. The generator does not touch its bytes again.
type Record struct {
	Topic string
	Key   []byte    // account/contact
	Value []byte    // JSON
	At    time.Time // when it is written; never earlier than the record before it
}

// Counts says what a Generator has made so far.
type Counts struct {
	Records int // all, those below included
	Repeats int
	Late    int
	Bad     int
}

// Generator makes records. It is not safe for concurrent use.
type Generator struct {
	cfg      Config
	rng      *rand.Rand // what happens
	mishaps  *rand.Rand // what goes wrong; of its own, so that it changes nothing else
	people   []person
	messages []message
	agenda   agenda // what is still to happen
	ids      uint64 // how many event ids were given out
	out      encoder
	counts   Counts
	joined   int // how many contacts exist so far: the first ones of people
}

var accountID = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,39}$`)

// New makes up the population.
func New(cfg Config) (*Generator, error) {
	if !accountID.MatchString(cfg.Account) {
		return nil, fmt.Errorf("generate: %q is no account id", cfg.Account)
	}
	if cfg.Contacts < 1 || cfg.Days < 0 || cfg.Rate < 0 {
		return nil, errors.New("generate: needs at least one contact, and no negative days or rate")
	}
	if cfg.Now.IsZero() {
		cfg.Now = time.Now()
	}
	if cfg.Rate == 0 {
		cfg.Rate = 1000
	}
	cfg.Now = cfg.Now.Truncate(time.Millisecond)
	g := &Generator{
		cfg:     cfg,
		rng:     rand.New(rand.NewPCG(cfg.Seed, 1)),
		mishaps: rand.New(rand.NewPCG(cfg.Seed, 2)),
		people:  make([]person, cfg.Contacts),
	}
	// Ids differ between seeds and between runs of different times, which must
	// not look like repeats of each other.
	run := rand.NewPCG(cfg.Seed, uint64(cfg.Now.UnixMilli())).Uint64() & (1<<40 - 1)
	g.out = encoder{account: cfg.Account, idPrefix: strconv.FormatUint(run, 36) + "-"}
	for i := range g.people {
		g.people[i] = g.newPerson()
	}
	return g, nil
}

// Counts says what was made so far, by History and Live together.
func (g *Generator) Counts() Counts { return g.counts }

// History yields the account's past, in the order in which it was written: first
// the contacts that were there before, then Days days of campaigns up to Now,
// while others join. It can be called once.
func (g *Generator) History() iter.Seq[Record] {
	return g.withMishaps(g.history)
}

// Live yields the stream from Now on, without end: Record.At advances by a
// second every Rate records, and the caller waits for it or doesn't. It goes on
// with the people as History left them or, without History, as they were then.
func (g *Generator) Live() iter.Seq[Record] {
	return g.withMishaps(g.live)
}

// chance is true with probability p.
func (g *Generator) chance(p float64) bool { return g.rng.Float64() < p }

// within is a random time span below d, in milliseconds.
func (g *Generator) within(d time.Duration) int64 { return g.rng.Int64N(d.Milliseconds()) }

// after is an exponentially distributed time span, in milliseconds: mostly
// soon, sometimes much later, at most 72 hours.
func (g *Generator) after(mean time.Duration) int64 {
	const longest = 72 * time.Hour
	return int64(min(g.rng.ExpFloat64()*float64(mean.Milliseconds()), float64(longest.Milliseconds())))
}

// newID numbers the events.
func (g *Generator) newID() uint64 {
	g.ids++
	return g.ids
}
