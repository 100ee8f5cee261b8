package api

import (
	"context"

	"rollcall/pipeline"
	"rollcall/pipeline/segment"
)

// Views answers questions about the current state. An unknown account or
// segment is one whose state has not been built yet.
type Views interface {
	Freshness(account string) Freshness

	// Size is of the newest definition that the views have taken up, which
	// Size.Version names.
	Size(account, segment string) Size

	// Warnings names the lists and messages of a definition that no record has
	// mentioned so far.
	Warnings(account string, def segment.Definition) []Warning

	// Check answers for each contact, in their order.
	Check(ctx context.Context, account, segment string, contacts []string) ([]Membership, Freshness, error)

	// Explain tells how each condition of the segment turns out for a contact.
	Explain(ctx context.Context, account, segment, contact string) (Explanation, Freshness, error)

	// Stream calls yield with who is in a segment or on a list, each contact
	// once, and with the cursor from which a later call goes on after them. The
	// contacts of a call are as of that moment. It stops at yield's first error,
	// and returns it. The count is of the contacts yielded, and the freshness
	// that of the whole answer.
	Stream(ctx context.Context, account string, of segment.Origin, q StreamQuery, yield func(contacts []string, cursor string) error) (count int64, f Freshness, err error)

	// Lists are all lists by name, and Messages all messages, the newest first.
	Lists(account string) []ListSize
	Messages(ctx context.Context, account string) ([]SentMessage, error)

	// SMSReport counts what came of messages.
	SMSReport(ctx context.Context, account string, q SMSQuery) (SMSReport, Freshness, error)

	// Preview counts who is in a definition, and how many of a stored segment
	// are too, if overlap names one.
	Preview(ctx context.Context, account string, def segment.Definition, overlap string) (Preview, Freshness, error)

	// Watch follows the sizes of some segments, or of all that there are and
	// will be if none is named.
	Watch(account string, segments []string) Watch

	// Follow tells the recipients of segments, and then who enters and exits and
	// how fresh that is, until ctx ends, tell fails, or a segment is no more.
	Follow(ctx context.Context, account string, segments []string, tell func(FollowUpdate) error) error

	// Rebuild tells how a rebuild stands; nil: there is none of that id.
	Rebuild(ctx context.Context, id string) (*pipeline.RebuildStatus, error)

	// CheckReplay says what about a topic of a replay can't be right.
	CheckReplay(t ReplayTopic) error
	// Replays are those that go on, and the newest of the others.
	Replays() []Replay
	// Replay is one of them, if it is known.
	Replay(id string) (Replay, bool)

	// Status is an account's, or the whole product's if account is empty.
	Status(account string) Status
}

// Eraser removes a contact everywhere. It returns when the erasure is durable.
type Eraser interface {
	Erase(ctx context.Context, account, contact string) error
}

// What answers are made of.
type (
	Freshness       = pipeline.Freshness
	Size            = pipeline.Size
	SegmentSize     = pipeline.SegmentSize
	Watch           = pipeline.Watch
	FollowUpdate    = pipeline.FollowUpdate
	Warning         = pipeline.Warning
	Membership      = pipeline.Membership
	Explanation     = pipeline.Explanation
	Finding         = pipeline.Finding
	StreamQuery     = pipeline.StreamQuery
	Preview         = pipeline.Preview
	Step            = pipeline.Step
	Reach           = pipeline.Reach
	Status          = pipeline.Status
	PartitionStatus = pipeline.PartitionStatus
)

// What can be wrong with a question.
var (
	ErrCursorGone  = pipeline.ErrCursorGone
	ErrNotComposed = pipeline.ErrNotComposed
	ErrUnavailable = pipeline.ErrUnavailable
)
