package pipeline

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"

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
}

var causeNames = map[bitmaps.Cause]string{
	bitmaps.CauseEvent: "event", bitmaps.CauseWindow: "window",
	bitmaps.CauseDefinition: "definition", bitmaps.CauseReplay: "replay",
}

// collect keeps the changes of an OpMembers for the publisher. A contact that
// was erased and came back within the commit has two numbers; if it is a member
// as before, nothing changed.
func (s *state) collect(a *account, op *bitmaps.Op) {
	back := map[uint32]bool{}
	exited := a.runOf(op, "exited", len(op.Off))
	for _, number := range op.Off {
		id := a.idOf(number)
		if now, ok := a.contacts.get(id); ok && now != number {
			if _, on := slices.BinarySearch(op.On, now); on {
				back[now] = true
				continue
			}
		}
		exited.add(number, id)
	}
	entered := a.runOf(op, "entered", len(op.On))
	for _, number := range op.On {
		if len(back) == 0 || !back[number] {
			entered.add(number, a.idOf(number))
		}
	}
	for _, r := range []changeRun{exited, entered} {
		if r.len() > 0 {
			s.changes = append(s.changes, r)
		}
	}
}

// runOf is a run with room for changes.
func (a *account) runOf(op *bitmaps.Op, change string, n int) changeRun {
	const idBytes = 12
	return changeRun{
		Change:  Change{Account: a.id, Segment: op.Name, Change: change, Cause: causeNames[op.Cause]},
		numbers: make([]uint32, 0, n), names: make([]byte, 0, n*idBytes), ends: make([]uint32, 0, n),
	}
}

// idOf is the id of a contact, also if the commit in the making erases it.
func (a *account) idOf(number uint32) []byte {
	if id := a.contacts.bytes(number); len(id) > 0 {
		return id
	}
	return []byte(a.former[number])
}

// publisher writes changes to Kafka after their commit, in order, each at least
// once. The changelog keeps what is not published yet.
type publisher struct {
	log       Log
	partition int32
	holds     func(ctx context.Context, seq uint64) error // whether Redis has the commit still
	composing *Composing                                  // gives way to them; nil: to nobody
	pending   []changeRun                                 // of commits in the middle of composing
	queue     chan published
	room      *semaphore.Weighted // for changes in the queue
	sending   []published         // taken from the queue, for the goroutine that publishes
	tail      int64               // of TopicSegmentChanges, up to which the position that is remembered covers it
	ahead     map[whom]Change     // what was told beyond that
	last      uint64              // the newest commit that had changes
	erasures  int64               // of TopicErasures, up to which the position that is remembered has it
	upTo      atomic.Uint64       // changes of commits up to this one are published
}

// published is what one commit has to tell.
type published struct {
	position progress
	changes  []changeRun
}

// publishWait bounds one attempt to publish.
const publishWait = 5 * time.Second

// publishQueue and publishRoom bound the commits that wait to be published, and
// their changes.
const (
	publishQueue = 256
	publishRoom  = 200_000
)

// weight is the room that a commit's changes take; one that has more than fit
// waits until it is alone.
func (c *published) weight() int64 { return int64(min(countChanges(c.changes), publishRoom)) }

func newPublisher(log Log, partition int32, holds func(context.Context, uint64) error) *publisher {
	return &publisher{
		log: log, partition: partition, holds: holds,
		queue: make(chan published, publishQueue), room: semaphore.NewWeighted(publishRoom),
	}
}

// resume queues what the changelog has that was not published.
func (p *publisher) resume(ctx context.Context, t *Task, told progress) error {
	p.last = told.Seq
	p.upTo.Store(told.Seq)
	entries, err := changelog(ctx, t.Store, t.partition, told.Seq+1)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if err := t.state.eachOf(&e, bitmaps.OpForget, recallFormer); err != nil {
			return err
		}
	}
	for _, e := range entries {
		if err := t.state.eachOf(&e, bitmaps.OpMembers, t.state.collect); err != nil {
			return err
		}
		p.take(e.Seq, e.Checkpoint.Writer, t)
	}
	return nil
}

// recallFormer notes the id that an erased contact had: entries before that
// tell of its number only.
func recallFormer(a *account, op *bitmaps.Op) {
	if op.Flag {
		a.former[op.Number] = op.Name
	}
}

// take keeps the changes of a commit until they can be told.
func (p *publisher) take(seq uint64, writer string, t *Task) {
	for i := range t.state.changes {
		r := &t.state.changes[i]
		r.ID = fmt.Sprintf("%s-%d/%s/%s/", writer, seq, r.Account, r.Segment)
		p.last = seq
	}
	p.pending = append(p.pending, t.state.changes...)
	clear(t.state.changes)
	t.state.changes = t.state.changes[:0]
}

// position is where a commit stands.
func (t *Task) position(seq uint64, c *bitmaps.Checkpoint) progress {
	return progress{
		Lineage: c.Lineage, Seq: seq, Offsets: slices.Clone(c.Offsets), Definitions: c.Definitions, Now: t.state.now,
	}
}

