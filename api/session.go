package api

import (
	"cmp"
	"context"
	"encoding/base64"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"rollcall/pipeline/catalog"
)

// sessionCookie is how a browser says who uses the page. It holds the token
// itself, so that it opens what the token opens and dies with it, in every
// process and without anything being remembered. Sealing it would need a key
// that all processes share, and whoever steals it could use it just the same.
// No script can read it, and it goes to the API's own paths only.
const sessionCookie = "rollcall_session"

// session is what the cookie holds.
type session struct {
	secret  string // empty on a server without tokens
	account string // that an operator has chosen
}

func (s session) cookie(secure bool) http.Cookie {
	return http.Cookie{
		Name: sessionCookie, Value: base64.RawURLEncoding.EncodeToString([]byte(s.account + " " + s.secret)),
		Path: "/v1/", HttpOnly: true, SameSite: http.SameSiteStrictMode, Secure: secure,
	}
}

// sessionOf reads the cookie of a request; one that is none of ours counts as none.
func sessionOf(r *http.Request) (s session, ok bool) {
	cookie, err := r.Cookie(sessionCookie)
	if err != nil {
		return s, false
	}
	value, err := base64.RawURLEncoding.DecodeString(cookie.Value)
	if err != nil {
		return s, false
	}
	s.account, s.secret, ok = strings.Cut(string(value), " ")
	return s, ok
}

// namesOrigin tells whether a browser says of which site's page the request is,
// as all do when something may change. What it says was looked at by guard.
func namesOrigin(r *http.Request) bool {
	safe := r.Method == http.MethodGet || r.Method == http.MethodHead || r.Method == http.MethodOptions
	return safe || r.Header.Get("Sec-Fetch-Site") != "" || r.Header.Get("Origin") != ""
}

// overTLS tells whether the browser's connection is encrypted, by us or by a
// proxy before us.
type overTLS struct{ secure bool }

// Resolve implements huma.Resolver.
func (o *overTLS) Resolve(ctx huma.Context) []error {
	o.secure = ctx.TLS() != nil || strings.EqualFold(ctx.Header("X-Forwarded-Proto"), "https")
	return nil
}

type sessionAnswer struct {
	Account       string        `json:"account" doc:"empty: an operator has to choose one"`
	Timezone      string        `json:"timezone,omitempty"`
	RetentionDays int           `json:"retention_days,omitempty"`
	DefaultRegion string        `json:"default_region,omitempty"`
	Scope         catalog.Scope `json:"scope" enum:"read,write"`
	Operator      bool          `json:"operator"`
	Tokenless     bool          `json:"tokenless" doc:"the server asks nobody for a token"`
	Accounts      []string      `json:"accounts,omitempty" doc:"those that an operator may choose from, the first 10,000"`
}

// maxChoices bounds the accounts that an operator is shown.
const maxChoices = 10_000

func (s *Server) answerSession(c caller) sessionAnswer {
	answer := sessionAnswer{Scope: c.scope, Operator: c.operator, Tokenless: c.tokenless}
	if a := s.Catalog.Account(c.account); a != nil {
		answer.Account, answer.Timezone = a.ID, a.Timezone
		answer.RetentionDays, answer.DefaultRegion = a.RetentionDays, a.DefaultRegion
	}
	if !c.operator {
		return answer
	}
	answer.Scope, answer.Accounts = catalog.Write, []string{}
	for _, a := range s.Catalog.Accounts() {
		if len(answer.Accounts) == maxChoices {
			break
		}
		answer.Accounts = append(answer.Accounts, a.ID)
	}
	return answer
}

type sessionOutput struct {
	CacheControl string `header:"Cache-Control"`
	Body         sessionAnswer
}

func (s *Server) getSession(_ context.Context, c caller, _ *noInput) (*sessionOutput, error) {
	if c.named && s.Catalog.Account(c.account) == nil {
		return nil, problem("not-found", "there is no account %q", c.account)
	}
	return &sessionOutput{"no-store", s.answerSession(c)}, nil
}

type createSessionInput struct {
	overTLS
	Body struct {
		Token   string `json:"token,omitempty" doc:"none: on a server without tokens"`
		Account string `json:"account,omitempty" doc:"the one that an operator chooses; others have that of their token"`
	}
}

type createSessionOutput struct {
	SetCookie    http.Cookie `header:"Set-Cookie"`
	CacheControl string      `header:"Cache-Control"`
	Body         sessionAnswer
}

func (s *Server) createSession(_ context.Context, _ caller, in *createSessionInput) (*createSessionOutput, error) {
	wanted := session{secret: in.Body.Token, account: in.Body.Account}
	c, p := s.identify(wanted.secret, wanted.account)
	if wanted.secret == "" && s.Tokenless {
		c, p = s.tokenless(wanted.account), nil
	}
	if p != nil {
		return nil, p
	}
	if wanted.account != "" && s.Catalog.Account(wanted.account) == nil {
		return nil, problem("not-found", "there is no account %q", wanted.account)
	}
	return &createSessionOutput{wanted.cookie(in.secure), "no-store", s.answerSession(c)}, nil
}

// tokenless is whoever comes without a token where none is asked for.
func (s *Server) tokenless(account string) caller {
	return caller{account: cmp.Or(account, DefaultAccount), operator: true, tokenless: true}
}

type endSessionInput struct{ overTLS }

type endSessionOutput struct {
	SetCookie http.Cookie `header:"Set-Cookie"`
}

func (s *Server) endSession(_ context.Context, _ caller, in *endSessionInput) (*endSessionOutput, error) {
	gone := session{}.cookie(in.secure)
	gone.Value, gone.MaxAge = "", -1
	return &endSessionOutput{gone}, nil
}
