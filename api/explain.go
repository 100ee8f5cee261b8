package api

import "context"

type explainInput struct {
	ID      string    `path:"id"`
	Contact string    `query:"contact" required:"true" doc:"its id"`
	Stale   staleness `query:"stale" enum:"allow" doc:"allow: answer even if the state is behind"`
}

type explainOutput struct {
	Body struct {
		Explanation
		Freshness Freshness `json:"freshness"`
	}
}

func (s *Server) explain(ctx context.Context, c caller, in *explainInput) (*explainOutput, error) {
	if !validContact(in.Contact) {
		p := problem("invalid", "a contact's id has 1 to %d bytes of UTF-8", maxContactBytes)
		p.Errors = []Fault{{"not a contact's id", "query.contact"}}
		return nil, p
	}
	if err := s.answerable(c, in.ID, in.Stale); err != nil {
		return nil, err
	}
	out := &explainOutput{}
	var err error
	if out.Body.Explanation, out.Body.Freshness, err = s.Views.Explain(ctx, c.account, in.ID, in.Contact); err != nil {
		return nil, err
	}
	return out, in.Stale.settle(out.Body.Freshness)
}
