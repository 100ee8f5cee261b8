package api

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
)

// endless is a body that counts what is read of it.
type endless struct{ read atomic.Int64 }

func (e *endless) Read(b []byte) (int, error) {
	const most = 100 << 20
	if e.read.Add(int64(len(b))) > most {
		return 0, io.EOF
	}
	for i := range b {
		b[i] = ' '
	}
	return len(b), nil
}

// TestLargeBodies expects that 100 MB are refused without being read, whether
// their size is announced or not.
func TestLargeBodies(t *testing.T) {
	b := newBench(t)
	for _, call := range calls {
		if call.body == "" || call.access == operator {
			continue
		}
		for _, announced := range []int64{100 << 20, -1} {
			body := &endless{}
			r, err := http.NewRequestWithContext(t.Context(), call.method, b.http.URL+call.path, body)
			if err != nil {
				t.Fatal(err)
			}
			r.ContentLength = announced
			r.Header.Set("Authorization", "Bearer "+b.write)
			response, err := http.DefaultClient.Do(r)
			if err == nil { // else the connection broke while the client still wrote
				response.Body.Close()
				if response.StatusCode != 413 {
					t.Errorf("%s %s: %s", call.method, call.path, response.Status)
				}
			} else if announced > 0 {
				t.Errorf("%s %s: %v", call.method, call.path, err)
			}
			if read := body.read.Load(); read > maxCheckBody+16<<20 {
				t.Errorf("%s %s: %d bytes were sent", call.method, call.path, read)
			}
		}
	}
}

// TestAnnouncedBody is answered before anything of it is sent.
func TestAnnouncedBody(t *testing.T) {
	b := newBench(t)
	conn, err := net.Dial("tcp", strings.TrimPrefix(b.http.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(5 * time.Second))
	fmt.Fprintf(conn, "POST /v1/preview HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Length: 104857600\r\n\r\n", b.read)
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil || response.StatusCode != 413 {
		t.Errorf("%v %v", response, err)
	}
}

func TestSlowHeaders(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	address := b.serve(t.Context())
	began := time.Now()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	go func() { // a header every now and then
		for _, err := io.WriteString(conn, "X"); err == nil; _, err = io.WriteString(conn, "X") {
			time.Sleep(100 * time.Millisecond)
		}
	}()
	conn.SetReadDeadline(time.Now().Add(2 * headerWait))
	if _, err := io.ReadAll(conn); errors.Is(err, context.DeadlineExceeded) || time.Since(began) > headerWait+2*time.Second {
		t.Errorf("after %v: %v", time.Since(began), err)
	}
}

func TestStreamsAreLimited(t *testing.T) {
	b := newBench(t, func(c *Config) { c.Streams = Limit{All: 3, PerAccount: 2} })
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	b.sse(ctx, "/v1/sizes", b.read)
	last, end := context.WithCancel(ctx)
	b.sse(last, "/v1/sizes", b.read)
	for _, path := range []string{"/v1/sizes", "/v1/segments/base/members", "/v1/segments/base/recipients"} {
		if got := b.ask("GET", path, b.read, ""); got.status != 429 || got.problem() != "too-many" || got.header.Get("Retry-After") == "" {
			t.Errorf("%s over the account's limit: %d %s", path, got.status, got.body)
		}
	}
	if got := b.ask("GET", "/v1/segments", b.read, ""); got.status != 200 {
		t.Errorf("what is no stream: %d %s", got.status, got.body)
	}
	b.sse(ctx, "/v1/sizes", b.foreign)
	if got := b.ask("GET", "/v1/sizes", b.foreign, ""); got.status != 503 || got.problem() != "busy" || got.header.Get("Retry-After") == "" {
		t.Errorf("over the server's limit: %d %s", got.status, got.body)
	}
	if open := testutil.ToFloat64(b.server.streams.open); open != 3 {
		t.Errorf("%v streams are counted", open)
	}
	end()
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(time.Millisecond) {
		got := b.ask("GET", "/v1/segments/base/members", b.read, "")
		if got.status == 200 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("a stream that ended left no place: %d", got.status)
		}
	}
	metrics := b.ask("GET", "/metrics", "", "").body
	for _, want := range []string{"rollcall_streams ", `rollcall_refused_total{limit="account",what="streams"}`, `rollcall_refused_total{limit="server",what="streams"}`} {
		if !strings.Contains(metrics, want) {
			t.Errorf("no %s in the metrics", want)
		}
	}
	if problems, err := testutil.GatherAndLint(b.server.Registry, "rollcall_streams", "rollcall_refused_total", "rollcall_api_requests"); err != nil || len(problems) > 0 {
		t.Error(problems, err)
	}
}

func TestRequestsAreLimited(t *testing.T) {
	b := newBench(t)
	b.server.requests.Limit = Limit{All: 2, PerAccount: 1}
	leave, p := b.server.requests.enter("acme")
	if p != nil {
		t.Fatal(p)
	}
	if got := b.ask("GET", "/v1/segments", b.read, ""); got.status != 429 || got.problem() != "too-many" {
		t.Errorf("over the account's limit: %d %s", got.status, got.body)
	}
	if got := b.ask("GET", "/v1/segments", b.foreign, ""); got.status != 200 {
		t.Errorf("another account: %d %s", got.status, got.body)
	}
	leave()
	if got := b.ask("GET", "/v1/segments", b.read, ""); got.status != 200 {
		t.Errorf("afterwards: %d %s", got.status, got.body)
	}
}

// TestShutdownIsQuick with a stream that nobody reads, and a request that never
// gets to its end.
func TestShutdownIsQuick(t *testing.T) {
	b := newBench(t)
	for i := range 200_000 {
		b.views.contacts = append(b.views.contacts, fmt.Sprint("contact-", i))
	}
	ctx, stop := context.WithCancel(t.Context())
	address := b.serve(ctx)
	for _, request := range []string{"GET /v1/segments/base/members HTTP/1.1\r\nContent-Length: 0", "POST /v1/preview HTTP/1.1\r\nContent-Length: 100"} {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		fmt.Fprintf(conn, "%s\r\nHost: x\r\nAuthorization: Bearer %s\r\n\r\n", request, b.read)
	}
	time.Sleep(100 * time.Millisecond)
	began := time.Now()
	stop()
	if err := <-b.served; err != nil {
		t.Error(err)
	}
	if took := time.Since(began); took > 1500*time.Millisecond {
		t.Errorf("it took %v", took)
	}
}
