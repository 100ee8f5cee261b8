package api

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

func TestPutSegment(t *testing.T) {
	b := newBench(t)
	created := b.ask("PUT", "/v1/segments/a", b.write, `{"text":"all contacts where opted in and phone in us","name":"A"}`)
	if created.status != 201 {
		t.Fatalf("%d %s", created.status, created.body)
	}
	v := created.json(t)
	if v["name"] != "A" || v["text"] != "all contacts where opted in and phone in US" || v["size"] != 3.0 || v["sendable"] != 2.0 || v["composed"] != nil {
		t.Errorf("created: %s", created.body)
	}
	if tag := created.header.Get("ETag"); tag != fmt.Sprintf(`"%v"`, v["version"]) {
		t.Errorf("ETag %s of version %v", tag, v["version"])
	}
	replaced := b.ask("PUT", "/v1/segments/a", b.write, `{"id":"a","from":{"list":"spring"},"where":{"clicked":{"last_days":30}}}`)
	v = replaced.json(t)
	if replaced.status != 200 || v["name"] != "A" || v["text"] != `list "spring" where clicked in last 30 days` {
		t.Errorf("replaced: %d %s", replaced.status, replaced.body)
	}
	if w := v["warnings"].([]any); len(w) != 1 || w[0].(map[string]any)["nearest"] != "x" {
		t.Errorf("warnings: %v", w)
	}
	got := b.ask("GET", "/v1/segments/a", b.read, "").json(t)
	if fmt.Sprint(got["from"], got["where"]) != "map[list:spring] map[clicked:map[last_days:30]]" || got["freshness"].(map[string]any)["position"] != "g.1" {
		t.Errorf("GET: %v", got)
	}
	if fmt.Sprint(got["dependants"]) != "[]" {
		t.Errorf("dependants of a segment that nothing stands on: %v", got["dependants"])
	}
	if base := b.ask("GET", "/v1/segments/base", b.read, "").json(t); fmt.Sprint(base["dependants"]) != "[sub]" {
		t.Errorf("dependants: %v", base["dependants"])
	}
	if named := b.ask("PUT", "/v1/segments/b", b.write, `{"text":"all contacts"}`).json(t); named["name"] != "b" {
		t.Errorf("without a name: %v", named)
	}
}

func TestPutIsAcceptedBeforeItIsComposed(t *testing.T) {
	b := newBench(t)
	b.views.composed = false
	got := b.ask("PUT", "/v1/segments/a", b.write, `{"text":"all contacts"}`)
	if got.status != 202 {
		t.Errorf("%d %s", got.status, got.body)
	}
	got = b.ask("GET", "/v1/segments/a", b.read, "")
	v := got.json(t)
	if fmt.Sprint(v["composed"]) != "map[done:3 of:8]" || v["size"] != nil || v["sendable"] != nil {
		t.Errorf("GET: %s", got.body)
	}
	for _, path := range []string{"members", "recipients?stale=allow"} {
		if got := b.ask("GET", "/v1/segments/a/"+path, b.read, ""); got.status != 503 || got.problem() != "not-composed" || got.header.Get("Retry-After") == "" {
			t.Errorf("%s: %d %s", path, got.status, got.body)
		}
	}
	if got := b.ask("POST", "/v1/segments/a/check", b.read, `{"contacts":["c1"]}`); got.problem() != "not-composed" {
		t.Errorf("check: %d %s", got.status, got.body)
	}
}

func TestBadDefinitions(t *testing.T) {
	b := newBench(t)
	tests := []struct{ name, body, problem, says string }{
		{"text", `{"text":"all contacts where clickd"}`, "invalid-definition", `"column":20`},
		{"json", `{"from":{"all_contacts":true},"where":{"clicked":{"last_days":0}}}`, "invalid-definition", `"path":"where.clicked.last_days"`},
		{"retention", `{"text":"all contacts where clicked in last 731 days"}`, "invalid-definition", "730"},
		{"unknown field", `{"form":{"all_contacts":true}}`, "invalid-definition", "form"},
		{"both forms", `{"text":"all contacts","from":{"all_contacts":true}}`, "invalid", "from"},
		{"text and a misspelt field", `{"text":"all contacts","nmae":"x"}`, "invalid", "nmae"},
		{"neither", `{}`, "invalid-definition", ""},
		{"other shape", `[]`, "invalid", ""},
		{"other id", `{"id":"b","text":"all contacts"}`, "invalid", `\"b\"`},
		{"unknown segment", `{"text":"segment \"nobody\""}`, "invalid", "nobody"},
		{"circle", `{"text":"segment \"sub\""}`, "invalid", `"segments":["base","sub","base"]`},
		{"not JSON", `{"text"`, "invalid", "end of JSON"},
		{"nothing", ``, "bad-request", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := b.ask("PUT", "/v1/segments/base", b.write, tt.body)
			if got.problem() != tt.problem || !strings.Contains(got.body, tt.says) {
				t.Errorf("%d %s", got.status, got.body)
			}
			if tt.name == "other id" || tt.name == "circle" {
				return // a preview has no id
			}
			if got := b.ask("POST", "/v1/preview", b.read, tt.body); got.problem() != tt.problem {
				t.Errorf("preview: %d %s", got.status, got.body)
			}
		})
	}
	if got := b.ask("PUT", "/v1/segments/Bad", b.write, `{"text":"all contacts"}`); got.problem() != "invalid" {
		t.Errorf("id: %d %s", got.status, got.body)
	}
}

