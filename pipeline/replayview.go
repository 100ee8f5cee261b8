package pipeline

import (
	"cmp"
	"slices"
	"strconv"
	"time"

	"rollcall/pipeline/catalog"
)

// Replay is how a replay is doing.
type Replay struct {
	ID        string              `json:"id"`
	State     catalog.ReplayState `json:"state" enum:"running,done,cancelled,failed"`
	Failure   string              `json:"failure,omitempty" doc:"why it failed"`
	Topics    []ReplayTopic       `json:"topics"`
	From      time.Time           `json:"from"`
	To        time.Time           `json:"to" doc:"excluded"`
	Rate      int                 `json:"rate,omitempty" doc:"records a second at most; 0: as many as leave live records alone"`
	CreatedAt time.Time           `json:"created_at"`
	EndedAt   *time.Time          `json:"ended_at,omitempty" doc:"when every partition had said its last word; none: something of it may still be under way"`
	Progress  []ReplayProgress    `json:"progress" doc:"by source partition; of a partition whose owner has not begun there is none"`
	Report    ReplayReport        `json:"report" doc:"of what is applied so far; of all, once it has ended"`
}

// ReplayTopic is a topic of a replay.
type ReplayTopic struct {
	Name string `json:"name"`
	As   string `json:"as,omitempty" doc:"the topic that the records first stood in; default: name"`
}

// ReplayProgress is how far a source partition is.
type ReplayProgress struct {
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
	From      int64  `json:"from" doc:"the first offset of the time range"`
	Next      int64  `json:"next" doc:"all offsets before it are done"`
	End       int64  `json:"end" doc:"the first offset after the time range"`
}

// ReplayReport is what became of the records read; the others add up to Read.
type ReplayReport struct {
	Read         int64 `json:"read"`
	Applied      int64 `json:"applied" doc:"with or without effect"`
	Repeated     int64 `json:"repeated" doc:"events that were known"`
	Forwarded    int64 `json:"forwarded" doc:"to the partition that they belong to, and applied there"`
	DeadLettered int64 `json:"dead_lettered"`
	LeftOut      int64 `json:"left_out" doc:"of a mapped topic and of no meaning, or too large for the inbox"`
}

func (r *ReplayReport) add(p *catalog.ReplayPart) {
	r.Read += p.Read
	r.Applied += p.Applied
	r.Repeated += p.Repeated
	r.Forwarded += p.Forwarded
	r.DeadLettered += p.DeadLettered
	r.LeftOut += p.LeftOut
}

// Replays returns the replays that go on, and the newest of the others, by id.
func (v *View) Replays() []Replay {
	all := []Replay{}
	for _, r := range v.Catalog.Replays() {
		all = append(all, v.replay(r))
	}
	return all
}

// CheckReplay says what about a topic of a replay can't be right.
func (v *View) CheckReplay(t ReplayTopic) error { return checkReplay(catalog.ReplayTopic(t), v.Inputs) }

// Replay returns a replay, if it is known.
func (v *View) Replay(id string) (Replay, bool) {
	n, err := strconv.ParseInt(id, 10, 64)
	r := v.Catalog.Replay(n)
	if err != nil || r == nil {
		return Replay{}, false
	}
	return v.replay(r), true
}

func (v *View) replay(r *catalog.Replay) Replay {
	answer := Replay{
		ID: strconv.FormatInt(r.ID, 10), State: r.State(), Failure: r.Failure, Topics: []ReplayTopic{}, Rate: r.Rate,
		From: time.UnixMilli(r.From).UTC(), To: time.UnixMilli(r.To).UTC(), CreatedAt: r.CreatedAt, Progress: []ReplayProgress{},
	}
	if !r.EndedAt.IsZero() {
		answer.EndedAt = &r.EndedAt
	}
	for _, t := range r.Topics {
		answer.Topics = append(answer.Topics, ReplayTopic(t))
	}
	for _, part := range v.replayParts(r) {
		answer.Report.add(&part)
		answer.Progress = append(answer.Progress, ReplayProgress{part.Topic, part.Partition, part.From, part.Next, part.End})
	}
	slices.SortFunc(answer.Progress, func(a, b ReplayProgress) int {
		return cmp.Or(cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Partition, b.Partition))
	})
	return answer
}

// replayParts is what partitions have reported, and where the others are.
func (v *View) replayParts(r *catalog.Replay) (parts []catalog.ReplayPart) {
	for _, report := range r.Reports {
		parts = append(parts, report.Parts...)
	}
	for p, of := range v.replicas {
		if _, told := r.Reports[int32(p)]; told {
			continue
		}
		of.mu.RLock()
		for i := range of.checkpoint.Replays {
			if at := &of.checkpoint.Replays[i]; at.Replay == r.ID && at.Planned {
				parts = append(parts, reportOf(at))
			}
		}
		of.mu.RUnlock()
	}
	return parts
}
