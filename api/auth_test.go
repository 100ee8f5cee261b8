package api

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"rollcall/pipeline/catalog"
)

// calls is one right request per operation; their order lets each succeed.
var calls = []struct {
	method, path, body string
	access             access
	status             int
}{
	{"GET", "/v1/segments", "", reader, 200},
	{"GET", "/v1/segments/base", "", reader, 200},
	{"PUT", "/v1/segments/new", `{"text":"all contacts"}`, writer, 201},
	{"DELETE", "/v1/segments/new", "", writer, 204},
	{"POST", "/v1/preview", `{"text":"all contacts"}`, reader, 200},
	{"POST", "/v1/segments/base/check", `{"contacts":["c1"]}`, reader, 200},
	{"GET", "/v1/segments/base/explain?contact=c1", "", reader, 200},
	{"GET", "/v1/segments/base/members", "", reader, 200},
	{"GET", "/v1/segments/base/history", "", reader, 200},
	{"GET", "/v1/segments/base/changes", "", reader, 200},
	{"GET", "/v1/segments/base/recipients", "", reader, 200},
	{"GET", "/v1/lists", "", reader, 200},
	{"GET", "/v1/lists/marketing/spring/recipients", "", reader, 200},
	{"GET", "/v1/messages", "", reader, 200},
	{"GET", "/v1/reports/sms?segment=base", "", reader, 200},
	{"GET", "/v1/follow?segments=base", "", reader, 200},
	{"POST", "/v1/segments/base/snapshots", "", writer, 201},
	{"GET", "/v1/snapshots", "", reader, 200},
	{"GET", "/v1/snapshots/11", "", reader, 200},
	{"GET", "/v1/snapshots/11/recipients", "", reader, 200},
	{"DELETE", "/v1/snapshots/11", "", writer, 204},
	{"GET", "/v1/tokens", "", writer, 200},
	{"POST", "/v1/tokens", `{"scope":"read"}`, writer, 201},
	{"DELETE", "/v1/tokens/spare", "", writer, 204},
	{"DELETE", "/v1/contacts/c1", "", writer, 204},
	{"POST", "/v1/imports/contacts", "", writer, 415}, // for want of a file
	{"GET", "/v1/status", "", anybody, 200},
	{"GET", "/v1/session", "", anybody, 200},
	{"POST", "/v1/session", `{}`, open, 401},
	{"DELETE", "/v1/session", "", open, 204},
	{"GET", "/v1/accounts", "", operator, 200},
	{"POST", "/v1/accounts", `{"id":"initech"}`, operator, 201},
	{"DELETE", "/v1/accounts/initech", "", operator, 204},
	{"GET", "/v1/rebuilds", "", operator, 200},
	{"GET", "/v1/rebuilds/r-1", "", operator, 200},
	{"DELETE", "/v1/rebuilds/r-1", "", operator, 204},
	{"POST", "/v1/rebuilds", `{}`, operator, 201},
	{"GET", "/v1/replays", "", operator, 200},
	{"GET", "/v1/replays/10", "", operator, 200},
	{"DELETE", "/v1/replays/10", "", operator, 204},
	{"POST", "/v1/replays", `{"topics":[{"name":"sms.sent"}],"from":"2026-01-01T00:00:00Z"}`, operator, 201},
	{"POST", "/v1/verifications", `{"account":"acme"}`, operator, 200},
	{"POST", "/v1/losses", `{"topic":"sms.sent","partition":3,"from":7,"to":9}`, operator, 204},
	{"GET", "/v1/dead-letters", "", operator, 200},
	{"GET", "/v1/dead-letters/3-7", "", operator, 200},
	{"POST", "/v1/dead-letters/retry", `{"ids":["3-7"]}`, operator, 200},
}

func TestEveryOperationIsCalled(t *testing.T) {
	b := newBench(t)
	n := 1 // sizes is called in a test of its own
	for _, item := range b.server.api.OpenAPI().Paths {
		for _, op := range []any{item.Get, item.Put, item.Post, item.Delete} {
			if fmt.Sprint(op) != "<nil>" {
				n--
			}
		}
	}
	if n+len(calls) != 0 {
		t.Errorf("%d operations are not in the table", -n-len(calls))
	}
}

