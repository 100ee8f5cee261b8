package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"time"
	"unicode/utf8"

	"rollcall/pipeline"
)

// What is told of dead letters.
type (
	DeadLetter = pipeline.DeadLetter
	LetterPage = pipeline.LetterPage
	Retried    = pipeline.Retried
)

// Letters lists, shows and retries dead letters; *pipeline.Letters does.
type Letters interface {
	List(ctx context.Context, f pipeline.LetterFilter, after string, limit int) (LetterPage, error)
	Show(ctx context.Context, id string) (pipeline.LetterDetail, error)
	Retry(ctx context.Context, ids []string) (Retried, error)
	RetryAll(ctx context.Context, f pipeline.LetterFilter, after string, limit int) (Retried, error)
}

const (
	// maxRetried is how many dead letters one request may retry.
	maxRetried = 1000
	// maxShown is how much of a key, a value or a header is shown.
	maxShown = 64 << 10
)

type listLettersInput struct {
	Reason  string    `query:"reason" doc:"only those of this code"`
	Topic   string    `query:"topic" doc:"only those whose record first stood in this topic"`
	Account string    `query:"account" doc:"only those whose record names this account"`
	From    time.Time `query:"from" doc:"only those that failed then or later"`
	Limit   int       `query:"limit" minimum:"1" maximum:"1000" default:"100"`
	After   string    `query:"after" doc:"go on after a page, with its next"`
}

type listLettersOutput struct{ Body LetterPage }

func (s *Server) listLetters(ctx context.Context, _ caller, in *listLettersInput) (*listLettersOutput, error) {
	ctx, cancel := context.WithTimeout(ctx, changeWait)
	defer cancel()
	f := pipeline.LetterFilter{Reason: in.Reason, Topic: in.Topic, Account: in.Account, From: in.From}
	page, err := s.Letters.List(ctx, f, in.After, in.Limit)
	return &listLettersOutput{page}, letterProblem(err)
}

// Content is bytes as JSON can show them.
type Content struct {
	Text      *string `json:"text,omitempty" doc:"if it is JSON; of a key or header, if it is UTF-8"`
	Base64    []byte  `json:"base64,omitempty" doc:"otherwise"`
	Bytes     int     `json:"bytes" doc:"in all"`
	Truncated bool    `json:"truncated,omitempty" doc:"only the beginning is shown"`
}

type namedContent struct {
	Name string `json:"name"`
	Content
}

type showLetterOutput struct {
	Body struct {
		DeadLetter
		Key     *Content       `json:"key,omitempty" doc:"none: the record has no key"`
		Value   *Content       `json:"value,omitempty" doc:"none: the record has no value"`
		Headers []namedContent `json:"headers"`
	}
}

type letterPath struct {
	ID string `path:"id" doc:"partition-offset, as listed"`
}

func (s *Server) showLetter(ctx context.Context, _ caller, in *letterPath) (*showLetterOutput, error) {
	ctx, cancel := context.WithTimeout(ctx, changeWait)
	defer cancel()
	d, err := s.Letters.Show(ctx, in.ID)
	if err != nil {
		return nil, letterProblem(err)
	}
	out := &showLetterOutput{}
	out.Body.DeadLetter = d.DeadLetter
	out.Body.Key, out.Body.Value = shown(d.Key, utf8.Valid), shown(d.Value, isJSON)
	out.Body.Headers = []namedContent{}
	for _, h := range d.Headers {
		c := namedContent{Name: h.Key}
		if value := shown(h.Value, utf8.Valid); value != nil {
			c.Content = *value
		}
		out.Body.Headers = append(out.Body.Headers, c)
	}
	return out, nil
}

func isJSON(b []byte) bool { return utf8.Valid(b) && json.Valid(b) }

// shown is the beginning of some bytes, as text if they are.
func shown(b []byte, isText func([]byte) bool) *Content {
	if b == nil {
		return nil
	}
	c := &Content{Bytes: len(b), Truncated: len(b) > maxShown}
	text := isText(b)
	if b = b[:min(len(b), maxShown)]; !text {
		c.Base64 = b
		return c
	}
	if c.Truncated {
		b = bytes.ToValidUTF8(b, nil) // but for a character that was cut
	}
	s := string(b)
	c.Text = &s
	return c
}

type retryLettersInput struct {
	Body struct {
		IDs     []string `json:"ids,omitempty" maxItems:"1000" doc:"these"`
		All     bool     `json:"all,omitempty" doc:"all, or all of a reason or topic or account"`
		Reason  string   `json:"reason,omitempty"`
		Topic   string   `json:"topic,omitempty"`
		Account string   `json:"account,omitempty"`
		After   string   `json:"after,omitempty" doc:"go on with next of an answer"`
	}
}

type retryLettersOutput struct{ Body Retried }

// retryLetters retries those that are named, or up to a number of those that
// are of a reason, topic and account.
func (s *Server) retryLetters(ctx context.Context, _ caller, in *retryLettersInput) (*retryLettersOutput, error) {
	ctx, cancel := context.WithTimeout(ctx, changeWait)
	defer cancel()
	b := &in.Body
	f := pipeline.LetterFilter{Reason: b.Reason, Topic: b.Topic, Account: b.Account}
	chosen := b.All || f != pipeline.LetterFilter{}
	if chosen == (len(b.IDs) > 0) {
		return nil, problem("invalid", "expected either ids or a reason, a topic, an account or all")
	}
	out := &retryLettersOutput{}
	var err error
	if chosen {
		out.Body, err = s.Letters.RetryAll(ctx, f, b.After, maxRetried)
	} else {
		out.Body, err = s.Letters.Retry(ctx, b.IDs)
	}
	return out, letterProblem(err)
}

func letterProblem(err error) error {
	switch {
	case errors.Is(err, pipeline.ErrNoLetter):
		return problem("not-found", "there is no such dead letter")
	case errors.Is(err, pipeline.ErrBadCursor):
		return problem("invalid", "after: expected next of an answer")
	}
	return err
}
