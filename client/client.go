package client

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"
)

// Config says where the server is, and who asks.
type Config struct {
	// URL is the server's, such as http://127.0.0.1:8080.
	URL string
	// Token opens an account. A server on loopback may need none.
	Token string
	// Account names the account where the token does not: for the operator, and
	// without a token. Default: none.
	Account string
	// AllowStale takes answers of Check, CheckAll, Recipients and Members that
	// are not shown to be fresh: they may include somebody who has opted out
	// meanwhile. A View never does. Default: false.
	AllowStale bool
	// RetryFor is how long a list that was cut off is tried to be gone on with
	// while nothing comes. Default: a minute.
	RetryFor time.Duration
	// HTTPClient sends the requests. It must not have a Timeout, which would end
	// streams. Default: http.DefaultClient.
	HTTPClient *http.Client
}

// Client asks a server. It is safe for concurrent use.
type Client struct{ config Config }

// New returns a client. Nothing is sent before it is asked something.
func New(c Config) *Client {
	c.URL = strings.TrimRight(c.URL, "/")
	c.RetryFor = cmp.Or(c.RetryFor, time.Minute)
	c.HTTPClient = cmp.Or(c.HTTPClient, http.DefaultClient)
	return &Client{config: c}
}

// accountHeader names the account that a request is about.
const accountHeader = "Rollcall-Account"

// Do sends a request that has no method here: its body as JSON, or as it is if it
// is an io.Reader. The answer is a success, and its body to be closed by the
// caller; a refusal is a *Problem, and a request without an answer an
// *Unreachable.
func (c *Client) Do(ctx context.Context, method, path string, body any, header http.Header) (*http.Response, error) {
	request, err := c.request(ctx, method, path, body, header)
	if err != nil {
		return nil, err
	}
	response, err := c.config.HTTPClient.Do(request)
	if err != nil {
		return nil, &Unreachable{c.config.URL, withoutURL(err)}
	}
	if response.StatusCode >= 300 {
		defer response.Body.Close()
		return nil, problemIn(response)
	}
	return response, nil
}

func (c *Client) request(ctx context.Context, method, path string, body any, header http.Header) (*http.Request, error) {
	reader, ready := body.(io.Reader)
	if body != nil && !ready {
		data, err := json.Marshal(body)
		if err != nil {
			return nil, fmt.Errorf("encode the request: %w", err)
		}
		reader = bytes.NewReader(data)
	}
	request, err := http.NewRequestWithContext(ctx, method, c.config.URL+path, reader)
	if err != nil {
		return nil, fmt.Errorf("the server's address: %w", err)
	}
	if file, ok := body.(*os.File); ok {
		if info, err := file.Stat(); err == nil && info.Mode().IsRegular() {
			request.ContentLength = info.Size() // so that one that is too large is refused before it is sent
		}
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	for name, values := range header {
		request.Header[name] = values
	}
	if c.config.Token != "" {
		request.Header.Set("Authorization", "Bearer "+c.config.Token)
	}
	if c.config.Account != "" {
		request.Header.Set(accountHeader, c.config.Account)
	}
	return request, nil
}

// call sends a request and decodes the answer.
func (c *Client) call(ctx context.Context, method, path string, body, answer any) error {
	response, err := c.Do(ctx, method, path, body, nil)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if err := json.NewDecoder(response.Body).Decode(answer); err != nil {
		return &Unreachable{c.config.URL, fmt.Errorf("read the answer: %w", err)}
	}
	return nil
}

func segmentPath(id string) string { return "/v1/segments/" + url.PathEscape(id) }

// stale is the query parameter of a client that takes what is not fresh.
func (c *Client) stale(q url.Values) url.Values {
	if c.config.AllowStale {
		q.Set("stale", "allow")
	}
	return q
}

// pathWith adds a query to a path.
func pathWith(path string, q url.Values) string {
	if len(q) == 0 {
		return path
	}
	return path + "?" + q.Encode()
}

// withoutURL leaves out the address, whose path may name a contact.
func withoutURL(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		return e.Err
	}
	return err
}