func TestTokens(t *testing.T) {
	b := newBench(t)
	b.views.lists = []string{"spring"}
	spare := catalog.PutToken{Account: "acme", ID: "spare", Scope: catalog.Read, SHA256: make([]byte, 32)}
	b.put(spare)
	b.put(catalog.StartRebuild{ID: "r-1"})
	if id := b.put(catalog.StartReplay{Topics: []catalog.ReplayTopic{{Name: "sms.sent"}}, To: 1}); id != 10 {
		t.Fatalf("the replay is %d", id)
	}
	if s := b.freeze("base"); s.ID != 11 {
		t.Fatalf("the snapshot is %d", s.ID)
	}
	for _, call := range calls {
		t.Run(call.method+call.path, func(t *testing.T) {
			b.t = t
			expect := func(who, token string, status int, headers ...string) {
				t.Helper()
				got := b.ask(call.method, call.path, token, call.body, headers...)
				if got.status != status || status >= 400 && got.problem() == "" {
					t.Errorf("%s: %d, want %d: %s", who, got.status, status, got.body)
				}
			}
			if call.access == open {
				expect("no token", "", call.status)
				return
			}
			expect("no token", "", 401)
			expect("wrong token", "rollcall_wrong", 401)
			expect("empty token", " ", 401)
			expect("basic", "", 401, "Authorization", "Basic eDp5")
			expect("account in a header", b.write, 404, "Rollcall-Account", "globex")
			switch call.access {
			case operator:
				expect("read token", b.read, 403)
				expect("write token", b.write, 403)
				expect("operator", operatorToken, call.status)
				return
			case writer:
				expect("read token", b.read, 403)
			default:
				expect("read token", b.read, call.status)
			}
			if strings.Contains(call.path, "base") || strings.Contains(call.path, "snapshots/") {
				expect("foreign token", b.foreign, 404)
			}
			if call.access != anybody {
				expect("operator without an account", operatorToken, 400)
			}
			expect("operator of an unknown account", operatorToken, 404, "Rollcall-Account", "nobody")
			expect("write token", b.write, call.status)
		})
	}
	if got := b.eraser.erased; len(got) != 1 || got[0] != "acme/c1" {
		t.Errorf("erased: %v", got)
	}
}

func TestForeignThings(t *testing.T) {
	b := newBench(t)
	b.put(catalog.PutToken{Account: "acme", ID: "spare", Scope: catalog.Read, SHA256: make([]byte, 32)})
	for _, call := range [][2]string{{"DELETE", "/v1/segments/sub"}, {"DELETE", "/v1/tokens/spare"}, {"GET", "/v1/sizes?segments=base"}} {
		if got := b.ask(call[0], call[1], b.foreign, ""); got.status != 404 || got.problem() != "not-found" {
			t.Errorf("%s: %d %s", call, got.status, got.body)
		}
	}
	if got := b.ask("GET", "/v1/segments", b.foreign, ""); strings.Contains(got.body, "base") {
		t.Errorf("foreign segments: %s", got.body)
	}
	if b.catalog.Account("acme").Segment("sub") == nil || len(b.catalog.Tokens("acme")) != 3 {
		t.Error("a foreign token deleted something")
	}
}

func TestOperatorActsForAnAccount(t *testing.T) {
	b := newBench(t)
	if got := b.ask("GET", "/v1/segments/base", operatorToken, "", "Rollcall-Account", "acme"); got.status != 200 {
		t.Errorf("%d %s", got.status, got.body)
	}
	if got := b.ask("GET", "/v1/status", operatorToken, ""); !strings.Contains(got.body, `"of ":1`) {
		t.Errorf("the operator's status: %s", got.body)
	}
	if got := b.ask("GET", "/v1/status", b.read, ""); !strings.Contains(got.body, `"of acme":1`) {
		t.Errorf("an account's status: %s", got.body)
	}
}

func TestNoOperatorWithoutAToken(t *testing.T) {
	b := newBench(t, func(c *Config) { c.OperatorToken = "" })
	for _, token := range []string{"", " ", operatorToken} {
		if got := b.ask("GET", "/v1/accounts", token, ""); got.status != 401 {
			t.Errorf("%q: %d", token, got.status)
		}
	}
}

func TestNewTokenOpensItsAccount(t *testing.T) {
	b := newBench(t)
	created := b.ask("POST", "/v1/accounts", operatorToken, `{"id":"initech","timezone":"America/New_York","retention_days":90,"default_region":"us"}`)
	if created.status != 201 {
		t.Fatalf("%d %s", created.status, created.body)
	}
	secret := created.json(t)["token"].(map[string]any)["secret"].(string)
	if got := b.ask("PUT", "/v1/segments/a", secret, `{"text":"all contacts"}`); got.status != 201 {
		t.Errorf("%d %s", got.status, got.body)
	}
	if a := b.catalog.Account("initech"); a.RetentionDays != 90 || a.DefaultRegion != "US" || a.Timezone != "America/New_York" {
		t.Errorf("%+v", a)
	}
	listed := b.ask("GET", "/v1/tokens", secret, "")
	if strings.Contains(listed.body, "secret") || !strings.Contains(listed.body, `"scope":"write"`) {
		t.Errorf("tokens: %s", listed.body)
	}
	id := listed.json(t)["tokens"].([]any)[0].(map[string]any)["id"].(string)
	if got := b.ask("DELETE", "/v1/tokens/"+id, secret, ""); got.status != 204 {
		t.Errorf("revoke: %d %s", got.status, got.body)
	}
	if got := b.ask("GET", "/v1/segments", secret, ""); got.status != 401 {
		t.Errorf("a revoked token: %d", got.status)
	}
}

