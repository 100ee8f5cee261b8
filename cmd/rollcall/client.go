package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"

	"rollcall/api"
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
	request, err := s.request(method, path, body)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, &unreachable{s.Server, withoutURL(err)}
	}
	if response.StatusCode >= 300 {
		defer response.Body.Close()
		return nil, problemIn(response)
	}
	return response, nil
}

func (s *session) request(method, path string, body any) (*http.Request, error) {
	reader, ready := body.(io.Reader)
	if body != nil && !ready {
		data, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		reader = bytes.NewReader(data)
	}
	request, err := http.NewRequestWithContext(s.ctx, method, strings.TrimRight(s.Server, "/")+path, reader)
	if err != nil {
		return nil, fmt.Errorf("--server: %w", err)
	}
	if file, ok := body.(*os.File); ok {
		if info, err := file.Stat(); err == nil && info.Mode().IsRegular() {
			request.ContentLength = info.Size() // so that one that is too large is refused before it is sent
		}
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	if s.Token != "" {
		request.Header.Set("Authorization", "Bearer "+s.Token)
	}
	if s.Account != "" {
		request.Header.Set(api.AccountHeader, s.Account)
	}
	for i := 0; i < len(s.headers); i += 2 {
		request.Header.Set(s.headers[i], s.headers[i+1])
	}
	return request, nil
}

// problemIn makes something readable of whatever stands in a refusal.
func problemIn(response *http.Response) error {
	p := &api.Problem{}
	data, _ := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err := json.Unmarshal(data, p); err != nil || p.Title == "" {
		return fmt.Errorf("the server answers %s, and not as rollcall does", response.Status)
	}
	return p
}

// withoutURL leaves out the address, whose path may name a contact.
func withoutURL(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		return e.Err
	}
	return err
}

// unreachable is a request without an answer.
type unreachable struct {
	server string
	err    error
}

func (u *unreachable) Error() string { return fmt.Sprintf("no answer from %s: %v", u.server, u.err) }

func (u *unreachable) Unwrap() error { return u.err }
