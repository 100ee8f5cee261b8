package api

import (
	"context"

	"github.com/danielgtaylor/huma/v2"

	"rollcall/pipeline/segment"
)

type listStreamInput struct {
	Kind string `path:"kind" doc:"marketing"`
	ID   string `path:"id"`
	PartInput
}

// listRecipients answers with whom on a marketing list can be sent to.
func (s *Server) listRecipients(_ context.Context, c caller, in *listStreamInput) (*huma.StreamResponse, error) {
	if s.Catalog.Account(c.account) == nil {
		return nil, problem("not-found", "there is no account %q", c.account)
	}
	if err := audienceKind(in.Kind); err != nil {
		return nil, err
	}
	of := segment.Origin{Kind: segment.List, Name: in.ID}
	for _, unseen := range s.Views.Warnings(c.account, segment.Definition{From: of}) {
		return nil, problem("not-found", "%s", unseen.Message)
	}
	if err := in.Stale.settle(s.Views.Freshness(c.account)); err != nil {
		return nil, err
	}
	return s.list(c, of, in.PartInput, true)
}

// audienceKind refuses the lists that are none to send to.
func audienceKind(kind string) error {
	switch kind {
	case "marketing":
		return nil
	case "form", "webinar":
		return problem("invalid", "kind: a %[1]s records who filled it in or signed up, and is no list to send to; "+
			`to send to them, make a segment that starts from it: %[1]s "..." where opted in`, kind)
	case "opt-in":
		return problem("invalid", "kind: the opt-in list is a record of consent, and no audience; "+
			"what to send to is a segment, such as: all contacts where opted in")
	}
	return problem("not-found", "there are no lists of that kind; marketing lists have recipients")
}
