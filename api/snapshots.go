package api

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"rollcall/pipeline"
	"rollcall/pipeline/catalog"
)

// Snapshots takes and reads frozen lists; *pipeline.Snapshots does.
type Snapshots interface {
	// Freeze writes the recipients of a segment down, unless settle has an error
	// about how fresh they are, which it returns.
	Freeze(ctx context.Context, account, segment, name string, settle func(Freshness) error) (*catalog.Snapshot, Freshness, error)

	// Stream calls yield with the contacts of a snapshot that is ready, and with
	// the cursor from which a later call goes on after them. It stops at yield's
	// first error, and returns it.
	Stream(ctx context.Context, s *catalog.Snapshot, q FrozenQuery, yield func(contacts []string, cursor string) error) (FrozenEnd, Freshness, error)
}

type (
	// FrozenQuery selects a part of a snapshot.
	FrozenQuery = pipeline.FrozenQuery
	// FrozenEnd is what became of a snapshot's recipients.
	FrozenEnd = pipeline.FrozenEnd
)

// snapshotAnswer is a snapshot as it is shown.
type snapshotAnswer struct {
	ID         string                `json:"id"`
	Segment    string                `json:"segment"`
	Name       string                `json:"name"`
	Definition string                `json:"definition" doc:"of the segment when it was frozen, as text"`
	Version    int64                 `json:"version" doc:"of the segment, likewise"`
	CreatedAt  time.Time             `json:"created_at"`
	Position   string                `json:"position" doc:"the state that the recipients are of; opaque"`
	Frozen     *int64                `json:"frozen,omitempty" doc:"how many recipients it has, if it has not failed"`
	State      catalog.SnapshotState `json:"state" enum:"writing,ready,failed"`
	Freshness  *Freshness            `json:"freshness,omitempty" doc:"not in lists"`
}

func answerSnapshot(s *catalog.Snapshot) snapshotAnswer {
	a := snapshotAnswer{
		ID: strconv.FormatInt(s.ID, 10), Segment: s.Segment, Name: s.Name, Definition: s.Definition.Text(), Version: s.Version,
		CreatedAt: s.CreatedAt, Position: s.Position, State: s.State(time.Now()),
	}
	if a.State != catalog.SnapshotFailed {
		a.Frozen = &s.Frozen
	}
	return a
}

// freezeWait is for writing a snapshot; the rest of answerWait is for telling.
const freezeWait = answerWait - 10*time.Second

type freezeInput struct {
	ID    string    `path:"id"`
	Stale staleness `query:"stale" enum:"allow" doc:"allow: freeze what there is even if the state is behind"`
	Body  *struct {
		Name string `json:"name,omitempty" maxLength:"200"`
	}
}

type snapshotOutput struct {
	Location string `header:"Location"`
	Body     snapshotAnswer
}

func (s *Server) freeze(ctx context.Context, c caller, in *freezeInput) (*snapshotOutput, error) {
	if err := s.answerable(c, in.ID, in.Stale); err != nil {
		return nil, err
	}
	name := ""
	if in.Body != nil {
		name = in.Body.Name
	}
	ctx, cancel := context.WithTimeout(ctx, freezeWait)
	defer cancel()
	snapshot, freshness, err := s.Snapshots.Freeze(ctx, c.account, in.ID, name, in.Stale.settle)
	if err != nil {
		return nil, snapshotProblem(err)
	}
	out := &snapshotOutput{Location: "/v1/snapshots/" + strconv.FormatInt(snapshot.ID, 10), Body: answerSnapshot(snapshot)}
	out.Body.Freshness = &freshness
	return out, nil
}

func snapshotProblem(err error) error {
	switch {
	case errors.Is(err, pipeline.ErrTooManyFrozen):
		return problem("invalid", "%s", pipeline.ErrTooManyFrozen)
	case errors.Is(err, pipeline.ErrSnapshotGone):
		return problem("not-found", "the snapshot was deleted")
	}
	return err
}

