package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"

	"rollcall/api"
)

type segmentSizeCmd struct {
	ID    string `arg:"" complete:"segments" help:"The segment."`
	Watch bool   `help:"Go on: draw it in a terminal, and print a line at each change elsewhere."`
}

func (c *segmentSizeCmd) Run(s *session) error {
	if file, ok := s.terminal(); c.Watch && ok {
		return c.draw(s, file)
	}
	if c.Watch {
		return c.watch(s, s.printSize)
	}
	return call(s, "GET", segmentPath(c.ID), nil, func(a segmentAnswer) { s.printf("%s\n", sizeLine(a)) })
}

// draw watches a size in a terminal.
func (c *segmentSizeCmd) draw(s *session, file *os.File) error {
	d := &drawing{s: s, width: func() int {
		width, _, err := term.GetSize(int(file.Fd()))
		if err != nil {
			return 80
		}
		return width
	}}
	ctx, end := context.WithCancel(s.ctx)
	var running sync.WaitGroup
	running.Go(func() { d.run(ctx) })
	defer running.Wait()
	defer end()
	return c.watch(s, d.show)
}

// reconnectAfter is how long a watch waits after a connection broke.
const reconnectAfter = time.Second

// watch connects again when a connection breaks, but not when it is refused.
func (c *segmentSizeCmd) watch(s *session, show func(sizeEvent)) error {
	var lastID string
	for connected := false; ; {
		response, err := s.with("Last-Event-ID", lastID).send("GET", "/v1/sizes?segments="+url.QueryEscape(c.ID), nil)
		if _, refused := errors.AsType[*api.Problem](err); err != nil && (refused || !connected) {
			return quietly(s, err)
		}
		if err == nil {
			connected = true
			if done := s.readSizes(response, &lastID, show); done != nil {
				return quietly(s, done)
			}
		}
		select {
		case <-time.After(reconnectAfter):
		case <-s.ctx.Done():
			return nil
		}
	}
}

// quietly ends without a complaint if it was the user who ended it.
func quietly(s *session, err error) error {
	if s.ctx.Err() != nil {
		return nil
	}
	return err
}

type sizeEvent struct {
	Segment  string `json:"segment"`
	Size     *int64 `json:"size"`
	Sendable *int64 `json:"sendable"`
	Entered  int64  `json:"entered_total"`
	Exited   int64  `json:"exited_total"`
}

var errDeleted = errors.New("the segment is deleted")

// readSizes shows sizes until the connection breaks (nil) or there will be none
// any more.
func (s *session) readSizes(response *http.Response, lastID *string, show func(sizeEvent)) error {
	defer response.Body.Close()
	return readEvents(response.Body, func(e event) error {
		*lastID = e.id
		if s.JSON {
			s.printf("%s\n", e.data)
		}
		if e.name == "deleted" {
			return errDeleted
		}
		sizes, err := sizesIn(e)
		for _, size := range sizes {
			show(size)
		}
		return err
	})
}

// sizesIn are those that an event tells; one of another name tells none.
func sizesIn(e event) ([]sizeEvent, error) {
	var size sizeEvent
	var snapshot struct {
		Sizes []sizeEvent `json:"sizes"`
	}
	switch e.name {
	case "snapshot":
		err := json.Unmarshal([]byte(e.data), &snapshot)
		return snapshot.Sizes, err
	case "size":
		err := json.Unmarshal([]byte(e.data), &size)
		return []sizeEvent{size}, err
	}
	return nil, nil
}

func (s *session) printSize(e sizeEvent) {
	if !s.JSON {
		s.printf("%s members, %s sendable, %d entered and %d exited so far\n", count(e.Size), count(e.Sendable), e.Entered, e.Exited)
	}
}

type event struct{ name, id, data string }

// readEvents calls fn with each server-sent event. It returns fn's error, or
// nil when the stream ends.
func readEvents(stream io.Reader, fn func(event) error) error {
	lines := bufio.NewScanner(stream)
	lines.Buffer(nil, 16<<20)
	var e event
	for lines.Scan() {
		field, value, _ := strings.Cut(lines.Text(), ":")
		value = strings.TrimPrefix(value, " ")
		switch {
		case lines.Text() == "" && e.data != "":
			if err := fn(e); err != nil {
				return fmt.Errorf("%s event: %w", e.name, err)
			}
			e = event{id: e.id}
		case field == "event":
			e.name = value
		case field == "id":
			e.id = value
		case field == "data":
			e.data += value
		}
	}
	return nil
}
