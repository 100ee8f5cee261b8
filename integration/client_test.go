package integration

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"rollcall/api"
)

// operatorToken opens every account.
const operatorToken = "operators-token-of-the-tests"

// ask sends a request as the operator, on behalf of an account, and returns the
// status and the body of the answer.
func ask(t *testing.T, p *process, account, method, path string, body any) (int, []byte) {
	t.Helper()
	status, answer, err := tryAsk(t, p, account, method, path, body)
	must(t, err)
	return status, answer
}

var httpClient = &http.Client{Timeout: 2 * time.Minute}

func tryAsk(t *testing.T, p *process, account, method, path string, body any) (int, []byte, error) {
	t.Helper()
	var reader io.Reader
	if body != nil {
		data, err := json.Marshal(body)
		must(t, err)
		reader = bytes.NewReader(data)
	}
	req, err := http.NewRequestWithContext(t.Context(), method, p.url+path, reader)
	must(t, err)
	req.Header.Set("Authorization", "Bearer "+operatorToken)
	req.Header.Set("Content-Type", "application/json")
	if account != "" {
		req.Header.Set("Rollcall-Account", account)
	}
	res, err := httpClient.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	return res.StatusCode, answer, err
}

// statusWith is how a GET with a token is answered.
func statusWith(t *testing.T, p *process, token, account, path string) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, p.url+path, nil)
	must(t, err)
	req.Header.Set("Authorization", "Bearer "+token)
	if account != "" {
		req.Header.Set("Rollcall-Account", account)
	}
	res, err := httpClient.Do(req)
	must(t, err)
	res.Body.Close()
	return res.StatusCode
}

func status(t *testing.T, p *process) (s api.Status) {
	t.Helper()
	code, body := ask(t, p, "", "GET", "/v1/status", nil)
	if code != 200 {
		t.Fatalf("status is answered %d: %s", code, body)
	}
	must(t, json.Unmarshal(body, &s))
	return s
}

func createAccount(t *testing.T, p *process, fields map[string]any) {
	t.Helper()
	if code, body := ask(t, p, "", "POST", "/v1/accounts", fields); code != 201 {
		t.Fatalf("creating account %v is answered %d: %s", fields, code, body)
	}
}

func putSegment(t *testing.T, p *process, account, id, text string) {
	t.Helper()
	code, body := ask(t, p, account, "PUT", "/v1/segments/"+id, map[string]any{"text": text})
	if code != 200 && code != 201 && code != 202 {
		t.Fatalf("segment %s/%s %s is answered %d: %s", account, id, text, code, body)
	}
}

// list is what a stream of members or recipients said.
type list struct {
	contacts  []string // sorted
	freshness api.Freshness
}

// readList reads /v1/segments/ID/WHICH. Of an answer other than 200 it returns
// the status only.
func readList(t *testing.T, p *process, account, id, which string) (l list, code int) {
	t.Helper()
	code, body := ask(t, p, account, "GET", "/v1/segments/"+id+"/"+which, nil)
	if code != 200 {
		return list{}, code
	}
	l, err := parseList(body)
	if err != nil {
		t.Fatalf("%s of %s/%s: %v", which, account, id, err)
	}
	return l, code
}

func parseList(body []byte) (l list, err error) {
	ended := false
	for line := range bytes.Lines(body) {
		var v struct {
			Contact string
			End     *struct {
				Count     int
				Freshness api.Freshness
			}
		}
		if err := json.Unmarshal(line, &v); err != nil || ended {
			return l, fmt.Errorf("line %q, after the end %v: %w", line, ended, err)
		}
		if v.End == nil {
			l.contacts = append(l.contacts, v.Contact)
			continue
		}
		ended, l.freshness = true, v.End.Freshness
		if v.End.Count != len(l.contacts) {
			return l, fmt.Errorf("the end counts %d contacts, there were %d", v.End.Count, len(l.contacts))
		}
	}
	if !ended {
		return l, fmt.Errorf("cut off after %d contacts", len(l.contacts))
	}
	slices.Sort(l.contacts)
	if unique := slices.Compact(slices.Clone(l.contacts)); len(unique) != len(l.contacts) {
		return l, fmt.Errorf("%d contacts came twice", len(l.contacts)-len(unique))
	}
	return l, nil
}

