package pipeline

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"hash"

	"rollcall/bitmaps"
	"rollcall/pipeline/catalog"
	"rollcall/pipeline/segment"
)

// state is one partition in memory: what Redis holds, made ready to be changed.
// A fold changes it ahead of the commit, so after a failed commit it is thrown
// away and read anew. It is not safe for concurrent use.
type state struct {
	catalog  *catalog.Catalog
	newer    *catalog.Catalog // while a state is regained: for accounts that catalog has not yet
	events   eventReader
	accounts map[string]*account
	zones    map[string]*zone
	newest   int64 // definitions that some account was composed for
	follows  bool  // read only: what only an owner needs is left out
	now      int64 // Unix ms; says which day is today

	apart int // Limits.Apart

	phones  phones
	due     due             // scratch
	sorter  keySorter       // scratch
	flips   []uint64        // memberships of the account being settled that change: slot, number
	on, off []uint32        // scratch
	grown   []bitmaps.Event // scratch

	blank      *piece     // scratch
	freeBlocks *markBlock // of marks

	seq      uint64                         // number of the commit in the making
	inCommit []*account                     // those that it changes
	publish  bool                           // whether changes are collected
	forgot   bool                           // the commit in the making erases a contact
	changes  []changeRun                    // of the commit in the making
	changed  [bitmaps.CauseReplay + 1]int64 // memberships in it, by cause
	flush    flushQueue
	loaded   int // events in tables
	tables   []*daySet

	// Of a state that follows: the newest commit when its fragments began to be
	// read, and the sets with events that runs may not hold.
	readAt  uint64
	recent  []*daySet
	pruned  uint64
	leaving func(account string, number uint32, contact string) // called when a contact is erased; may be nil

	busy [64]*account // that records were of, where busyPlace puts them
}

// eventReader reads stored events that are not in memory.
type eventReader interface {
	readEvents(account string, piece uint32, of series, day segment.Date, runs int) ([]bitmaps.Event, error)
}

// storedEvents is the eventReader over Redis.
type storedEvents struct {
	ctx       context.Context
	store     *bitmaps.Store
	partition int32
}

func newState(c *catalog.Catalog, events eventReader, now int64) *state {
	return &state{
		catalog: c, events: events, now: now,
		accounts: map[string]*account{}, zones: map[string]*zone{},
	}
}

func (s *state) zone(def *catalog.Account) *zone {
	z := s.zones[def.Timezone]
	if z == nil {
		z = newZone(def.Zone)
		s.zones[def.Timezone] = z
	}
	return z
}

// account is the state of an account that the definitions know; nil: they don't.
func (s *state) account(id []byte) *account {
	busy := &s.busy[busyPlace(id)]
	if *busy != nil && (*busy).id == string(id) {
		return *busy
	}
	a := s.accounts[string(id)]
	if a == nil {
		if a = s.addAccount(string(id)); a == nil {
			return nil
		}
	}
	*busy = a
	return a
}

// busyPlace tells ids apart that differ in their length or their last two bytes.
func busyPlace(id []byte) byte {
	n := len(id)
	if n < 2 {
		return byte(n)
	}
	return (byte(n)*7 + id[n-2]*11 + id[n-1]) % 64
}

// definition is the account as defined; nil: there is none.
func (s *state) definition(id string) *catalog.Account {
	def := s.catalog.Account(id)
	if def == nil && s.newer != nil {
		def = s.newer.Account(id)
	}
	return def
}

func (s *state) addAccount(id string) *account {
	version := s.catalog.Offset() // before the snapshot: to compose it again does no harm
	def := s.definition(id)
	if def == nil {
		return nil
	}
	a := newAccount(s, id)
	a.define(def, version)
	s.accounts[id] = a
	return a
}

// define takes over an account's definitions as of version, for pieces to be
// composed for.
func (a *account) define(def *catalog.Account, version int64) {
	a.def, a.zone = def, a.state.zone(def)
	a.state.newest = max(a.state.newest, version)
	a.plan = compile(a, def, version, a.zone.day(a.state.now))
}

// dropAccount forgets an account that was deleted.
func (s *state) dropAccount(id string) {
	delete(s.accounts, id)
	s.flush.forget(id)
	clear(s.busy[:])
}

// erasureHash names a contact in what is kept of its erasure.
func (s *state) erasureHash(account, contact []byte) (hash [16]byte) {
	key := s.catalog.ErasureKey()
	if s.newer != nil {
		key = s.newer.ErasureKey()
	}
	return erasureHash(key, account, contact)
}

func erasureHash(key, account, contact []byte) (hash [16]byte) {
	return newErasureHasher(key).of(account, contact)
}

// erasureHasher makes many hashes. It is not safe for concurrent use.
type erasureHasher struct {
	mac hash.Hash
	sum []byte
}

func newErasureHasher(key []byte) *erasureHasher {
	return &erasureHasher{mac: hmac.New(sha256.New, key)}
}

func (h *erasureHasher) of(account, contact []byte) (hash [16]byte) {
	h.mac.Reset()
	h.mac.Write(account)
	h.mac.Write([]byte("/"))
	h.mac.Write(contact)
	h.sum = h.mac.Sum(h.sum[:0])
	copy(hash[:], h.sum)
	return hash
}
