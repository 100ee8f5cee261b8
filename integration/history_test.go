package integration

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// testHistory asks how large a segment was, which its partitions record, and who
// entered it.
func testHistory(t *testing.T, c *cluster, p *process) {
	c.fill(p, "history", 100)
	eventually(t, 30*time.Second, "the size is in the history", func() error {
		code, body := ask(t, p, "history", http.MethodGet, "/v1/segments/in/history?step=1h", nil)
		if code != 200 || !strings.Contains(string(body), `"size":100,"sendable":100`) {
			return fmt.Errorf("%d %s", code, body)
		}
		return nil
	})
	if code, out, errs := rollcall(t, p, operatorToken, "--account", "history", "segment", "history", "in"); code != 0 || !strings.Contains(out, "  100   100  ") {
		t.Errorf("rollcall segment history: exit %d\n%s%s", code, out, errs)
	}

	// Who entered is published after it is durable.
	eventually(t, 30*time.Second, "who entered is told", func() error {
		code, out, errs := rollcall(t, p, operatorToken, "--account", "history", "segment", "changes", "in", "--since", time.Now().Add(-time.Hour).Format(time.RFC3339))
		if n := strings.Count(out, "entered"); code != 0 || n != 100 || !strings.Contains(errs, "--since ") {
			return fmt.Errorf("exit %d, %d entered: %s", code, n, errs)
		}
		return nil
	})
	code, body := ask(t, p, "history", http.MethodGet, "/v1/segments/in/changes", nil)
	lines := strings.Split(strings.TrimSpace(string(body)), "\n")
	var end struct{ End struct{ Cursor string } }
	must(t, json.Unmarshal([]byte(lines[len(lines)-1]), &end))
	if code != 200 || len(lines) != 101 {
		t.Errorf("%d: %d lines", code, len(lines))
	}
	if code, body := ask(t, p, "history", http.MethodGet, "/v1/segments/in/changes?since="+end.End.Cursor, nil); code != 200 || !strings.HasPrefix(string(body), `{"end":{"count":0,`) {
		t.Errorf("after the end: %d %s", code, body)
	}
}
