package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"

	"rollcall/api"
	"rollcall/client"
)

// connection is how the client commands reach a server.
type connection struct {
	Server  string `default:"http://127.0.0.1:8080" help:"Where the server is." group:"Client"`
	Account string `help:"The account, where the token doesn't say: for the operator, and without tokens." group:"Client"`
	Token   string `help:"The token to send." group:"Client"`
	JSON    bool   `name:"json" help:"Print the server's answer as it is." group:"Client"`
}

// session is one run of a client command.
type session struct {
	connection
	ctx            context.Context
	stdout, stderr io.Writer
	headers        []string // pairs of name and value
}

// with adds a header to the requests, unless its value is empty.
func (s *session) with(name, value string) *session {
	if value == "" {
		return s
	}
	more := *s
	more.headers = append(slices.Clone(s.headers), name, value)
	return &more
}

func (s *session) printf(format string, args ...any) { fmt.Fprintf(s.stdout, format, args...) }

// call asks the server and hands its answer to human, or prints it as it is.
func call[T any](s *session, method, path string, body any, human func(T)) error {
	response, err := s.send(method, path, body)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	var answer T
	if err := s.answer(response, &answer); err != nil || s.JSON {
		return err
	}
	human(answer)
	return nil
}

// answer reads an answer, and prints it as it is if that is asked for.
func (s *session) answer(response *http.Response, v any) error {
	data, err := io.ReadAll(response.Body)
	if err != nil {
		return fmt.Errorf("read the answer of %s: %w", s.Server, err)
	}
	if s.JSON {
		if _, err := s.stdout.Write(data); err != nil {
			return err
		}
	}
	if len(data) > 0 {
		if err := json.Unmarshal(data, v); err != nil {
			return fmt.Errorf("the answer of %s is not what was expected: %w", s.Server, err)
		}
	}
	return nil
}

// send returns the answer if it is a success, and else the problem as an error.
func (s *session) send(method, path string, body any) (*http.Response, error) {
	header := http.Header{}
	for i := 0; i < len(s.headers); i += 2 {
		header.Set(s.headers[i], s.headers[i+1])
	}
	c := client.New(client.Config{URL: s.Server, Token: s.Token, Account: s.Account})
	response, err := c.Do(s.ctx, method, path, body, header)
	return response, inFull(err)
}

// inFull makes a problem that with all that the API says of it.
func inFull(err error) error {
	p, ok := errors.AsType[*client.Problem](err)
	if !ok {
		return err
	}
	full := &api.Problem{}
	if json.Unmarshal(p.JSON, full) != nil || full.Title == "" {
		return err
	}
	return full
}
