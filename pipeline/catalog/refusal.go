package catalog

import "fmt"

// Kind classes refusals, so that a caller can answer each in its own way.
type Kind string

const (
	NotFound        Kind = "not-found"        // what the entry is about does not exist
	Conflict        Kind = "conflict"         // what the entry creates exists already
	Invalid         Kind = "invalid"          // the entry can't be right, whatever came before it
	VersionMismatch Kind = "version-mismatch" // somebody else changed the segment meanwhile
	InUse           Kind = "in-use"           // others stand on what the entry deletes
)

// Refusal says why an entry is invalid at its offset. Every process comes to
// the same refusal, because it depends on the entries before it alone.
type Refusal struct {
	Kind   Kind
	Detail string
	Names  []string // InUse: the segments in the way; a circle: its path
	Cause  error    // the error in a definition (a *segment.Error), or nil
}

func (r *Refusal) Error() string { return r.Detail }

func (r *Refusal) Unwrap() error { return r.Cause }

func refuse(kind Kind, format string, args ...any) *Refusal {
	return &Refusal{Kind: kind, Detail: fmt.Sprintf(format, args...)}
}
