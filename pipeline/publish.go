package pipeline

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strconv"
	"sync/atomic"
	"time"

	"rollcall/bitmaps"
	"rollcall/consumers"
)

// Change is a changed membership, as TopicSegmentChanges tells it.
type Change struct {
	ID      string `json:"id"` // the same if the change is told twice
	Account string `json:"account"`
	Segment string `json:"segment"`
	Contact string `json:"contact"`
	Change  string `json:"change"` // entered or exited
	Cause   string `json:"cause"`  // event, window, definition or replay

	number uint32
}

var causeNames = map[bitmaps.Cause]string{
	bitmaps.CauseEvent: "event", bitmaps.CauseWindow: "window",
	bitmaps.CauseDefinition: "definition", bitmaps.CauseReplay: "replay",
}

// collect keeps the changes of an OpMembers for the publisher.
func (s *state) collect(a *account, op *bitmaps.Op) {
	for _, side := range []struct {
		change  string
		numbers []uint32
	}{{"entered", op.On}, {"exited", op.Off}} {
		for _, number := range side.numbers {
			contact := a.contacts.names[number]
			if contact == "" {
				contact = a.former[number]
			}
			if contact == "" {
				continue
			}
			s.changes = append(s.changes, Change{
				Account: a.id, Segment: op.Name, Contact: contact,
				Change: side.change, Cause: causeNames[op.Cause], number: number,
			})
		}
	}
}

// publisher writes changes to Kafka after their commit, in order, each at least
// once. The changelog keeps what is not published yet.
type publisher struct {
	log       Log
	partition int32
	lineage   string
	backlog   []published // from before this task
	queue     chan published
	last      uint64        // the newest commit that had changes
	upTo      atomic.Uint64 // changes of commits up to this one are published
}

// published is what one commit has to tell.
type published struct {
	seq     uint64
	changes []Change
}

// publishQueue bounds the commits that wait to be published.
const publishQueue = 256

func newPublisher(log Log, partition int32, lineage string) *publisher {
	return &publisher{
		log: log, partition: partition, lineage: lineage,
		queue: make(chan published, publishQueue),
	}
}

// progress is how far a partition's changes were published.
type progress struct {
	Lineage string `json:"lineage"`
	Seq     uint64 `json:"seq"`
}

func (p *publisher) key() []byte { return []byte("published/" + strconv.Itoa(int(p.partition))) }

// resume queues what the changelog has that was not published.
func (p *publisher) resume(ctx context.Context, t *Task, told progress) error {
	if told.Lineage != p.lineage {
		return nil
	}
	p.last = told.Seq
	p.upTo.Store(told.Seq)
	entries, err := changelog(ctx, t.Store, t.partition, told.Seq+1)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.Nonce != "" {
			continue
		}
		if err := t.state.recollect(e); err != nil {
			return err
		}
		if len(t.state.changes) > 0 {
			p.backlog = append(p.backlog, published{e.Seq, t.state.changes})
			p.last, t.state.changes = e.Seq, nil
		}
	}
	return nil
}

// recollect collects the changes of a stored entry. A contact that was erased
// since has no id any more, so that its changes can't be told.
func (s *state) recollect(e bitmaps.Entry) error {
	var a *account
	return bitmaps.EachOp(e.Ops, func(op *bitmaps.Op) error {
		switch op.Code {
		case bitmaps.OpAccount:
			a = s.accounts[op.Name]
		case bitmaps.OpMembers:
			if a != nil {
				s.collect(a, op)
			}
		}
		return nil
	})
}

// unpublished is the first commit that the changelog has to keep while seq is
// being committed.
func (p *publisher) unpublished(seq uint64) uint64 {
	if p == nil {
		return seq
	}
	if upTo := p.upTo.Load(); upTo < p.last {
		return upTo + 1
	}
	return seq
}

// Run publishes until ctx ends. Whatever it leaves is in the changelog.
func (p *publisher) Run(ctx context.Context) {
	for _, next := range p.backlog {
		p.publish(ctx, next)
	}
	p.backlog = nil
	for {
		select {
		case <-ctx.Done():
			return
		case next := <-p.queue:
			p.publish(ctx, next)
		}
	}
}

// publish retries until it succeeds or ctx ends.
func (p *publisher) publish(ctx context.Context, next published) {
	for wait := 100 * time.Millisecond; ; wait = min(2*wait, 5*time.Second) {
		err := p.write(ctx, next)
		if err == nil {
			p.upTo.Store(next.seq)
			return
		}
		if ctx.Err() != nil {
			return
		}
		slog.Warn("publishing changes failed, will retry", "partition", p.partition, "err", err)
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
	}
}

func (p *publisher) write(ctx context.Context, next published) error {
	messages := make([]consumers.Message, 0, len(next.changes))
	for i := range next.changes {
		c := &next.changes[i]
		c.ID = fmt.Sprintf("%s-%d-%d-%s-%d", p.lineage, p.partition, next.seq, c.Segment, c.number)
		value, err := json.Marshal(c)
		if err != nil {
			return err
		}
		messages = append(messages, consumers.Message{
			Topic: TopicSegmentChanges, Partition: p.partition, Key: []byte(c.Account + "/" + c.Contact), Value: value,
		})
	}
	if len(messages) > 0 {
		if _, err := p.log.Write(ctx, messages); err != nil {
			return err
		}
	}
	value, err := json.Marshal(progress{Lineage: p.lineage, Seq: next.seq})
	if err != nil {
		return err
	}
	_, err = p.log.Write(ctx, []consumers.Message{
		{Topic: TopicProgress, Partition: p.partition, Key: p.key(), Value: value},
	})
	return err
}

// committed hands a commit's changes on. It waits when the queue is full: a
// publisher that is stuck stops its partition rather than forget.
func (p *publisher) committed(ctx context.Context, s *state) error {
	if p == nil || len(s.changes) == 0 {
		return nil
	}
	next := published{s.seq, s.changes}
	p.last, s.changes = s.seq, nil
	select {
	case p.queue <- next:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
