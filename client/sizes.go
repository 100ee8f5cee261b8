package client

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Size is how large a segment is.
type Size struct {
	Segment string `json:"segment"`
	// Size and Sendable are nil while the segment is not composed.
	Size     *int64 `json:"size"`
	Sendable *int64 `json:"sendable"`
	// EnteredTotal and ExitedTotal are how many ever did; they only grow, so that
	// whoever sees only some of the sizes loses nothing.
	EnteredTotal int64     `json:"entered_total"`
	ExitedTotal  int64     `json:"exited_total"`
	Composed     *Composed `json:"composed"` // how far it is, while it is not composed
	Position     string    `json:"position"` // the state that it is of
	// Deleted: the segment is no more.
	Deleted bool `json:"-"`
}

// sizesIdle is how long the server may say nothing: it sends a comment at least
// every 15 seconds.
const sizesIdle = 45 * time.Second

// Sizes gives the sizes of segments, or of all that there are and will be if
// none is named: those of now, and then each that changes. When the connection
// breaks it connects again by itself, and gives all sizes anew. It ends when the
// loop does, with ctx's error when ctx ends, or with that with which the
// server refuses it, such as ErrNotFound.
//
//	for size, err := range c.Sizes(ctx, "engaged") { ... }
func (c *Client) Sizes(ctx context.Context, segments ...string) iter.Seq2[Size, error] {
	return func(yield func(Size, error) bool) {
		s := &sizes{client: c, path: "/v1/sizes", known: map[string]bool{}, yield: yield}
		if len(segments) > 0 {
			s.path = pathWith(s.path, url.Values{"segments": {strings.Join(segments, ",")}})
		}
		if err := s.run(ctx); err != nil && !errors.Is(err, errLeft) {
			yield(Size{}, err)
		}
	}
}

// sizes is one loop over sizes.
type sizes struct {
	client *Client
	path   string
	lastID string
	known  map[string]bool // segments that were given
	retry  backoff
	yield  func(Size, error) bool
}

// errLeft says that the loop has ended.
var errLeft = fmt.Errorf("the loop has ended")

func (s *sizes) run(ctx context.Context) error {
	for {
		err := s.connection(ctx)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, errLeft), !passing(err):
			return err
		}
		if err := s.retry.wait(ctx, err); err != nil {
			return err
		}
	}
}

// connection gives what comes over one connection until it breaks.
func (s *sizes) connection(ctx context.Context) error {
	header := http.Header{"Accept": {"text/event-stream"}}
	if s.lastID != "" {
		header.Set("Last-Event-ID", s.lastID)
	}
	body, err := s.client.open(ctx, s.path, header, sizesIdle)
	if err != nil {
		return err
	}
	defer body.Close()
	err = readEvents(body, s.take)
	if err == nil {
		err = io.ErrUnexpectedEOF
	}
	if errors.Is(err, errLeft) {
		return err
	}
	return &Unreachable{s.client.config.URL, err}
}

func (s *sizes) take(e event) error {
	s.retry.reset()
	s.lastID = e.id
	switch e.name {
	case "snapshot":
		return s.snapshot(e.data)
	case "size", "deleted":
		var size Size
		if err := json.Unmarshal([]byte(e.data), &size); err != nil {
			return err
		}
		size.Deleted = e.name == "deleted"
		return s.give(size)
	}
	return nil // of a later version
}

// snapshot gives all sizes, and tells of segments that are not among them any more.
func (s *sizes) snapshot(data string) error {
	var snapshot struct {
		Sizes []Size `json:"sizes"`
	}
	if err := json.Unmarshal([]byte(data), &snapshot); err != nil {
		return err
	}
	for id := range s.known {
		if !slices.ContainsFunc(snapshot.Sizes, func(size Size) bool { return size.Segment == id }) {
			if err := s.give(Size{Segment: id, Deleted: true}); err != nil {
				return err
			}
		}
	}
	for _, size := range snapshot.Sizes {
		if err := s.give(size); err != nil {
			return err
		}
	}
	return nil
}

func (s *sizes) give(size Size) error {
	if size.Deleted {
		delete(s.known, size.Segment)
	} else {
		s.known[size.Segment] = true
	}
	if !s.yield(size, nil) {
		return errLeft
	}
	return nil
}

// event is a server-sent event.
type event struct{ name, id, data string }

// maxEvent bounds an event: a snapshot tells of all segments of an account.
const maxEvent = 16 << 20

// readEvents calls fn with each event. It returns fn's error, or why the stream
// ended: nil at its end.
func readEvents(stream io.Reader, fn func(event) error) error {
	lines := bufio.NewScanner(stream)
	lines.Buffer(nil, maxEvent)
	var e event
	var data []string
	for lines.Scan() {
		if lines.Text() == "" {
			e.data = strings.Join(data, "\n")
			if data != nil {
				if err := fn(e); err != nil {
					return err
				}
			}
			e, data = event{id: e.id}, nil
			continue
		}
		field, value, _ := strings.Cut(lines.Text(), ":")
		value = strings.TrimPrefix(value, " ")
		switch field {
		case "event":
			e.name = value
		case "id":
			e.id = value
		case "data":
			data = append(data, value)
		}
	}
	return lines.Err()
}