func TestVersions(t *testing.T) {
	b := newBench(t)
	const body = `{"text":"all contacts"}`
	tag := b.ask("GET", "/v1/segments/sub", b.read, "").header.Get("ETag")
	tests := []struct {
		method, path, header, value string
		status                      int
	}{
		{"PUT", "sub", "If-Match", `"1"`, 412},
		{"PUT", "sub", "If-Match", `x`, 412},
		{"PUT", "sub", "If-None-Match", "*", 412},
		{"PUT", "new", "If-Match", "*", 412},
		{"PUT", "new", "If-Match", tag, 412},
		{"DELETE", "sub", "If-Match", `"1"`, 412},
		{"PUT", "sub", "If-Match", tag, 200},
		{"PUT", "sub", "If-Match", tag, 412},
		{"PUT", "sub", "If-Match", "*", 200},
		{"PUT", "new", "If-None-Match", "*", 201},
		{"DELETE", "base", "If-Match", "*", 204}, // sub no longer stands on it
	}
	for _, tt := range tests {
		got := b.ask(tt.method, "/v1/segments/"+tt.path, b.write, body, tt.header, tt.value)
		if got.status != tt.status || tt.status == 412 && got.problem() != "version-mismatch" {
			t.Errorf("%v: %d %s", tt, got.status, got.body)
		}
	}
}

func TestDeleteInUse(t *testing.T) {
	b := newBench(t)
	got := b.ask("DELETE", "/v1/segments/base", b.write, "")
	if got.status != 409 || got.problem() != "in-use" || !strings.Contains(got.body, `"segments":["sub"]`) {
		t.Errorf("%d %s", got.status, got.body)
	}
}

func TestNotFresh(t *testing.T) {
	b := newBench(t)
	b.views.stale = true
	for _, path := range []string{"members", "recipients", "check"} {
		method, body := "GET", ""
		if path == "check" {
			method, body = "POST", `{"contacts":["c1"]}`
		}
		got := b.ask(method, "/v1/segments/base/"+path, b.read, body)
		if got.status != 503 || got.problem() != "not-fresh" || got.header.Get("Retry-After") != "1" || !strings.Contains(got.body, "sms.sent/3") {
			t.Errorf("%s: %d %s", path, got.status, got.body)
		}
		got = b.ask(method, "/v1/segments/base/"+path+"?stale=allow", b.read, body)
		if got.status != 200 || !strings.Contains(got.body, `"fresh":false`) {
			t.Errorf("%s, stale allowed: %d %s", path, got.status, got.body)
		}
		if got := b.ask(method, "/v1/segments/base/"+path+"?stale=yes", b.read, body); got.problem() != "invalid" {
			t.Errorf("%s, stale=yes: %d %s", path, got.status, got.body)
		}
		if got := b.ask(method, "/v1/segments/base/"+path+"?stail=allow", b.read, body); got.problem() != "invalid" {
			t.Errorf("%s, misspelt: %d %s", path, got.status, got.body)
		}
	}
}

