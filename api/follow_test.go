package api

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// follow opens a stream that ends with ctx, or with the test.
func (b *bench) follow(ctx context.Context, segments string) *bufio.Scanner {
	b.t.Helper()
	b.views.follows = make(chan FollowUpdate)
	r, _ := http.NewRequestWithContext(ctx, http.MethodGet, b.http.URL+"/v1/follow?segments="+segments, nil)
	r.Header.Set("Authorization", "Bearer "+b.read)
	opened := make(chan *http.Response, 1)
	go func() {
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			b.t.Error(err)
			response = &http.Response{Body: io.NopCloser(strings.NewReader(""))}
		}
		opened <- response
	}()
	b.views.follows <- FollowUpdate{Segment: "base", Entered: []string{"c1", "<2>"}} // sends the header
	response := <-opened
	b.t.Cleanup(func() { response.Body.Close() })
	if got := response.Header.Get("Content-Type"); response.StatusCode != 200 || got != "application/x-ndjson" {
		b.t.Fatalf("%d %s", response.StatusCode, got)
	}
	return bufio.NewScanner(response.Body)
}

func TestFollowedRecipients(t *testing.T) {
	b := newBench(t)
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	lines := b.follow(ctx, "base,sub")
	expect := func(want string) {
		t.Helper()
		if !lines.Scan() || lines.Text() != want {
			t.Errorf("got\n%s\nwant\n%s", lines.Text(), want)
		}
	}
	expect(`{"segment":"base","entered":["c1","<2>"]}`)
	b.views.follows <- FollowUpdate{Segment: "sub", Exited: []string{"c1"}, Entered: []string{"c3"}}
	expect(`{"segment":"sub","exited":["c1"],"entered":["c3"]}`)
	b.views.follows <- FollowUpdate{Freshness: &Freshness{Position: "g.1", Missing: []string{"x"}}, DayEnds: time.Now()}
	expect(`{"freshness":{"fresh":false,"as_of":"0001-01-01T00:00:00Z","position":"g.1","missing":["x"]}}`)

	now := time.Now()
	b.views.follows <- FollowUpdate{Freshness: &Freshness{Fresh: true, AsOf: now.Add(-time.Hour)}, DayEnds: now.Add(time.Hour)}
	var line followLine
	if !lines.Scan() || json.Unmarshal(lines.Bytes(), &line) != nil || line.AsOfMS == nil || line.DayEndsMS == nil {
		t.Fatalf("got %s", lines.Text())
	}
	const hour = int64(time.Hour / time.Millisecond)
	taken := *line.AsOfMS + hour // how long before the last line the request was taken up
	if taken < 0 || taken > 60_000 || *line.DayEndsMS-*line.AsOfMS != 2*hour {
		t.Errorf("got %s", lines.Text())
	}
}

func TestFollowIsRefused(t *testing.T) {
	b := newBench(t)
	for query, want := range map[string]string{
		"":                       "invalid",
		"?segments=":             "invalid",
		"?segments=base,nobody":  "not-found",
		"?segments=base,base":    "invalid",
		"?segments=base&slice=1": "invalid",
		"?segments=a" + strings.Repeat(",a", maxFollowed): "invalid",
	} {
		if got := b.ask("GET", "/v1/follow"+query, b.read, ""); got.problem() != want {
			t.Errorf("%s: %d %s, want %s", query, got.status, got.body, want)
		}
	}
	if got := b.ask("GET", "/v1/follow?segments=base", b.foreign, ""); got.problem() != "not-found" {
		t.Errorf("another account: %d %s", got.status, got.body)
	}
	b.views.composed = false
	if got := b.ask("GET", "/v1/follow?segments=base", b.read, ""); got.problem() != "not-composed" {
		t.Errorf("not composed: %d %s", got.status, got.body)
	}
}

func TestFollowEndsWithItsToken(t *testing.T) {
	b := newBench(t)
	lines := b.follow(t.Context(), "base")
	for _, token := range b.catalog.Tokens("acme") {
		b.ask("DELETE", "/v1/tokens/"+token.ID, operatorToken, "", "Rollcall-Account", "acme")
	}
	b.views.follows <- FollowUpdate{Freshness: &Freshness{Fresh: true}}
	for lines.Scan() {
		if strings.Contains(lines.Text(), "freshness") {
			t.Errorf("a revoked token is told %s", lines.Text())
		}
	}
}
