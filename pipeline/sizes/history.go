package sizes

import (
	"sync"
	"time"

	"rollcall/pipeline/catalog"
)

// History is the series of all segments, as the fold of the records of all
// partitions. It is safe for concurrent use.
type History struct {
	mu       sync.Mutex
	accounts map[string]*accountHistory
}

type accountHistory struct {
	version int64 // of the definitions of which deleted segments are gone
	series  map[string]*segmentHistory
	latest  map[int32]time.Time // record of each partition
}

type segmentHistory struct {
	Series
	created int64 // offset of the entry that created the segment
	parts   map[int32]part
}

// part is what a partition said last.
type part struct {
	counts Counts
	state  string
}

// NewHistory returns a history of nothing.
func NewHistory() *History { return &History{accounts: map[string]*accountHistory{}} }

// Take takes a record in. Those of a partition come in its order. def is the
// account, with definitions at least as new as the record's; nil: there is none
// any more.
func (h *History) Take(partition int32, r *Record, def *catalog.Account, now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if def == nil {
		delete(h.accounts, r.Account)
		return
	}
	a := h.account(def)
	at := r.At
	if latest := a.latest[partition]; at.Before(latest) {
		at = latest // of an owner whose clock is behind that of the one before
	}
	a.latest[partition] = at
	for id, counts := range r.Segments {
		if seg := def.Segment(id); seg != nil && seg.Created < r.Definitions {
			a.segment(seg, def.Zone).take(partition, r.State, counts, at, now)
		}
	}
}

// account is an account's history, without segments that were deleted.
func (h *History) account(def *catalog.Account) *accountHistory {
	a := h.accounts[def.ID]
	if a == nil {
		a = &accountHistory{series: map[string]*segmentHistory{}, latest: map[int32]time.Time{}}
		h.accounts[def.ID] = a
	}
	if a.version < def.Version {
		a.version = def.Version
		for id, s := range a.series {
			if seg := def.Segment(id); seg == nil || seg.Created != s.created {
				delete(a.series, id)
			}
		}
	}
	return a
}

func (a *accountHistory) segment(seg *catalog.Segment, zone *time.Location) *segmentHistory {
	s := a.series[seg.ID]
	if s == nil || s.created != seg.Created {
		s = &segmentHistory{Series: Series{zone: zone}, created: seg.Created, parts: map[int32]part{}}
		a.series[seg.ID] = s
	}
	return s
}

func (s *segmentHistory) take(partition int32, state string, counts Counts, at, now time.Time) {
	before, known := s.parts[partition]
	s.parts[partition] = part{counts, state}
	if c := counts.since(before.counts, known && before.state == state); c != (change{}) || !known {
		s.add(at, c, now)
	}
}

// Points is a segment over the steps between the edges. Steps of which nothing
// is known yet are left out.
func (h *History) Points(def *catalog.Account, id string, edges []time.Time) []Point {
	h.mu.Lock()
	defer h.mu.Unlock()
	a, seg := h.accounts[def.ID], def.Segment(id)
	if a == nil || seg == nil || a.series[id] == nil || a.series[id].created != seg.Created {
		return []Point{}
	}
	return a.series[id].points(edges)
}

// Keep forgets the accounts that are no more.
func (h *History) Keep(exists func(account string) bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for id := range h.accounts {
		if !exists(id) {
			delete(h.accounts, id)
		}
	}
}
