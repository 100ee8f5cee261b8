package integration

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// testHistory asks how large a segment was, which its partitions record.
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
}
