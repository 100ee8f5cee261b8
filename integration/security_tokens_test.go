package integration

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"rollcall/consumers"
)

// readers are the operations other than GET that a token of scope read may use.
var readers = []string{"preview", "check"}

// described is an operation of the OpenAPI description.
type described struct {
	method, path string
	OperationID  string
	Parameters   []struct{ Name, In string }
	RequestBody  *json.RawMessage
}

func describedOperations(t *testing.T, p *process) (all []described) {
	t.Helper()
	var doc struct {
		Paths map[string]map[string]described
	}
	_, body := ask(t, p, "", "GET", "/openapi.json", nil)
	must(t, json.Unmarshal(body, &doc))
	for path, methods := range doc.Paths {
		for method, op := range methods {
			op.method, op.path = strings.ToUpper(method), path
			all = append(all, op)
		}
	}
	slices.SortFunc(all, func(a, b described) int { return strings.Compare(a.path+a.method, b.path+b.method) })
	return all
}

// victim is an account with something of everything, and what names it.
type victim struct {
	segment, contact, token, cursor, event string   // what an intruder may have learnt, and asks with
	marks                                  []string // what must come back to nobody else
	write, read                            string   // tokens
}

const victimsAccount, intrudersAccount = "victim", "intruder"

// TestEveryOperation walks everything that OpenAPI describes with tokens that
// must not open it.
func TestEveryOperation(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	p := start(t, "--embedded", "--embedded-kafka", "127.0.0.1:0", "--data-dir", dir).ready()
	v := newVictim(t, p)
	intruder := newAccount(t, p, intrudersAccount)
	revoked := newToken(t, p, v.write, "write")
	if code, body, _ := send(t, p, "DELETE", "/v1/tokens/"+revoked.ID, v.write, nil, nil); code != 204 {
		t.Fatalf("revoking is answered %d: %s", code, body)
	}
	before := v.state(t, p)
	seen := 0
	for _, op := range describedOperations(t, p) {
		if op.OperationID == "create-session" || op.OperationID == "end-session" {
			continue // for anybody: they take no token but in a body or a cookie
		}
		for _, r := range requestsFor(op, v) {
			for who, token := range map[string]string{"nobody": "", "a revoked token": revoked.Secret, "a made-up token": "rollcall_x"} {
				if code, body, _ := r.send(t, p, token); code != 401 || v.marked(r, body) != "" {
					t.Errorf("%s with %s is answered %d: %s", r, who, code, body)
				}
			}
			code, body, _ := r.send(t, p, intruder.Secret)
			if mark := v.marked(r, body); mark != "" || code >= 500 {
				t.Errorf("%s by an intruder is answered %d with %s: %s", r, code, mark, body)
			}
			named := r.with("Rollcall-Account", victimsAccount)
			code, body, _ = named.send(t, p, intruder.Secret)
			if v.marked(named, body) != "" || code != 403 && code != 404 {
				t.Errorf("%s by an intruder who names the account is answered %d: %s", r, code, body)
			}
			if op.method != "GET" && !slices.Contains(readers, op.OperationID) {
				if code, body, _ := r.send(t, p, v.read); code != 403 {
					t.Errorf("%s with a token to read is answered %d: %s", r, code, body)
				}
				continue
			}
			if _, body, _ := r.send(t, p, v.read); v.marked(r, body) != "" {
				seen++
			}
		}
	}
	if after := v.state(t, p); after != before {
		t.Errorf("the account was\n%s\nand is\n%s", before, after)
	}
	if seen < 5 {
		t.Errorf("the account's own token saw its marks %d times: they can't be told from nothing", seen)
	}
	expectHashed(t, dir, intruder, v.write, v.read, revoked.Secret, operatorToken)
}

// newVictim fills an account.
func newVictim(t *testing.T, p *process) *victim {
	t.Helper()
	first := newAccount(t, p, victimsAccount)
	v := &victim{segment: "victims-segment", contact: "victims-contact-0", token: first.ID, write: first.Secret}
	v.read = newToken(t, p, v.write, "read").Secret
	v.marks = []string{"The victim's name", "victims-list", "victims-contact", first.ID, victimsAccount}
	writeContacts(t, p, victimsAccount, "victims-contact-", 1500)
	code, body, _ := send(t, p, "PUT", "/v1/segments/"+v.segment, v.write, nil,
		[]byte(`{"name":"The victim's name","text":"all contacts where not in list \"victims-list\""}`))
	if code != 201 && code != 200 {
		t.Fatalf("the segment is answered %d: %s", code, body)
	}
	eventually(t, time.Minute, "the contacts are members", func() error {
		_, body, _ := send(t, p, "GET", "/v1/segments/"+v.segment+"/members", v.write, nil, nil)
		if v.cursor = found(body, `"cursor":"([^"]+)"`); v.cursor == "" || !strings.Contains(string(body), `"count":1500`) {
			return errors.New("they are not")
		}
		return nil
	})
	_, body, _ = send(t, p, "GET", "/v1/sizes", v.write, nil, nil)
	if v.event = found(body, `(?m)^id: (.+)$`); v.event == "" {
		t.Fatalf("no event: %s", body)
	}
	return v
}

func found(body []byte, pattern string) string {
	if match := regexp.MustCompile(pattern).FindSubmatch(body); match != nil {
		return string(match[1])
	}
	return ""
}

