package api

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
)

const (
	// maxSlices is how many workers may share a list.
	maxSlices = 4096
	// cursorEvery is how many lines of a list are sent between cursors.
	cursorEvery = 1000
	// freshEvery is how long a list goes on before it looks again whether it
	// is fresh, and may be sent at all.
	freshEvery = time.Second
)

// errStale ends a list that stopped being fresh on the way.
var errStale = errors.New("the list is no longer fresh")

type streamInput struct {
	ID     string    `path:"id"`
	Stale  staleness `query:"stale" enum:"allow" doc:"allow: answer even if the state is behind"`
	Slice  string    `query:"slice" doc:"which part of how many, such as 2/8; contacts are divided by hash" example:"2/8"`
	Cursor string    `query:"cursor" doc:"go on after it"`
}

func (s *Server) members(_ context.Context, c caller, in *streamInput) (*huma.StreamResponse, error) {
	return s.list(c, in, false)
}

func (s *Server) recipients(_ context.Context, c caller, in *streamInput) (*huma.StreamResponse, error) {
	return s.list(c, in, true)
}

func (s *Server) list(c caller, in *streamInput, sendableOnly bool) (*huma.StreamResponse, error) {
	query := StreamQuery{Cursor: in.Cursor, SendableOnly: sendableOnly}
	var err error
	if query.Slice, query.Slices, err = parseSlice(in.Slice); err != nil {
		return nil, err
	}
	if err := s.answerable(c, in.ID, in.Stale); err != nil {
		return nil, err
	}
	return &huma.StreamResponse{Body: func(ctx huma.Context) {
		_, w := humago.Unwrap(ctx)
		l := &lines{server: s, caller: c, stale: in.Stale, w: w, cursor: in.Cursor, looked: time.Now()}
		l.run(ctx.Context(), in.ID, query)
	}}, nil
}

func parseSlice(slice string) (n, of int, err error) {
	if slice == "" {
		return 1, 1, nil
	}
	a, b, _ := strings.Cut(slice, "/")
	n, errN := strconv.Atoi(a)
	of, errOf := strconv.Atoi(b)
	if errN != nil || errOf != nil || n < 1 || n > of || of > maxSlices {
		p := problem("invalid", "slice: expected a part and their number, such as 2/8, of at most %d", maxSlices)
		p.Errors = []Fault{{"not a slice", "query.slice"}}
		return 0, 0, p
	}
	return n, of, nil
}

// lines writes a list. Nothing is written before the first contact, so that
// what fails at once is a problem with its own status.
type lines struct {
	server *Server
	caller caller
	stale  staleness
	w      http.ResponseWriter
	out    *bufio.Writer // nil: nothing is written yet
	json   *json.Encoder // into out
	count  int64
	cursor string    // of the last contact
	looked time.Time // when freshness was last asked for
}

type contactLine struct {
	Contact string `json:"contact"`
	Cursor  string `json:"cursor,omitempty"`
}

type endLine struct {
	End struct {
		Count     int64     `json:"count"`
		Cursor    string    `json:"cursor"`
		Freshness Freshness `json:"freshness"`
	} `json:"end"`
}

func (l *lines) run(ctx context.Context, segment string, query StreamQuery) {
	count, freshness, err := l.server.Views.Stream(ctx, l.caller.account, segment, query, l.contact)
	if err == nil {
		err = l.stale.settle(freshness)
	}
	if err == nil {
		err = l.end(count, freshness)
	}
	switch {
	case err == nil:
	case l.out == nil:
		problemOf(ctx, l.server.Log, err).write(l.w)
	default:
		l.out.Flush() // without the end line
	}
}

func (l *lines) contact(contact, cursor string) error {
	l.begin()
	l.count++
	l.cursor = cursor
	line := contactLine{Contact: contact}
	if l.count%cursorEvery == 0 {
		line.Cursor = cursor
		if err := l.look(); err != nil {
			return err
		}
	}
	return l.json.Encode(line)
}

// look ends a list that went stale, or whose token was revoked, meanwhile; and
// lets a reader of a long list see what there is.
func (l *lines) look() error {
	now := time.Now()
	if now.Sub(l.looked) < freshEvery {
		return nil
	}
	l.looked = now
	if !l.server.stillAllowed(l.caller) {
		return errStale
	}
	if l.stale.settle(l.server.Views.Freshness(l.caller.account)) != nil {
		return errStale
	}
	return l.out.Flush()
}

func (l *lines) begin() {
	if l.out != nil {
		return
	}
	h := l.w.Header()
	h.Set("Content-Type", "application/x-ndjson")
	h.Set("Cache-Control", "no-store")
	l.w.WriteHeader(http.StatusOK)
	l.out = bufio.NewWriterSize(patient(l.w), 32<<10)
	l.json = json.NewEncoder(l.out)
	l.json.SetEscapeHTML(false)
}

func (l *lines) end(count int64, f Freshness) error {
	l.begin()
	var line endLine
	line.End.Count, line.End.Cursor, line.End.Freshness = count, l.cursor, f
	if err := l.json.Encode(line); err != nil {
		return err
	}
	return l.out.Flush()
}

// patientWriter lets each write take its time, and no more: a stream as a
// whole has no limit, but a reader that stopped reading is let go.
type patientWriter struct {
	http.ResponseWriter
	control *http.ResponseController
}

func patient(w http.ResponseWriter) io.Writer {
	return patientWriter{w, http.NewResponseController(w)}
}

func (p patientWriter) Write(b []byte) (int, error) {
	// Recorders in tests have no deadlines.
	if err := p.control.SetWriteDeadline(time.Now().Add(writeWait)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return 0, err
	}
	n, err := p.ResponseWriter.Write(b)
	if err != nil {
		return n, err
	}
	return n, p.control.Flush()
}
