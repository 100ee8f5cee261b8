package api

import (
	"context"
	"time"

	"rollcall/pipeline/catalog"
)

type tokenAnswer struct {
	ID        string        `json:"id"`
	Scope     catalog.Scope `json:"scope" enum:"read,write"`
	CreatedAt *time.Time    `json:"created_at,omitempty"`
	Secret    string        `json:"secret,omitempty" doc:"what to send as the bearer token; only in the answer that creates it"`
}

// issue creates a token.
func (s *Server) issue(ctx context.Context, account string, scope catalog.Scope) (tokenAnswer, error) {
	entry, secret := catalog.NewToken(account, scope)
	_, err := s.change(ctx, entry)
	return tokenAnswer{ID: entry.ID, Scope: scope, Secret: secret}, err
}

type listTokensOutput struct {
	Body struct {
		Tokens []tokenAnswer `json:"tokens"`
	}
}

func (s *Server) listTokens(_ context.Context, c caller, _ *noInput) (*listTokensOutput, error) {
	out := &listTokensOutput{}
	out.Body.Tokens = []tokenAnswer{}
	for _, t := range s.Catalog.Tokens(c.account) {
		out.Body.Tokens = append(out.Body.Tokens, tokenAnswer{ID: t.ID, Scope: t.Scope, CreatedAt: &t.CreatedAt})
	}
	return out, nil
}

type createTokenInput struct {
	Body struct {
		Scope catalog.Scope `json:"scope" enum:"read,write"`
	}
}

type createTokenOutput struct {
	CacheControl string `header:"Cache-Control"`
	Body         tokenAnswer
}

func (s *Server) createToken(ctx context.Context, c caller, in *createTokenInput) (*createTokenOutput, error) {
	token, err := s.issue(ctx, c.account, in.Body.Scope)
	return &createTokenOutput{CacheControl: "no-store", Body: token}, err
}

type tokenPath struct {
	ID string `path:"id"`
}

func (s *Server) revokeToken(ctx context.Context, c caller, in *tokenPath) (*struct{}, error) {
	_, err := s.change(ctx, catalog.RevokeToken{Account: c.account, ID: in.ID})
	return nil, err
}
