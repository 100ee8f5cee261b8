package api

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"rollcall/pipeline"
)

// Verifier recomputes from the log what the state should be. It calls tell with
// every difference, now and then with how far it is, and last with the end.
type Verifier interface {
	Verify(ctx context.Context, q VerifyQuery, tell func(VerifyLine) error) error
}

// What a verification is asked for and tells.
type (
	VerifyQuery      = pipeline.VerifyQuery
	VerifyLine       = pipeline.VerifyLine
	VerifyDifference = pipeline.VerifyDifference
	VerifyEnd        = pipeline.VerifyEnd
)

type verifyInput struct{ Body VerifyQuery }

// failedLine ends a verification that could not go on, once something was told.
type failedLine struct {
	Failed *Problem `json:"failed"`
}

// verify tells what differs as it is found. There is one verification at a time:
// it takes the memory of a partition's contacts, and the time of a core.
func (s *Server) verify(ctx context.Context, _ caller, in *verifyInput) (*huma.StreamResponse, error) {
	if err := s.verifiable(&in.Body); err != nil {
		return nil, err
	}
	return &huma.StreamResponse{Body: func(ctx huma.Context) {
		_, w := humago.Unwrap(ctx)
		if !s.verifying.TryLock() {
			problem("busy", "another verification is under way, and this server does one at a time").write(w)
			return
		}
		defer s.verifying.Unlock()
		l := newVerifyLines(w)
		err := s.Verifier.Verify(ctx.Context(), in.Body, l.tell)
		if err != nil && ctx.Context().Err() == nil { // else the client went away
			l.fail(problemOf(ctx.Context(), s.Log, fmt.Errorf("%w: %w", ErrUnavailable, err)))
		}
	}}, nil
}

func (s *Server) verifiable(q *VerifyQuery) error {
	if (q.Segment != "" || len(q.Contacts) > 0) && q.Account == "" {
		return problem("invalid", "a segment and contacts are an account's: name it")
	}
	if q.Account == "" {
		return nil
	}
	account := s.Catalog.Account(q.Account)
	if account == nil {
		return problem("not-found", "there is no account %q", q.Account)
	}
	if q.Segment != "" && account.Segment(q.Segment) == nil {
		return problem("not-found", "there is no segment %q", q.Segment)
	}
	if len(q.Contacts) > 0 {
		return checkContacts(q.Contacts)
	}
	return nil
}

// verifyLines writes a verification, and what there is at once.
type verifyLines struct {
	out  *bufio.Writer
	json *json.Encoder
}

func newVerifyLines(w http.ResponseWriter) *verifyLines {
	h := w.Header()
	h.Set("Content-Type", "application/x-ndjson")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusOK)
	out := bufio.NewWriterSize(patient(w), 32<<10)
	l := &verifyLines{out: out, json: json.NewEncoder(out)}
	l.json.SetEscapeHTML(false)
	return l
}

func (l *verifyLines) tell(line VerifyLine) error {
	if err := l.json.Encode(line); err != nil {
		return err
	}
	return l.out.Flush()
}

func (l *verifyLines) fail(p *Problem) {
	if err := l.json.Encode(failedLine{p}); err == nil {
		_ = l.out.Flush() // an error here is the client's absence
	}
}
