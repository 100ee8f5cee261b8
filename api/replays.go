package api

import (
	"context"
	"strconv"
	"time"

	"rollcall/pipeline"
	"rollcall/pipeline/catalog"
)

type (
	// Replay is how a replay is doing.
	Replay = pipeline.Replay
	// ReplayTopic is a topic of a replay.
	ReplayTopic = pipeline.ReplayTopic
	// ReplayProgress is how far a source partition of it is.
	ReplayProgress = pipeline.ReplayProgress
)

type startReplayInput struct {
	Body struct {
		Topics []ReplayTopic `json:"topics" minItems:"1"`
		From   time.Time     `json:"from" doc:"by the records' Kafka time"`
		To     *time.Time    `json:"to,omitempty" doc:"excluded; default and at most: now"`
		Rate   int           `json:"rate,omitempty" minimum:"0" doc:"records a second at most; default: as many as leave live records alone"`
	}
}

type startReplayOutput struct {
	Location string `header:"Location"`
	Body     Replay
}

// startReplay has records that stand in Kafka applied once more.
func (s *Server) startReplay(ctx context.Context, _ caller, in *startReplayInput) (*startReplayOutput, error) {
	to := time.Now()
	if in.Body.To != nil && in.Body.To.Before(to) {
		to = *in.Body.To
	}
	entry := catalog.StartReplay{From: max(0, in.Body.From.UnixMilli()), To: to.UnixMilli(), Rate: in.Body.Rate}
	for _, t := range in.Body.Topics {
		if err := s.Views.CheckReplay(t); err != nil {
			return nil, problem("invalid", "%s", err)
		}
		entry.Topics = append(entry.Topics, catalog.ReplayTopic(t))
	}
	offset, err := s.change(ctx, entry)
	if err != nil {
		return nil, err
	}
	id := strconv.FormatInt(offset, 10)
	replay, _ := s.Views.Replay(id)
	return &startReplayOutput{Location: "/v1/replays/" + id, Body: replay}, nil
}

type listReplaysOutput struct {
	Body struct {
		Replays []Replay `json:"replays" doc:"those that go on, and the newest of the others, by id"`
	}
}

func (s *Server) listReplays(context.Context, caller, *noInput) (*listReplaysOutput, error) {
	out := &listReplaysOutput{}
	out.Body.Replays = s.Views.Replays()
	return out, nil
}

type replayPath struct {
	ID string `path:"id"`
}

type getReplayOutput struct{ Body Replay }

func (s *Server) getReplay(_ context.Context, _ caller, in *replayPath) (*getReplayOutput, error) {
	replay, known := s.Views.Replay(in.ID)
	if !known {
		return nil, noReplay(in.ID)
	}
	return &getReplayOutput{replay}, nil
}

// cancelReplay ends a replay; what it has applied so far stays.
func (s *Server) cancelReplay(ctx context.Context, _ caller, in *replayPath) (*struct{}, error) {
	id, err := strconv.ParseInt(in.ID, 10, 64)
	if err != nil {
		return nil, noReplay(in.ID)
	}
	_, err = s.change(ctx, catalog.CancelReplay{Replay: id})
	return nil, err
}

func noReplay(id string) *Problem { return problem("not-found", "there is no replay %q", id) }
