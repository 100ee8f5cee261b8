package api

import (
	"context"
	"strings"

	"rollcall/pipeline"
)

// What the menus of a builder of segments have.
type (
	ListSize    = pipeline.ListSize
	SentMessage = pipeline.SentMessage
)

type listsInput struct {
	Kind string `query:"kind" enum:"marketing,form,webinar" doc:"only these; default: all"`
	Q    string `query:"q" doc:"only those that have this in their id or name, in either case"`
}

type listsOutput struct{ Body []ListSize }

func (s *Server) listLists(_ context.Context, c caller, in *listsInput) (*listsOutput, error) {
	out := &listsOutput{[]ListSize{}}
	for _, l := range s.Views.Lists(c.account) {
		if (in.Kind == "" || l.Kind == in.Kind) && mentions(in.Q, l.ID, l.Name) {
			out.Body = append(out.Body, l)
		}
	}
	return out, nil
}

type messagesInput struct {
	Q     string `query:"q" doc:"only those that have this in their id or name, in either case"`
	Limit int    `query:"limit" default:"100" minimum:"1" maximum:"1000" doc:"at most so many"`
}

type messagesOutput struct{ Body []SentMessage }

func (s *Server) listMessages(ctx context.Context, c caller, in *messagesInput) (*messagesOutput, error) {
	all, err := s.Views.Messages(ctx, c.account)
	if err != nil {
		return nil, err
	}
	out := &messagesOutput{[]SentMessage{}}
	for _, m := range all {
		if len(out.Body) == in.Limit {
			break
		}
		if mentions(in.Q, m.ID, m.Name) {
			out.Body = append(out.Body, m)
		}
	}
	return out, nil
}

// mentions tells whether one of the names has what is looked for.
func mentions(q string, names ...string) bool {
	return strings.Contains(strings.ToLower(strings.Join(names, "\n")), strings.ToLower(q))
}
