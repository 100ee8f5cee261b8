package api

import (
	"testing"
	"time"

	"rollcall/pipeline/catalog"
)

func TestReplays(t *testing.T) {
	b := newBench(t)
	const body = `{"topics":[{"name":"archive.2025","as":"sms.sent"}],"from":"2026-01-01T00:00:00Z","to":"2026-02-01T00:00:00+01:00","rate":100}`
	if got := b.ask("POST", "/v1/replays", b.write, body); got.problem() != "forbidden" {
		t.Errorf("an account's token: %d %s", got.status, got.body)
	}
	got := b.ask("POST", "/v1/replays", operatorToken, body)
	started := got.json(t)
	id, _ := started["id"].(string)
	if got.status != 201 || got.header.Get("Location") != "/v1/replays/"+id || started["state"] != "running" || started["to"] != "2026-01-31T23:00:00Z" {
		t.Fatalf("%d %v %s", got.status, got.header, got.body)
	}
	if all := b.ask("GET", "/v1/replays", operatorToken, "").json(t)["replays"].([]any); len(all) != 1 {
		t.Errorf("%v", all)
	}
	r := b.catalog.Replays()[0]
	parts := []catalog.ReplayPart{
		{Topic: "archive.2025", From: 5, Next: 9, End: 9, Read: 4, Applied: 1, Repeated: 1, Forwarded: 1, DeadLettered: 1},
		{Topic: "archive.2025", Partition: 1, From: 0, Next: 2, End: 2, Read: 2, LeftOut: 2},
	}
	b.put(catalog.ReportReplay{Replay: r.ID, Of: 1, Parts: parts})
	done := b.ask("GET", "/v1/replays/"+id, operatorToken, "").json(t)
	report := done["report"].(map[string]any)
	if done["state"] != "done" || done["ended_at"] == nil || len(done["progress"].([]any)) != 2 || report["read"] != 6.0 || report["left_out"] != 2.0 {
		t.Errorf("%v", done)
	}
	if got := b.ask("DELETE", "/v1/replays/"+id, operatorToken, ""); got.problem() != "invalid" {
		t.Errorf("cancelled when done: %d %s", got.status, got.body)
	}
	for _, path := range []string{"/v1/replays/99", "/v1/replays/x"} {
		for _, method := range []string{"GET", "DELETE"} {
			if got := b.ask(method, path, operatorToken, ""); got.problem() != "not-found" {
				t.Errorf("%s %s: %d %s", method, path, got.status, got.body)
			}
		}
	}
}

func TestCancelReplay(t *testing.T) {
	b := newBench(t)
	id := b.ask("POST", "/v1/replays", operatorToken, `{"topics":[{"name":"sms.sent"}],"from":"2026-01-01T00:00:00Z"}`).json(t)["id"].(string)
	if r := b.catalog.Replays()[0]; time.Since(time.UnixMilli(r.To)) > time.Minute {
		t.Errorf("without an end it goes to %v", time.UnixMilli(r.To))
	}
	if got := b.ask("DELETE", "/v1/replays/"+id, operatorToken, ""); got.status != 204 {
		t.Errorf("%d %s", got.status, got.body)
	}
	if got := b.ask("GET", "/v1/replays/"+id, operatorToken, "").json(t); got["state"] != "cancelled" {
		t.Errorf("%v", got)
	}
}

func TestReplayRefused(t *testing.T) {
	b := newBench(t)
	for what, body := range map[string]string{
		"no topics":     `{"topics":[],"from":"2026-01-01T00:00:00Z"}`,
		"not ours":      `{"topics":[{"name":"archive"}],"from":"2026-01-01T00:00:00Z"}`,
		"dead letters":  `{"topics":[{"name":"rollcall.dead-letters","as":"sms.sent"}],"from":"2026-01-01T00:00:00Z"}`,
		"no beginning":  `{"topics":[{"name":"sms.sent"}]}`,
		"in the future": `{"topics":[{"name":"sms.sent"}],"from":"2100-01-01T00:00:00Z","to":"2101-01-01T00:00:00Z"}`,
		"backwards":     `{"topics":[{"name":"sms.sent"}],"from":"2026-01-02T00:00:00Z","to":"2026-01-01T00:00:00Z"}`,
		"misspelt":      `{"topics":[{"name":"sms.sent"}],"from":"2026-01-01T00:00:00Z","unitl":"2026-01-01T00:00:00Z"}`,
	} {
		if got := b.ask("POST", "/v1/replays", operatorToken, body); got.problem() != "invalid" {
			t.Errorf("%s: %d %s", what, got.status, got.body)
		}
	}
}
