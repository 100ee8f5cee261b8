package catalog

import (
	"cmp"
	"maps"
	"regexp"
	"slices"
	"time"
)

type (
	// StartReplay has records that stand in Kafka copied into the inbox, and so
	// applied once more. The offset of the entry is the replay's id.
	StartReplay struct {
		Topics []ReplayTopic `json:"topics"`
		From   int64         `json:"from"` // Unix ms, by the records' Kafka time
		To     int64         `json:"to"`   // the first that is not in it
		// Rate bounds the records copied per second in all; 0: as many as leave
		// live records alone.
		Rate int `json:"rate,omitempty"`
	}

	// CancelReplay ends a replay. What was copied so far stays.
	CancelReplay struct {
		Replay int64 `json:"replay"`
	}

	// ReportReplay is the last word of a partition on a replay: what became of
	// its part, whose copies are all applied. The replay has ended when all
	// partitions have reported.
	ReportReplay struct {
		Replay    int64        `json:"replay"`
		Partition int32        `json:"partition"`
		Of        int32        `json:"of"` // partitions of the state
		Parts     []ReplayPart `json:"parts"`
		// Failure is why not all was copied, though nobody cancelled it; it ends
		// the replay everywhere.
		Failure string `json:"failure,omitempty"`
	}
)

// ReplayTopic is a topic to be replayed.
type ReplayTopic struct {
	Name string `json:"name"`
	// As is the topic that the records first stood in, if Name is an archive of
	// it under another name. Default: Name.
	As string `json:"as,omitempty"`
}

// Origin is the topic that the records first stood in.
func (t ReplayTopic) Origin() string { return cmp.Or(t.As, t.Name) }

// ReplayPart is what became of one source partition. Read is the sum of what
// stands below it.
type ReplayPart struct {
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
	From      int64  `json:"from"`
	Next      int64  `json:"next"` // all before it is copied
	End       int64  `json:"end"`

	Read         int64 `json:"read"`
	Applied      int64 `json:"applied"`
	Repeated     int64 `json:"repeated"`
	Forwarded    int64 `json:"forwarded"`
	DeadLettered int64 `json:"dead_lettered"`
	LeftOut      int64 `json:"left_out"` // not copied: not mapped, or too large for the inbox
}

// Replay is what the definitions say of a replay. It is never changed, only
// replaced.
type Replay struct {
	ID int64
	StartReplay
	CreatedAt time.Time
	EndedAt   time.Time // zero: it goes on
	Cancelled bool
	Failure   string // the first that was reported
	Reports   map[int32]ReportReplay
}

// ReplayState says how a replay is doing.
type ReplayState string

// The states of a replay. One that was cancelled or failed may still have
// copies that are not applied yet, until EndedAt.
const (
	ReplayRunning   ReplayState = "running"
	ReplayDone      ReplayState = "done"
	ReplayCancelled ReplayState = "cancelled"
	ReplayFailed    ReplayState = "failed"
)

// State says how the replay is doing.
func (r *Replay) State() ReplayState {
	switch {
	case r.Failure != "":
		return ReplayFailed
	case r.Cancelled:
		return ReplayCancelled
	case r.EndedAt.IsZero():
		return ReplayRunning
	}
	return ReplayDone
}

const (
	maxReplayTopics = 20
	maxReplays      = 16 // that have not ended
	keptReplays     = 50 // that have
)

var topicName = regexp.MustCompile(`^[a-zA-Z0-9._-]+$`)

func (StartReplay) entryType() string  { return "replay.start" }
func (CancelReplay) entryType() string { return "replay.cancel" }
func (ReportReplay) entryType() string { return "replay.report" }

func (s StartReplay) check(c *Catalog) error {
	if len(s.Topics) == 0 || len(s.Topics) > maxReplayTopics {
		return refuse(Invalid, "a replay is of 1 to %d topics", maxReplayTopics)
	}
	names := map[string]bool{}
	for _, t := range s.Topics {
		for _, name := range []string{t.Name, t.Origin()} {
			if len(name) > maxTopicBytes || !topicName.MatchString(name) {
				return refuse(Invalid, "%q is not the name of a topic", name)
			}
		}
		if names[t.Name] {
			return refuse(Invalid, "topic %q is named twice", t.Name)
		}
		names[t.Name] = true
	}
	if s.From < 0 || s.To <= s.From || s.Rate < 0 {
		return refuse(Invalid, "a replay has a time range that is not empty, and no negative rate")
	}
	if n := len(c.replays) - c.endedReplays(); n >= maxReplays {
		return refuse(Conflict, "%d replays have not ended: cancel one, or wait", n)
	}
	return nil
}

func (s StartReplay) apply(c *Catalog, at stamp) {
	c.replays = append(c.replays, &Replay{ID: at.offset, StartReplay: s, CreatedAt: at.at, Reports: map[int32]ReportReplay{}})
}

func (k CancelReplay) check(c *Catalog) error {
	switch r := c.replay(k.Replay); {
	case r == nil:
		return refuse(NotFound, "there is no replay %d", k.Replay)
	case r.State() != ReplayRunning:
		return refuse(Invalid, "replay %d is %s already", k.Replay, r.State())
	}
	return nil
}

func (k CancelReplay) apply(c *Catalog, _ stamp) {
	c.changeReplay(k.Replay, func(r *Replay) { r.Cancelled = true })
}

func (p ReportReplay) check(c *Catalog) error {
	r := c.replay(p.Replay)
	if r == nil {
		return refuse(NotFound, "there is no replay %d", p.Replay)
	}
	if p.Partition < 0 || p.Partition >= p.Of {
		return refuse(Invalid, "there is no partition %d of %d", p.Partition, p.Of)
	}
	if _, told := r.Reports[p.Partition]; told {
		return refuse(Conflict, "partition %d has reported on replay %d already", p.Partition, p.Replay)
	}
	return nil
}

func (p ReportReplay) apply(c *Catalog, at stamp) {
	c.changeReplay(p.Replay, func(r *Replay) {
		r.Reports = maps.Clone(r.Reports)
		r.Reports[p.Partition] = p
		r.Failure = cmp.Or(r.Failure, p.Failure)
		if len(r.Reports) == int(p.Of) {
			r.EndedAt = at.at
		}
	})
	for i := 0; c.endedReplays() > keptReplays; i++ {
		if !c.replays[i].EndedAt.IsZero() {
			c.replays = slices.Delete(slices.Clone(c.replays), i, i+1)
			i--
		}
	}
}

// Replays returns those that have not ended and the newest of the others, by id.
func (c *Catalog) Replays() []*Replay {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return slices.Clone(c.replays)
}

// Replay returns a replay; nil if it is not known, or not any more.
func (c *Catalog) Replay(id int64) *Replay {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.replay(id)
}

// replay is Replay for whoever holds mu.
func (c *Catalog) replay(id int64) *Replay {
	if i, found := c.replayIndex(id); found {
		return c.replays[i]
	}
	return nil
}

func (c *Catalog) replayIndex(id int64) (int, bool) {
	return slices.BinarySearchFunc(c.replays, id, func(r *Replay, id int64) int { return cmp.Compare(r.ID, id) })
}

// changeReplay puts a changed copy in the place of a replay. The caller holds mu.
func (c *Catalog) changeReplay(id int64, change func(*Replay)) {
	i, _ := c.replayIndex(id)
	r := *c.replays[i]
	change(&r)
	c.replays[i] = &r
}

// endedReplays counts. The caller holds mu.
func (c *Catalog) endedReplays() (n int) {
	for _, r := range c.replays {
		if !r.EndedAt.IsZero() {
			n++
		}
	}
	return n
}
