package pipeline

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
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

	number uint32
}

var causeNames = map[bitmaps.Cause]string{
	bitmaps.CauseEvent: "event", bitmaps.CauseWindow: "window",
	bitmaps.CauseDefinition: "definition", bitmaps.CauseReplay: "replay",
}

// collect keeps the changes of an OpMembers for the publisher. A contact that
// was erased and came back within the commit has two numbers; if it is a member
// as before, nothing changed.
func (s *state) collect(a *account, op *bitmaps.Op) {
	s.changes = slices.Grow(s.changes, len(op.On)+len(op.Off))
	back := map[uint32]bool{}
	for _, number := range op.Off {
		id := a.contacts.name(number)
		if id == "" {
			id = a.former[number]
		}
		if now, ok := a.contacts.lookup(id); ok && now != number {
			if _, on := slices.BinarySearch(op.On, now); on {
				back[now] = true
				continue
			}
		}
		s.collectOne(a, op, number, id, "exited")
	}
	for _, number := range op.On {
		if !back[number] {
			s.collectOne(a, op, number, a.contacts.name(number), "entered")
		}
	}
}

func (s *state) collectOne(a *account, op *bitmaps.Op, number uint32, contact, change string) {
	if contact == "" {
		contact = a.former[number]
	}
	s.changes = append(s.changes, Change{
		Account: a.id, Segment: op.Name, Contact: contact, Change: change, Cause: causeNames[op.Cause], number: number,
	})
}

// publisher writes changes to Kafka after their commit, in order, each at least
// once. The changelog keeps what is not published yet.
type publisher struct {
	log       Log
	partition int32
	holds     func(ctx context.Context, seq uint64) error // whether Redis has the commit still
	pending   []Change                                    // of commits in the middle of composing
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
	changes  []Change
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
func (c *published) weight() int64 { return int64(min(len(c.changes), publishRoom)) }

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
	var prefix string // that the changes of a segment have in common
	for i := range t.state.changes {
		c := &t.state.changes[i]
		if i == 0 || c.Segment != t.state.changes[i-1].Segment || c.Account != t.state.changes[i-1].Account {
			prefix = fmt.Sprintf("%s-%d/%s/%s/", writer, seq, c.Account, c.Segment)
		}
		c.ID = prefix + strconv.FormatUint(uint64(c.number), 10)
		p.last = seq
	}
	if len(p.pending) == 0 { // they may be many, so they are handed over
		p.pending, t.state.changes = t.state.changes, nil
		return
	}
	p.pending = append(p.pending, t.state.changes...)
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
	commits, changes := []published{first}, len(first.changes)
	for changes < publishAtOnce {
		select {
		case next := <-p.queue:
			commits, changes = append(commits, next), changes+len(next.changes)
		default:
			return commits
		}
	}
	return commits
}

func (p *publisher) write(ctx context.Context, commits []published) error {
	var messages []consumers.Message
	var text []byte // of the messages
	for _, commit := range commits {
		for i := range commit.changes {
			var m consumers.Message
			m, text = p.message(&commit.changes[i], text)
			if messages = append(messages, m); len(messages) < publishAtOnce {
				continue
			}
			if err := p.tell(ctx, messages); err != nil {
				return err
			}
			// A request that was given up may still hold the text, so it is not used again.
			messages, text = messages[:0], make([]byte, 0, len(text)+len(text)/8)
		}
	}
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

// message is a change as a message, whose key and value it appends to text.
func (p *publisher) message(c *Change, text []byte) (consumers.Message, []byte) {
	from := len(text)
	text = append(append(append(text, c.Account...), '/'), c.Contact...)
	value := len(text)
	text = c.appendJSON(text)
	return consumers.Message{
		Topic: TopicSegmentChanges, Partition: p.partition, Key: text[from:value:value], Value: text[value:],
	}, text
}

// appendJSON writes the change as json.Marshal does, which would take most of
// the time of a segment that is new.
func (c *Change) appendJSON(b []byte) []byte {
	b = appendQuoted(append(b, `{"id":`...), c.ID)
	b = appendQuoted(append(b, `,"account":`...), c.Account)
	b = appendQuoted(append(b, `,"segment":`...), c.Segment)
	b = appendQuoted(append(b, `,"contact":`...), c.Contact)
	b = appendQuoted(append(b, `,"change":`...), c.Change)
	b = appendQuoted(append(b, `,"cause":`...), c.Cause)
	return append(b, '}')
}

// appendQuoted writes a string as JSON. What needs to be escaped is rare.
func appendQuoted(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' {
			quoted, _ := json.Marshal(s) // a string is always written
			return append(b, quoted...)
		}
	}
	return append(append(append(b, '"'), s...), '"')
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
