package pipeline

import (
	"cmp"
	"context"
	"encoding/base64"
	"fmt"
	"time"

	"github.com/cespare/xxhash/v2"

	"rollcall/pipeline/catalog"
)

// FrozenQuery selects a part of a snapshot.
type FrozenQuery struct {
	Slice, Slices int    // 1 to Slices; by hash of the contact's id
	Cursor        string // go on after it; empty: from the beginning
	Raw           bool   // whoever was frozen, sendable now or not, but for the erased
	Batch         int    // how many contacts to look at and to yield together at most; 0: 500
}

// FrozenEnd is what became of the recipients that were gone through.
type FrozenEnd struct {
	Count    int64    `json:"count" doc:"contacts in the list"`
	Frozen   int64    `json:"frozen" doc:"recipients that were frozen"`
	Withheld Withheld `json:"withheld" doc:"recipients that were frozen and are not in the list, by the first reason that applies"`
}

// Withheld counts frozen recipients that are not to be sent to, by the first
// reason that applies.
type Withheld struct {
	Erased       int64 `json:"erased"`
	OptedOut     int64 `json:"opted_out"`
	NotOptedIn   int64 `json:"not_opted_in"`
	InvalidPhone int64 `json:"invalid_phone"`
}

const (
	readAtOnce = 8           // chunks in memory for each list that is read
	readTime   = time.Minute // for reading them; what was looked through by then is remembered
)

// Stream yields the contacts of a snapshot that is ready, and the cursor after
// them, which stays good whatever state was rebuilt since. The contacts of a batch
// are looked at together, right before they are yielded, and nobody is looked at
// while a batch is yielded. It stops at yield's first error, and returns it. The
// freshness is that of the whole answer.
func (s *Snapshots) Stream(ctx context.Context, snapshot *catalog.Snapshot, q FrozenQuery, yield func(contacts []string, cursor string) error) (FrozenEnd, Freshness, error) {
	q.Batch = cmp.Or(q.Batch, streamBatch)
	t := thawing{Snapshots: s, snapshot: snapshot, query: q, yield: yield}
	err := t.at.parse(q.Cursor, snapshot)
	for err == nil && int(t.at.partition) < len(snapshot.Parts) {
		err = t.partition(ctx)
		t.at = frozenCursor{partition: t.at.partition + 1}
	}
	return t.end, s.view.Freshness(snapshot.Account), err
}

// thawing is one reading of a snapshot.
type thawing struct {
	*Snapshots
	snapshot *catalog.Snapshot
	query    FrozenQuery
	yield    func(contacts []string, cursor string) error
	at       frozenCursor
	end      FrozenEnd
}

// frozenCursor is a place in a snapshot.
type frozenCursor struct {
	partition int32
	chunk     int
	index     int // in the chunk, of the next contact
}

func (c frozenCursor) of(snapshot *catalog.Snapshot) string {
	return base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, "%d.%d.%d.%d", snapshot.ID, c.partition, c.chunk, c.index))
}

func (c *frozenCursor) parse(s string, snapshot *catalog.Snapshot) error {
	if s == "" {
		return nil
	}
	b, err := base64.RawURLEncoding.DecodeString(s)
	var id int64
	if err == nil {
		_, err = fmt.Sscanf(string(b), "%d.%d.%d.%d", &id, &c.partition, &c.chunk, &c.index)
	}
	if err != nil || id != snapshot.ID || c.of(snapshot) != s || c.partition < 0 || c.chunk < 0 || c.index < 0 {
		return ErrCursorGone
	}
	return nil
}

// partition goes through what is left of one.
func (t *thawing) partition(ctx context.Context) error {
	for t.at.chunk < t.snapshot.Parts[t.at.partition].Chunks {
		if t.view.Catalog.Snapshot(t.snapshot.Account, t.snapshot.ID) == nil {
			return ErrSnapshotGone
		}
		chunks, err := t.next(ctx)
		if err != nil {
			return fmt.Errorf("snapshot %d, partition %d, chunk %d: %w", t.snapshot.ID, t.at.partition, t.at.chunk, err)
		}
		for i := range chunks {
			if err := t.chunk(ctx, &chunks[i]); err != nil {
				return err
			}
			t.at.chunk, t.at.index = t.at.chunk+1, 0
		}
	}
	return nil
}

