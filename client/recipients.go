package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"time"
)

// Slice is the part of a list that is asked for.
type Slice struct {
	// Part and Of divide a list among workers by hash: part 1 to Of. Zero: all.
	Part, Of int
	// Cursor goes on after it, in the same part. Empty: from the beginning.
	Cursor string
}

// Recipients gives the members of a segment that can be sent to now: valid
// phone, opted in, not opted out. Each is looked at when its line is written.
//
//	list := c.Recipients(ctx, "engaged", client.Slice{})
//	defer list.Close()
//	for list.Next() {
//		send(list.Contact())
//	}
//	if err := list.Err(); err != nil { ... }
func (c *Client) Recipients(ctx context.Context, segment string, s Slice) *List {
	return c.list(ctx, segmentPath(segment)+"/recipients", s)
}

// Members gives all members of a segment, whether they can be sent to or not.
func (c *Client) Members(ctx context.Context, segment string, s Slice) *List {
	return c.list(ctx, segmentPath(segment)+"/members", s)
}

// ListRecipients gives whom on a marketing list can be sent to.
func (c *Client) ListRecipients(ctx context.Context, list string, s Slice) *List {
	return c.list(ctx, "/v1/lists/marketing/"+url.PathEscape(list)+"/recipients", s)
}

func (c *Client) list(ctx context.Context, path string, s Slice) *List {
	return &List{client: c, ctx: ctx, path: path, slice: s, cursor: s.Cursor, since: map[string]bool{}}
}

// List is a list as it comes. If it is cut off it goes on by itself from where
// it was, without giving anybody twice. It is for one goroutine.
type List struct {
	client *Client
	ctx    context.Context
	path   string
	slice  Slice

	body    io.ReadCloser // nil: not open
	lines   *json.Decoder // of body
	begun   bool          // something was answered
	cursor  string
	since   map[string]bool // given after cursor
	contact string
	count   int64
	end     *End
	err     error
}

// End is what the server says of a list that is whole.
type End struct {
	// Cursor is that after the last contact.
	Cursor    string    `json:"cursor"`
	Freshness Freshness `json:"freshness"`
}

type listLine struct {
	Contact string `json:"contact"`
	Cursor  string `json:"cursor"`
	End     *End   `json:"end"`
}

// listIdle is how long the server may say nothing in the middle of a list.
const listIdle = 30 * time.Second

// Next goes on to the next contact. It returns false when the list is whole, or
// when it failed: see Err.
func (l *List) Next() bool {
	if l.err != nil || l.end != nil {
		return false
	}
	if l.err = l.ctx.Err(); l.err != nil {
		l.close()
		return false
	}
	var retry backoff
	for began := time.Now(); ; {
		found, err := l.read()
		if err == nil {
			return found
		}
		l.close()
		if l.err = l.final(err, time.Since(began)); l.err != nil {
			return false
		}
		if l.err = retry.wait(l.ctx, err); l.err != nil {
			return false
		}
	}
}

// errCutOff is the end of a list without an end line.
var errCutOff = errors.New("it was cut off")

// final is what the list ends with, or nil if it can be gone on with after err.
// What is refused at the very beginning is for the caller to know at once.
func (l *List) final(err error, tried time.Duration) error {
	_, refused := errors.AsType[*Problem](err)
	switch {
	case l.ctx.Err() != nil:
		return l.ctx.Err()
	case !l.begun, refused && !passing(err):
		return err
	case tried > l.client.config.RetryFor:
		return fmt.Errorf("the list can't be gone on with after %d contacts: %w", l.count, err)
	}
	return nil
}

// read gives the next contact that was not given before. It returns false at
// the end.
func (l *List) read() (bool, error) {
	if l.body == nil {
		if err := l.open(); err != nil {
			return false, err
		}
	}
	for {
		var line listLine
		if err := l.lines.Decode(&line); err != nil {
			return false, &Unreachable{l.client.config.URL, errors.Join(errCutOff, notEOF(err))}
		}
		if line.End != nil {
			return false, l.ended(line.End)
		}
		given := l.since[line.Contact]
		if l.since[line.Contact] = true; line.Cursor != "" {
			l.cursor = line.Cursor
			clear(l.since)
		}
		if !given {
			l.contact, l.count = line.Contact, l.count+1
			return true, nil
		}
	}
}

func (l *List) ended(end *End) error {
	if !end.Freshness.Fresh && !l.client.config.AllowStale {
		return ErrNotFresh
	}
	l.end, l.cursor = end, end.Cursor
	l.close()
	return nil
}

func notEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

func (l *List) open() (err error) {
	q := l.client.stale(url.Values{})
	if l.slice.Of > 0 {
		q.Set("slice", fmt.Sprintf("%d/%d", l.slice.Part, l.slice.Of))
	}
	if l.cursor != "" {
		q.Set("cursor", l.cursor)
	}
	if l.body, err = l.client.open(l.ctx, pathWith(l.path, q), nil, listIdle); err != nil {
		return err
	}
	l.begun, l.lines = true, json.NewDecoder(l.body)
	return nil
}

// Contact is the one that Next went on to.
func (l *List) Contact() string { return l.contact }

// Cursor is where another List can go on. Some hundred contacts may have been
// given since, which that List gives again.
func (l *List) Cursor() string { return l.cursor }

// Count is how many contacts were given.
func (l *List) Count() int64 { return l.count }

// End is what the server said at the end; nil: the list is not whole.
func (l *List) End() *End { return l.end }

// Err is why the list is not whole, or nil. An error that began with a cursor is
// ErrRebuilt if the server's state was rebuilt meanwhile.
func (l *List) Err() error { return l.err }

// Close ends a list that is not read to its end.
func (l *List) Close() error {
	l.close()
	if l.end == nil && l.err == nil {
		l.err = errors.New("the list was closed")
	}
	return nil
}

func (l *List) close() {
	if l.body != nil {
		l.body.Close()
		l.body = nil
	}
}
