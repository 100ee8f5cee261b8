// Package naive recomputes what rollcall should answer, from a whole log at
// once and in the plainest way there is. It shares no code with the pipeline:
// tests and verify hold the two against each other.
//
// It first gathers everything the log says of a contact, in no particular
// order, and only then settles what is true of it. So order, repetition and
// the reader's clock can't matter, by construction.
package naive

import (
	"maps"
	"slices"
	"time"

	"rollcall/pipeline/segment"
)

// World is everything that membership is a function of, save today.
type World struct {
	Partitions int32
	Accounts   []Account
	Records    []Record // in any order between topic partitions, in offset order within one
	Erasures   []Erasure
	// Alone says that Records are what one partition has read, the inbox too:
	// what is to be forwarded from it has not come about here.
	Alone bool
}

// Record is a Kafka record and where it stands. A nil Value is a tombstone.
type Record struct {
	Topic     string
	Partition int32
	Offset    int64
	Time      int64 // Kafka time, ms since 1970
	Key       []byte
	Value     []byte
	Headers   map[string]string
}

// Account is a tenant and its segments by id, which must be free of circles.
type Account struct {
	ID            string
	Timezone      string // IANA name; empty is UTC
	RetentionDays int    // 0 is 730
	DefaultRegion string // of phone numbers in national format; may be empty
	Segments      map[string]segment.Definition
}

// Erasure removes what was said of a contact up to a moment.
type Erasure struct {
	Account, Contact string
	Time             int64 // ms since 1970
}

// Result is the state that a World folds to. It isn't safe for concurrent use.
type Result struct {
	// Outcomes has one entry for each of World.Records, in its order.
	Outcomes []Outcome

	world   World // without records and erasures
	tenants map[string]*tenant
}

// Fold recomputes everything as of now. It panics if an account's time zone
// doesn't exist: such an account is never accepted.
func Fold(w World, now time.Time) *Result {
	r := Begin(w)
	for _, rec := range w.Records {
		r.Outcomes = append(r.Outcomes, r.Take(rec))
	}
	for _, e := range w.Erasures {
		r.Erase(e)
	}
	for _, a := range w.Accounts {
		r.Settle(a, now)
	}
	return r
}

// Begin is for a world with more records than fit into memory: Take and Erase
// tell of them one by one, those of w apart, and Settle says what is true then.
func Begin(w World) *Result {
	r := &Result{tenants: map[string]*tenant{}}
	for _, a := range w.Accounts {
		r.tenants[a.ID] = newTenant(a)
	}
	w.Records, w.Erasures = nil, nil
	r.world = w
	return r
}

// Take adds a record, of which nothing is kept but what it says.
func (r *Result) Take(rec Record) Outcome { return r.gather(rec) }

// Erase adds an erasure.
func (r *Result) Erase(e Erasure) {
	if t := r.tenants[e.Account]; t != nil {
		t.evidence(e.Contact).erase(e.Time)
	}
}

// Settle works out what is true of one of the accounts as of now, with the
// definitions of a. It may be called again, for another moment.
func (r *Result) Settle(a Account, now time.Time) {
	if t := r.tenants[a.ID]; t != nil {
		t.redefine(a, now)
		t.settle()
	}
}

// Contacts returns the sorted ids of the account's existing contacts.
func (r *Result) Contacts(account string) []string {
	return r.Matching(account, segment.Definition{})
}

// Members returns the sorted contact ids in a segment; nobody if there is no such segment.
func (r *Result) Members(account, id string) []string {
	t := r.tenants[account]
	if t == nil {
		return nil
	}
	return sorted(t.members(id))
}

// Matching returns the sorted contact ids that a definition selects.
func (r *Result) Matching(account string, def segment.Definition) []string {
	t := r.tenants[account]
	if t == nil {
		return nil
	}
	return sorted(t.matching(def))
}

// Holds says whether a condition is true for a contact by what is known of it,
// even if it does not exist; it is then in no segment.
func (r *Result) Holds(account, id string, cond segment.Condition) bool {
	t := r.tenants[account]
	return t != nil && t.holds(id, t.known(id), cond)
}

// Sendable returns the sorted ids of the members that may be sent to.
func (r *Result) Sendable(account, id string) []string {
	t := r.tenants[account]
	if t == nil {
		return nil
	}
	var ids []string
	for _, contact := range sorted(t.members(id)) {
		if c := t.contacts[contact]; c.phone.valid && c.consent == optedIn {
			ids = append(ids, contact)
		}
	}
	return ids
}

func sorted(set map[string]bool) []string {
	return slices.Sorted(maps.Keys(set))
}
