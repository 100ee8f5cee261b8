package api

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"math"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
)

// maxFollowed is how many segments one stream may follow.
const maxFollowed = 100

type followInput struct {
	Segments []string `query:"segments" required:"true" doc:"1 to 100 ids"`
}

// followLine tells of a segment, or how fresh is what the lines before it told.
type followLine struct {
	Segment   string     `json:"segment,omitempty"`
	Exited    []string   `json:"exited,omitempty"`
	Entered   []string   `json:"entered,omitempty"`
	Freshness *Freshness `json:"freshness,omitempty"`
	AsOfMS    *int64     `json:"as_of_ms,omitempty"`
	DayEndsMS *int64     `json:"day_ends_ms,omitempty"`
}

func (s *Server) followRecipients(_ context.Context, c caller, in *followInput) (*huma.StreamResponse, error) {
	taken := time.Now()
	if n := len(in.Segments); n < 1 || n > maxFollowed {
		return nil, problem("invalid", "segments: expected 1 to %d, found %d", maxFollowed, n)
	}
	for i, id := range in.Segments {
		if err := s.answerable(c, id, "allow"); err != nil {
			return nil, err
		}
		for _, other := range in.Segments[:i] {
			if other == id {
				return nil, problem("invalid", "segments: %q stands there twice", id)
			}
		}
	}
	return &huma.StreamResponse{Body: func(ctx huma.Context) {
		ctx.SetHeader("Content-Type", "application/x-ndjson")
		ctx.SetHeader("Cache-Control", "no-store")
		ctx.SetHeader("X-Accel-Buffering", "no")
		_, w := humago.Unwrap(ctx)
		s.tellRecipients(ctx.Context(), c, in.Segments, taken, patient(w))
	}}, nil
}

// tellRecipients writes lines until the reader leaves, the server ends or the
// token is revoked.
func (s *Server) tellRecipients(ctx context.Context, c caller, segments []string, taken time.Time, w io.Writer) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(s.draining, cancel)()
	out := json.NewEncoder(w)
	out.SetEscapeHTML(false)
	// What it ends with is that the reader left, or is for the reader to find
	// out when it asks again.
	_ = s.Views.Follow(ctx, c.account, segments, func(u FollowUpdate) error {
		if u.Freshness != nil && !s.stillAllowed(c) {
			return errNotAllowed
		}
		return out.Encode(followLineOf(u, taken))
	})
}

var errNotAllowed = errors.New("the token was revoked")

// followLineOf counts times from when the request was taken up, by a clock that
// only goes on. Whoever counts from when he sent it takes nothing for newer than
// it is, whatever his clock says and however late a line arrives.
func followLineOf(u FollowUpdate, taken time.Time) followLine {
	line := followLine{Segment: u.Segment, Exited: u.Exited, Entered: u.Entered, Freshness: u.Freshness}
	if u.Freshness != nil && u.Freshness.Fresh {
		line.AsOfMS, line.DayEndsMS = since(taken, u.Freshness.AsOf), since(taken, u.DayEnds)
	}
	return line
}

// since is rounded down.
func since(begin, at time.Time) *int64 {
	ms := int64(math.Floor(float64(at.Sub(begin)) / float64(time.Millisecond)))
	return &ms
}
