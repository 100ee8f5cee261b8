// Package catalog knows what is defined: the accounts with their segments and
// tokens, and the product's settings. It is the fold, in order of offset, of
// the topic rollcall.definitions, so every process that has read as far knows
// the same. An entry that is invalid at its offset is refused by all alike.
package catalog

import (
	"bytes"
	"cmp"
	"container/list"
	"context"
	"crypto/sha256"
	"maps"
	"slices"
	"sort"
	"sync"
	"sync/atomic"
	"time"
)

// Catalog is safe for concurrent use. An entry costs the same however many
// accounts there are.
type Catalog struct {
	mu         sync.RWMutex
	next       int64
	tenants    map[string]*tenant
	recent     *list.List // of *tenant by version, the newest last: answers Since
	deletions  []deletion // by offset
	buried     map[string]bool
	grants     map[[sha256.Size]byte]Grant // by SHA-256 of the secret
	losses     []AcceptLoss
	rebuilds   []Rebuild
	replays    []*Replay // by id
	voided     int64     // see Voided
	erasureKey []byte
	changed    chan struct{} // closed at the next entry; nil: nobody asked for it
	zones      sync.Map      // name -> *time.Location
}

// tenant is an account as the fold changes it.
type tenant struct {
	account  Account // without segments
	segments map[string]*Segment
	tokens   map[string]token
	frozen   map[int64]*Snapshot     // by id
	place    *list.Element           // in Catalog.recent
	snapshot atomic.Pointer[Account] // made when somebody asks; nil after a change
}

type token struct {
	Token
	hash [sha256.Size]byte
}

type deletion struct {
	offset int64
	id     string
}

// New returns a catalog into which nothing is folded yet.
func New() *Catalog {
	return &Catalog{
		tenants: map[string]*tenant{},
		recent:  list.New(),
		buried:  map[string]bool{},
		grants:  map[[sha256.Size]byte]Grant{},
	}
}

// Fold applies the entry that stands at offset, written at timeMS
// (milliseconds since 1970, Kafka's time). It returns nil if the entry is
// accepted and a *Refusal if it is not; both advance the offset.
func (c *Catalog) Fold(offset, timeMS int64, value []byte) error {
	_, entry, err := decode(value)
	return c.fold(stamp{offset, time.UnixMilli(timeMS).UTC()}, entry, err)
}

// fold takes decode's error too: what can't be read advances the offset.
func (c *Catalog) fold(s stamp, e Entry, err error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err == nil {
		err = e.check(c)
	}
	if err == nil {
		e.apply(c, s)
	}
	c.next = s.offset + 1
	if c.changed != nil {
		close(c.changed)
		c.changed = nil
	}
	return err
}

// Check returns the *Refusal that e would meet now, or nil.
func (c *Catalog) Check(e Entry) error {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return e.check(c)
}

// Account returns the account as it is now, or nil.
func (c *Catalog) Account(id string) *Account {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if t := c.tenants[id]; t != nil {
		return t.freeze()
	}
	return nil
}

// Accounts returns all accounts by id.
func (c *Catalog) Accounts() []*Account {
	c.mu.RLock()
	defer c.mu.RUnlock()
	all := make([]*Account, 0, len(c.tenants))
	for _, t := range c.tenants {
		all = append(all, t.freeze())
	}
	slices.SortFunc(all, func(a, b *Account) int { return cmp.Compare(a.ID, b.ID) })
	return all
}

// Offset returns the offset of the next entry: everything before it is folded.
func (c *Catalog) Offset() int64 {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.next
}

// Since returns the accounts that entries at offset or later have touched, in
// order of their versions, the ids of those that they have deleted, and the
// offset from which to ask the next time.
func (c *Catalog) Since(offset int64) (changed []*Account, deleted []string, upTo int64) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	for e := c.recent.Back(); e != nil; e = e.Prev() {
		t := e.Value.(*tenant)
		if t.account.Version < offset {
			break
		}
		changed = append(changed, t.freeze())
	}
	slices.Reverse(changed)
	first := sort.Search(len(c.deletions), func(i int) bool { return c.deletions[i].offset >= offset })
	for _, d := range c.deletions[first:] {
		deleted = append(deleted, d.id)
	}
	return changed, deleted, c.next
}

// Changed returns a channel that is closed when the next entry is folded. Take
// it before reading what it is meant to guard.
func (c *Catalog) Changed() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.changed == nil {
		c.changed = make(chan struct{})
	}
	return c.changed
}

// Wait returns when every entry before offset is folded, or with ctx's error.
func (c *Catalog) Wait(ctx context.Context, offset int64) error {
	for {
		changed := c.Changed()
		if c.Offset() >= offset {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// Token returns what a secret opens. It looks up a hash of 256 bits, so its
// timing says nothing of the secrets there are.
func (c *Catalog) Token(secret string) (Grant, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	grant, ok := c.grants[sha256.Sum256([]byte(secret))]
	return grant, ok
}

// Tokens returns the tokens of an account by id.
func (c *Catalog) Tokens(account string) []Token {
	c.mu.RLock()
	defer c.mu.RUnlock()
	t := c.tenants[account]
	if t == nil {
		return nil
	}
	tokens := make([]Token, 0, len(t.tokens))
	for _, id := range slices.Sorted(maps.Keys(t.tokens)) {
		tokens = append(tokens, t.tokens[id].Token)
	}
	return tokens
}

// LossAccepted tells whether the operator has accepted that a partition of a
// topic lacks the offsets from from up to to; or, if to is before from, that its
// topic was created anew after from was reached.
func (c *Catalog) LossAccepted(topic string, partition int32, from, to int64) bool {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.lossAccepted(topic, partition, from, to)
}

func (c *Catalog) lossAccepted(topic string, partition int32, from, to int64) bool {
	return slices.ContainsFunc(c.losses, func(l AcceptLoss) bool {
		if l.Topic != topic || l.Partition != partition {
			return false
		}
		if to < from {
			return l.To < l.From && l.From == from
		}
		return l.From <= from && to <= l.To
	})
}

// ErasureKey returns the key of the hashes of erased contacts' ids; nil before
// there are settings.
func (c *Catalog) ErasureKey() []byte {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return bytes.Clone(c.erasureKey)
}

// tenant returns the account that an entry is about. The caller holds mu.
func (c *Catalog) tenant(id string) (*tenant, error) {
	if t := c.tenants[id]; t != nil {
		return t, nil
	}
	return nil, refuse(NotFound, "there is no account %q", id)
}

// touch notes that an entry changed an account. The caller holds mu.
func (c *Catalog) touch(t *tenant, offset int64) {
	t.account.Version = offset
	t.snapshot.Store(nil)
	if t.place == nil {
		t.place = c.recent.PushBack(t)
		return
	}
	c.recent.MoveToBack(t.place)
}

// freeze returns the account as it is now. The caller holds mu, for reading at
// least: two readers may both build the same snapshot, and one is kept.
func (t *tenant) freeze() *Account {
	if a := t.snapshot.Load(); a != nil {
		return a
	}
	a := t.account
	a.byID = maps.Clone(t.segments)
	a.Segments = arrange(a.byID)
	t.snapshot.CompareAndSwap(nil, &a)
	return t.snapshot.Load()
}

// checkVersion refuses an entry whose writer did not know the newest version.
func (t *tenant) checkVersion(id string, want *int64) error {
	var have int64
	if s := t.segments[id]; s != nil {
		have = s.Version
	}
	if want == nil || *want == have {
		return nil
	}
	return refuse(VersionMismatch, "segment %q is at version %d, not %d", id, have, *want)
}
