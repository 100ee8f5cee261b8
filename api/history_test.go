package api

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"rollcall/pipeline"
	"rollcall/pipeline/sizes"
)

// fakeSizes answers one point, and remembers the question.
type fakeSizes struct {
	asked string
	err   error
}

func (f *fakeSizes) Points(account, segment string, from, to time.Time, step sizes.Step) ([]SizePoint, error) {
	f.asked = fmt.Sprintf("%s/%s %s to %s by %+v", account, segment, from.UTC().Format(time.RFC3339), to.UTC().Format(time.RFC3339), step)
	return []SizePoint{{At: time.Unix(0, 0).UTC(), Size: 4, Sendable: 3, Entered: 2, Exited: 1}}, f.err
}

func TestHistory(t *testing.T) {
	b := newBench(t)
	got := b.ask("GET", "/v1/segments/base/history?from=2026-01-01&to=2026-01-31&step=1d", b.read, "")
	want := `{"segment":"base","step":"1d","points":[{"at":"1970-01-01T00:00:00Z","size":4,"sendable":3,"entered":2,"exited":1}],"freshness":{`
	if got.status != 200 || !strings.HasPrefix(got.body, want) {
		t.Errorf("%d %s", got.status, got.body)
	}
	if b.sizes.asked != "acme/base 2026-01-01T00:00:00Z to 2026-02-01T00:00:00Z by {Days:1 Time:0s}" {
		t.Errorf("asked %s", b.sizes.asked)
	}
	b.ask("GET", "/v1/segments/base/history?from=2026-01-01T10:00:00%2B02:00&to=2026-01-01T09:00:00Z&step=5m", b.read, "")
	if b.sizes.asked != "acme/base 2026-01-01T08:00:00Z to 2026-01-01T09:00:00Z by {Days:0 Time:5m0s}" {
		t.Errorf("asked %s", b.sizes.asked)
	}
	now := time.Now()
	b.ask("GET", "/v1/segments/base/history", b.read, "")
	var from, to time.Time
	words := strings.Fields(b.sizes.asked)
	from, _ = time.Parse(time.RFC3339, words[1])
	to, _ = time.Parse(time.RFC3339, words[3])
	if to.Sub(from) != historyFor || to.Before(now.Truncate(time.Second)) || !strings.HasSuffix(b.sizes.asked, "{Days:1 Time:0s}") {
		t.Errorf("by default %s", b.sizes.asked)
	}
	b.ask("GET", "/v1/segments/base/history?to=2026-01-02T00:00:00Z&step=1m", b.read, "")
	if !strings.HasPrefix(b.sizes.asked, "acme/base 2026-01-01T07:20:00Z to 2026-01-02T00:00:00Z") {
		t.Errorf("by the minute: %s", b.sizes.asked)
	}
	if b.ask("GET", "/v1/segments/base/history?to=2999-01-01", b.read, ""); strings.Contains(b.sizes.asked, "2999") {
		t.Errorf("the future: %s", b.sizes.asked)
	}
}

func TestHistoryRefuses(t *testing.T) {
	b := newBench(t)
	for query, problem := range map[string]string{
		"from=yesterday": "invalid", "to=2026-02-30": "invalid", "from=2026-01-01T10:00:00": "invalid",
		"step=1w": "invalid", "step=0m": "invalid", "steps=1d": "invalid",
	} {
		if got := b.ask("GET", "/v1/segments/base/history?"+query, b.read, ""); got.problem() != problem || strings.Contains(got.body, "yesterday") {
			t.Errorf("%s: %d %s", query, got.status, got.body)
		}
	}
	if got := b.ask("GET", "/v1/segments/none/history", b.read, ""); got.problem() != "not-found" {
		t.Errorf("%d %s", got.status, got.body)
	}
	b.sizes.err = &pipeline.QuestionError{Reason: "too many points"}
	if got := b.ask("GET", "/v1/segments/base/history", b.read, ""); got.problem() != "invalid" || !strings.Contains(got.body, "too many points") {
		t.Errorf("%d %s", got.status, got.body)
	}
	b.sizes.err = fmt.Errorf("being read: %w", ErrUnavailable)
	if got := b.ask("GET", "/v1/segments/base/history", b.read, ""); got.problem() != "unavailable" || got.header.Get("Retry-After") == "" {
		t.Errorf("%d %s", got.status, got.body)
	}
}