func TestCheck(t *testing.T) {
	b := newBench(t)
	got := b.ask("POST", "/v1/segments/base/check", b.read, `{"contacts":["c1","nobody","c1"]}`)
	want := `{"results":[{"contact":"c1","member":true,"sendable":true,"blocked":[]},` +
		`{"contact":"nobody","member":false,"sendable":false,"blocked":["not_member"]},` +
		`{"contact":"c1","member":true,"sendable":true,"blocked":[]}],"freshness":`
	if got.status != 200 || !strings.HasPrefix(got.body, want) {
		t.Errorf("%d %s", got.status, got.body)
	}
	long := strings.Repeat("x", 201)
	for body, says := range map[string]string{
		`{"contacts":[]}`:                      "found 0",
		`{}`:                                   "found 0",
		`{"contacts":["a","",` + `"c"]}`:       "body.contacts[1]",
		`{"contacts":["` + long + `"]}`:        "body.contacts[0]",
		`{"contacts":"secret-contact"}`:        "",
		`{"contacts":[["secret-contact"]]}`:    "",
		`{"contacts":["secret-contact",1]}`:    "",
		`{"contacts":["secret-contact"`:        "",
		manyContacts(10_001, "secret-contact"): "found 10001",
	} {
		got := b.ask("POST", "/v1/segments/base/check", b.read, body)
		if got.problem() == "" || got.status > 422 || !strings.Contains(got.body, says) {
			t.Errorf("%.50s: %d %s", body, got.status, got.body)
		}
		if strings.Contains(got.body, "secret-contact") || strings.Contains(got.body, long) {
			t.Errorf("a contact in an error: %.500s", got.body)
		}
	}
}

func TestExplain(t *testing.T) {
	b := newBench(t)
	got := b.ask("GET", "/v1/segments/base/explain?contact=c1", b.read, "")
	want := `{"contact":"c1","segment":"base","known":true,"member":true,"sendable":false,"blocked":[],"lapses":"2026-12-21",` +
		`"origin":{"condition":"all contacts","holds":true,"parts":[{"condition":"opted in","holds":false,"begins":"2026-12-22","detail":"x"}]},` +
		`"freshness":`
	if got.status != 200 || !strings.HasPrefix(got.body, want) {
		t.Errorf("%d %s", got.status, got.body)
	}
	for path, problem := range map[string]string{
		"base/explain":                                     "invalid",
		"base/explain?contact=":                            "invalid",
		"base/explain?contact=%ff":                         "invalid",
		"base/explain?contact=" + strings.Repeat("x", 201): "invalid",
		"base/explain?contact=secret-contact&x=1":          "invalid",
		"none/explain?contact=secret-contact":              "not-found",
	} {
		if got := b.ask("GET", "/v1/segments/"+path, b.read, ""); got.problem() != problem || strings.Contains(got.body, "secret-contact") {
			t.Errorf("%s: %d %s", path, got.status, got.body)
		}
	}
	b.views.stale = true
	if got := b.ask("GET", "/v1/segments/base/explain?contact=c1", b.read, ""); got.problem() != "not-fresh" {
		t.Errorf("not fresh: %d %s", got.status, got.body)
	}
	if got := b.ask("GET", "/v1/segments/base/explain?contact=c1&stale=allow", b.read, ""); got.status != 200 || !strings.Contains(got.body, `"fresh":false`) {
		t.Errorf("stale allowed: %d %s", got.status, got.body)
	}
}

func manyContacts(n int, id string) string {
	return `{"contacts":["` + strings.Repeat(id+`","`, n-1) + id + `"]}`
}

func TestBodyLimits(t *testing.T) {
	b := newBench(t)
	escaped := strings.Repeat(`\u0436`, 100) // 200 bytes of UTF-8
	if got := b.ask("POST", "/v1/segments/base/check", b.read, manyContacts(10_000, escaped)); got.status != 200 {
		t.Errorf("the largest check: %d %.200s", got.status, got.body)
	}
	if got := b.ask("POST", "/v1/segments/base/check", b.read, `{"contacts":["`+strings.Repeat("x", maxCheckBody)+`"]}`); got.problem() != "too-large" {
		t.Errorf("check: %d %.200s", got.status, got.body)
	}
	large := `{"text":"` + strings.Repeat(" ", maxBody) + `"}`
	for _, call := range [][2]string{{"PUT", "/v1/segments/a"}, {"POST", "/v1/preview"}, {"POST", "/v1/tokens"}} {
		if got := b.ask(call[0], call[1], b.write, large); got.status != 413 || got.problem() != "too-large" {
			t.Errorf("%s: %d %.200s", call, got.status, got.body)
		}
	}
	if got := b.ask("POST", "/v1/accounts", operatorToken, large); got.status != 413 {
		t.Errorf("accounts: %d", got.status)
	}
	if got := b.ask("POST", "/v1/preview", b.write, "text=x", "Content-Type", "application/x-www-form-urlencoded"); got.status < 400 || got.status >= 500 {
		t.Errorf("a form: %d %s", got.status, got.body)
	}
}

