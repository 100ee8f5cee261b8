package catalog

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"rollcall/pipeline/segment"
)

type (
	// StartSnapshot says that the recipients of a segment, as they are at a
	// moment, are being written down. The offset of the entry is the snapshot's id.
	StartSnapshot struct {
		Account string `json:"account"`
		Segment string `json:"segment"`
		Name    string `json:"name,omitempty"`
		// Defined is the account's Version that the recipients were found with:
		// if its segments changed since, they are not one list.
		Defined  int64  `json:"defined"`
		Position string `json:"position"` // the state that the recipients are of
		Frozen   int64  `json:"frozen"`   // how many they are
	}

	// EndSnapshot says that all of a snapshot is written, and where; or why it
	// never will be.
	EndSnapshot struct {
		Account  string         `json:"account"`
		Snapshot int64          `json:"snapshot"`
		Parts    []SnapshotPart `json:"parts,omitempty"` // by partition
		Failure  string         `json:"failure,omitempty"`
	}

	// DeleteSnapshot removes a snapshot.
	DeleteSnapshot struct {
		Account  string `json:"account"`
		Snapshot int64  `json:"snapshot"`
	}
)

// SnapshotPart is what a snapshot has of one partition.
type SnapshotPart struct {
	First  int64 `json:"first"`  // offset of the first chunk; none is before it
	Chunks int   `json:"chunks"` // numbered from 0
	Frozen int64 `json:"frozen"` // contacts
}

// Snapshot is a frozen list of a segment's recipients. It is never changed, only
// replaced.
type Snapshot struct {
	ID         int64
	Account    string
	Segment    string
	Name       string
	Definition segment.Definition // of the segment, at that moment
	Version    int64              // likewise
	CreatedAt  time.Time
	Position   string
	Frozen     int64
	Parts      []SnapshotPart // by partition, once it is ready
	Ended      bool
	Failure    string
}

// SnapshotState says whether a snapshot can be read.
type SnapshotState string

// The states of a snapshot. One that was not ended in time never will be.
const (
	SnapshotWriting SnapshotState = "writing"
	SnapshotReady   SnapshotState = "ready"
	SnapshotFailed  SnapshotState = "failed"
)

const (
	// SnapshotTime is how long writing a snapshot may take, by Kafka's clock.
	SnapshotTime = 10 * time.Minute
	// MaxSnapshots is how many an account may have.
	MaxSnapshots = 100
)

// State says whether the snapshot can be read.
func (s *Snapshot) State(now time.Time) SnapshotState {
	switch {
	case s.Failure != "" || !s.Ended && now.Sub(s.CreatedAt) > SnapshotTime:
		return SnapshotFailed
	case s.Ended:
		return SnapshotReady
	}
	return SnapshotWriting
}

func (StartSnapshot) entryType() string  { return "snapshot.start" }
func (EndSnapshot) entryType() string    { return "snapshot.end" }
func (DeleteSnapshot) entryType() string { return "snapshot.delete" }

func (p StartSnapshot) check(c *Catalog) error {
	t, err := c.tenant(p.Account)
	if err != nil {
		return err
	}
	if t.segments[p.Segment] == nil {
		return refuse(NotFound, "there is no segment %q", p.Segment)
	}
	if t.account.Version != p.Defined {
		return refuse(VersionMismatch, "the account's segments changed while the recipients were looked up")
	}
	if p.Name != "" {
		if err := checkName(p.Name); err != nil {
			return err
		}
	}
	if len(t.frozen) >= MaxSnapshots {
		return refuse(Conflict, "the account has %d snapshots, and may have no more: delete one", len(t.frozen))
	}
	return nil
}

func (p StartSnapshot) apply(c *Catalog, at stamp) {
	t := c.tenants[p.Account]
	if t.frozen == nil {
		t.frozen = map[int64]*Snapshot{}
	}
	seg := t.segments[p.Segment]
	t.frozen[at.offset] = &Snapshot{
		ID: at.offset, Account: p.Account, Segment: p.Segment, Name: p.Name, Definition: seg.Definition, Version: seg.Version,
		CreatedAt: at.at, Position: p.Position, Frozen: p.Frozen,
	}
}

func (p EndSnapshot) check(c *Catalog) error {
	t, err := c.tenant(p.Account)
	if err != nil {
		return err
	}
	s := t.frozen[p.Snapshot]
	if s == nil {
		return refuse(NotFound, "there is no snapshot %d", p.Snapshot)
	}
	if s.Ended {
		return refuse(Conflict, "snapshot %d has ended already", p.Snapshot)
	}
	var frozen int64
	for _, part := range p.Parts {
		frozen += part.Frozen
	}
	if p.Failure == "" && frozen != s.Frozen {
		return refuse(Invalid, "snapshot %d has %d recipients, not %d", p.Snapshot, s.Frozen, frozen)
	}
	return nil
}

func (p EndSnapshot) apply(c *Catalog, at stamp) {
	frozen := c.tenants[p.Account].frozen
	s := *frozen[p.Snapshot]
	s.Ended, s.Parts, s.Failure = true, p.Parts, p.Failure
	if s.Failure == "" && at.at.Sub(s.CreatedAt) > SnapshotTime {
		s.Failure = "it took too long"
	}
	if s.Failure != "" {
		c.voided = at.offset
	}
	frozen[p.Snapshot] = &s
}

func (p DeleteSnapshot) check(c *Catalog) error {
	t, err := c.tenant(p.Account)
	if err != nil {
		return err
	}
	if t.frozen[p.Snapshot] == nil {
		return refuse(NotFound, "there is no snapshot %d", p.Snapshot)
	}
	return nil
}

func (p DeleteSnapshot) apply(c *Catalog, at stamp) {
	delete(c.tenants[p.Account].frozen, p.Snapshot)
	c.voided = at.offset
}

// Snapshots returns those of an account, the newest first.
func (c *Catalog) Snapshots(account string) []*Snapshot {
	c.mu.RLock()
	defer c.mu.RUnlock()
	t := c.tenants[account]
	if t == nil {
		return nil
	}
	return slices.SortedFunc(maps.Values(t.frozen), func(a, b *Snapshot) int { return cmp.Compare(b.ID, a.ID) })
}

// Snapshot returns a snapshot of an account, or nil.
func (c *Catalog) Snapshot(account string, id int64) *Snapshot {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if t := c.tenants[account]; t != nil {
		return t.frozen[id]
	}
	return nil
}

// KeepsSnapshot tells whether what is written of a snapshot is to be kept, and
// whether that is settled: its entry may be yet to be read, or its end to be
// written. One without an end is given up after a day, so that no clock that is
// ahead gives up what is being written.
func (c *Catalog) KeepsSnapshot(account string, id int64, now time.Time) (keep, settled bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if id >= c.next {
		return true, false
	}
	var s *Snapshot
	if t := c.tenants[account]; t != nil {
		s = t.frozen[id]
	}
	switch {
	case s == nil || s.Failure != "":
		return false, true
	case s.Ended:
		return true, true
	}
	over := now.Sub(s.CreatedAt) > 24*time.Hour
	return !over, over
}

// Voided is the offset of the newest entry by which what was written of some
// snapshot is of no use any more.
func (c *Catalog) Voided() int64 {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.voided
}
