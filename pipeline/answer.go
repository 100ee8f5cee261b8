package pipeline

import (
	"context"
	"errors"
	"time"

	"rollcall/bitmaps"
)

var (
	// ErrCursorGone means that the state was rebuilt since the cursor was made.
	ErrCursorGone = errors.New("the cursor belongs to a state that was rebuilt since")
	// ErrNotComposed means that not every partition has composed the segment.
	ErrNotComposed = errors.New("the segment is not composed yet")
	// ErrUnavailable means that what the answer needs can't be reached now.
	ErrUnavailable = errors.New("unavailable")
)

// Freshness says how current an answer is.
type Freshness struct {
	Fresh    bool      `json:"fresh" doc:"every source was read up to an end seen at most --max-staleness ago, and the account's day is today"`
	AsOf     time.Time `json:"as_of" doc:"everything written before this moment is in the answer"`
	Position string    `json:"position" doc:"the state that answered; opaque"`
	Missing  []string  `json:"missing,omitempty" doc:"what is behind, if not fresh"`
}

// Size is how large a segment is. Of one that is not Ready only the first four
// fields mean anything.
type Size struct {
	Version              int64 // of the definition that is composed
	Ready                bool  // every partition has composed it
	Composed, Partitions int   // how many have, of how many
	Members, Sendable    int64
	Entered, Exited      int64 // ever; they only grow
}

// SegmentSize is a Size as a Watch yields it.
type SegmentSize struct {
	Segment  string
	Size     Size
	Deleted  bool   // the segment is no more
	Position string // the state that the size is of
}

// Warning is about a name in a definition that may be a slip.
type Warning struct {
	Kind    string `json:"kind" enum:"list,form,webinar,message"`
	Name    string `json:"name"`
	Nearest string `json:"nearest,omitempty" doc:"the most similar name that has been seen"`
	Message string `json:"message" doc:"the warning as a sentence"`
}

// Membership is the answer about one contact.
type Membership struct {
	Contact  string   `json:"contact"`
	Member   bool     `json:"member"`
	Sendable bool     `json:"sendable" doc:"a member with a valid phone, opted in and not opted out"`
	Blocked  []string `json:"blocked" enum:"not_member,invalid_phone,not_opted_in,opted_out" doc:"why it is not sendable"`
}

// StreamQuery selects a part of a segment or a list.
type StreamQuery struct {
	Slice, Slices int    // 1 to Slices; by hash of the contact's id
	Cursor        string // go on after it; empty: from the beginning
	SendableOnly  bool
	Batch         int // how many contacts to yield together at most; 0: 500
}

// Explanation says why a contact is in a segment, or is not.
type Explanation struct {
	Contact  string   `json:"contact"`
	Segment  string   `json:"segment"`
	Known    bool     `json:"known" doc:"there is such a contact; what was said of one that there is not is told all the same"`
	Member   bool     `json:"member"`
	Sendable bool     `json:"sendable" doc:"a member with a valid phone, opted in and not opted out"`
	Blocked  []string `json:"blocked" enum:"not_member,invalid_phone,not_opted_in,opted_out" doc:"why it is not sendable"`
	Lapses   string   `json:"lapses,omitempty" doc:"of a member: the first day of the account on which it no longer is one if nothing else is recorded"`
	Begins   string   `json:"begins,omitempty" doc:"of somebody else: the first day on which it is one if nothing else is recorded"`
	Origin   Finding  `json:"origin"`
	Where    *Finding `json:"where,omitempty" doc:"absent if the segment is everybody in its origin"`
}

// Finding is how a condition turned out for a contact.
type Finding struct {
	Condition string    `json:"condition" doc:"in the text form"`
	Holds     bool      `json:"holds"`
	Lapses    string    `json:"lapses,omitempty" doc:"if it holds: the first day of the account on which it does not if nothing else is recorded; absent: it stays so"`
	Begins    string    `json:"begins,omitempty" doc:"if it does not hold: the first day on which it does if nothing else is recorded; absent: it stays so"`
	Detail    string    `json:"detail,omitempty" doc:"what counts, in words"`
	Parts     []Finding `json:"parts,omitempty" doc:"the conditions in it; of a segment its origin and condition, the first time that it is named"`

	when timeline
}

// settled tells what the timeline says.
func (f Finding) settled() Finding {
	f.Holds, f.Lapses, f.Begins = f.when.holds, f.when.ends(), f.when.begins()
	return f
}

// Preview is the answer about a definition that is not stored.
type Preview struct {
	Size   int64    `json:"size"`
	Funnel []Step   `json:"funnel" doc:"how many are left after each condition"`
	Reach  Reach    `json:"reach"`
	Sample []string `json:"sample" doc:"some members"`

	Overlap *Overlap `json:"overlap,omitempty" doc:"with the segment that was asked for"`
}

// Overlap holds a definition against the members of a stored segment.
type Overlap struct {
	Segment   string `json:"segment"`
	Both      int64  `json:"both" doc:"in both"`
	OnlyThis  int64  `json:"only_this" doc:"in the definition only"`
	OnlyOther int64  `json:"only_other" doc:"in the segment only"`
}

// Step is a line of a funnel.
type Step struct {
	Condition string `json:"condition" doc:"in the text form"`
	Size      int64  `json:"size"`
}

// Reach says how many of the members can be sent to.
type Reach struct {
	Members    int64 `json:"members"`
	ValidPhone int64 `json:"valid_phone"`
	OptedIn    int64 `json:"opted_in"`
	Sendable   int64 `json:"sendable"`
}

// Status is how the pipeline is doing.
type Status struct {
	Freshness       Freshness         `json:"freshness"`
	Partitions      []PartitionStatus `json:"partitions"`
	Outcomes        map[string]int64  `json:"outcomes" doc:"records by what became of them; only in the operator's view"`
	DeadLetters     map[string]int64  `json:"dead_letters" doc:"by error code; only in the operator's view"`
	Ignored         map[string]int64  `json:"ignored,omitempty" doc:"records of mapped topics that the configuration leaves out, by why; only in the operator's view"`
	DataLost        bool              `json:"data_lost" doc:"the log no longer holds what the state needs or was made from"`
	Losses          []bitmaps.Loss    `json:"losses,omitempty" doc:"what is lost; the operator can accept it by name"`
	DataLostReasons []string          `json:"data_lost_reasons,omitempty" doc:"the same in words, and what stops this process's own partitions"`
}

// PartitionStatus is how one partition is doing.
type PartitionStatus struct {
	Partition int              `json:"partition"`
	Owner     string           `json:"owner,omitempty" doc:"the process that owns it"`
	Fresh     bool             `json:"fresh"`
	Lag       map[string]int64 `json:"lag" doc:"records not yet applied, by topic"`
	Position  string           `json:"position"`
	Today     string           `json:"today,omitempty" doc:"the account's day; not in the operator's view"`
}

// Watch yields the latest state only: who is slow misses what was overtaken.
type Watch interface {
	// Next waits until something changed since the last call, and returns each
	// changed segment once; the first call returns all at once. A call whose
	// ctx ends returns ctx's error and loses nothing.
	Next(ctx context.Context) ([]SegmentSize, error)
	Close()
}