// next reads the next chunks.
func (t *thawing) next(ctx context.Context) ([]frozenChunk, error) {
	ctx, cancel := context.WithTimeout(ctx, readTime)
	defer cancel()
	return t.read(ctx, t.snapshot, t.at.partition, t.at.chunk)
}

// chunk decides on what is left of one, batch by batch, and yields it.
func (t *thawing) chunk(ctx context.Context, c *frozenChunk) error {
	for t.at.index < len(c.Contacts) {
		from, to := t.at.index, min(t.at.index+t.query.Batch, len(c.Contacts))
		verdicts := t.view.decide(t.snapshot.Account, t.at.partition, c, from, to)
		var batch []string
		for i, id := range c.Contacts[from:to] {
			t.at.index++
			if !t.has(id) {
				continue
			}
			t.end.Frozen++
			if t.count(verdicts[i]) {
				batch = append(batch, id)
			}
		}
		if len(batch) > 0 {
			if err := t.yield(batch, t.at.of(t.snapshot)); err != nil {
				return err
			}
		}
		t.end.Count += int64(len(batch))
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	return nil
}

// has tells whether a contact is in the slice that is asked for. One that was
// taken out is in some slice.
func (t *thawing) has(id string) bool {
	q := t.query
	if id == "" && q.Slices > 1 {
		return xxhash.Sum64String(t.at.of(t.snapshot))%uint64(q.Slices) == uint64(q.Slice-1)
	}
	return (&StreamQuery{Slice: q.Slice, Slices: q.Slices}).has([]byte(id))
}

// count tells whether a contact belongs into the list, and counts why not.
func (t *thawing) count(v verdict) bool {
	switch {
	case v == frozenErased:
		t.end.Withheld.Erased++
	case v == frozenSendable || t.query.Raw:
		return true
	case v == frozenOptedOut:
		t.end.Withheld.OptedOut++
	case v == frozenNotOptedIn:
		t.end.Withheld.NotOptedIn++
	default:
		t.end.Withheld.InvalidPhone++
	}
	return false
}

// verdict is what is so of a frozen recipient now.
type verdict uint8

const (
	frozenErased verdict = iota
	frozenOptedOut
	frozenNotOptedIn
	frozenInvalidPhone
	frozenSendable
)

// decide says what is so now of some of a chunk's contacts. Whoever is not known
// was erased, and so was whoever was erased since and came back: that is somebody
// new, who is on no list of before.
func (v *View) decide(account string, partition int32, c *frozenChunk, from, to int) []verdict {
	verdicts := make([]verdict, to-from)
	r := v.replicas[partition]
	r.mu.RLock()
	defer r.mu.RUnlock()
	a := r.state.accounts[account]
	if a == nil {
		return verdicts
	}
	var hasher *erasureHasher
	if len(a.erasures) > 0 {
		hasher = newErasureHasher(v.Catalog.ErasureKey())
	}
	for i := from; i < to; i++ {
		id := c.Contacts[i]
		number, known := a.contacts.lookup(id)
		if id == "" || !known {
			continue
		}
		var erased int64
		if hasher != nil {
			erased = a.erasures[hasher.of([]byte(account), []byte(id))]
		}
		if p, n := a.at(number); erased == c.Returned[i] {
			verdicts[i-from] = p.contacts[n].facts.verdict()
		}
	}
	return verdicts
}

func (f facts) verdict() verdict {
	switch {
	case !f.has(exists):
		return frozenErased
	case f.has(optedOut):
		return frozenOptedOut
	case !f.has(optedIn):
		return frozenNotOptedIn
	case !f.has(validPhone):
		return frozenInvalidPhone
	}
	return frozenSendable
}
