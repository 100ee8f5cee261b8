package api

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"rollcall/consumers"
	"rollcall/pipeline"
)

// fakeLetters has the dead letter 3-7, and remembers what it was asked.
type fakeLetters struct {
	filter pipeline.LetterFilter
	after  string
	limit  int
	ids    []string
	value  []byte
}

func (f *fakeLetters) List(_ context.Context, filter pipeline.LetterFilter, after string, limit int) (LetterPage, error) {
	f.filter, f.after, f.limit = filter, after, limit
	if after == "bad" {
		return LetterPage{}, pipeline.ErrBadCursor
	}
	return LetterPage{Letters: []DeadLetter{{ID: "3-7", Reason: "not-json"}}, Next: "n", Count: 1}, nil
}

func (f *fakeLetters) Show(_ context.Context, id string) (pipeline.LetterDetail, error) {
	if id != "3-7" {
		return pipeline.LetterDetail{}, fmt.Errorf("shown: %w", pipeline.ErrNoLetter)
	}
	return pipeline.LetterDetail{DeadLetter: DeadLetter{ID: id}, Key: []byte("k\xff"), Value: f.value,
		Headers: []consumers.Header{{Key: "a", Value: []byte("text")}, {Key: "b"}}}, nil
}

func (f *fakeLetters) Retry(_ context.Context, ids []string) (Retried, error) {
	f.ids = ids
	return Retried{Retried: len(ids)}, nil
}

func (f *fakeLetters) RetryAll(_ context.Context, filter pipeline.LetterFilter, after string, limit int) (Retried, error) {
	f.filter, f.after, f.limit = filter, after, limit
	return Retried{Retried: 2, Next: "n"}, nil
}

func TestListDeadLetters(t *testing.T) {
	b := newBench(t)
	got := b.ask("GET", "/v1/dead-letters?reason=r&topic=t&account=a&from=2026-01-02T03:04:05Z&limit=7&after=x", operatorToken, "")
	want := pipeline.LetterFilter{Reason: "r", Topic: "t", Account: "a", From: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
	if got.status != 200 || b.letters.filter != want || b.letters.after != "x" || b.letters.limit != 7 {
		t.Errorf("%d %s, asked for %+v", got.status, got.body, b.letters)
	}
	if v := got.json(t); v["next"] != "n" || v["count"] != 1.0 || !strings.Contains(got.body, `"reason":"not-json"`) {
		t.Errorf("listed: %s", got.body)
	}
	b.ask("GET", "/v1/dead-letters", operatorToken, "")
	if b.letters.limit != 100 || b.letters.filter != (pipeline.LetterFilter{}) {
		t.Errorf("by default %+v", b.letters)
	}
	for _, query := range []string{"limit=0", "limit=1001", "from=yesterday", "after=bad", "oops=1"} {
		if got := b.ask("GET", "/v1/dead-letters?"+query, operatorToken, ""); got.status != 422 || got.problem() != "invalid" {
			t.Errorf("%s: %d %s", query, got.status, got.body)
		}
	}
}

func TestShowDeadLetter(t *testing.T) {
	b := newBench(t)
	long := `"` + strings.Repeat("ζ", maxShown) + `"`
	for value, want := range map[string]string{
		`{"a":1}`: `map[bytes:7 text:{"a":1}]`,
		"no json": "map[base64:bm8ganNvbg== bytes:7]",
		"\xff":    "map[base64:/w== bytes:1]",
		"":        "map[bytes:0]",
		long:      fmt.Sprintf("map[bytes:%d text:%s truncated:true]", len(long), long[:maxShown-1]),
	} {
		b.letters.value = []byte(value)
		got := b.ask("GET", "/v1/dead-letters/3-7", operatorToken, "")
		v := got.json(t)
		if fmt.Sprint(v["value"]) != want || fmt.Sprint(v["key"]) != "map[base64:a/8= bytes:2]" || v["id"] != "3-7" {
			t.Errorf("%.20q: %d %.300s", value, got.status, got.body)
		}
		if fmt.Sprint(v["headers"]) != "[map[bytes:4 name:a text:text] map[bytes:0 name:b]]" {
			t.Errorf("headers %v", v["headers"])
		}
	}
	b.letters.value = nil
	if got := b.ask("GET", "/v1/dead-letters/3-7", operatorToken, ""); got.json(t)["value"] != nil {
		t.Errorf("no value: %s", got.body)
	}
	if got := b.ask("GET", "/v1/dead-letters/3-8", operatorToken, ""); got.status != 404 || got.problem() != "not-found" {
		t.Errorf("another: %d %s", got.status, got.body)
	}
}

func TestRetryDeadLetters(t *testing.T) {
	b := newBench(t)
	retry := func(body string) answer { return b.ask("POST", "/v1/dead-letters/retry", operatorToken, body) }
	if got := retry(`{"ids":["3-7","3-8"]}`); got.status != 200 || got.json(t)["retried"] != 2.0 || len(b.letters.ids) != 2 {
		t.Errorf("by id: %d %s", got.status, got.body)
	}
	got := retry(`{"reason":"not-json","topic":"sms.sent","account":"a","after":"x"}`)
	want := pipeline.LetterFilter{Reason: "not-json", Topic: "sms.sent", Account: "a"}
	if got.status != 200 || got.json(t)["next"] != "n" || b.letters.filter != want || b.letters.after != "x" || b.letters.limit != maxRetried {
		t.Errorf("by reason: %d %s, asked for %+v", got.status, got.body, b.letters)
	}
	if retry(`{"all":true}`); b.letters.filter != (pipeline.LetterFilter{}) {
		t.Errorf("all: %+v", b.letters.filter)
	}
	for _, body := range []string{`{}`, `{"ids":[]}`, `{"ids":["3-7"],"all":true}`, `{"ids":["3-7"],"reason":"x"}`, `{"oops":1}`, `{"after":"x"}`} {
		if got := retry(body); got.status != 422 || got.problem() != "invalid" {
			t.Errorf("%s: %d %s", body, got.status, got.body)
		}
	}
}
