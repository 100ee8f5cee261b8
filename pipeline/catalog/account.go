package catalog

import (
	"maps"
	"slices"
	"time"

	"rollcall/pipeline/segment"
)

// Account is a tenant as it stood after some entry. It never changes: a newer
// entry makes a new Account.
type Account struct {
	ID            string
	Timezone      string // IANA name
	Zone          *time.Location
	RetentionDays int
	DefaultRegion string // ISO 3166-1 alpha-2, or empty
	CreatedAt     time.Time

	Created  int64      // offset of the entry that created it
	Version  int64      // offset of the newest entry that touched it or its segments
	Segments []*Segment // parents before children

	byID map[string]*Segment
}

// Segment is a stored definition. It never changes either.
type Segment struct {
	ID, Name   string
	Definition segment.Definition
	Parents    []string // the segments that the definition names, in order, each once
	Created    int64    // offset of the entry since which there is one of this id
	Version    int64    // offset of its entry
	UpdatedAt  time.Time
}

// Segment returns the segment of that id, or nil.
func (a *Account) Segment(id string) *Segment { return a.byID[id] }

// Dependants returns the ids of the segments that name id, in order.
func (a *Account) Dependants(id string) []string { return dependants(a.byID, id) }

// Check returns the *Refusal that def would meet as segment id of this
// account, or nil. An empty id is a definition that is not stored.
func (a *Account) Check(id string, def segment.Definition) error {
	return checkDefinition(a.RetentionDays, a.byID, id, def)
}

// arrange puts parents before children, and otherwise goes by id.
func arrange(byID map[string]*Segment) []*Segment {
	placed := make(map[string]bool, len(byID))
	order := make([]*Segment, 0, len(byID))
	var place func(id string)
	place = func(id string) {
		if placed[id] {
			return
		}
		placed[id] = true
		for _, parent := range byID[id].Parents {
			place(parent)
		}
		order = append(order, byID[id])
	}
	for _, id := range slices.Sorted(maps.Keys(byID)) {
		place(id)
	}
	return order
}

func dependants(byID map[string]*Segment, id string) []string {
	var ids []string
	for _, s := range byID {
		if s.ID != id && slices.Contains(s.Parents, id) {
			ids = append(ids, s.ID)
		}
	}
	slices.Sort(ids)
	return ids
}

// parents lists the segments that a definition names.
func parents(def segment.Definition) []string {
	var ids []string
	for _, ref := range def.References() {
		if ref.Kind == segment.Segment {
			ids = append(ids, ref.Name)
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}