type listSnapshotsInput struct {
	Segment string `query:"segment" doc:"only those of this segment"`
}

type listSnapshotsOutput struct {
	Body struct {
		Snapshots []snapshotAnswer `json:"snapshots"`
		Freshness Freshness        `json:"freshness"`
	}
}

func (s *Server) listSnapshots(_ context.Context, c caller, in *listSnapshotsInput) (*listSnapshotsOutput, error) {
	out := &listSnapshotsOutput{}
	out.Body.Snapshots = []snapshotAnswer{}
	out.Body.Freshness = s.Views.Freshness(c.account)
	for _, snapshot := range s.Catalog.Snapshots(c.account) {
		if in.Segment == "" || in.Segment == snapshot.Segment {
			out.Body.Snapshots = append(out.Body.Snapshots, answerSnapshot(snapshot))
		}
	}
	return out, nil
}

type snapshotPath struct {
	ID string `path:"id"`
}

type getSnapshotOutput struct{ Body snapshotAnswer }

func (s *Server) getSnapshot(_ context.Context, c caller, in *snapshotPath) (*getSnapshotOutput, error) {
	snapshot, err := s.findSnapshot(c, in.ID)
	if err != nil {
		return nil, err
	}
	out := &getSnapshotOutput{answerSnapshot(snapshot)}
	freshness := s.Views.Freshness(c.account)
	out.Body.Freshness = &freshness
	return out, nil
}

// findSnapshot returns a snapshot of the caller's account.
func (s *Server) findSnapshot(c caller, id string) (*catalog.Snapshot, error) {
	n, err := strconv.ParseInt(id, 10, 64)
	if err == nil {
		if snapshot := s.Catalog.Snapshot(c.account, n); snapshot != nil {
			return snapshot, nil
		}
	}
	return nil, problem("not-found", "there is no snapshot %q", id)
}

// deleteSnapshot removes a snapshot. What was written of it is taken out of Kafka
// later.
func (s *Server) deleteSnapshot(ctx context.Context, c caller, in *snapshotPath) (*struct{}, error) {
	snapshot, err := s.findSnapshot(c, in.ID)
	if err == nil {
		_, err = s.change(ctx, catalog.DeleteSnapshot{Account: c.account, Snapshot: snapshot.ID})
	}
	return nil, err
}

type frozenInput struct {
	ID string `path:"id"`
	PartInput
	View string `query:"view" enum:"frozen" doc:"frozen: all that were frozen, sendable still or not, but for contacts that were erased"`
}

// frozenEnd ends a frozen list.
type frozenEnd struct {
	FrozenEnd
	Cursor    string    `json:"cursor"`
	Freshness Freshness `json:"freshness"`
}

func (s *Server) frozenRecipients(_ context.Context, c caller, in *frozenInput) (*huma.StreamResponse, error) {
	query := FrozenQuery{Cursor: in.Cursor, Raw: in.View == "frozen"}
	var err error
	if query.Slice, query.Slices, err = parseSlice(in.Slice); err != nil {
		return nil, err
	}
	snapshot, err := s.findSnapshot(c, in.ID)
	if err != nil {
		return nil, err
	}
	if state := snapshot.State(time.Now()); state != catalog.SnapshotReady {
		return nil, problem("snapshot-not-ready", "the snapshot is in the state %q", state)
	}
	if err := in.Stale.settle(s.Views.Freshness(c.account)); err != nil {
		return nil, err
	}
	return &huma.StreamResponse{Body: func(ctx huma.Context) {
		_, w := humago.Unwrap(ctx)
		l := &lines{server: s, caller: c, stale: in.Stale, w: w, cursor: in.Cursor, looked: time.Now()}
		l.run(ctx.Context(), func() (any, Freshness, error) {
			end, freshness, err := s.Snapshots.Stream(ctx.Context(), snapshot, query, l.contacts)
			return frozenEnd{end, l.cursor, freshness}, freshness, snapshotProblem(err)
		})
	}}, nil
}
