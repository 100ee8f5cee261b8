package api

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// signIn asks for a session and returns the answer and the cookie as a browser
// sends it back.
func (b *bench) signIn(body string, headers ...string) (answer, *http.Cookie) {
	b.t.Helper()
	got := b.ask("POST", "/v1/session", "", body, headers...)
	cookies := (&http.Response{Header: got.header}).Cookies()
	if got.status != 200 || len(cookies) != 1 {
		b.t.Fatalf("sign in: %d %s, cookies %v", got.status, got.body, cookies)
	}
	return got, cookies[0]
}

func sent(c *http.Cookie) string { return c.Name + "=" + c.Value }

func TestSessionOfAToken(t *testing.T) {
	b := newBench(t)
	got, cookie := b.signIn(fmt.Sprintf(`{"token":%q}`, b.write))
	want := map[string]any{"account": "acme", "timezone": "UTC", "retention_days": 730.0, "scope": "write", "operator": false, "tokenless": false}
	if v := got.json(t); fmt.Sprint(v) != fmt.Sprint(want) {
		t.Errorf("session: %s", got.body)
	}
	if !cookie.HttpOnly || cookie.SameSite != http.SameSiteStrictMode || cookie.Secure || cookie.Path != "/v1/" || cookie.MaxAge != 0 {
		t.Errorf("cookie: %+v", cookie)
	}
	if got := b.ask("GET", "/v1/session", "", "", "Cookie", sent(cookie)); fmt.Sprint(got.json(t)) != fmt.Sprint(want) {
		t.Errorf("GET: %s", got.body)
	}
	if got := b.ask("PUT", "/v1/segments/new", "", `{"text":"all contacts"}`, "Cookie", sent(cookie), "Sec-Fetch-Site", "same-origin"); got.status != 201 {
		t.Errorf("a change: %d %s", got.status, got.body)
	}
	if got := b.ask("GET", "/v1/segments", "rollcall_wrong", "", "Cookie", sent(cookie)); got.status != 401 {
		t.Errorf("a wrong token beside the cookie: %d", got.status)
	}
	for _, token := range b.catalog.Tokens("acme") {
		b.ask("DELETE", "/v1/tokens/"+token.ID, operatorToken, "", "Rollcall-Account", "acme")
	}
	for _, path := range []string{"/v1/session", "/v1/segments"} {
		if got := b.ask("GET", path, "", "", "Cookie", sent(cookie)); got.status != 401 {
			t.Errorf("%s with a revoked token: %d", path, got.status)
		}
	}
}

func TestSessionOfAReadToken(t *testing.T) {
	b := newBench(t)
	_, cookie := b.signIn(fmt.Sprintf(`{"token":%q}`, b.read))
	if got := b.ask("PUT", "/v1/segments/new", "", `{"text":"all contacts"}`, "Cookie", sent(cookie), "Origin", b.http.URL); got.status != 403 || got.problem() != "forbidden" {
		t.Errorf("a change: %d %s", got.status, got.body)
	}
}

func TestSessionOfTheOperator(t *testing.T) {
	b := newBench(t)
	whole, cookie := b.signIn(fmt.Sprintf(`{"token":%q}`, operatorToken))
	if v := whole.json(t); v["account"] != "" || v["operator"] != true || fmt.Sprint(v["accounts"]) != "[acme demo globex]" {
		t.Errorf("session: %s", whole.body)
	}
	if got := b.ask("GET", "/v1/segments", "", "", "Cookie", sent(cookie)); got.status != 400 {
		t.Errorf("without an account: %d %s", got.status, got.body)
	}
	if got := b.ask("GET", "/v1/segments/base", "", "", "Cookie", sent(cookie), AccountHeader, "acme"); got.status != 200 {
		t.Errorf("with an account in the header: %d %s", got.status, got.body)
	}
	_, cookie = b.signIn(fmt.Sprintf(`{"token":%q,"account":"acme"}`, operatorToken))
	if got := b.ask("GET", "/v1/segments/base", "", "", "Cookie", sent(cookie)); got.status != 200 {
		t.Errorf("with an account in the cookie: %d %s", got.status, got.body)
	}
	if got := b.ask("GET", "/v1/status", "", "", "Cookie", sent(cookie)); !strings.Contains(got.body, `"of ":1`) {
		t.Errorf("the operator's status: %s", got.body)
	}
	b.ask("DELETE", "/v1/accounts/acme", operatorToken, "")
	if got := b.ask("GET", "/v1/session", "", "", "Cookie", sent(cookie)); got.status != 200 || got.json(t)["account"] != "" {
		t.Errorf("the account is deleted: %d %s", got.status, got.body)
	}
}

