package api

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"rollcall/pipeline/segment"
)

func TestList(t *testing.T) {
	b := newBench(t)
	got := b.ask("GET", "/v1/segments/base/members?slice=2/8&cursor=x", b.read, "")
	want := `{"contact":"c1"}
{"contact":"c2","cursor":"after-c2"}
{"contact":"<3>","cursor":"after-<3>"}
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

func TestListRecipients(t *testing.T) {
	b := newBench(t)
	b.views.lists = []string{"spring sale"}
	got := b.ask("GET", "/v1/lists/marketing/spring%20sale/recipients?slice=2/8", b.read, "")
	if got.status != 200 || !strings.HasPrefix(got.body, `{"contact":"c1"}`) || !strings.Contains(got.body, `{"end":{"count":3`) {
		t.Errorf("%d %s", got.status, got.body)
	}
	of := segment.Origin{Kind: segment.List, Name: "spring sale"}
	if b.views.asked != (StreamQuery{Slice: 2, Slices: 8, SendableOnly: true}) || b.views.askedOf != of {
		t.Errorf("asked for %+v of %v", b.views.asked, b.views.askedOf)
	}
	for path, says := range map[string][2]string{
		"form/demo":           {"invalid", `form \"...\" where opted in`},
		"webinar/demo":        {"invalid", `webinar \"...\" where opted in`},
		"opt-in/all":          {"invalid", "record of consent"},
		"marketing/none":      {"not-found", "never seen"},
		"other/spring%20sale": {"not-found", "of that kind"},
	} {
		if got := b.ask("GET", "/v1/lists/"+path+"/recipients", b.read, ""); got.problem() != says[0] || !strings.Contains(got.body, says[1]) {
			t.Errorf("%s: %d %s", path, got.status, got.body)
		}
	}
	b.views.stale = true
	if got := b.ask("GET", "/v1/lists/marketing/spring%20sale/recipients", b.read, ""); got.problem() != "not-fresh" {
		t.Errorf("not fresh: %d %s", got.status, got.body)
	}
	if got := b.ask("GET", "/v1/lists/marketing/spring%20sale/recipients?stale=allow", b.read, ""); got.status != 200 {
		t.Errorf("stale allowed: %d %s", got.status, got.body)
	}
}

// A batch is handed to the connection before the next contacts are looked at,
// however slowly it is read.
func TestLinesDoNotWait(t *testing.T) {
	b := newBench(t)
	for i := range 400 {
		b.views.contacts = append(b.views.contacts, fmt.Sprint("c", i))
	}
	client, server := net.Pipe() // which buffers nothing
	defer client.Close()
	w := &pipeWriter{header: http.Header{}, conn: server}
	r, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, "/v1/segments/base/members", nil)
	r.Header.Set("Authorization", "Bearer "+b.read)
	done := make(chan struct{})
	go func() { defer close(done); b.server.ServeHTTP(w, r); server.Close() }()
	read := 0
	for lines := bufio.NewScanner(client); lines.Scan(); read++ {
		if looked := int(b.views.looked.Load()); looked > read+4 {
			t.Fatalf("%d contacts were looked at when %d were read", looked, read)
		}
	}
	<-done
	if read != 404 {
		t.Errorf("%d lines", read)
	}
}

// pipeWriter answers a request over a connection without buffers.
type pipeWriter struct {
	header http.Header
	conn   net.Conn
}

func (w *pipeWriter) Header() http.Header         { return w.header }
func (w *pipeWriter) WriteHeader(int)             {}
func (w *pipeWriter) Write(b []byte) (int, error) { return w.conn.Write(b) }
func (w *pipeWriter) Flush()                      {}

// sse opens a stream of sizes and returns its events as they come: a name, id
// and data, or a comment.
func (b *bench) sse(ctx context.Context, path, token string, headers ...string) <-chan string {
	b.t.Helper()
	r, _ := http.NewRequestWithContext(ctx, http.MethodGet, b.http.URL+path, nil)
	r.Header.Set("Authorization", "Bearer "+token)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
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

// TestSizesAfterAnInterruption begin with all there is, whatever came last.
func TestSizesAfterAnInterruption(t *testing.T) {
	b := newBench(t)
	ctx, leave := context.WithCancel(t.Context())
	size := Size{Ready: true, Members: 3, Entered: 5, Exited: 2}
	events := b.sse(ctx, "/v1/sizes", b.read)
	b.views.watches <- []SegmentSize{{Segment: "base", Size: size, Position: "g.1"}}
	first := func() (event string) {
		for event = range events {
			if event != ": keep-alive" {
				break
			}
		}
		return event
	}
	if event := first(); !strings.HasPrefix(event, "id: g.1|event: snapshot|") {
		t.Errorf("at first: %s", event)
	}
	leave()
	for range events { // until it is closed
	}
	events = b.sse(t.Context(), "/v1/sizes", b.read, "Last-Event-ID", "g.1")
	size.Members, size.Entered = 7, 9
	b.views.watches <- []SegmentSize{{Segment: "base", Size: size, Position: "g.5"}}
	if event := first(); !strings.HasPrefix(event, "id: g.1|event: snapshot|") || !strings.Contains(event, `"size":7,"sendable":0,"entered_total":9,"exited_total":2,"position":"g.5"`) {
		t.Errorf("afterwards: %s", event)
	}
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
