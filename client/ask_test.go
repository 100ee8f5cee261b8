package client_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"rollcall/client"
	"rollcall/pipeline/catalog"
)

func TestCheck(t *testing.T) {
	s := newServer(t)
	s.state.change(func() { s.state.put("a", true, "c-1", "c-20000") })
	c := s.client()
	if m, err := c.Check(t.Context(), "a", "c-1"); err != nil || !m.Sendable {
		t.Errorf("c-1: %+v, %v", m, err)
	}
	if m, err := c.Check(t.Context(), "a", "c-2"); err != nil || m.Member {
		t.Errorf("c-2: %+v, %v", m, err)
	}
	if none, _, err := c.CheckAll(t.Context(), "a", nil); err != nil || len(none) > 0 {
		t.Errorf("nobody: %+v, %v", none, err)
	}
	var contacts []string
	for i := range 20_001 {
		contacts = append(contacts, fmt.Sprint("c-", i))
	}
	s.state.asked = nil
	all, f, err := c.CheckAll(t.Context(), "a", contacts)
	if err != nil || len(all) != len(contacts) || !f.Fresh {
		t.Fatalf("%d answers, %+v, %v", len(all), f, err)
	}
	for i, m := range all {
		if m.Contact != contacts[i] || m.Member != (i == 1 || i == 20_000) {
			t.Errorf("%s: %+v", contacts[i], m)
		}
	}
	if !slices.Equal(s.state.asked, []int{10_000, 10_000, 1}) {
		t.Errorf("asked about %v", s.state.asked)
	}
}

func TestProblems(t *testing.T) {
	s := newServer(t)
	s.state.stale = true
	check := func(c *client.Client, segment string) error {
		_, err := c.Check(t.Context(), segment, "c-1")
		return err
	}
	err := check(s.client(), "a")
	p, ok := errors.AsType[*client.Problem](err)
	if !ok || !errors.Is(err, client.ErrNotFresh) || p.Status != 503 || p.RetryAfter != time.Second || p.Kind() != "not-fresh" ||
		p.Freshness == nil || len(p.Freshness.Missing) != 1 {
		t.Errorf("stale: %+v", err)
	}
	if err := check(s.client(func(c *client.Config) { c.AllowStale = true }), "a"); err != nil {
		t.Errorf("stale is allowed: %v", err)
	}
	if err := check(s.client(), "nobody"); !errors.Is(err, client.ErrNotFound) || errors.Is(err, client.ErrNotFresh) {
		t.Errorf("an unknown segment: %v", err)
	}
	if err := check(s.client(func(c *client.Config) { c.Token = "wrong" }), "a"); !errors.Is(err, client.ErrUnauthorized) {
		t.Errorf("a wrong token: %v", err)
	}
	if err := check(client.New(client.Config{URL: "http://127.0.0.1:1"}), "a"); err == nil || errors.As(err, &p) {
		t.Errorf("nobody is there: %v", err)
	} else if _, ok := errors.AsType[*client.Unreachable](err); !ok {
		t.Errorf("nobody is there: %T", err)
	}
	other := httptest.NewServer(http.NotFoundHandler())
	defer other.Close()
	if err := check(client.New(client.Config{URL: other.URL}), "a"); !errors.As(err, &p) || p.Status != 404 {
		t.Errorf("another server: %v", err)
	}
}

// A server of an older version might answer 200 with what is not fresh.
func TestNotFreshIsNoAnswer(t *testing.T) {
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			fmt.Fprintln(w, `{"contact":"c-1"}`+"\n"+`{"end":{"count":1,"cursor":"x","freshness":{"fresh":false}}}`)
			return
		}
		fmt.Fprintln(w, `{"results":[{"contact":"c-1","member":true,"sendable":true}],"freshness":{"fresh":false}}`)
	}))
	defer other.Close()
	c := client.New(client.Config{URL: other.URL, RetryFor: time.Millisecond})
	if _, err := c.Check(t.Context(), "a", "c-1"); !errors.Is(err, client.ErrNotFresh) {
		t.Errorf("check: %v", err)
	}
	list := c.Recipients(t.Context(), "a", client.Slice{})
	for list.Next() {
	}
	if !errors.Is(list.Err(), client.ErrNotFresh) || list.End() != nil {
		t.Errorf("list: %v", list.Err())
	}
}

