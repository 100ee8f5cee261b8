package api

import (
	"context"
	"crypto/rand"
	"slices"
	"strings"
	"time"

	"rollcall/pipeline"
	"rollcall/pipeline/catalog"
)

// Rebuild is a rebuild as it is shown. Its state and partitions are absent in a list.
type Rebuild struct {
	ID          string    `json:"id"`
	TakeOver    bool      `json:"take_over" doc:"whether the new state takes the place of the live one"`
	StartedAt   time.Time `json:"started_at"`
	State       string    `json:"state,omitempty" enum:"running,done,cancelled,superseded"`
	Differences int64     `json:"differences" doc:"memberships that differ from the live ones, in all partitions that are done"`

	Partitions []RebuildPartition `json:"partitions,omitempty"`
}

// RebuildPartition is what one partition has done of a rebuild.
type RebuildPartition struct {
	Partition int `json:"partition"`
	pipeline.RebuildReport
}

type startRebuildInput struct {
	Body struct {
		TakeOver *bool `json:"take_over,omitempty" doc:"default true; false: compare only, and leave nothing behind"`
	}
}

type rebuildOutput struct {
	Body Rebuild
}

// startRebuild has every partition make its state anew beside the live one.
func (s *Server) startRebuild(ctx context.Context, _ caller, in *startRebuildInput) (*rebuildOutput, error) {
	entry := catalog.StartRebuild{
		ID:       "r-" + strings.ToLower(rand.Text()[:10]),
		TakeOver: in.Body.TakeOver == nil || *in.Body.TakeOver,
	}
	if _, err := s.change(ctx, entry); err != nil {
		return nil, err
	}
	return s.showRebuild(ctx, entry.ID)
}

type listRebuildsOutput struct {
	Body struct {
		Rebuilds []Rebuild `json:"rebuilds"`
	}
}

func (s *Server) listRebuilds(context.Context, caller, *noInput) (*listRebuildsOutput, error) {
	out := &listRebuildsOutput{}
	out.Body.Rebuilds = []Rebuild{}
	for _, r := range slices.Backward(s.Catalog.Rebuilds()) {
		out.Body.Rebuilds = append(out.Body.Rebuilds, Rebuild{ID: r.ID, TakeOver: r.TakeOver, StartedAt: r.StartedAt})
	}
	return out, nil
}

type rebuildPath struct {
	ID string `path:"id"`
}

func (s *Server) getRebuild(ctx context.Context, _ caller, in *rebuildPath) (*rebuildOutput, error) {
	return s.showRebuild(ctx, in.ID)
}

func (s *Server) showRebuild(ctx context.Context, id string) (*rebuildOutput, error) {
	status, err := s.Views.Rebuild(ctx, id)
	if err != nil {
		return nil, err
	}
	if status == nil {
		return nil, &catalog.Refusal{Kind: catalog.NotFound, Detail: "there is no rebuild " + id}
	}
	out := &rebuildOutput{Body: Rebuild{
		ID: status.ID, TakeOver: status.TakeOver, StartedAt: status.StartedAt, State: status.State,
	}}
	for i, p := range status.Partitions {
		out.Body.Differences += p.Differences
		out.Body.Partitions = append(out.Body.Partitions, RebuildPartition{i, p})
	}
	return out, nil
}

// cancelRebuild has the partitions that are not done give up.
func (s *Server) cancelRebuild(ctx context.Context, _ caller, in *rebuildPath) (*struct{}, error) {
	_, err := s.change(ctx, catalog.CancelRebuild{ID: in.ID})
	return nil, err
}
