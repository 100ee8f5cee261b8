package pipeline

import (
	"time"

	"rollcall/bitmaps"
)

// Measure is what one commit was, for whoever measures.
type Measure struct {
	Took    time.Duration    // of the call to Redis
	Bytes   int              // sent to Redis: changelog entry, checkpoint and fragments
	Changed map[string]int64 // memberships, by cause as Change has it; nil: none
	Waiting int              // accounts that are still to be composed for their definitions or their day
}

// measured tells of the commit that was just done.
func (t *Task) measured(c *bitmaps.Commit, took time.Duration) {
	if t.Measured == nil {
		return
	}
	m := Measure{Took: took, Bytes: len(c.Checkpoint) + len(c.Entry), Waiting: len(t.composer.queue)}
	for i := range c.Writes {
		m.Bytes += len(c.Writes[i].Value)
	}
	for cause, n := range t.state.changed {
		if n > 0 && m.Changed == nil {
			m.Changed = map[string]int64{}
		}
		if n > 0 {
			m.Changed[causeNames[bitmaps.Cause(cause)]] = n
		}
	}
	t.state.changed = [len(t.state.changed)]int64{}
	t.Measured(t.partition, m)
}
