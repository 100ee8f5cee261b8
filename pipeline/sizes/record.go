// Package sizes keeps how large segments were: what the owners of partitions
// record, and the series that are made of it.
package sizes

import (
	"time"
)

// Counts is what there is to say of a segment: in one partition, or in all.
type Counts struct {
	Size     int64 `json:"size"`
	Sendable int64 `json:"sendable"`
	Entered  int64 `json:"entered"` // ever
	Exited   int64 `json:"exited"`  // ever
}

// Record is what the owner of a partition says of an account. A segment that is
// missing is as the record before said.
type Record struct {
	Account string    `json:"account"`
	At      time.Time `json:"at"`
	// State is the lineage of the state that counted: another one's totals
	// began anew.
	State string `json:"state"`
	// Definitions is up to which offset of the definitions they are in the
	// counts, which tells a segment from an older one of its name.
	Definitions int64             `json:"definitions"`
	Segments    map[string]Counts `json:"segments"`
}

// change is what became of a segment from one record to the next.
type change struct{ sendable, entered, exited int64 }

func (c change) size() int64 { return c.entered - c.exited }

// since is what changed from the counts before. Where the totals do not go on
// from there, because a state was made anew, only so many are known to have
// entered or exited as the size changed by.
func (c Counts) since(before Counts, sameState bool) change {
	d := change{sendable: c.Sendable - before.Sendable, entered: c.Entered - before.Entered, exited: c.Exited - before.Exited}
	if grown := c.Size - before.Size; !sameState || d.entered < 0 || d.exited < 0 || d.size() != grown {
		d.entered, d.exited = max(0, grown), max(0, -grown)
	}
	return d
}
