package api

import "context"

type statusOutput struct {
	Body struct {
		Version string `json:"version" doc:"of the server"`
		Account string `json:"account,omitempty" doc:"whose status it is; none: the whole server's"`
		Status
	}
}

// status shows an account its own part, and an operator who names no account
// the whole.
func (s *Server) status(_ context.Context, c caller, _ *noInput) (*statusOutput, error) {
	account := c.account
	if c.operator && !c.named {
		account = ""
	}
	if account != "" && s.Catalog.Account(account) == nil {
		return nil, problem("not-found", "there is no account %q", account)
	}
	out := &statusOutput{}
	out.Body.Version, out.Body.Account = s.Version, account
	out.Body.Status = s.Views.Status(account)
	return out, nil
}

type contactPath struct {
	ID string `path:"id" doc:"percent-encoded"`
}

func (s *Server) eraseContact(ctx context.Context, c caller, in *contactPath) (*struct{}, error) {
	if !validContact(in.ID) {
		return nil, problem("invalid", "a contact's id has 1 to %d bytes of UTF-8", maxContactBytes)
	}
	ctx, cancel := context.WithTimeout(ctx, changeWait)
	defer cancel()
	return nil, s.Eraser.Erase(ctx, c.account, in.ID)
}
