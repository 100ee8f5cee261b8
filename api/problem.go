package api

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"rollcall/pipeline"
	"rollcall/pipeline/catalog"
	"rollcall/pipeline/segment"
)

// Problem is an error as RFC 9457 writes it.
type Problem struct {
	Type      string     `json:"type" doc:"what kind of problem; the address of its documentation on this server"`
	Title     string     `json:"title"`
	Status    int        `json:"status"`
	Detail    string     `json:"detail,omitempty"`
	Errors    []Fault    `json:"errors,omitempty" doc:"what is wrong with the request, one by one"`
	At        *Place     `json:"at,omitempty" doc:"the place of the error in a definition"`
	Segments  []string   `json:"segments,omitempty" doc:"in-use: the segments that stand on this one; a circle: its path"`
	Composed  *Composed  `json:"composed,omitempty" doc:"how far the segment is"`
	Freshness *Freshness `json:"freshness,omitempty"`

	Import *ImportReport `json:"import,omitempty" doc:"how far an import came that ended early"`

	retryAfter time.Duration
}

// Fault is one thing that is wrong with a request.
type Fault struct {
	Message  string `json:"message"`
	Location string `json:"location,omitempty" doc:"such as body.contacts[3] or query.slice"`
}

// Place is where a definition is wrong.
type Place struct {
	Path       string `json:"path,omitempty" doc:"in the JSON form"`
	Offset     int    `json:"offset,omitempty" doc:"in the text form, in bytes from 0"`
	Line       int    `json:"line,omitempty" doc:"from 1"`
	Column     int    `json:"column,omitempty" doc:"in characters from 1"`
	Expected   string `json:"expected,omitempty"`
	Found      string `json:"found,omitempty"`
	Suggestion string `json:"suggestion,omitempty"`
}

// Composed says how many partitions have composed a segment.
type Composed struct {
	Done int `json:"done"`
	Of   int `json:"of"`
}

func (p *Problem) Error() string { return cmp.Or(p.Detail, p.Title) }

// GetStatus implements huma.StatusError.
func (p *Problem) GetStatus() int { return p.Status }

// ContentType implements huma.ContentTypeFilter.
func (p *Problem) ContentType(string) string { return "application/problem+json" }

// GetHeaders implements huma.HeadersError.
func (p *Problem) GetHeaders() http.Header {
	h := http.Header{"Cache-Control": {"no-store"}}
	if p.retryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(int(p.retryAfter.Seconds())))
	}
	if p.Status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", `Bearer realm="rollcall"`)
	}
	return h
}

// write answers with the problem where huma is not involved.
func (p *Problem) write(w http.ResponseWriter) {
	for name, values := range p.GetHeaders() {
		w.Header()[name] = values
	}
	w.Header().Set("Content-Type", p.ContentType(""))
	w.WriteHeader(p.Status)
	json.NewEncoder(w).Encode(p) // an error here is the client's absence
}

// problem starts a problem of a documented kind.
func problem(kind, format string, args ...any) *Problem {
	k := kinds[kind]
	p := &Problem{Type: problemsPath + kind, Title: k.title, Status: k.status, Detail: fmt.Sprintf(format, args...)}
	if k.status == http.StatusServiceUnavailable || k.status == http.StatusTooManyRequests {
		p.retryAfter = time.Second
	}
	return p
}

// init makes huma's own complaints, about parameters and bodies, problems of
// ours. They never repeat the values that they are about: these may be contacts.
func init() {
	huma.NewError = func(status int, detail string, errs ...error) huma.StatusError {
		p := problem(kindOfStatus(status), "%s", detail)
		p.Status = status
		for _, err := range errs {
			p.Errors = append(p.Errors, fault(err))
		}
		return p
	}
}

func fault(err error) Fault {
	if detailer, ok := err.(huma.ErrorDetailer); ok {
		detail := detailer.ErrorDetail()
		return Fault{Message: detail.Message, Location: detail.Location}
	}
	return Fault{Message: err.Error()}
}

// problemOf answers what a handler failed with. What nobody foresaw is logged
// and not told: it may name what is inside.
func problemOf(ctx context.Context, log *slog.Logger, err error) *Problem {
	if p, ok := errors.AsType[*Problem](err); ok {
		return p
	}
	if refusal, ok := errors.AsType[*catalog.Refusal](err); ok {
		return refused(refusal)
	}
	if fault, ok := errors.AsType[*segment.Error](err); ok {
		return badDefinition(fault)
	}
	if question, ok := errors.AsType[*pipeline.QuestionError](err); ok {
		return problem("invalid", "%s", question.Reason)
	}
	switch {
	case errors.Is(err, ErrCursorGone):
		return problem("cursor-gone", "start again without a cursor")
	case errors.Is(err, ErrNotComposed):
		return problem("not-composed", "not every partition has composed the segment")
	case errors.Is(err, ErrUnavailable), errors.Is(err, context.DeadlineExceeded):
		log.WarnContext(ctx, "request failed", "error", err)
		return problem("unavailable", "what the answer needs can't be reached; a change that was asked for may have happened or not")
	case ctx.Err() == nil: // else the client went away
		log.ErrorContext(ctx, "request failed", "error", err)
	}
	return problem("internal", "the server's log says more")
}

func refused(r *catalog.Refusal) *Problem {
	if fault, ok := errors.AsType[*segment.Error](r.Cause); ok {
		return badDefinition(fault)
	}
	p := problem(string(r.Kind), "%s", r.Detail)
	p.Segments = r.Names
	return p
}

func badDefinition(e *segment.Error) *Problem {
	p := problem("invalid-definition", "%s", e.Error())
	p.At = &Place{
		Path: e.Path, Offset: e.Offset, Line: e.Line, Column: e.Column,
		Expected: e.Expected, Found: e.Found, Suggestion: e.Suggestion,
	}
	return p
}

func notFresh(f Freshness) *Problem {
	p := problem("not-fresh", "the state is behind; ask again, or with stale=allow")
	p.Freshness = &f
	return p
}

func notComposed(size Size) *Problem {
	p := problem("not-composed", "%d of %d partitions have composed the segment", size.Composed, size.Partitions)
	p.Composed = &Composed{size.Composed, size.Partitions}
	return p
}
