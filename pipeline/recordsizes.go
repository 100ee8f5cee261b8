package pipeline

import (
	"context"
	"encoding/json"
	"log/slog"
	"sync/atomic"
	"time"

	"rollcall/consumers"
	"rollcall/pipeline/catalog"
	"rollcall/pipeline/sizes"
)

// sizeRecorder writes how large segments are in a partition to TopicSizes. It
// never keeps the task from going on: what can't be written in time is left out,
// and the next record says all.
type sizeRecorder struct {
	recorder *sizes.Recorder
	every    time.Duration
	log      Log
	queue    chan []consumers.Message
	failed   atomic.Bool // something was not written

	caughtUp    bool // the task had nothing to do once
	last        time.Time
	lineage     string
	definitions int64
	touched     map[string]bool // accounts that commits changed since
}

func newSizeRecorder(t *Task) *sizeRecorder {
	return &sizeRecorder{
		recorder: sizes.NewRecorder(t.HistoryEvery), every: t.HistoryEvery, log: t.Log,
		queue: make(chan []consumers.Message, 1), touched: map[string]bool{},
	}
}

// Run writes until ctx ends.
func (r *sizeRecorder) Run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case messages := <-r.queue:
			if _, err := r.log.Write(ctx, messages); err != nil && ctx.Err() == nil {
				r.failed.Store(true)
				slog.Warn("recording sizes failed, their history has a gap", "partition", messages[0].Partition, "err", err)
			}
		}
	}
}

// committed notes whose sizes may have changed.
func (r *sizeRecorder) committed(accounts []*account) {
	if r != nil {
		for _, a := range accounts {
			r.touched[a.id] = true
		}
	}
}

// recordSizes hands on what changed, each time that the clock says so. A state
// that is only just catching up with the log, or is in the middle of composing,
// is none that ever was.
func (t *Task) recordSizes(worked bool) {
	r := t.sizes
	if r == nil {
		return
	}
	r.caughtUp = r.caughtUp || !worked
	now := t.Now().Truncate(r.every)
	if !now.After(r.last) || !r.caughtUp || !t.composedAll() {
		return
	}
	messages, err := r.messages(t, now)
	if err != nil {
		slog.Warn("recording sizes failed", "partition", t.partition, "err", err)
	}
	if len(messages) == 0 {
		return
	}
	select {
	case r.queue <- messages:
	default:
		r.failed.Store(true)
	}
}

// hoursBegin is how often somewhere an hour or a day begins, which closes records.
const hoursBegin = 15 * time.Minute

// messages are what changed since the last time.
func (r *sizeRecorder) messages(t *Task, now time.Time) (out []consumers.Message, err error) {
	if r.failed.Swap(false) {
		r.recorder.Forget()
		r.lineage = ""
	}
	all := r.lineage != t.checkpoint.Lineage || r.definitions != t.checkpoint.Definitions || !r.last.Truncate(hoursBegin).Equal(now.Truncate(hoursBegin))
	touched := r.touched
	r.last, r.lineage, r.definitions, r.touched = now, t.checkpoint.Lineage, t.checkpoint.Definitions, map[string]bool{}
	for _, def := range t.accountsOf(touched, all) {
		rec := sizes.Record{Account: def.ID, At: now.UTC(), State: r.lineage, Definitions: r.definitions, Segments: t.counts(def)}
		key, changed := r.recorder.Record(def, rec)
		if changed == nil {
			continue
		}
		value, err := json.Marshal(changed)
		if err != nil {
			return out, err
		}
		out = append(out, consumers.Message{Topic: TopicSizes, Partition: t.partition, Key: []byte(key), Value: value})
	}
	return out, nil
}

// accountsOf are the accounts to look at.
func (t *Task) accountsOf(touched map[string]bool, all bool) (defs []*catalog.Account) {
	if all {
		return t.Catalog.Accounts()
	}
	for id := range touched {
		if def := t.Catalog.Account(id); def != nil {
			defs = append(defs, def)
		} else {
			t.sizes.recorder.Drop(id)
		}
	}
	return defs
}

// counts is what there is to say of an account's segments, but for those that
// are newer than what is composed.
func (t *Task) counts(def *catalog.Account) map[string]sizes.Counts {
	counts := map[string]sizes.Counts{}
	a := t.state.accounts[def.ID]
	for _, seg := range def.Segments {
		if seg.Version >= t.checkpoint.Definitions {
			continue
		}
		var c sizes.Counts
		if slot, ok := a.slotOf(seg.ID); ok {
			c.Size, c.Sendable = a.countMembers(slot)
			c.Entered, c.Exited = int64(a.totals[slot].Entered), int64(a.totals[slot].Exited)
		}
		counts[seg.ID] = c
	}
	return counts
}

// slotOf is the column of a segment; a may be nil.
func (a *account) slotOf(seg string) (slot int, ok bool) {
	if a != nil {
		slot, ok = a.slots[seg]
	}
	return slot, ok
}

// countMembers is how many members the column has, and how many are sendable.
func (a *account) countMembers(slot int) (members, sendable int64) {
	for _, p := range a.pieces {
		if slot < len(p.members) {
			m, s := p.members[slot].count(&p.sendable)
			members, sendable = members+m, sendable+s
		}
	}
	return members, sendable
}