func TestPreview(t *testing.T) {
	b := newBench(t)
	got := b.ask("POST", "/v1/preview", b.read, `{"text":"list \"sprin\" where opted in"}`)
	v := got.json(t)
	if got.status != 200 || v["size"] != 7.0 || fmt.Sprint(v["reach"]) != "map[members:7 opted_in:5 sendable:4 valid_phone:6]" ||
		fmt.Sprint(v["funnel"]) != "[map[condition:opted in size:7]]" || fmt.Sprint(v["sample"]) != "[c1]" || len(v["warnings"].([]any)) != 1 {
		t.Errorf("%d %s", got.status, got.body)
	}
	got = b.ask("POST", "/v1/preview", b.read, `{"from":{"all_contacts":true},"where":{"all":[{"opted_in":true},{"all":[{"valid_phone":false}]}]}}`)
	v = got.json(t)
	if fmt.Sprint(v["text"]) != "all contacts where opted in and not valid phone" || fmt.Sprint(v["from"]) != "map[all_contacts:true]" ||
		fmt.Sprint(v["where"]) != "map[all:[map[opted_in:true] map[not:map[valid_phone:true]]]]" {
		t.Errorf("the definition, normalised: %d %s", got.status, got.body)
	}
	if got := b.ask("POST", "/v1/preview", b.read, `{"id":"base","text":"segment \"sub\""}`); got.problem() != "invalid" {
		t.Errorf("a circle: %d %s", got.status, got.body)
	}
	if _, told := v["kept_days"]; told {
		t.Errorf("days are told that it does not reach over: %s", got.body)
	}
	if got := b.ask("POST", "/v1/preview", b.read, `{"text":"all contacts where not clicked"}`); got.json(t)["kept_days"] != 730.0 {
		t.Errorf("how far ever reaches: %s", got.body)
	}
	if _, told := v["overlap"]; told {
		t.Errorf("an overlap that nobody asked for: %s", got.body)
	}
}

func TestOverlap(t *testing.T) {
	b := newBench(t)
	overlap := func(id string) answer {
		return b.ask("POST", "/v1/preview?overlap="+id, b.read, `{"text":"all contacts"}`)
	}
	got := overlap("base")
	if fmt.Sprint(got.json(t)["overlap"]) != "map[both:3 only_other:2 only_this:4 segment:base]" {
		t.Errorf("%d %s", got.status, got.body)
	}
	if got := overlap("nowhere"); got.problem() != "not-found" {
		t.Errorf("there is no such segment: %d %s", got.status, got.body)
	}
	if _, told := overlap("").json(t)["overlap"]; told {
		t.Error("an overlap with no segment")
	}
	b.views.composed = false
	if got := overlap("base"); got.problem() != "not-composed" {
		t.Errorf("it has no members yet: %d %s", got.status, got.body)
	}
}

func TestFailures(t *testing.T) {
	b := newBench(t)
	for err, want := range map[error]string{
		ErrCursorGone: "cursor-gone", fmt.Errorf("redis at 10.0.0.9: %w", ErrUnavailable): "unavailable",
		ErrNotComposed: "not-composed", errors.New("secret inside"): "internal",
	} {
		b.views.streamErr = err
		got := b.ask("GET", "/v1/segments/base/members", b.read, "")
		if got.problem() != want || strings.Contains(got.body, "secret") || strings.Contains(got.body, "10.0.0.9") {
			t.Errorf("%v: %d %s", err, got.status, got.body)
		}
	}
	if !strings.Contains(b.logged.String(), "secret inside") {
		t.Error("an unforeseen failure is not logged")
	}
}

func TestErase(t *testing.T) {
	b := newBench(t)
	for _, path := range []string{"a%2Fb", "%2e%2e", "a%20b", "%E2%82%AC", "x%2F%2Fy"} {
		if got := b.ask("DELETE", "/v1/contacts/"+path, b.write, ""); got.status != 204 {
			t.Errorf("%s: %d %s", path, got.status, got.body)
		}
	}
	if got := strings.Join(b.eraser.erased, " | "); got != "acme/a/b | acme/.. | acme/a b | acme/€ | acme/x//y" {
		t.Errorf("erased: %s", got)
	}
	for _, path := range []string{strings.Repeat("x", 201), "%FF"} {
		if got := b.ask("DELETE", "/v1/contacts/"+path, b.write, ""); got.problem() != "invalid" || strings.Contains(got.body, "xxx") {
			t.Errorf("%s: %d %s", path, got.status, got.body)
		}
	}
	if strings.Contains(b.logged.String(), "acme/a/b") {
		t.Error("a contact in the log")
	}
}