// members must be fresh.
func members(t *testing.T, p *process, account, id string) []string {
	t.Helper()
	l, code := readList(t, p, account, id, "members")
	if code != 200 || !l.freshness.Fresh {
		t.Fatalf("members of %s/%s are answered %d, fresh %v", account, id, code, l.freshness.Fresh)
	}
	return l.contacts
}

// check asks about one contact. The status is 200 or 503.
func check(t *testing.T, p *process, account, id, contact string) (m api.Membership, f api.Freshness, code int) {
	t.Helper()
	m, f, code, err := tryCheck(t, p, account, id, contact)
	must(t, err)
	return m, f, code
}

func tryCheck(t *testing.T, p *process, account, id, contact string) (m api.Membership, f api.Freshness, code int, err error) {
	t.Helper()
	code, body, err := tryAsk(t, p, account, "POST", "/v1/segments/"+id+"/check", map[string]any{"contacts": []string{contact}})
	if code != 200 {
		return m, f, code, err
	}
	var answer struct {
		Results   []api.Membership
		Freshness api.Freshness
	}
	if err := json.Unmarshal(body, &answer); err != nil || len(answer.Results) != 1 {
		return m, f, code, fmt.Errorf("check of %s/%s is answered %s: %w", account, id, body, err)
	}
	return answer.Results[0], answer.Freshness, code, nil
}

// expectMember waits until a contact is, or is not, a member.
func expectMember(t *testing.T, p *process, account, id, contact string, want bool) {
	t.Helper()
	eventually(t, time.Minute, fmt.Sprintf("%s in %s/%s: %v", contact, account, id, want), func() error {
		if m, _, code := check(t, p, account, id, contact); code != 200 || m.Member != want {
			return fmt.Errorf("answered %d, member %v", code, m.Member)
		}
		return nil
	})
}

// sizeEvent is a server-sent event of /v1/sizes.
type sizeEvent struct {
	name    string
	at      time.Time
	Segment string
	Size    *int64
	Sizes   []sizeEvent // of a snapshot
}

// watchSizes follows /v1/sizes until the test ends.
func watchSizes(t *testing.T, p *process, account, segments string) <-chan sizeEvent {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, p.url+"/v1/sizes?segments="+segments, nil)
	must(t, err)
	req.Header.Set("Authorization", "Bearer "+operatorToken)
	req.Header.Set("Rollcall-Account", account)
	res, err := http.DefaultClient.Do(req)
	must(t, err)
	if res.StatusCode != 200 {
		t.Fatalf("sizes are answered %s", res.Status)
	}
	events := make(chan sizeEvent, 1000)
	done := make(chan struct{})
	go func() { defer close(done); readEvents(res.Body, events) }()
	t.Cleanup(func() { res.Body.Close(); <-done })
	return events
}

func readEvents(body io.Reader, events chan<- sizeEvent) {
	defer close(events)
	lines, name := bufio.NewScanner(body), ""
	for lines.Scan() {
		if value, ok := strings.CutPrefix(lines.Text(), "event: "); ok {
			name = value
		}
		if value, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
			e := sizeEvent{name: name, at: time.Now()}
			if json.Unmarshal([]byte(value), &e) == nil {
				events <- e
			}
		}
	}
}

// rollcall runs a command of the binary against a process and returns its exit
// code and what it printed.
func rollcall(t *testing.T, p *process, token string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	cmd := exec.CommandContext(t.Context(), binary, args...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	cmd.Env = append(cleanEnvironment(), "ROLLCALL_SERVER="+p.url, "ROLLCALL_TOKEN="+token)
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), out.String(), errs.String()
}
