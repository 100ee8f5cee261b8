package main

import (
	"net/url"
	"strconv"
)

type accountCmd struct {
	Create accountCreateCmd `cmd:"" help:"Create an account and print its token, this once."`
	List   accountListCmd   `cmd:"" help:"List the accounts."`
	Delete accountDeleteCmd `cmd:"" help:"Delete an account with its segments and tokens."`
}

type accountCreateCmd struct {
	ID            string `arg:"" help:"1 to 40 of a-z, 0-9 and -."`
	Timezone      string `default:"UTC" help:"IANA name; its midnights end the days. Can't be changed later."`
	RetentionDays int    `default:"730" help:"How many days of events count. Can't be changed later."`
	DefaultRegion string `help:"Country (ISO 3166-1 alpha-2) of phone numbers that name none."`
}

type accountAnswer struct {
	ID            string `json:"id"`
	Timezone      string `json:"timezone"`
	RetentionDays int    `json:"retention_days"`
	DefaultRegion string `json:"default_region"`
	Segments      int    `json:"segments"`
	Token         struct {
		Secret string `json:"secret"`
	} `json:"token"`
}

func (c *accountCreateCmd) Run(s *session) error {
	body := map[string]any{
		"id": c.ID, "timezone": c.Timezone, "retention_days": c.RetentionDays, "default_region": c.DefaultRegion,
	}
	return call(s, "POST", "/v1/accounts", body, func(a accountAnswer) { s.printf("%s\n", a.Token.Secret) })
}

type accountListCmd struct{}

type accountPage struct {
	Accounts []accountAnswer `json:"accounts"`
	Next     string          `json:"next"`
}

func (accountListCmd) Run(s *session) error {
	t := newTable(s, "ACCOUNT", "TIMEZONE", "DAYS", "REGION", "SEGMENTS")
	defer t.Flush()
	for after, more := "", true; more; {
		more = false
		err := call(s, "GET", "/v1/accounts?after="+url.QueryEscape(after), nil, func(page accountPage) {
			listAccounts(t, page.Accounts)
			after, more = page.Next, page.Next != ""
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func listAccounts(t *table, accounts []accountAnswer) {
	for _, a := range accounts {
		t.row(a.ID, a.Timezone, strconv.Itoa(a.RetentionDays), a.DefaultRegion, strconv.Itoa(a.Segments))
	}
}

type accountDeleteCmd struct {
	ID string `arg:""`
}

func (c *accountDeleteCmd) Run(s *session) error {
	return call(s, "DELETE", "/v1/accounts/"+url.PathEscape(c.ID), nil, nothing)
}

// nothing is said of a success that has nothing to say.
func nothing(struct{}) {}
