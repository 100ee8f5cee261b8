package api

import (
	"bytes"
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

	"rollcall/pipeline/segment"
)

const (
	// maxSlices is how many workers may share a list.
	maxSlices = 4096
	// freshEvery is how long a list goes on before it looks again whether it
	// is fresh, and may be sent at all.
	freshEvery = time.Second
)

// errStale ends a list that stopped being fresh on the way.
var errStale = errors.New("the list is no longer fresh")

type streamInput struct {
	ID string `path:"id"`
	PartInput
}

// PartInput is which part of a list is asked for, and how.
type PartInput struct {
	Stale  staleness `query:"stale" enum:"allow" doc:"allow: answer even if the state is behind"`
	Slice  string    `query:"slice" doc:"which part of how many, such as 2/8; contacts are divided by hash" example:"2/8"`
	Cursor string    `query:"cursor" doc:"go on after it"`
}

func (s *Server) members(_ context.Context, c caller, in *streamInput) (*huma.StreamResponse, error) {
	return s.segmentList(c, in, false)
}

func (s *Server) recipients(_ context.Context, c caller, in *streamInput) (*huma.StreamResponse, error) {
	return s.segmentList(c, in, true)
}

func (s *Server) segmentList(c caller, in *streamInput, sendableOnly bool) (*huma.StreamResponse, error) {
	if err := s.answerable(c, in.ID, in.Stale); err != nil {
		return nil, err
	}
	return s.list(c, segment.Origin{Kind: segment.Segment, Name: in.ID}, in.PartInput, sendableOnly)
}

// list answers with who is in a segment or on a list.
func (s *Server) list(c caller, of segment.Origin, in PartInput, sendableOnly bool) (*huma.StreamResponse, error) {
	query := StreamQuery{Cursor: in.Cursor, SendableOnly: sendableOnly}
	var err error
	if query.Slice, query.Slices, err = parseSlice(in.Slice); err != nil {
		return nil, err
	}
	return &huma.StreamResponse{Body: func(ctx huma.Context) {
		_, w := humago.Unwrap(ctx)
		l := &lines{server: s, caller: c, stale: in.Stale, w: w, cursor: in.Cursor, looked: time.Now()}
		l.run(ctx.Context(), func() (any, Freshness, error) {
			count, freshness, err := s.Views.Stream(ctx.Context(), c.account, of, query, l.contacts)
			return listEnd{count, l.cursor, freshness}, freshness, err
		})
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
// what fails at once is a problem with its own status. Contacts that were looked
// at together are written together, and at once: a line that waits here would be
// of somebody who may have opted out meanwhile.
type lines struct {
	server  *Server
	caller  caller
	stale   staleness
	w       http.ResponseWriter
	out     io.Writer     // nil: nothing is written yet
	buffer  bytes.Buffer  // the lines that are written next
	encoder *json.Encoder // into buffer
	cursor  string        // after the last contact
	looked  time.Time     // when freshness was last asked for
}

type contactLine struct {
	Contact string `json:"contact"`
	Cursor  string `json:"cursor,omitempty"`
}

// listEnd ends a list.
type listEnd struct {
	Count     int64     `json:"count"`
	Cursor    string    `json:"cursor"`
	Freshness Freshness `json:"freshness"`
}

// run writes a list and, if it is fresh then, how it ends. list yields contacts to
// l, and says the latter.
func (l *lines) run(ctx context.Context, list func() (end any, f Freshness, err error)) {
	end, freshness, err := list()
	if err == nil {
		err = l.stale.settle(freshness)
	}
	if err == nil {
		err = l.end(end)
	}
	if err != nil && l.out == nil { // else the list has no end line
		problemOf(ctx, l.server.Log, err).write(l.w)
	}
}

func (l *lines) contacts(contacts []string, cursor string) error {
	if err := l.look(); err != nil {
		return err
	}
	l.cursor = cursor
	for i, contact := range contacts {
		line := contactLine{Contact: contact}
		if i == len(contacts)-1 {
			line.Cursor = cursor
		}
		if err := l.line(line); err != nil {
			return err
		}
	}
	return l.write()
}

// look ends a list that went stale, or whose token was revoked, meanwhile.
func (l *lines) look() error {
	now := time.Now()
	if now.Sub(l.looked) < freshEvery {
		return nil
	}
	l.looked = now
	if !l.server.stillAllowed(l.caller) || l.stale.settle(l.server.Views.Freshness(l.caller.account)) != nil {
		return errStale
	}
	return nil
}

func (l *lines) line(v any) error {
	if l.encoder == nil {
		l.encoder = json.NewEncoder(&l.buffer)
		l.encoder.SetEscapeHTML(false)
	}
	return l.encoder.Encode(v)
}

// write hands the lines to the connection.
func (l *lines) write() error {
	l.begin()
	_, err := l.buffer.WriteTo(l.out)
	return err
}

func (l *lines) begin() {
	if l.out != nil {
		return
	}
	h := l.w.Header()
	h.Set("Content-Type", "application/x-ndjson")
	h.Set("Cache-Control", "no-store")
	l.w.WriteHeader(http.StatusOK)
	l.out = patient(l.w)
}

func (l *lines) end(end any) error {
	if err := l.line(map[string]any{"end": end}); err != nil {
		return err
	}
	return l.write()
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
