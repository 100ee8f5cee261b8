package api

import (
	"fmt"
	"strings"
	"testing"
)

func TestLists(t *testing.T) {
	b := newBench(t)
	for query, want := range map[string]string{
		"":                      "intro kontakt spring",
		"?kind=form":            "kontakt",
		"?q=SALE":               "spring",
		"?q=%D0%92%D0%92%D0%95": "intro", // in Cyrillic capitals
		"?q=spring&kind=form":   "",
		"?q=xyz":                "",
	} {
		got := b.ask("GET", "/v1/lists"+query, b.read, "")
		if got.status != 200 || !strings.HasPrefix(got.body, "[") || ids(t, got) != want {
			t.Errorf("%s: %d %s", query, got.status, got.body)
		}
	}
	if got := b.ask("GET", "/v1/lists?kind=form", b.read, ""); got.body != `[{"kind":"form","id":"kontakt","name":"Kontakt","size":2}]`+"\n" {
		t.Errorf("a list: %s", got.body)
	}
	for _, query := range []string{"?kind=opt-in", "?name=x"} {
		if got := b.ask("GET", "/v1/lists"+query, b.read, ""); got.problem() != "invalid" {
			t.Errorf("%s: %d %s", query, got.status, got.body)
		}
	}
}

func TestMessages(t *testing.T) {
	b := newBench(t)
	for query, want := range map[string]string{
		"":                "m-2 m-1 m-3",
		"?limit=2":        "m-2 m-1",
		"?q=SOMM":         "m-2",
		"?q=m-&limit=1":   "m-2",
		"?q=none":         "",
		"?q=m-3&limit=10": "m-3",
	} {
		got := b.ask("GET", "/v1/messages"+query, b.read, "")
		if got.status != 200 || !strings.HasPrefix(got.body, "[") || ids(t, got) != want {
			t.Errorf("%s: %d %s", query, got.status, got.body)
		}
	}
	if got := b.ask("GET", "/v1/messages?q=m-3", b.read, ""); got.body != `[{"id":"m-3","name":"m-3","sent":0}]`+"\n" {
		t.Errorf("a message that was never sent: %s", got.body)
	}
	for _, query := range []string{"?limit=0", "?limit=1001", "?limit=x"} {
		if got := b.ask("GET", "/v1/messages"+query, b.read, ""); got.problem() != "invalid" {
			t.Errorf("%s: %d %s", query, got.status, got.body)
		}
	}
	b.views.menuErr = fmt.Errorf("redis: %w", ErrUnavailable)
	if got := b.ask("GET", "/v1/messages", b.read, ""); got.problem() != "unavailable" || got.header.Get("Retry-After") == "" {
		t.Errorf("%d %s", got.status, got.body)
	}
}

// ids are those of an array, separated by spaces.
func ids(t *testing.T, a answer) string {
	t.Helper()
	var ids []string
	for _, item := range a.array(t) {
		ids = append(ids, fmt.Sprint(item["id"]))
	}
	return strings.Join(ids, " ")
}
