package api

import (
	"cmp"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"rollcall/pipeline/catalog"
)

// AccountHeader names the account that an operator's request is about.
const AccountHeader = "Rollcall-Account"

// access is what an operation asks of its caller.
type access int

const (
	open     access = iota // nothing
	anybody                // with a token
	reader                 // of an account
	writer                 // of an account
	operator               // of the whole server
)

// caller is who sends a request.
type caller struct {
	account   string // empty for an operator who named none
	scope     catalog.Scope
	operator  bool
	tokenless bool   // an operator because everybody is
	named     bool   // the account was named by the request, not by the token or the cookie
	secret    string // the token, of whoever is not the operator
}

type callerKey struct{}

// authenticate finds out who sends a request: by its token, else by the cookie
// that the page has, else it is the operator where no token is asked for.
func (s *Server) authenticate(r *http.Request) (caller, *Problem) {
	named := r.Header.Get(AccountHeader)
	c, p := s.bearer(r, named)
	c.named = c.operator && named != ""
	return c, p
}

func (s *Server) bearer(r *http.Request, named string) (caller, *Problem) {
	if header := r.Header.Get("Authorization"); header != "" {
		scheme, secret, _ := strings.Cut(header, " ")
		if !strings.EqualFold(scheme, "Bearer") {
			secret = ""
		}
		return s.identify(secret, named)
	}
	session, _ := sessionOf(r)
	c, p := s.identify(session.secret, cmp.Or(named, session.account))
	if p != nil && s.Tokenless {
		return s.tokenless(cmp.Or(named, session.account)), nil
	}
	if p == nil && !namesOrigin(r) {
		return c, problem("cross-origin", "a change with a cookie takes the header Sec-Fetch-Site or Origin, as browsers send them")
	}
	return c, p
}

// identify says whom a secret lets in, and to which account.
func (s *Server) identify(secret, named string) (caller, *Problem) {
	if secret == "" {
		return caller{}, problem("unauthorized", "no bearer token is given")
	}
	if s.isOperator(secret) {
		return caller{account: named, operator: true}, nil
	}
	grant, ok := s.Catalog.Token(secret)
	if !ok {
		return caller{}, problem("unauthorized", "the token is not known")
	}
	if named != "" && named != grant.Account {
		return caller{}, problem("not-found", "there is no account %q", named)
	}
	return caller{account: grant.Account, scope: grant.Scope, secret: secret}, nil
}

// isOperator compares hashes, which have one length, in constant time.
func (s *Server) isOperator(secret string) bool {
	want, got := sha256.Sum256([]byte(s.OperatorToken)), sha256.Sum256([]byte(secret))
	return s.OperatorToken != "" && subtle.ConstantTimeCompare(want[:], got[:]) == 1
}

// authorize says what stands between a caller and an operation, or nil.
func (s *Server) authorize(c caller, a access) *Problem {
	switch {
	case a <= anybody:
		return nil
	case a == operator && !c.operator:
		return problem("forbidden", "this takes the operator's token")
	case a == operator:
		return nil
	case c.account == "":
		return problem("bad-request", "name the account in the header %s", AccountHeader)
	case s.Catalog.Account(c.account) == nil:
		return problem("not-found", "there is no account %q", c.account)
	case a == writer && !c.operator && c.scope != catalog.Write:
		return problem("forbidden", "this takes a token of scope write")
	}
	return nil
}

// stillAllowed tells a long stream whether its token was revoked, or its
// account deleted, since it began.
func (s *Server) stillAllowed(c caller) bool {
	if s.Catalog.Account(c.account) == nil {
		return false
	}
	_, ok := s.Catalog.Token(c.secret)
	return ok || c.operator
}

// admit lets a request through to its operation, before its body is read.
func (s *Server) admit(a access) func(huma.Context, func(huma.Context)) {
	return func(ctx huma.Context, next func(huma.Context)) {
		r, w := humago.Unwrap(ctx)
		var c caller
		var p *Problem
		if a != open {
			c, p = s.authenticate(r)
		}
		if p == nil {
			p = s.authorize(c, a)
		}
		if p == nil {
			p = bodyFits(r, ctx.Operation().MaxBodyBytes)
		}
		if p != nil {
			p.write(w)
			return
		}
		leave, p := s.limiterOf(ctx.Operation()).enter(c.account)
		if p != nil {
			p.write(w)
			return
		}
		defer leave()
		next(huma.WithValue(ctx, callerKey{}, c))
	}
}

// bodyFits refuses a body that says itself that it is too large.
func bodyFits(r *http.Request, limit int64) *Problem {
	if limit > 0 && r.ContentLength > limit {
		return problem("too-large", "the body has %d bytes, of %d that are taken", r.ContentLength, limit)
	}
	return nil
}

// limiterOf is what limits an operation.
func (s *Server) limiterOf(op *huma.Operation) *limiter {
	switch {
	case op.Metadata[streaming] != nil:
		return s.streams
	case op.Metadata[importing] != nil:
		return s.imports
	case op.Metadata[reporting] != nil:
		return s.reports
	}
	return s.requests
}

func callerOf(ctx context.Context) caller { return ctx.Value(callerKey{}).(caller) }
