package api

import (
	"context"
	"encoding/json"
	"fmt"
	"unicode/utf8"

	"rollcall/pipeline/catalog"
)

// staleness is the query parameter stale: "allow", or nothing.
type staleness string

// settle refuses an answer that is not fresh, unless that is allowed.
func (s staleness) settle(f Freshness) error {
	if f.Fresh || s == "allow" {
		return nil
	}
	return notFresh(f)
}

const (
	maxChecked      = 10_000
	maxContactBytes = 200
)

type checkInput struct {
	ID    string    `path:"id"`
	Stale staleness `query:"stale" enum:"allow" doc:"allow: answer even if the state is behind"`
	Body  struct {
		Contacts []string `json:"contacts" doc:"1 to 10,000 ids"`
	}
}

type checkOutput struct {
	Body struct {
		Results   []Membership `json:"results" doc:"in the order of the request"`
		Freshness Freshness    `json:"freshness"`
	}
}

func (s *Server) check(ctx context.Context, c caller, in *checkInput) (*checkOutput, error) {
	if err := checkContacts(in.Body.Contacts); err != nil {
		return nil, err
	}
	if err := s.composed(c, in.ID); err != nil {
		return nil, err
	}
	results, freshness, err := s.Views.Check(ctx, c.account, in.ID, in.Body.Contacts)
	if err != nil {
		return nil, err
	}
	for i := range results {
		if results[i].Blocked == nil {
			results[i].Blocked = []string{}
		}
	}
	out := &checkOutput{}
	out.Body.Results, out.Body.Freshness = results, freshness
	return out, in.Stale.settle(freshness)
}

func checkContacts(contacts []string) error {
	if len(contacts) < 1 || len(contacts) > maxChecked {
		return problem("invalid", "contacts: expected 1 to %d, found %d", maxChecked, len(contacts))
	}
	p := problem("invalid", "a contact's id has 1 to %d bytes of UTF-8", maxContactBytes)
	for i, contact := range contacts {
		if !validContact(contact) && len(p.Errors) < 10 {
			p.Errors = append(p.Errors, Fault{"not a contact's id", fmt.Sprintf("body.contacts[%d]", i)})
		}
	}
	if p.Errors != nil {
		return p
	}
	return nil
}

func validContact(id string) bool {
	return id != "" && len(id) <= maxContactBytes && utf8.ValidString(id)
}

// answerable tells whether a segment has members to speak of now.
func (s *Server) answerable(c caller, id string, stale staleness) error {
	if err := s.composed(c, id); err != nil {
		return err
	}
	return stale.settle(s.Views.Freshness(c.account))
}

// composed tells whether a segment has members at all.
func (s *Server) composed(c caller, id string) error {
	_, seg, err := s.find(c, id)
	if err != nil {
		return err
	}
	if size := s.sizeOf(c.account, seg); !size.Ready {
		return notComposed(size)
	}
	return nil
}

type previewInput struct {
	Overlap string `query:"overlap" doc:"the id of a segment: how many of its members, as they are now, would match too"`
	Body    rawDefinition
}

type previewOutput struct {
	Body struct {
		Preview
		Text string `json:"text" doc:"the definition as text"`

		From  json.RawMessage `json:"from" doc:"with where, the definition as JSON"`
		Where json.RawMessage `json:"where,omitempty"`

		KeptDays  int       `json:"kept_days,omitempty" doc:"over how many days it reaches where it says ever, or before a day: those that the account keeps"`
		Warnings  []Warning `json:"warnings"`
		Freshness Freshness `json:"freshness"`
	}
}

func (s *Server) preview(ctx context.Context, c caller, in *previewInput) (*previewOutput, error) {
	account := s.Catalog.Account(c.account)
	if account == nil {
		return nil, problem("not-found", "there is no account %q", c.account)
	}
	def, err := previewed(account, in.Body)
	if err != nil {
		return nil, err
	}
	form, err := jsonFormOf(def.Definition)
	if err != nil {
		return nil, err
	}
	if in.Overlap != "" {
		if err := s.composed(c, in.Overlap); err != nil {
			return nil, err
		}
	}
	out := &previewOutput{}
	out.Body.Preview, out.Body.Freshness, err = s.Views.Preview(ctx, c.account, def.Definition, in.Overlap)
	out.Body.Text, out.Body.From, out.Body.Where = def.Text(), form.From, form.Where
	out.Body.KeptDays = keptDays(account, def.Definition)
	out.Body.Warnings = append([]Warning{}, s.Views.Warnings(c.account, def.Definition)...)
	return out, err
}

// previewed reads a definition and checks it as if it were stored. One that
// edits a segment names it by its id, so that a circle is seen.
func previewed(account *catalog.Account, body rawDefinition) (definition, error) {
	def, err := body.parse(account)
	if err != nil {
		return def, err
	}
	return def, account.Check(def.id, def.Definition)
}
