package main

import (
	"net/url"
	"time"
)

type tokenCmd struct {
	Create tokenCreateCmd `cmd:"" help:"Create a token and print it, this once."`
	List   tokenListCmd   `cmd:"" help:"List the tokens."`
	Revoke tokenRevokeCmd `cmd:"" help:"Revoke a token."`
}

type tokenCreateCmd struct {
	Scope string `required:"" enum:"read,write" help:"What it allows: read or write."`
}

type tokenAnswer struct {
	ID        string    `json:"id"`
	Scope     string    `json:"scope"`
	CreatedAt time.Time `json:"created_at"`
	Secret    string    `json:"secret"`
}

func (c *tokenCreateCmd) Run(s *session) error {
	return call(s, "POST", "/v1/tokens", map[string]any{"scope": c.Scope}, func(t tokenAnswer) { s.printf("%s\n", t.Secret) })
}

type tokenListCmd struct{}

func (tokenListCmd) Run(s *session) error {
	type list struct {
		Tokens []tokenAnswer `json:"tokens"`
	}
	return call(s, "GET", "/v1/tokens", nil, func(l list) {
		t := newTable(s, "TOKEN", "SCOPE", "CREATED")
		defer t.Flush()
		for _, token := range l.Tokens {
			t.row(token.ID, token.Scope, token.CreatedAt.Format(time.RFC3339))
		}
	})
}

type tokenRevokeCmd struct {
	ID string `arg:"" help:"As token list shows it."`
}

func (c *tokenRevokeCmd) Run(s *session) error {
	return call(s, "DELETE", "/v1/tokens/"+url.PathEscape(c.ID), nil, nothing)
}

type eraseCmd struct {
	Contact string `arg:"" help:"The contact's id."`
}

func (c *eraseCmd) Run(s *session) error {
	return call(s, "DELETE", "/v1/contacts/"+url.PathEscape(c.Contact), nil, nothing)
}
