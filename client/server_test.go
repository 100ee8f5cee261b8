package client_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"rollcall/api"
	"rollcall/client"
	"rollcall/pipeline/catalog"
	"rollcall/pipeline/segment"
)

// server is the real API over a state that a test makes up: who can be sent to.
// The account acme has the segments a and b.
type server struct {
	*httptest.Server
	token   string
	catalog *catalog.Catalog
	log     *catalog.Log
	state   *state
}

// state is what the server answers from.
type state struct {
	api.Views // the rest is not asked for

	mu      sync.Mutex
	stale   bool
	lineage int                        // another makes cursors invalid
	order   []string                   // all contacts, in the order of their numbers
	sets    map[string]map[string]bool // recipients by segment
	version int                        // of sets
	changed chan struct{}              // closed with each version
	asked   []int                      // how many contacts each check was about
	slow    bool                       // a follower is not told all at once
}

func newServer(tb testing.TB) *server {
	tb.Helper()
	s, stop := startServer()
	tb.Cleanup(stop)
	return s
}

// startServer is newServer for examples.
func startServer() (s *server, stop func()) {
	c := catalog.New()
	s = &server{catalog: c, log: catalog.NewLog(c, &catalog.Memory{}),
		state: &state{changed: make(chan struct{}), sets: map[string]map[string]bool{"a": {}, "b": {}}}}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = s.log.Run(ctx) })
	handler, err := api.New(api.Config{
		Catalog: c, Definitions: s.log, Views: s.state, Registry: prometheus.NewRegistry(), KeepAlive: 20 * time.Millisecond,
		Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	if err != nil {
		panic(err)
	}
	s.Server = httptest.NewServer(handler)
	s.put(catalog.PutAccount{Account: "acme", Timezone: "UTC", RetentionDays: 730})
	for _, id := range []string{"a", "b"} {
		s.put(catalog.PutSegment{Account: "acme", ID: id, Name: id, Definition: segment.Definition{}})
	}
	token, secret := catalog.NewToken("acme", catalog.Read)
	s.put(token)
	s.token = secret
	return s, func() { s.CloseClientConnections(); s.Close(); cancel(); running.Wait() }
}

func (s *server) put(e catalog.Entry) {
	if _, err := s.log.Put(context.Background(), e); err != nil {
		panic(err)
	}
}

// client returns one, over a transport if there is one.
func (s *server) client(configure ...func(*client.Config)) *client.Client {
	config := client.Config{URL: s.URL, Token: s.token}
	for _, f := range configure {
		f(&config)
	}
	return client.New(config)
}

// change changes who can be sent to, as one commit.
func (s *state) change(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
	s.version++
	close(s.changed)
	s.changed = make(chan struct{})
}

// put puts contacts into a segment, or out of it.
func (s *state) put(segment string, in bool, contacts ...string) {
	if s.sets[segment] == nil {
		s.sets[segment] = map[string]bool{}
	}
	for _, c := range contacts {
		if s.sets[segment][c] = true; !in {
			delete(s.sets[segment], c)
		}
		if !slices.Contains(s.order, c) {
			s.order = append(s.order, c)
		}
	}
}

func (s *state) freshness() api.Freshness {
	f := api.Freshness{Fresh: !s.stale, Position: strconv.Itoa(s.version)}
	if f.Fresh {
		f.AsOf = time.Now()
	} else {
		f.Missing = []string{"sms.sent/3"}
	}
	return f
}

func (s *state) Freshness(string) api.Freshness {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.freshness()
}

func (s *state) Warnings(string, segment.Definition) []api.Warning { return nil }

func (s *state) Size(_, id string) api.Size {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := int64(len(s.sets[id]))
	return api.Size{Version: 1 << 40, Ready: true, Composed: 1, Partitions: 1, Members: n, Sendable: n}
}

func (s *state) Check(_ context.Context, _, id string, contacts []string) (out []api.Membership, f api.Freshness, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = append(s.asked, len(contacts))
	for _, c := range contacts {
		in := s.sets[id][c]
		out = append(out, api.Membership{Contact: c, Member: in, Sendable: in})
	}
	return out, s.freshness(), nil
}

// Stream gives contacts by number; a cursor is "lineage.number" of the next.
func (s *state) Stream(_ context.Context, _ string, of segment.Origin, q api.StreamQuery, yield func(contacts []string, cursor string) error) (n int64, f api.Freshness, err error) {
	const batch = 300
	s.mu.Lock()
	lineage, next := s.lineage, 0
	s.mu.Unlock()
	if q.Cursor != "" {
		of, number, _ := strings.Cut(q.Cursor, ".")
		next, _ = strconv.Atoi(number)
		if of != strconv.Itoa(lineage) {
			return 0, f, api.ErrCursorGone
		}
	}
	for {
		var contacts []string
		s.mu.Lock()
		for ; next < len(s.order) && len(contacts) < batch; next++ {
			if c := s.order[next]; s.sets[of.Name][c] {
				contacts = append(contacts, c)
			}
		}
		f = s.freshness()
		s.mu.Unlock()
		if len(contacts) == 0 {
			return n, f, nil
		}
		n += int64(len(contacts))
		if err := yield(contacts, fmt.Sprintf("%d.%d", lineage, next)); err != nil {
			return n, f, err
		}
	}
}

// Follow tells what differs from what it told.
func (s *state) Follow(ctx context.Context, _ string, segments []string, tell func(api.FollowUpdate) error) error {
	told := map[string]map[string]bool{}
	for {
		s.mu.Lock()
		var updates []api.FollowUpdate
		for _, id := range segments {
			updates = append(updates, difference(id, told[id], s.sets[id])...)
			told[id] = maps.Clone(s.sets[id])
		}
		f, changed, slow := s.freshness(), s.changed, s.slow
		s.mu.Unlock()
		updates = append(updates, api.FollowUpdate{Freshness: &f, DayEnds: time.Now().Add(time.Hour)})
		for _, u := range updates {
			if slow {
				time.Sleep(time.Millisecond)
			}
			if err := tell(u); err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-changed:
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// difference is told in parts of a few contacts.
func difference(id string, was, is map[string]bool) (out []api.FollowUpdate) {
	const part = 50
	var entered, exited []string
	for c := range is {
		if !was[c] {
			entered = append(entered, c)
		}
	}
	for c := range was {
		if !is[c] {
			exited = append(exited, c)
		}
	}
	for c := range slices.Chunk(exited, part) {
		out = append(out, api.FollowUpdate{Segment: id, Exited: c})
	}
	for c := range slices.Chunk(entered, part) {
		out = append(out, api.FollowUpdate{Segment: id, Entered: c})
	}
	return out
}

func (s *state) Watch(_ string, segments []string) api.Watch {
	if len(segments) == 0 {
		segments = []string{"a", "b"}
	}
	return &watch{state: s, segments: segments}
}

// watch gives all its sizes with each version.
type watch struct {
	state    *state
	segments []string
	changed  <-chan struct{} // nil: nothing was given
}

func (w *watch) Next(ctx context.Context) (sizes []api.SegmentSize, err error) {
	if w.changed != nil {
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-w.changed:
		}
	}
	w.state.mu.Lock()
	w.changed = w.state.changed
	w.state.mu.Unlock()
	for _, id := range w.segments {
		sizes = append(sizes, api.SegmentSize{Segment: id, Size: w.state.Size("", id), Position: "p"})
	}
	return sizes, nil
}

func (*watch) Close() {}

// cutting is a transport whose answers break off, each after some bytes.
type cutting struct {
	mu   sync.Mutex
	rng  *rand.Rand
	most int // bytes; 0: they don't
	cuts int
}

var errCut = errors.New("the connection was cut")

func (c *cutting) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := http.DefaultTransport.RoundTrip(r)
	c.mu.Lock()
	defer c.mu.Unlock()
	if err == nil && c.most > 0 {
		response.Body = &cutBody{response.Body, c, c.rng.IntN(c.most)}
	}
	return response, err
}

type cutBody struct {
	io.ReadCloser
	by   *cutting
	left int
}

func (b *cutBody) Read(p []byte) (int, error) {
	if b.left == 0 {
		b.by.mu.Lock()
		b.by.cuts++
		b.by.mu.Unlock()
		return 0, errCut
	}
	n, err := b.ReadCloser.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}

// over has a client use a transport.
func over(t http.RoundTripper) func(*client.Config) {
	return func(c *client.Config) { c.HTTPClient = &http.Client{Transport: t} }
}

// eventually waits for something.
func eventually(tb testing.TB, what string, is func() bool) {
	tb.Helper()
	for began := time.Now(); !is(); time.Sleep(time.Millisecond) {
		if time.Since(began) > 30*time.Second {
			tb.Fatalf("after 30 s still not: %s", what)
		}
	}
}
