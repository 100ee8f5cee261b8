package api

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/prometheus/client_golang/prometheus"

	"rollcall/pipeline/catalog"
)

// fuzzed are the requests whose bodies are fuzzed.
var fuzzed = []struct{ method, path string }{
	{"PUT", "/v1/segments/new"},
	{"PUT", "/v1/segments/base"},
	{"POST", "/v1/preview"},
	{"POST", "/v1/segments/base/check"},
	{"POST", "/v1/accounts"},
	{"POST", "/v1/tokens"},
}

// fuzzBench is a server without a network. Its catalog begins anew with every
// input, so that no input depends on the ones before.
func fuzzBench(f *testing.F) (begin func(*testing.T) *bench) {
	views := &fakeViews{composed: true, contacts: []string{"c1", "c2"}}
	server, err := New(Config{
		Catalog: catalog.New(), Views: views, Eraser: &fakeEraser{}, Letters: &fakeLetters{}, Registry: prometheus.NewRegistry(),
		OperatorToken: operatorToken, ComposeWait: time.Nanosecond, Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	if err != nil {
		f.Fatal(err)
	}
	return func(t *testing.T) *bench {
		b := &bench{t: t, server: server, views: views, catalog: catalog.New()}
		b.log = catalog.NewLog(b.catalog, &catalog.Memory{})
		server.Catalog, server.Definitions, views.catalog = b.catalog, b.log, b.catalog
		ctx, stop := context.WithCancel(context.Background())
		var running sync.WaitGroup
		running.Go(func() { b.log.Run(ctx) })
		t.Cleanup(func() { stop(); running.Wait() })
		b.populate()
		return b
	}
}

// operate answers a request of the operator about acme.
func (b *bench) operate(method, path string, body string, headers ...string) answer {
	r := httptest.NewRequestWithContext(b.t.Context(), method, path, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+operatorToken)
	r.Header.Set(AccountHeader, "acme")
	for i := 0; i < len(headers); i += 2 {
		r.Header[headers[i]] = []string{headers[i+1]}
	}
	w := httptest.NewRecorder()
	b.server.ServeHTTP(w, r)
	return answer{w.Code, w.Header(), w.Body.String()}
}

// checkAnswer asks of any answer that it is not the server's fault, and that a
// complaint is a problem with a kind that is documented.
func checkAnswer(t *testing.T, a answer) {
	t.Helper()
	switch {
	case a.status >= 500:
		t.Fatalf("%d %s", a.status, a.body)
	case !utf8.ValidString(a.body):
		t.Fatalf("%d is not UTF-8: %q", a.status, a.body)
	case a.status >= 400 && kinds[a.problem()].status == 0:
		t.Fatalf("%d is no problem that is documented: %s", a.status, a.body)
	case a.status < 300 && a.status != http.StatusNoContent && !json.Valid([]byte(a.body)):
		t.Fatalf("%d is no JSON: %s", a.status, a.body)
	}
}

// FuzzBody sends any bytes where a body is expected. None is answered as a fault
// of the server; and what is stored can be stored again as it is shown.
func FuzzBody(f *testing.F) {
	for i := range fuzzed {
		for _, body := range []string{
			`{"id":"new","name":"N","from":{"all_contacts":true},"where":{"not":{"clicked":{"last_days":30}}}}`,
			`{"text":"segment \"base\" where opted in and phone in us"}`,
			`{"contacts":["c1","\ud800","\u00e9"]}`,
			`{"id":"b","timezone":"Europe/Berlin","retention_days":1e2,"default_region":"de"}`,
			`{"scope":"read"}`, ``, `null`, `[]`, `{"text":null,"from":null}`, `{"TEXT":"all contacts","text":"x"}`, "\xff", `{"a":` + strings.Repeat("[", 200),
		} {
			f.Add(uint8(i), []byte(body), "application/json", "")
		}
	}
	f.Add(uint8(0), []byte(`{"text":"all contacts"}`), "", `"2"`)
	f.Add(uint8(2), []byte("\xa1dtextlall contacts"), "application/cbor", "*")
	begin := fuzzBench(f)
	f.Fuzz(func(t *testing.T, which uint8, body []byte, contentType, ifMatch string) {
		b, to := begin(t), fuzzed[int(which)%len(fuzzed)]
		a := b.operate(to.method, to.path, string(body), "Content-Type", contentType, "If-Match", ifMatch)
		checkAnswer(t, a)
		if to.method == "PUT" && a.status < 300 {
			checkStored(b, to.path, string(body), contentType)
		}
	})
}

// checkStored puts a segment again in both forms that it is shown in.
func checkStored(b *bench, path, body, contentType string) {
	shown := b.operate("GET", path, "").json(b.t)
	if a := b.operate("POST", "/v1/preview", body, "Content-Type", contentType); a.status != http.StatusOK {
		b.t.Fatalf("%s is stored, and its preview says %d %s", body, a.status, a.body)
	}
	for _, form := range []map[string]any{
		{"text": shown["text"], "name": shown["name"]},
		{"from": shown["from"], "where": shown["where"], "name": shown["name"]},
	} {
		if form["where"] == nil {
			delete(form, "where")
		}
		again, err := json.Marshal(form)
		if err != nil {
			b.t.Fatal(err)
		}
		if a := b.operate("PUT", path, string(again), "Content-Type", "application/json"); a.status >= 300 {
			b.t.Fatalf("%s is shown as %s, which is answered %d %s", body, again, a.status, a.body)
		}
		back := b.operate("GET", path, "").json(b.t)
		for _, field := range []string{"text", "name"} {
			if back[field] != shown[field] {
				b.t.Fatalf("%s is shown with %s %v, then %v", body, field, shown[field], back[field])
			}
		}
	}
}

// FuzzQuery asks for lists with any parameters and any ids.
func FuzzQuery(f *testing.F) {
	f.Add("base", "2/8", "x", "", "")
	f.Add("base", "", "", "allow", "")
	f.Add("%2e%2e", "9999999999999999999/1", "\x00", "deny", "&limit=0")
	f.Add("base/members", "-1/-1", "=", "allow&stale=allow", "")
	begin := fuzzBench(f)
	f.Fuzz(func(t *testing.T, id, slice, cursor, stale, more string) {
		b := begin(t)
		values := url.Values{"slice": {slice}, "cursor": {cursor}, "stale": {stale}}
		for _, path := range []string{
			"/v1/segments/" + url.PathEscape(id) + "/members?" + values.Encode(),
			"/v1/segments/base/recipients?" + values.Encode(),
			"/v1/accounts?after=" + url.QueryEscape(cursor) + "&limit=" + url.QueryEscape(slice),
			"/v1/status?" + url.QueryEscape(more),
			"/v1/segments/" + url.PathEscape(id),
			"/v1/segments/base/members?" + more,
		} {
			if _, err := url.ParseRequestURI(path); err != nil || strings.ContainsAny(path, " \x7f") {
				continue // net/http refuses it
			}
			a := b.operate("GET", path, "")
			if a.header.Get("Content-Type") == "application/x-ndjson" {
				checkLines(t, a.body)
				continue
			}
			checkAnswer(t, a)
		}
	})
}

// checkLines asks of a list that it has its end.
func checkLines(t *testing.T, body string) {
	t.Helper()
	lines := strings.Split(strings.TrimSuffix(body, "\n"), "\n")
	var last struct{ End listEnd }
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &last); err != nil || last.End.Count != int64(len(lines)-1) {
		t.Fatalf("%s\nends with %+v, %v", body, last, err)
	}
}
