package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
)

type sizesInput struct {
	Segments []string `query:"segments" doc:"ids; default all segments, later ones included"`
	LastID   string   `header:"Last-Event-ID" doc:"taken and not needed: the snapshot says all, and totals only grow"`
}

// sizeEvent is a segment's size as it is sent. One that is not composed has
// Composed instead of sizes.
type sizeEvent struct {
	Segment      string    `json:"segment"`
	Size         *int64    `json:"size,omitempty"`
	Sendable     *int64    `json:"sendable,omitempty"`
	EnteredTotal *int64    `json:"entered_total,omitempty"`
	ExitedTotal  *int64    `json:"exited_total,omitempty"`
	Composed     *Composed `json:"composed,omitempty"`
	Position     string    `json:"position,omitempty"`
}

type snapshotEvent struct {
	Sizes     []sizeEvent `json:"sizes"`
	Freshness Freshness   `json:"freshness"`
}

func (s *Server) sizes(_ context.Context, c caller, in *sizesInput) (*huma.StreamResponse, error) {
	for _, id := range in.Segments {
		if _, _, err := s.find(c, id); err != nil {
			return nil, err
		}
	}
	return &huma.StreamResponse{Body: func(ctx huma.Context) {
		ctx.SetHeader("Content-Type", "text/event-stream")
		ctx.SetHeader("Cache-Control", "no-store")
		ctx.SetHeader("X-Accel-Buffering", "no") // nginx would hold events back
		_, w := humago.Unwrap(ctx)
		s.follow(ctx.Context(), c, in.Segments, patient(w))
	}}, nil
}

// follow sends sizes until the reader leaves, the server ends or the token is
// revoked. While a write blocks, the watch goes on to merge what changes.
func (s *Server) follow(ctx context.Context, c caller, segments []string, w io.Writer) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(s.draining, cancel)()
	watch := s.Views.Watch(c.account, segments)
	defer watch.Close()
	send := s.sendSnapshot
	for s.stillAllowed(c) {
		sizes, err := s.next(ctx, watch)
		switch {
		case ctx.Err() != nil:
			return
		case errors.Is(err, context.DeadlineExceeded):
			_, err = io.WriteString(w, ": keep-alive\n\n")
		case err == nil:
			err = send(w, c.account, sizes)
			send = sendSizes
		default:
			s.Log.WarnContext(ctx, "a stream of sizes ended", "error", err)
		}
		if err != nil {
			return
		}
	}
}

func (s *Server) next(ctx context.Context, watch Watch) ([]SegmentSize, error) {
	ctx, cancel := context.WithTimeout(ctx, s.KeepAlive)
	defer cancel()
	return watch.Next(ctx)
}

func (s *Server) sendSnapshot(w io.Writer, account string, sizes []SegmentSize) error {
	snapshot := snapshotEvent{Sizes: []sizeEvent{}, Freshness: s.Views.Freshness(account)}
	for _, size := range sizes {
		if !size.Deleted {
			snapshot.Sizes = append(snapshot.Sizes, sizeEventOf(size))
		}
	}
	return sendEvent(w, "snapshot", snapshot.Freshness.Position, snapshot)
}

func sendSizes(w io.Writer, _ string, sizes []SegmentSize) error {
	for _, size := range sizes {
		name, event := "size", sizeEventOf(size)
		if size.Deleted {
			name, event = "deleted", sizeEvent{Segment: size.Segment}
		}
		if err := sendEvent(w, name, size.Position, event); err != nil {
			return err
		}
	}
	return nil
}

func sizeEventOf(s SegmentSize) sizeEvent {
	e := sizeEvent{Segment: s.Segment, Position: s.Position}
	if !s.Size.Ready {
		e.Composed = &Composed{s.Size.Composed, s.Size.Partitions}
		return e
	}
	e.Size, e.Sendable = &s.Size.Members, &s.Size.Sendable
	e.EnteredTotal, e.ExitedTotal = &s.Size.Entered, &s.Size.Exited
	return e
}

// sendEvent writes one event at once, so that it is flushed whole.
func sendEvent(w io.Writer, name, id string, data any) error {
	encoded, err := json.Marshal(data)
	if err != nil {
		return err
	}
	var b strings.Builder
	if id != "" {
		fmt.Fprintf(&b, "id: %s\n", id)
	}
	fmt.Fprintf(&b, "event: %s\ndata: %s\n\n", name, encoded)
	_, err = io.WriteString(w, b.String())
	return err
}