func writeContacts(t *testing.T, p *process, account, prefix string, n int) {
	t.Helper()
	client, err := consumers.Open(consumers.Config{Brokers: []string{found([]byte(p.output()), `Kafka at (\S+),`)}})
	must(t, err)
	defer client.Close()
	var messages []consumers.Message
	for i := range n {
		contact := fmt.Sprint(prefix, i)
		messages = append(messages, consumers.Message{
			Topic: "contacts", Partition: -1, Key: []byte(account + "/" + contact), Value: []byte(contactRecord(account, contact)),
		})
	}
	_, err = client.Producer(consumers.ProducerConfig{}).Write(t.Context(), messages)
	must(t, err)
}

// state is what an intruder could have changed.
func (v *victim) state(t *testing.T, p *process) string {
	t.Helper()
	var all strings.Builder
	for _, path := range []string{"/v1/segments/" + v.segment, "/v1/tokens"} {
		_, body, _ := send(t, p, "GET", path, v.write, nil, nil)
		all.WriteString(regexp.MustCompile(`"freshness":\{[^}]*\}`).ReplaceAllString(string(body), ""))
	}
	return all.String()
}

// marked is a mark in an answer that was not in the request.
func (v *victim) marked(r request, body []byte) string {
	for _, mark := range v.marks {
		if bytes.Contains(body, []byte(mark)) && !strings.Contains(r.String(), mark) {
			return mark
		}
	}
	return ""
}

// request is one way to ask for an operation.
type request struct {
	described
	target  string
	headers map[string]string
	body    string
}

func (r request) String() string {
	return fmt.Sprintf("%s %s %v %s", r.method, r.target, r.headers, r.body)
}

func (r request) with(name, value string) request {
	r.headers = maps.Clone(r.headers)
	r.headers[name] = value
	return r
}

func (r request) send(t *testing.T, p *process, token string) (int, []byte, http.Header) {
	t.Helper()
	return send(t, p, r.method, r.target, token, r.headers, []byte(r.body))
}

// requestsFor asks for the victim's things in every place that an operation
// has for ids.
func requestsFor(op described, v *victim) (all []request) {
	bodies := []string{""}
	if op.RequestBody != nil {
		bodies = []string{
			`{"text":"segment \"victims-segment\""}`, `{"contacts":["` + v.contact + `"]}`, `{"scope":"write"}`,
			`{"scope":"read","account":"victim"}`, `{"id":"victim"}`, `{"id":"victims-segment","account":"victim","text":"all contacts"}`,
		}
	}
	for _, id := range []string{v.segment, v.contact, v.token, victimsAccount, "victim%2Fvictims-segment"} {
		for _, body := range bodies {
			r := request{described: op, body: body, headers: map[string]string{}, target: strings.NewReplacer("{id}", id, "{kind}", "marketing", "{what}", "contacts").Replace(op.path)}
			query := url.Values{}
			for _, parameter := range op.Parameters {
				value := map[string]string{
					"segments": v.segment, "segment": v.segment, "cursor": v.cursor, "slice": "1/1", "stale": "allow", "limit": "10",
					"If-Match": "*", "Last-Event-ID": v.event,
				}[parameter.Name]
				if value != "" && parameter.In == "query" {
					query.Set(parameter.Name, value)
				}
				if value != "" && parameter.In == "header" {
					r.headers[parameter.Name] = value
				}
			}
			all = append(all, r)
			if len(query) > 0 {
				r.target += "?" + query.Encode()
				all = append(all, r)
			}
		}
		if !strings.Contains(op.path, "{id}") {
			break
		}
	}
	return all
}

// send sends a request and returns what is answered at once, of a stream as of
// any other.
func send(t *testing.T, p *process, method, target, token string, headers map[string]string, body []byte) (int, []byte, http.Header) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, p.url+target, bytes.NewReader(body))
	must(t, err)
	req.Header.Set("Content-Type", "application/json")
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	for name, value := range headers {
		req.Header.Set(name, value)
	}
	res, err := httpClient.Do(req)
	must(t, err)
	defer res.Body.Close()
	if res.Header.Get("X-Accel-Buffering") == "no" { // it does not end
		defer time.AfterFunc(150*time.Millisecond, cancel).Stop()
	}
	answer, err := io.ReadAll(res.Body)
	if err != nil && ctx.Err() == nil {
		t.Fatal(err)
	}
	return res.StatusCode, answer, res.Header
}

type issued struct{ ID, Secret string }

func newAccount(t *testing.T, p *process, id string) issued {
	t.Helper()
	var answer struct{ Token issued }
	code, body := ask(t, p, "", "POST", "/v1/accounts", map[string]any{"id": id})
	if must(t, json.Unmarshal(body, &answer)); code != 201 || answer.Token.Secret == "" {
		t.Fatalf("account %s is answered %d", id, code)
	}
	return answer.Token
}

func newToken(t *testing.T, p *process, token, scope string) (answer issued) {
	t.Helper()
	code, body, header := send(t, p, "POST", "/v1/tokens", token, nil, []byte(`{"scope":"`+scope+`"}`))
	if must(t, json.Unmarshal(body, &answer)); code != 201 || answer.Secret == "" || header.Get("Cache-Control") != "no-store" {
		t.Fatalf("a token is answered %d with %v", code, header)
	}
	return answer
}

// expectHashed looks through Kafka's log, where tokens are known by their ids,
// for their secrets.
func expectHashed(t *testing.T, dir string, known issued, secrets ...string) {
	t.Helper()
	var log []byte
	must(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			var content []byte
			content, err = os.ReadFile(path)
			log = append(log, content...)
		}
		return err
	}))
	if !bytes.Contains(log, []byte(known.ID)) {
		t.Fatal("the log does not even hold a token's id")
	}
	for _, secret := range append(secrets, known.Secret) {
		if bytes.Contains(log, []byte(secret)) {
			t.Error("a token's secret lies in the log")
		}
	}
}
