package pipeline

import (
	"context"
	"encoding/json"

	"rollcall/pipeline/catalog"
)

// RebuildStatus is how a rebuild of all partitions stands.
type RebuildStatus struct {
	catalog.Rebuild
	State      string // running, done, cancelled, or superseded by another one
	Partitions []RebuildReport
}

// Rebuild tells how a rebuild stands; nil: there was none of that id. What is
// known of one that is over is forgotten after a week.
func (v *View) Rebuild(ctx context.Context, id string) (*RebuildStatus, error) {
	all := v.Catalog.Rebuilds()
	for i, r := range all {
		if r.ID != id {
			continue
		}
		s := &RebuildStatus{Rebuild: r, State: "done"}
		for _, replica := range v.replicas {
			report, err := replica.rebuild(ctx, r)
			if err != nil {
				return nil, err
			}
			s.Partitions = append(s.Partitions, report)
			if report.State != RebuildTaken && report.State != RebuildGivenUp {
				s.State = "running"
			}
		}
		if running := s.State == "running"; running && r.Cancelled {
			s.State = "cancelled"
		} else if running && i < len(all)-1 {
			s.State = "superseded"
		}
		return s, nil
	}
	return nil, nil
}

// rebuild is what the partition's owner told of a rebuild. That it is over is
// known from the state itself.
func (r *replica) rebuild(ctx context.Context, of catalog.Rebuild) (RebuildReport, error) {
	stored, err := r.store.Report(ctx, r.partition)
	if err != nil {
		return RebuildReport{}, err
	}
	report := RebuildReport{}
	if err := json.Unmarshal(stored, &report); err != nil || report.ID != of.ID {
		report = RebuildReport{ID: of.ID, State: RebuildWaits}
	}
	r.mu.RLock()
	defer r.mu.RUnlock()
	switch over := r.checkpoint.Rebuilt == of.ID; {
	case over && of.TakeOver:
		report.State = RebuildTaken
	case over:
		report.State = RebuildGivenUp
	}
	return report, nil
}
