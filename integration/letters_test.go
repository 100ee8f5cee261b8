package integration

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"rollcall/api"
)

// testDeadLetters is what an operator does about records that can't be read.
func testDeadLetters(t *testing.T, c *cluster, p *process) {
	run := func(token string, wantCode int, want string, args ...string) string {
		t.Helper()
		code, out, errs := rollcall(t, p, token, args...)
		if code != wantCode || !strings.Contains(out+errs, want) {
			t.Errorf("rollcall %q: exit %d, want %d and %q:\n%s%s", args, code, wantCode, want, out, errs)
		}
		return out
	}
	count := func(filter string) int {
		t.Helper()
		code, body := ask(t, p, "", "GET", "/v1/dead-letters?limit=1&"+filter, nil)
		var page api.LetterPage
		if err := json.Unmarshal(body, &page); code != 200 || err != nil {
			t.Fatalf("the list is answered %d: %s", code, body)
		}
		return page.Count
	}
	token := strings.TrimSpace(run(operatorToken, 0, "rollcall_", "account", "create", "letters"))
	for i := range 3 {
		c.put("sms.clicked", "tardy/c-1", fmt.Sprintf(`{"id":"%d","account":"tardy","contact":"c-1","message":"m"}`, i))
	}
	c.kcat("sms.clicked", strings.NewReader(line("letters/c-1", "no json\x01")+line("letters/c-1", "{}")), "-p", "0", "-H", "own=x")
	c.settled(p)

	run(operatorToken, 0, "unknown-account", "dead-letters", "list", "--account", "tardy")
	run(operatorToken, 0, "not-json", "dead-letters", "list", "--account", "letters", "--topic", "sms.clicked", "--count")
	listed := run(operatorToken, 0, "not-json", "dead-letters", "list", "--reason", "not-json", "--account", "letters")
	id := regexp.MustCompile(`(?m)^\d+-\d+`).FindString(listed)
	shown := run(operatorToken, 0, "first stood in sms.clicked, partition 0", "dead-letters", "show", id)
	for _, want := range []string{"key    letters/c-1\n", "value  base64 bm8ganNvbgE=\n", "header own: x\n", "header __connect.errors.stage: VALUE_CONVERTER\n"} {
		if !strings.Contains(shown, want) {
			t.Errorf("%q is not shown:\n%s", want, shown)
		}
	}
	run(operatorToken, 1, "no such dead letter", "dead-letters", "show", "0-999999999")
	for _, path := range []string{"/v1/dead-letters", "/v1/dead-letters/" + id} {
		if code := statusWith(t, p, token, "", path); code != 403 {
			t.Errorf("with an account's token %s is answered %d, want 403", path, code)
		}
	}
	run(token, 1, "operator's token", "dead-letters", "retry", "--all")
	run(operatorToken, 1, "expected either", "dead-letters", "retry")

	run(operatorToken, 0, "1 retried", "dead-letters", "retry", id)
	run(operatorToken, 0, "3 retried", "dead-letters", "retry", "--reason", "unknown-account", "--account", "tardy")
	c.settled(p)
	if n := count("account=tardy") + count("account=letters"); n != 5 {
		t.Errorf("after a retry in vain there are %d dead letters, want 5", n)
	}
	run(operatorToken, 0, "rollcall_", "account", "create", "tardy")
	putSegment(t, p, "tardy", "thrice", "all contacts where clicked exactly 3 times")
	c.put("contacts", "tardy/c-1", contactRecord("tardy", "c-1"))
	for range 2 { // what was applied is not there to be retried again
		run(operatorToken, 0, " retried", "dead-letters", "retry", "--reason", "unknown-account", "--account", "tardy")
		c.settled(p)
		expectMember(t, p, "tardy", "thrice", "c-1", true)
	}
	if n := count("account=tardy"); n != 0 {
		t.Errorf("%d dead letters are left of an account that was created", n)
	}
	if n := count("account=letters&reason=missing-field&topic=sms.clicked&from=2020-01-01T00:00:00Z"); n != 1 {
		t.Errorf("%d dead letters have no fields, want 1", n)
	}
	if code, body := ask(t, p, "", "GET", "/v1/dead-letters?after=x", nil); code != 422 {
		t.Errorf("a wrong cursor is answered %d: %s", code, body)
	}
}
