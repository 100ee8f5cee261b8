package client

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// The kinds of problems that a program may want to tell apart, for errors.Is.
var (
	// ErrNotFresh means that the server can't show its answer to be current. Ask
	// again after Problem.RetryAfter, or set Config.AllowStale.
	ErrNotFresh = errors.New("the answer is not fresh")
	// ErrNotComposed means that a new or changed segment has no members yet. It
	// takes moments.
	ErrNotComposed = errors.New("the segment is not composed yet")
	// ErrRebuilt means that the server's state was rebuilt since the cursor was
	// made, so that going on might leave contacts out or repeat them. Ask for the
	// list anew, without a cursor, and leave out those that were given already.
	ErrRebuilt = errors.New("the state was rebuilt since the list was begun: begin anew without a cursor, and leave out who was given already")
	// ErrNotFound means that the account has no segment of that id.
	ErrNotFound = errors.New("not found")
	// ErrUnauthorized means that the token is missing, wrong or revoked.
	ErrUnauthorized = errors.New("the token is not known")
	// ErrForbidden means that the token does not allow it.
	ErrForbidden = errors.New("the token does not allow this")
	// ErrTooMany means that the account or the server has too much under way. Ask
	// again after Problem.RetryAfter.
	ErrTooMany = errors.New("too much is under way")
)

// kinds are those errors by the last part of a problem's type.
var kinds = map[string]error{
	"not-fresh": ErrNotFresh, "not-composed": ErrNotComposed, "cursor-gone": ErrRebuilt, "not-found": ErrNotFound,
	"unauthorized": ErrUnauthorized, "forbidden": ErrForbidden, "too-many": ErrTooMany, "busy": ErrTooMany,
}

// Problem is a refusal of the server, as RFC 9457 writes it. The server has the
// documentation of its Type, at that path.
type Problem struct {
	Type      string     `json:"type"`
	Title     string     `json:"title"`
	Status    int        `json:"status"`
	Detail    string     `json:"detail"`
	Errors    []Fault    `json:"errors"`    // what is wrong with the request, one by one
	At        *Place     `json:"at"`        // the place of the error in a definition
	Segments  []string   `json:"segments"`  // those that stand on one; a circle: its path
	Composed  *Composed  `json:"composed"`  // how far a segment is
	Freshness *Freshness `json:"freshness"` // what is behind

	// RetryAfter is how long the server asks to be left alone. 0: it does not say.
	RetryAfter time.Duration `json:"-"`
	// JSON is all of it, with what has no field here.
	JSON []byte `json:"-"`
}

// Fault is one thing that is wrong with a request.
type Fault struct {
	Message  string `json:"message"`
	Location string `json:"location"` // such as body.contacts[3]
}

// Place is where a definition is wrong.
type Place struct {
	Path       string `json:"path"`   // in the JSON form
	Offset     int    `json:"offset"` // in the text form, in bytes from 0
	Line       int    `json:"line"`   // from 1
	Column     int    `json:"column"` // in characters from 1
	Expected   string `json:"expected"`
	Found      string `json:"found"`
	Suggestion string `json:"suggestion"`
}

// Composed says how many partitions have composed a segment.
type Composed struct {
	Done int `json:"done"`
	Of   int `json:"of"`
}

// Freshness says how current an answer is.
type Freshness struct {
	// Fresh: everything that was written to Kafka before AsOf is in the answer,
	// that was moments ago, and the account's day is today.
	Fresh bool `json:"fresh"`
	// AsOf is by the server's clock.
	AsOf time.Time `json:"as_of"`
	// Position names the state that answered.
	Position string `json:"position"`
	// Missing is what is behind, if it is not fresh.
	Missing []string `json:"missing"`
}

func (p *Problem) Error() string { return cmp.Or(p.Detail, p.Title) }

// Kind is the last part of the type, such as "not-fresh".
func (p *Problem) Kind() string { return p.Type[strings.LastIndexByte(p.Type, '/')+1:] }

// Is tells whether the problem is of the kind of one of the errors above.
func (p *Problem) Is(target error) bool { return kinds[p.Kind()] == target }

// Unreachable is a request without a usable answer. A change that was asked for
// may have happened or not.
type Unreachable struct {
	Server string
	Err    error
}

func (u *Unreachable) Error() string { return fmt.Sprintf("no answer from %s: %v", u.Server, u.Err) }

func (u *Unreachable) Unwrap() error { return u.Err }

// problemIn makes something readable of whatever stands in a refusal.
func problemIn(response *http.Response) error {
	p := &Problem{}
	data, _ := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err := json.Unmarshal(data, p); err != nil || p.Title == "" {
		p = &Problem{Title: fmt.Sprintf("the server answers %s, and not as rollcall does", response.Status)}
	}
	p.Status, p.JSON = response.StatusCode, data
	if seconds, err := strconv.Atoi(response.Header.Get("Retry-After")); err == nil && seconds > 0 {
		p.RetryAfter = time.Duration(seconds) * time.Second
	}
	return p
}

// passing tells whether the same request may be answered later.
func passing(err error) bool {
	p, ok := errors.AsType[*Problem](err)
	if !ok {
		_, ok := errors.AsType[*Unreachable](err)
		return ok
	}
	return p.Status == http.StatusTooManyRequests || p.Status >= 500
}
