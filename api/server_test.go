package api

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"
)

func TestOpenAPI(t *testing.T) {
	b := newBench(t)
	got := b.ask("GET", "/openapi.json", "", "")
	var doc struct {
		OpenAPI string
		Paths   map[string]map[string]struct {
			Security  []any
			Responses map[string]any
		}
	}
	if err := json.Unmarshal([]byte(got.body), &doc); err != nil || !strings.HasPrefix(doc.OpenAPI, "3.1") {
		t.Fatalf("%v %.200s", err, got.body)
	}
	for path, operations := range doc.Paths {
		for method, op := range operations {
			if len(op.Security) == 0 || op.Responses["401"] == nil {
				t.Errorf("%s %s does not say that it takes a token", method, path)
			}
		}
	}
	for _, want := range []string{"application/x-ndjson", "text/event-stream", "application/problem+json", "If-Match"} {
		if !strings.Contains(got.body, want) {
			t.Errorf("no %s", want)
		}
	}
}

func TestProblemPages(t *testing.T) {
	b := newBench(t)
	for kind := range kinds {
		if got := b.ask("GET", problemsPath+kind, "", ""); got.status != 200 || !strings.Contains(got.body, kinds[kind].doc) {
			t.Errorf("%s: %d %s", kind, got.status, got.body)
		}
	}
	if got := b.ask("GET", problemsPath, "", ""); got.status != 200 || !strings.Contains(got.body, "not-fresh") {
		t.Errorf("the list: %d %s", got.status, got.body)
	}
	if got := b.ask("GET", problemsPath+"x", "", ""); got.status != 404 {
		t.Errorf("an unknown one: %d", got.status)
	}
}

func TestUnknownPathsAndMethods(t *testing.T) {
	b := newBench(t)
	if got := b.ask("GET", "/v1/nothing", b.read, ""); got.problem() != "not-found" {
		t.Errorf("%d %s", got.status, got.body)
	}
	if got := b.ask("GET", "/nothing", "", ""); got.problem() != "not-found" {
		t.Errorf("%d %s", got.status, got.body)
	}
	got := b.ask("PATCH", "/v1/segments/base", b.write, "{}")
	if got.problem() != "method-not-allowed" || strings.Join(got.header["Allow"], " ") != "GET PUT DELETE" {
		t.Errorf("%d %v %s", got.status, got.header["Allow"], got.body)
	}
}

func TestHealth(t *testing.T) {
	var missing []string
	b := newBench(t, func(c *Config) { c.Ready = func() []string { return missing } })
	if got := b.ask("GET", "/healthz", "", ""); got.status != 200 {
		t.Errorf("healthz: %d", got.status)
	}
	if got := b.ask("GET", "/readyz", "", ""); got.status != 200 {
		t.Errorf("readyz: %d %s", got.status, got.body)
	}
	missing = []string{"partition 3"}
	if got := b.ask("GET", "/readyz", "", ""); got.status != 503 || !strings.Contains(got.body, "partition 3") {
		t.Errorf("readyz: %d %s", got.status, got.body)
	}
}

func TestMetrics(t *testing.T) {
	b := newBench(t)
	b.ask("DELETE", "/v1/contacts/secret-contact", b.write, "")
	b.ask("GET", "/v1/segments/base", "", "")
	b.ask("GET", "/v1/segments/none", b.read, "")
	got := b.ask("GET", "/metrics", "", "").body
	for _, want := range []string{
		`rollcall_http_requests_total{code="204",path="DELETE /v1/contacts/{id}"} 1`,
		`rollcall_http_requests_total{code="401",path="GET /v1/segments/{id}"} 1`,
		`rollcall_http_requests_total{code="404",path="GET /v1/segments/{id}"} 1`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %s", want)
		}
	}
	if strings.Contains(got, "secret-contact") {
		t.Error("a contact in the metrics")
	}
	if problems, err := testutil.GatherAndLint(b.server.Registry, "rollcall_http_requests_total", "rollcall_http_request_duration_seconds", "rollcall_http_requests_open"); err != nil || len(problems) > 0 {
		t.Errorf("lint: %v %v", problems, err)
	}
}