// eachOf calls fn for the ops of a kind in a stored entry, unless their account
// was deleted since.
func (s *state) eachOf(e *bitmaps.Entry, code bitmaps.Code, fn func(*account, *bitmaps.Op)) error {
	if e.Nonce != "" {
		return nil
	}
	var a *account
	return bitmaps.EachOp(e.Ops, func(op *bitmaps.Op) error {
		if op.Code == bitmaps.OpAccount {
			a = s.accounts[op.Name]
		} else if op.Code == code && a != nil {
			fn(a, op)
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
	for {
		select {
		case <-ctx.Done():
			return
		case next := <-p.queue:
			p.sending = p.more(next)
			p.insist(ctx)
		}
	}
}

// insist retries until it succeeds or ctx ends.
func (p *publisher) insist(ctx context.Context) {
	// Changes and up to where they are told belong together, so what is begun is
	// brought to an end also when the task has ended, if it can be soon.
	whole, end := lingering(ctx)
	defer end()
	for wait := 100 * time.Millisecond; ; wait = min(2*wait, 5*time.Second) {
		attempt, cancel := context.WithTimeout(whole, publishWait)
		err := p.step(attempt)
		cancel()
		if errors.Is(err, bitmaps.ErrConflict) {
			p.release() // it is not ours to tell any more
			return
		}
		if err == nil || ctx.Err() != nil {
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

// step publishes some of what waits, without waiting for more.
func (p *publisher) step(ctx context.Context) error {
	if len(p.sending) == 0 {
		select {
		case next := <-p.queue:
			p.sending = p.more(next)
		default:
			return nil
		}
	}
	// What Redis has lost meanwhile is made anew, and told by whoever does that.
	upTo := p.sending[len(p.sending)-1].position.Seq
	if err := p.holds(ctx, upTo); err != nil {
		return err
	}
	if err := p.write(ctx, p.sending); err != nil {
		return err
	}
	p.upTo.Store(upTo)
	p.release()
	return nil
}

// release lets go of what was sent, or is not to be.
func (p *publisher) release() {
	for i := range p.sending {
		p.room.Release(p.sending[i].weight())
	}
	p.sending = nil
}

// publishAtOnce bounds the changes that go out in one write, by whole commits.
const publishAtOnce = 5000

// more takes what waits behind a commit along.
func (p *publisher) more(first published) []published {
	commits, changes := []published{first}, countChanges(first.changes)
	for changes < publishAtOnce {
		select {
		case next := <-p.queue:
			commits, changes = append(commits, next), changes+countChanges(next.changes)
		default:
			return commits
		}
	}
	return commits
}

func (p *publisher) write(ctx context.Context, commits []published) error {
	way, end := context.WithTimeout(ctx, giveWay)
	defer end()
	w := changeWriter{partition: p.partition}
	var messages []consumers.Message
	for _, commit := range commits {
		for r := range commit.changes {
			w.begin(&commit.changes[r])
			for i := range commit.changes[r].len() {
				if messages = append(messages, w.message(i)); len(messages) < publishAtOnce {
					continue
				}
				p.composing.wait(way)
				if err := p.tell(ctx, messages); err != nil {
					return err
				}
				messages, w.text = messages[:0], w.text[:0]
			}
		}
	}
	p.composing.wait(way)
	if err := p.tell(ctx, messages); err != nil {
		return err
	}
	return p.remember(ctx, commits[len(commits)-1].position)
}

func (p *publisher) tell(ctx context.Context, messages []consumers.Message) error {
	if len(messages) == 0 {
		return nil
	}
	offsets, err := p.log.Write(ctx, messages)
	for _, offset := range offsets {
		p.tail = max(p.tail, offset+1)
	}
	return err
}

// remember writes up to where changes are published.
func (p *publisher) remember(ctx context.Context, at progress) error {
	at.Changes = p.tail
	value, err := json.Marshal(at)
	if err != nil {
		return err
	}
	_, err = p.log.Write(ctx, []consumers.Message{
		{Topic: TopicProgress, Partition: p.partition, Key: []byte(publishedKey(p.partition)), Value: value},
	})
	return err
}

// committed hands the changes of a commit on, unless it is in the middle of
// composing: where changes were published up to is a state that a log can be
// folded to, with all accounts on the same definitions and day. It waits when
// the queue is full: a publisher that is stuck stops its partition rather than
// forget.
func (p *publisher) committed(ctx context.Context, t *Task) error {
	if p == nil {
		return nil
	}
	p.take(t.held.Seq(), t.held.Nonce(), t)
	// A position before an erasure could not be gone back to once what the contact
	// left in the inbox is taken out.
	erasures := offsetOf(t.checkpoint.Offsets, TopicErasures, t.partition, 0)
	if len(p.pending)+len(p.ahead) == 0 && erasures <= p.erasures || !t.state.publish || !t.composedAll() {
		return nil
	}
	p.reconcile(t)
	next := published{t.position(t.held.Seq(), &t.checkpoint), p.pending}
	p.pending, p.erasures = nil, erasures
	p.last = next.position.Seq
	if err := p.room.Acquire(ctx, next.weight()); err != nil {
		return err
	}
	select {
	case p.queue <- next:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