func TestNoSession(t *testing.T) {
	b := newBench(t)
	for body, status := range map[string]int{
		`{}`: 401, `{"token":""}`: 401, `{"token":"rollcall_wrong"}`: 401, `{"account":"acme"}`: 401, `{"tokn":"x"}`: 422,
		fmt.Sprintf(`{"token":%q,"account":"globex"}`, b.write):       404,
		fmt.Sprintf(`{"token":%q,"account":"nobody"}`, operatorToken): 404,
		fmt.Sprintf(`{"token":%q}`, strings.Repeat("x", 100<<10)):     413,
	} {
		if got := b.ask("POST", "/v1/session", "", body); got.status != status || got.header.Get("Set-Cookie") != "" || got.problem() == "" {
			t.Errorf("%.60s: %d %s", body, got.status, got.body)
		}
	}
	for _, value := range []string{"", "x", "!", "YWNtZQ", b.write} {
		if got := b.ask("GET", "/v1/session", "", "", "Cookie", sessionCookie+"="+value); got.status != 401 {
			t.Errorf("cookie %q: %d %s", value, got.status, got.body)
		}
	}
}

func TestSessionEnds(t *testing.T) {
	b := newBench(t)
	for _, proto := range []string{"http", "https"} {
		got := b.ask("DELETE", "/v1/session", "", "", "X-Forwarded-Proto", proto)
		cookies := (&http.Response{Header: got.header}).Cookies()
		if got.status != 204 || len(cookies) != 1 || cookies[0].MaxAge != -1 || cookies[0].Path != "/v1/" || cookies[0].Value != "" {
			t.Errorf("%d %v", got.status, cookies)
		}
	}
	if _, cookie := b.signIn(fmt.Sprintf(`{"token":%q}`, b.read), "X-Forwarded-Proto", "https"); !cookie.Secure {
		t.Error("behind TLS the cookie is not Secure")
	}
}

// TestCookieOfAnotherSite is about pages that have the browser send the cookie
// along, which SameSite keeps browsers from in the first place.
func TestCookieOfAnotherSite(t *testing.T) {
	b := newBench(t)
	_, cookie := b.signIn(fmt.Sprintf(`{"token":%q}`, b.write))
	tests := []struct {
		name, value string
		status      int
	}{
		{"Sec-Fetch-Site", "same-origin", 204},
		{"Sec-Fetch-Site", "none", 204}, // the user, and no page
		{"Sec-Fetch-Site", "same-site", 403},
		{"Sec-Fetch-Site", "cross-site", 403},
		{"Origin", b.http.URL, 204},
		{"Origin", "https://evil.example", 403},
		{"Origin", "null", 403},
		{"Referer", b.http.URL, 403},
	}
	for _, tt := range tests {
		got := b.ask("DELETE", "/v1/contacts/c1", "", "", "Cookie", sent(cookie), tt.name, tt.value)
		if got.status != tt.status || tt.status == 403 && got.problem() != "cross-origin" {
			t.Errorf("%s: %s: %d %s", tt.name, tt.value, got.status, got.body)
		}
	}
	if got := b.ask("DELETE", "/v1/contacts/c1", b.write, ""); got.status != 204 {
		t.Errorf("a token without an origin: %d", got.status)
	}
}

func TestSessionWithoutTokens(t *testing.T) {
	b := newBench(t, func(c *Config) { c.Tokenless, c.OperatorToken = true, "" })
	got := b.ask("GET", "/v1/session", "", "")
	if v := got.json(t); v["account"] != "demo" || v["tokenless"] != true || v["operator"] != true || v["scope"] != "write" {
		t.Errorf("without a cookie: %s", got.body)
	}
	got, cookie := b.signIn(`{"account":"acme"}`)
	if v := got.json(t); v["account"] != "acme" || v["tokenless"] != true {
		t.Errorf("another account: %s", got.body)
	}
	if got := b.ask("GET", "/v1/segments/base", "", "", "Cookie", sent(cookie)); got.status != 200 {
		t.Errorf("its segment: %d %s", got.status, got.body)
	}
	_, cookie = b.signIn(fmt.Sprintf(`{"token":%q}`, b.read))
	if got := b.ask("GET", "/v1/session", "", "", "Cookie", sent(cookie)); got.json(t)["scope"] != "read" {
		t.Errorf("a read token: %s", got.body)
	}
	stale := session{secret: "rollcall_of_another_server"}.cookie(false)
	if got := b.ask("GET", "/v1/session", "", "", "Cookie", sent(&stale)); got.status != 200 || got.json(t)["tokenless"] != true {
		t.Errorf("another server's cookie: %d %s", got.status, got.body)
	}
}
