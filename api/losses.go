package api

import (
	"context"

	"rollcall/pipeline/catalog"
)

type lossBody struct {
	Topic     string `json:"topic"`
	Partition int32  `json:"partition" minimum:"0"`
	From      int64  `json:"from" minimum:"0"`
	To        int64  `json:"to" minimum:"0"`
}

type acceptLossInput struct{ Body lossBody }

// acceptLoss goes on without what Kafka has lost. What is accepted is named as
// the status names it, so that nobody accepts more than he has read.
func (s *Server) acceptLoss(ctx context.Context, _ caller, in *acceptLossInput) (*struct{}, error) {
	_, err := s.change(ctx, catalog.AcceptLoss{
		Topic: in.Body.Topic, Partition: in.Body.Partition, From: in.Body.From, To: in.Body.To,
	})
	return nil, err
}