func TestBadAccountsAndTokens(t *testing.T) {
	b := newBench(t)
	for _, body := range []string{
		`{"id":"x","time_zone":"Europe/Berlin"}`, `{"id":"x","timezone":"Mars"}`, `{"id":"x","retention_days":"90"}`,
		`{"id":"x","retention_days":0}`, `{"id":"x","default_region":"ZZ"}`, `{"id":"X"}`, `{}`, `[]`, ``, `{"id"`,
	} {
		if got := b.ask("POST", "/v1/accounts", operatorToken, body); got.problem() != "invalid" && got.problem() != "bad-request" {
			t.Errorf("account %s: %d %s", body, got.status, got.body)
		}
	}
	if got := b.ask("POST", "/v1/accounts", operatorToken, `{"id":"acme"}`); got.problem() != "conflict" {
		t.Errorf("an account that is there: %d %s", got.status, got.body)
	}
	for _, body := range []string{`{"scope":"admin"}`, `{}`, `{"scope":"read","account":"globex"}`} {
		if got := b.ask("POST", "/v1/tokens", b.write, body); got.problem() != "invalid" {
			t.Errorf("token %s: %d %s", body, got.status, got.body)
		}
	}
	if len(b.catalog.Accounts()) != 3 || len(b.catalog.Tokens("acme")) != 2 {
		t.Error("something was created")
	}
}

func TestAccountPages(t *testing.T) {
	b := newBench(t)
	got := b.ask("GET", "/v1/accounts?limit=2", operatorToken, "").json(t)
	if len(got["accounts"].([]any)) != 2 || got["next"] != "demo" {
		t.Errorf("first page: %v", got)
	}
	got = b.ask("GET", "/v1/accounts?limit=2&after=demo", operatorToken, "").json(t)
	if len(got["accounts"].([]any)) != 1 || got["next"] != nil {
		t.Errorf("last page: %v", got)
	}
}

func TestTokenlessOnLoopback(t *testing.T) {
	b := newBench(t, func(c *Config) { c.Tokenless = true })
	if got := b.ask("PUT", "/v1/segments/a", "", `{"text":"all contacts"}`); got.status != 201 || b.catalog.Account("demo").Segment("a") == nil {
		t.Errorf("demo: %d %s", got.status, got.body)
	}
	if got := b.ask("GET", "/v1/segments/base", "", "", "Rollcall-Account", "acme"); got.status != 200 {
		t.Errorf("another account: %d %s", got.status, got.body)
	}
	if got := b.ask("GET", "/v1/accounts", "", ""); got.status != 200 {
		t.Errorf("operator: %d %s", got.status, got.body)
	}
	if got := b.ask("GET", "/v1/segments", "wrong", ""); got.status != 401 {
		t.Errorf("a wrong token: %d", got.status)
	}
	if got := b.ask("PUT", "/v1/segments/b", b.read, `{"text":"all contacts"}`); got.status != 403 {
		t.Errorf("a read token: %d", got.status)
	}
	for host, status := range map[string]int{
		"localhost": 200, "LOCALHOST:8080": 200, "127.0.0.1:1": 200, "127.9.9.9": 200, "[::1]:8080": 200, "[::1]": 200,
		"evil.example": 421, "127.0.0.1.evil.example:8080": 421, "localhost.evil.example": 421, "10.0.0.1": 421, "0.0.0.0:8080": 421,
	} {
		if got := b.ask("GET", "/v1/segments", "", "", "Host", host); got.status != status {
			t.Errorf("Host %s: %d, want %d", host, got.status, status)
		}
	}
}

func TestOtherSitesPages(t *testing.T) {
	b := newBench(t, func(c *Config) { c.Tokenless = true })
	for _, headers := range [][]string{{"Sec-Fetch-Site", "cross-site"}, {"Origin", "https://evil.example"}} {
		got := b.ask("POST", "/v1/tokens", "", `{"scope":"write"}`, headers...)
		if got.status != 403 || got.problem() != "cross-origin" {
			t.Errorf("%v: %d %s", headers, got.status, got.body)
		}
		if got.header.Get("Access-Control-Allow-Origin") != "" {
			t.Error("CORS is allowed")
		}
	}
	if got := b.ask("POST", "/v1/tokens", "", `{"scope":"write"}`, "Sec-Fetch-Site", "same-origin"); got.status != 201 {
		t.Errorf("our own page: %d", got.status)
	}
}

func TestServeRefusesTheNetworkWithoutTokens(t *testing.T) {
	b := newBench(t, func(c *Config) { c.Tokenless = true })
	l, err := net.Listen("tcp", "0.0.0.0:0")
	if err != nil {
		t.Skip(err)
	}
	served := make(chan error, 1)
	go func() { served <- b.server.Serve(t.Context(), l) }()
	select {
	case err := <-served:
		if err == nil || !strings.Contains(err.Error(), "loopback") {
			t.Errorf("got %v", err)
		}
	case <-time.After(5 * time.Second):
		t.Error("it serves")
	}
}