// TestRecipients cuts lists off again and again, while contacts come and go: who
// was there throughout is given once, and nobody twice.
func TestRecipients(t *testing.T) {
	s := newServer(t)
	const contacts = 12_000
	s.state.mu.Lock()
	for i := range contacts {
		c := fmt.Sprint("c-", i)
		s.state.order = append(s.state.order, c)
		s.state.sets["a"][c] = i%3 > 0
	}
	s.state.mu.Unlock()
	wire := &cutting{rng: rand.New(rand.NewPCG(3, 4)), most: 60_000}
	list := s.client(over(wire)).Recipients(t.Context(), "a", client.Slice{})
	defer list.Close()
	given := map[string]int{}
	for list.Next() {
		given[list.Contact()]++
		if n := len(given); n%500 == 0 {
			s.state.change(func() {
				i := wire.rng.IntN(contacts/3) * 3 // some of them are there at times
				s.state.put("a", !s.state.sets["a"][fmt.Sprint("c-", i)], fmt.Sprint("c-", i))
			})
		}
	}
	if list.Err() != nil || list.End() == nil || !list.End().Freshness.Fresh {
		t.Fatalf("%v, %+v", list.Err(), list.End())
	}
	for i := range contacts {
		if n := given[fmt.Sprint("c-", i)]; n > 1 || i%3 > 0 && n != 1 {
			t.Errorf("c-%d is given %d times", i, n)
		}
	}
	if wire.cuts < 3 || list.Count() != int64(len(given)) {
		t.Errorf("%d cuts, %d given, %d counted", wire.cuts, len(given), list.Count())
	}
	s.state.change(func() { s.state.put("spring sale", true, "c-1") })
	if marketing := s.client().ListRecipients(t.Context(), "spring sale", client.Slice{}); !marketing.Next() || marketing.Contact() != "c-1" || marketing.Next() || marketing.Err() != nil {
		t.Errorf("a marketing list: %v", marketing.Err())
	}
	later := s.client().Recipients(t.Context(), "a", client.Slice{Cursor: list.Cursor()})
	if later.Next() || later.Err() != nil {
		t.Errorf("after the last cursor: %s, %v", later.Contact(), later.Err())
	}
}

func TestRecipientsThatEnd(t *testing.T) {
	s := newServer(t)
	s.state.change(func() {
		for i := range 3000 {
			s.state.put("a", true, fmt.Sprint("c-", i))
		}
	})
	drain := func(list *client.List) error {
		for list.Next() {
		}
		return list.Err()
	}
	if err := drain(s.client().Recipients(t.Context(), "nobody", client.Slice{})); !errors.Is(err, client.ErrNotFound) {
		t.Errorf("an unknown segment: %v", err)
	}
	s.state.lineage = 1
	if err := drain(s.client().Recipients(t.Context(), "a", client.Slice{Cursor: "0.7"})); !errors.Is(err, client.ErrRebuilt) {
		t.Errorf("a rebuilt state: %v", err)
	}
	wire := &cutting{rng: rand.New(rand.NewPCG(5, 6)), most: 1}
	impatient := func(c *client.Config) { c.RetryFor = 50 * time.Millisecond }
	err := drain(s.client(over(wire), impatient).Recipients(t.Context(), "a", client.Slice{}))
	if !errors.Is(err, errCut) || wire.cuts < 2 {
		t.Errorf("cut off for good, %d times: %v", wire.cuts, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	list := s.client().Recipients(ctx, "a", client.Slice{})
	list.Next()
	cancel()
	if err := drain(list); !errors.Is(err, context.Canceled) {
		t.Errorf("ended by ctx: %v", err)
	}
	list = s.client().Recipients(t.Context(), "a", client.Slice{Part: 9, Of: 8})
	if p, ok := errors.AsType[*client.Problem](drain(list)); !ok || p.Kind() != "invalid" {
		t.Errorf("part 9 of 8: %v", list.Err())
	}
	list = s.client().Recipients(t.Context(), "a", client.Slice{})
	if !list.Next() || list.Close() != nil || list.Next() || list.Err() == nil {
		t.Errorf("closed: %v", list.Err())
	}
}

func TestSizes(t *testing.T) {
	s := newServer(t)
	s.state.change(func() { s.state.put("a", true, "c-0") })
	wire := &cutting{rng: rand.New(rand.NewPCG(7, 8)), most: 2000}
	want := int64(1)
	for size, err := range s.client(over(wire)).Sizes(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		if size.Segment != "a" || *size.Size != want {
			continue
		}
		if want++; want > 50 {
			break
		}
		s.state.change(func() { s.state.put("a", true, fmt.Sprint("c-", want)) })
	}
	if wire.cuts < 2 {
		t.Errorf("%d cuts", wire.cuts)
	}
	for _, err := range s.client().Sizes(t.Context(), "a", "nobody") {
		if !errors.Is(err, client.ErrNotFound) {
			t.Errorf("an unknown segment: %v", err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var last error
	for _, err := range s.client().Sizes(ctx, "a") {
		last = err
		cancel()
	}
	if !errors.Is(last, context.Canceled) {
		t.Errorf("ended by ctx: %v", last)
	}
	for _, err := range s.client().Sizes(t.Context(), "a", "b") {
		if err != nil {
			last = err
			break
		}
		if s.catalog.Account("acme").Segment("b") != nil {
			s.put(catalog.DeleteSegment{Account: "acme", ID: "b"})
			s.CloseClientConnections()
		}
	}
	if !errors.Is(last, client.ErrNotFound) {
		t.Errorf("a segment that was deleted: %v", last)
	}
}
