package api

import (
	"context"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"rollcall/pipeline"
)

// Changes tells who entered and exited a segment; *pipeline.Changes does.
type Changes interface {
	Read(ctx context.Context, account, segment string, q pipeline.ChangeQuery, yield func(t ToldChange, cursor func() string) error) (pipeline.ToldChanges, error)
}

// ToldChange is somebody who entered or exited a segment.
type ToldChange = pipeline.ToldChange

type changesInput struct {
	ID    string `path:"id"`
	Since string `query:"since" doc:"RFC 3339, a day of the account's zone, or a cursor to go on after; default: all that is kept, a week"`
}

type changeLine struct {
	ToldChange
	Cursor string `json:"cursor,omitempty"`
}

// changesEnd ends the stream.
type changesEnd struct {
	Count     int64     `json:"count"`
	Cursor    string    `json:"cursor"`
	Since     time.Time `json:"since,omitzero"`
	More      bool      `json:"more,omitempty"`
	Freshness Freshness `json:"freshness"`
}

func (s *Server) changes(_ context.Context, c caller, in *changesInput) (*huma.StreamResponse, error) {
	account, _, err := s.find(c, in.ID)
	if err != nil {
		return nil, err
	}
	var query pipeline.ChangeQuery
	if since, _, err := moment("since", in.Since, account.Zone); err == nil {
		query.Since = since
	} else {
		query.Cursor = in.Since // and if it is none, it can't be gone on from
	}
	return &huma.StreamResponse{Body: func(ctx huma.Context) {
		_, w := humago.Unwrap(ctx)
		l := &changeList{lines: &lines{server: s, caller: c, stale: "allow", w: w, looked: time.Now()}}
		l.run(ctx.Context(), func() (any, Freshness, error) {
			told, err := s.Changes.Read(ctx.Context(), c.account, in.ID, query, l.change)
			freshness := s.Views.Freshness(c.account)
			return changesEnd{told.Count, told.Cursor, told.Since, told.More, freshness}, freshness, err
		})
	}}, nil
}

// changesAtOnce is how many changes are written at once, and at least how many
// stand between two cursors.
const changesAtOnce = 1000

// changeList writes changes, many at once: they are of the past.
type changeList struct {
	*lines
	waiting int // lines that are not written yet
	bare    int // lines since the last with a cursor
}

func (l *changeList) change(t ToldChange, cursor func() string) error {
	line := changeLine{ToldChange: t}
	if l.bare++; cursor != nil && l.bare >= changesAtOnce {
		line.Cursor, l.bare = cursor(), 0
	}
	if err := l.line(line); err != nil {
		return err
	}
	if l.waiting++; l.waiting < changesAtOnce {
		return nil
	}
	l.waiting = 0
	if err := l.look(); err != nil {
		return err
	}
	return l.write()
}

// changeLines describes the stream of changes.
func changeLines(op huma.Operation) huma.Operation {
	return streams(op, "application/x-ndjson", `Lines {"id", "contact", "change", "cause", "at"}, some with a "cursor" from which to go on. `+
		`The last line is {"end": {"count", "cursor", "freshness"}}: without it the stream is cut off. `+
		`"more" there says that there is more after the cursor now, "since" that some from before that moment are no longer kept.`)
}
