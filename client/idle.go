package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

// open begins a stream that is cut off when nothing comes for so long: a
// connection can die without a word. The answer's body is to be closed.
func (c *Client) open(ctx context.Context, path string, header http.Header, idle time.Duration) (io.ReadCloser, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	s := &idleStream{cancel: cancel, idle: idle, server: c.config.URL, ctx: ctx}
	s.timer = time.AfterFunc(idle, func() { cancel(fmt.Errorf("nothing came for %v", idle)) })
	response, err := c.Do(ctx, "GET", path, nil, header) //nolint:bodyclose // by whoever closes the stream
	if err != nil {
		s.stop()
		return nil, err
	}
	s.body = response.Body
	return s, nil
}

// idleStream is the body of an answer, whose reader gives up when nothing comes.
type idleStream struct {
	ctx    context.Context
	cancel context.CancelCauseFunc
	body   io.ReadCloser
	timer  *time.Timer
	idle   time.Duration
	server string
}

func (s *idleStream) Read(b []byte) (int, error) {
	n, err := s.body.Read(b)
	if n > 0 {
		s.timer.Reset(s.idle)
	}
	if err != nil && !errors.Is(err, io.EOF) && s.ctx.Err() != nil {
		err = context.Cause(s.ctx)
	}
	return n, err
}

func (s *idleStream) Close() error {
	s.stop()
	return s.body.Close()
}

func (s *idleStream) stop() {
	s.timer.Stop()
	s.cancel(nil)
}
