package api

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestList(t *testing.T) {
	b := newBench(t)
	got := b.ask("GET", "/v1/segments/base/members?slice=2/8&cursor=x", b.read, "")
	want := `{"contact":"c1"}
{"contact":"c2"}
{"contact":"<3>"}
{"end":{"count":3,"cursor":"after-<3>","freshness":{"fresh":true,"as_of":"0001-01-01T00:00:00Z","position":"g.1"}}}
`
	if got.status != 200 || got.header.Get("Content-Type") != "application/x-ndjson" || got.body != want {
		t.Errorf("%d %s", got.status, got.body)
	}
	if b.views.asked != (StreamQuery{Slice: 2, Slices: 8, Cursor: "x"}) {
		t.Errorf("asked for %+v", b.views.asked)
	}
	b.ask("GET", "/v1/segments/base/recipients", b.read, "")
	if b.views.asked != (StreamQuery{Slice: 1, Slices: 1, SendableOnly: true}) {
		t.Errorf("asked for %+v", b.views.asked)
	}
	b.views.contacts = nil
	if got := b.ask("GET", "/v1/segments/base/members?cursor=x", b.read, ""); !strings.HasPrefix(got.body, `{"end":{"count":0,"cursor":"x"`) {
		t.Errorf("an empty list: %s", got.body)
	}
	for _, slice := range []string{"0/8", "9/8", "1", "a/b", "1/5000", "1/8/2", "-1/8"} {
		if got := b.ask("GET", "/v1/segments/base/members?slice="+slice, b.read, ""); got.problem() != "invalid" {
			t.Errorf("slice %s: %d %s", slice, got.status, got.body)
		}
	}
}

func TestListThatStopsBeingFresh(t *testing.T) {
	b := newBench(t)
	b.views.staleAt = 2
	got := b.ask("GET", "/v1/segments/base/members", b.read, "")
	if got.status != 200 || strings.Contains(got.body, `"end"`) || !strings.Contains(got.body, "c1") {
		t.Errorf("%d %s", got.status, got.body)
	}
	b.views.stale = false
	if got := b.ask("GET", "/v1/segments/base/members?stale=allow", b.read, ""); !strings.Contains(got.body, `"end"`) {
		t.Errorf("stale allowed: %d %s", got.status, got.body)
	}
}

func TestCursorsOnTheWay(t *testing.T) {
	b := newBench(t)
	b.views.contacts = nil
	for i := range 2500 {
		b.views.contacts = append(b.views.contacts, fmt.Sprint("c", i))
	}
	got := b.ask("GET", "/v1/segments/base/members", b.read, "")
	var cursors []string
	for line := range strings.Lines(got.body) {
		var c contactLine
		if err := json.Unmarshal([]byte(line), &c); err != nil {
			t.Fatal(err)
		}
		if c.Cursor != "" {
			cursors = append(cursors, c.Contact+" "+c.Cursor)
		}
	}
	if fmt.Sprint(cursors) != "[c999 after-c999 c1999 after-c1999]" {
		t.Errorf("cursors: %v", cursors)
	}
}

// sse opens a stream of sizes and returns its events as they come: a name, id
// and data, or a comment.
func (b *bench) sse(ctx context.Context, path, token string) <-chan string {
	b.t.Helper()
	r, _ := http.NewRequestWithContext(ctx, "GET", b.http.URL+path, nil)
	r.Header.Set("Authorization", "Bearer "+token)
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	if response.StatusCode != 200 || response.Header.Get("Content-Type") != "text/event-stream" {
		b.t.Fatalf("%d %s", response.StatusCode, response.Header)
	}
	events := make(chan string, 100)
	go func() {
		defer close(events)
		defer response.Body.Close()
		var event []string
		for lines := bufio.NewScanner(response.Body); lines.Scan(); {
			if lines.Text() != "" {
				event = append(event, lines.Text())
				continue
			}
			events <- strings.Join(event, "|")
			event = nil
		}
	}()
	return events
}

func TestSizes(t *testing.T) {
	b := newBench(t)
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	events := b.sse(ctx, "/v1/sizes?segments=base,sub", b.read)
	size := func(n int64) Size { return Size{Ready: true, Members: n, Sendable: n - 1, Entered: n, Exited: 0} }
	b.views.watches <- []SegmentSize{
		{Segment: "base", Size: size(3), Position: "g.1"},
		{Segment: "sub", Size: Size{Composed: 3, Partitions: 8}, Position: "g.1"},
	}
	expect := func(want string) {
		t.Helper()
		for event := range events {
			if event == ": keep-alive" && want != event {
				continue
			}
			if event != want {
				t.Errorf("got\n%s\nwant\n%s", event, want)
			}
			return
		}
		t.Error("the stream ended")
	}
	expect(`id: g.1|event: snapshot|data: {"sizes":[` +
		`{"segment":"base","size":3,"sendable":2,"entered_total":3,"exited_total":0,"position":"g.1"},` +
		`{"segment":"sub","composed":{"done":3,"of":8},"position":"g.1"}],` +
		`"freshness":{"fresh":true,"as_of":"0001-01-01T00:00:00Z","position":"g.1"}}`)
	expect(": keep-alive")
	b.views.watches <- []SegmentSize{{Segment: "base", Size: size(4), Position: "g.2"}, {Segment: "sub", Deleted: true, Position: "g.2"}}
	expect(`id: g.2|event: size|data: {"segment":"base","size":4,"sendable":3,"entered_total":4,"exited_total":0,"position":"g.2"}`)
	expect(`id: g.2|event: deleted|data: {"segment":"sub"}`)
}

func TestSizesEndWithTheirToken(t *testing.T) {
	b := newBench(t)
	events := b.sse(t.Context(), "/v1/sizes", b.read)
	for _, token := range b.catalog.Tokens("acme") {
		b.ask("DELETE", "/v1/tokens/"+token.ID, operatorToken, "", "Rollcall-Account", "acme")
	}
	timeout := time.After(5 * time.Second)
	for {
		select {
		case _, open := <-events:
			if !open {
				return
			}
		case <-timeout:
			t.Fatal("the stream goes on with a revoked token")
		}
	}
}

func TestSizesEndWithTheServer(t *testing.T) {
	b := newBench(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- b.server.Serve(ctx, l) }()
	b.http.URL = "http://" + l.Addr().String()
	events := b.sse(t.Context(), "/v1/sizes", b.read)
	stop()
	if err := <-served; err != nil {
		t.Errorf("serve: %v", err)
	}
	for range events { // until it is closed
	}
}
