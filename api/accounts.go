package api

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"rollcall/pipeline/catalog"
)

type accountAnswer struct {
	ID            string    `json:"id"`
	Timezone      string    `json:"timezone"`
	RetentionDays int       `json:"retention_days"`
	DefaultRegion string    `json:"default_region,omitempty"`
	CreatedAt     time.Time `json:"created_at"`
	Segments      int       `json:"segments" doc:"how many there are"`

	Token *tokenAnswer `json:"token,omitempty" doc:"of scope write, with its secret; only in the answer that creates the account"`
}

func answerAccount(a *catalog.Account) accountAnswer {
	return accountAnswer{
		ID: a.ID, Timezone: a.Timezone, RetentionDays: a.RetentionDays, DefaultRegion: a.DefaultRegion,
		CreatedAt: a.CreatedAt, Segments: len(a.Segments),
	}
}

type listAccountsInput struct {
	After string `query:"after" doc:"the last id of the page before"`
	Limit int    `query:"limit" minimum:"1" maximum:"10000" default:"1000"`
}

type listAccountsOutput struct {
	Body struct {
		Accounts []accountAnswer `json:"accounts"`
		Next     string          `json:"next,omitempty" doc:"the value of after for the next page; none: this is the last"`
	}
}

func (s *Server) listAccounts(_ context.Context, _ caller, in *listAccountsInput) (*listAccountsOutput, error) {
	all := s.Catalog.Accounts()
	first, found := slices.BinarySearchFunc(all, in.After, func(a *catalog.Account, id string) int { return cmp.Compare(a.ID, id) })
	if found {
		first++
	}
	out := &listAccountsOutput{}
	out.Body.Accounts = []accountAnswer{}
	page := all[first:min(first+in.Limit, len(all))]
	for _, a := range page {
		out.Body.Accounts = append(out.Body.Accounts, answerAccount(a))
	}
	if first+len(page) < len(all) {
		out.Body.Next = page[len(page)-1].ID
	}
	return out, nil
}

type createAccountInput struct {
	Body struct {
		ID            string `json:"id"`
		Timezone      string `json:"timezone,omitempty" doc:"IANA name; default UTC"`
		RetentionDays *int   `json:"retention_days,omitempty" doc:"1 to 3650; default 730"`
		DefaultRegion string `json:"default_region,omitempty" doc:"ISO 3166-1 alpha-2, for phone numbers without a country"`
	}
}

type createAccountOutput struct {
	CacheControl string `header:"Cache-Control"`
	Body         accountAnswer
}

func (s *Server) createAccount(ctx context.Context, _ caller, in *createAccountInput) (*createAccountOutput, error) {
	entry := catalog.PutAccount{
		Account:       in.Body.ID,
		Timezone:      cmp.Or(in.Body.Timezone, catalog.DefaultTimezone),
		RetentionDays: catalog.DefaultRetentionDays,
		DefaultRegion: strings.ToUpper(in.Body.DefaultRegion),
	}
	if in.Body.RetentionDays != nil {
		entry.RetentionDays = *in.Body.RetentionDays
	}
	if _, err := s.change(ctx, entry); err != nil {
		return nil, err
	}
	token, err := s.issue(ctx, entry.Account, catalog.Write)
	if err != nil {
		s.Log.WarnContext(ctx, "an account was created without a token", "account", entry.Account, "error", err)
		return nil, problem("unavailable", "the account is created, but not its token: POST /v1/tokens with the header %s makes one", AccountHeader)
	}
	out := &createAccountOutput{CacheControl: "no-store"}
	if a := s.Catalog.Account(entry.Account); a != nil {
		out.Body = answerAccount(a)
	}
	out.Body.Token = &token
	return out, nil
}

type accountPath struct {
	ID string `path:"id"`
}

func (s *Server) deleteAccount(ctx context.Context, _ caller, in *accountPath) (*struct{}, error) {
	_, err := s.change(ctx, catalog.DeleteAccount{Account: in.ID})
	return nil, err
}
