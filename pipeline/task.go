package pipeline

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/semaphore"

	"rollcall/bitmaps"
	"rollcall/consumers"
	"rollcall/pipeline/catalog"
	"rollcall/pipeline/inputs"
)

// Config is what the tasks of a process share.
type Config struct {
	Partitions int32 // of every topic, fixed with the state
	Store      *bitmaps.Store
	Log        Log
	Catalog    *catalog.Catalog
	// CatchUp reads the definitions to their end: an account may be newer than
	// what this process has read.
	CatchUp func(context.Context) error
	Now     func() time.Time
	// Opened is told when the state is open and the partition goes on. Default: nobody.
	Opened func(partition int32)
	// Committed is told of every commit once it is durable, and of the nonce of
	// its writer, so that this process need not wait to read it back. The entry
	// is valid during the call. Default: nobody.
	Committed func(partition int32, e *bitmaps.Entry, nonce string)
	// Measured is told of every commit too, for metrics. Default: nobody.
	Measured func(partition int32, m Measure)
	// Inputs are topics beside those of the contract, and what their records mean.
	Inputs inputs.Set
	// Silent has nothing written to Kafka that another task writes on account of
	// the same records, or did.
	Silent bool
	// Publish has changed memberships written to TopicSegmentChanges.
	Publish bool
	// ScrubEvery is how long a partition waits between two looks for records of
	// erased contacts in the inbox and among the dead letters. Default 1 h.
	ScrubEvery time.Duration
	// HistoryEvery is how often sizes are recorded. Default: never.
	HistoryEvery time.Duration
	// Replays copies what replays are of. Default: others do.
	Replays *Replays
	Limits  Limits
	// Rebuilds bounds how many partitions a process makes anew at once. Default: one.
	Rebuilds *semaphore.Weighted
	// Turns has a place for each partition of the process that may compose for a
	// new day at the same time, so that the records of others find a processor.
	// Nil: all may.
	Turns chan struct{}
	// Composing has those that publish give way to those of the process that
	// compose for new definitions. Nil: they don't.
	Composing *Composing
}

// Limits are sizes that bound a task's memory and its commits. Zero values mean
// the defaults; tests use small ones.
type Limits struct {
	Changelog int // bytes in the changelog that begin a round of flushing; default 1 MiB
	Flush     int // bytes of fragments that go with one commit; default 256 KiB
	Loaded    int // events kept in memory to find repeats, 24 bytes each; default 4 Mi
	Compose   int // contacts that a commit settles for a new day or definition, by whole pieces; a fragment that is deleted counts as eight; default 20,000
	Apart     int // contacts that are settled one by one in the time that it takes to evaluate a segment for all of a piece; default 200
	Copies    int // records of a replay in flight; default 500
}

func (l Limits) withDefaults() Limits {
	return Limits{
		Changelog: cmp.Or(l.Changelog, 1<<20),
		Flush:     cmp.Or(l.Flush, 256<<10),
		Loaded:    cmp.Or(l.Loaded, 4<<20),
		Compose:   cmp.Or(l.Compose, 20_000),
		Apart:     cmp.Or(l.Apart, 200),
		Copies:    cmp.Or(l.Copies, 500),
	}
}

// Log is where a task writes to.
type Log interface {
	// Write returns when every message is acknowledged by all replicas in sync. It
	// keeps none of them.
	Write(ctx context.Context, messages []consumers.Message) ([]int64, error)
	// ReadAll calls fn with the records of a partition up to its end.
	ReadAll(ctx context.Context, tp consumers.TopicPartition, from int64, fn func(*consumers.Record) error) (next int64, err error)
	// ReadUpTo does so with those before an offset.
	ReadUpTo(ctx context.Context, tp consumers.TopicPartition, from, end int64, fn func(*consumers.Record) error) (next int64, err error)
}

// Task owns one partition across all sources. It is for one goroutine. After
// an error its memory may be ahead of Redis: it must be opened anew.
type Task struct {
	Config
	partition      int32
	held           *bitmaps.Partition
	state          *state
	checkpoint     bitmaps.Checkpoint
	checkpointSize int // bytes, in the last commit; it goes into the changelog too
	decoder        decoder
	event          event // of the record at hand

	out      outbox
	caughtUp bool // the definitions were read to their end for this batch
	entry    []byte
	composer composer
	noted    bool // in Config.Composing
	changes  *publisher
	memory   memory
	audited  []string    // accounts still to be looked at
	rebuild  *rebuilding // nil: none goes on
	rest     func()      // called after each batch that is read back; nil: nothing
	copier   *copier     // nil without Config.Replays
	sizes    *sizeRecorder
}

// Process takes a batch into the state. When it returns nil, all of it is
// durable in Redis, with the offsets after it, and everything that had to be
// written to Kafka first is.
//
// This is the whole of rollcall's main flow.
func (t *Task) Process(ctx context.Context, batch *consumers.Batch) error {
	t.begin()
	for i := range batch.Records {
		if err := t.take(ctx, &batch.Records[i]); err != nil {
			return err
		}
	}
	t.state.maintain(bitmaps.CauseEvent)
	if err := t.out.send(ctx, t.Log, t.partition); err != nil {
		return err
	}
	t.advance(batch)
	return t.commit(ctx)
}

// take decodes a record and folds it, or hands it on.
func (t *Task) take(ctx context.Context, r *consumers.Record) error {
	outcome, err := t.judge(ctx, r, &t.event)
	if err != nil {
		return fmt.Errorf("%s offset %d: %w", r.TopicPartition, r.Offset, err)
	}
	t.checkpoint.Outcomes[outcome]++
	if err := t.countCopy(ctx, r, outcome); err != nil {
		return fmt.Errorf("%s offset %d: %w", r.TopicPartition, r.Offset, err)
	}
	return nil
}

func (t *Task) judge(ctx context.Context, r *consumers.Record, e *event) (bitmaps.Outcome, error) {
	if r.Topic == TopicInbox && !unpack(r) {
		return bitmaps.Skipped, nil // it is there for compaction only
	}
	code := t.decoder.decode(r, e)
	if e.ignored {
		t.out.pass(r)
		t.out.settled(r)
		t.checkpoint.Reasons[ignoredPrefix+string(code)]++
		return bitmaps.Ignored, nil
	}
	var a *account
	if code == "" {
		var err error
		if a, err = t.account(ctx, e.account); err != nil {
			return 0, err
		}
		if code = UnknownAccount; a != nil {
			code = t.decoder.details(e)
		}
	}
	if code == UnknownAccount && e.kind == erasureRecord {
		return bitmaps.Applied, nil // the account was deleted, with all its contacts
	}
	if code != "" {
		return t.refuse(a, r, e, code)
	}
	outcome, err := t.place(a, r, e)
	if outcome != bitmaps.Forwarded && err == nil {
		t.out.settled(r)
	}
	return outcome, err
}

// account is the state of a known account. Before one is called unknown, the
// definitions are read to their end.
func (t *Task) account(ctx context.Context, id []byte) (*account, error) {
	if a := t.state.account(id); a != nil || t.caughtUp {
		return a, nil
	}
	if err := t.CatchUp(ctx); err != nil {
		return nil, err
	}
	t.caughtUp = true
	return t.state.account(id), nil
}

// refuse makes a record a dead letter. An opt-out is not lost to a bad time: it
// applies at its Kafka time; nor to an impossible message: it applies without.
// Where it was forwarded for that, it is a dead letter already.
func (t *Task) refuse(a *account, r *consumers.Record, e *event, code Code) (bitmaps.Outcome, error) {
	if e.appliesDespite(code) {
		e.refused = code
		outcome, err := t.place(a, r, e)
		if _, told := r.Header(headerErrorCode); told || err != nil {
			return outcome, err
		}
	}
	t.out.deadLetter(r, e, code)
	t.checkpoint.Reasons[string(code)]++
	return bitmaps.DeadLettered, nil
}

// place folds an event that stands where it belongs, and forwards another. One
// of a mapped topic is always forwarded, as what it means: so no state depends
// on what the mapping says later, or on another process.
func (t *Task) place(a *account, r *consumers.Record, e *event) (bitmaps.Outcome, error) {
	if e.kind == erasureRecord {
		return t.state.fold(a, e)
	}
	key := t.out.key(e.account, e.contact)
	owner := consumers.Partition(key, int(t.Partitions))
	if e.mapped || owner != t.partition || r.Partition != owner || !bytes.Equal(key, r.Key) {
		t.out.forward(r, e, owner)
		return bitmaps.Forwarded, nil
	}
	if e.kind == eraseRecord {
		hash := t.state.erasureHash(e.account, e.contact)
		if a.erasures[hash] < e.origin.time {
			t.out.erasure(r, a.id, hash, e.origin.time)
		}
	}
	return t.state.fold(a, e)
}

// begin starts a commit.
func (t *Task) begin() {
	t.caughtUp = false
	t.state.seq = t.held.Seq() + 1
	t.out.reset()
}

// advance moves the checkpoint past a batch.
func (t *Task) advance(batch *consumers.Batch) {
	t.checkpoint.Outcomes[bitmaps.Skipped] += batch.Skipped
	for _, next := range batch.Next {
		for i := range t.checkpoint.Offsets {
			if o := &t.checkpoint.Offsets[i]; o.Topic == next.Topic && o.Partition == next.Partition {
				o.Next = next.Offset
			}
		}
	}
}

// commit makes the changes durable, all or none.
func (t *Task) commit(ctx context.Context) error {
	s := t.state
	if s.forgot { // it may be named there
		if err := t.Store.DropReport(ctx, t.partition); err != nil {
			return err
		}
		s.forgot = false
	}
	entry := bitmaps.NewEntry(t.entry)
	var writes []bitmaps.Write
	for _, a := range s.inCommit {
		entry, writes = a.finish(entry, writes)
	}
	entry = bitmaps.SealEntry(entry)
	t.entry = entry
	flushed, err := s.flush.take(s.seq, len(entry)+t.checkpointSize, s.now)
	if err != nil {
		return fmt.Errorf("partition %d, commit %d: %w", t.partition, s.seq, err)
	}
	keepFrom := min(s.flush.folded, t.changes.unpublished(s.seq))
	if keepFrom <= t.checkpoint.Changelog {
		keepFrom = 0 // as before
	} else {
		t.checkpoint.Changelog = keepFrom
	}
	t.checkpoint.Writer, t.checkpoint.Seq = t.held.Nonce(), s.seq
	checkpoint := t.checkpoint.Encode()
	t.checkpointSize = len(checkpoint)
	c := bitmaps.Commit{
		Checkpoint: checkpoint, Entry: entry, Writes: append(writes, flushed...),
		Dropped: t.composer.dropped, KeepFrom: keepFrom,
	}
	began := time.Now()
	if err := t.held.Commit(ctx, &c); err != nil {
		return err
	}
	t.measured(&c, time.Since(began))
	if t.Committed != nil {
		e := bitmaps.Entry{Seq: t.held.Seq(), Ops: entry, Checkpoint: t.checkpoint.Clone()}
		t.Committed(t.partition, &e, t.held.Nonce())
	}
	t.copier.committed(&t.checkpoint)
	if err := t.changes.committed(ctx, t); err != nil {
		return err
	}
	t.sizes.committed(s.inCommit)
	for _, a := range s.inCommit {
		a.inCommit = false
	}
	s.inCommit, t.composer.dropped = s.inCommit[:0], nil
	s.flush.trimmed(t.checkpoint.Changelog, s.now)
	s.unload()
	return nil
}

// finish appends what the account's changes are to the changelog entry, and the
// fragments that are to be deleted to the writes.
func (a *account) finish(entry []byte, writes []bitmaps.Write) ([]byte, []bitmaps.Write) {
	events := a.state.grown
	for i, d := range a.grown {
		at := a.grownIn[i]
		events = append(events[:0], d.pending[d.logged:]...)
		d.logged = len(d.pending)
		if len(events) == 0 {
			continue
		}
		for j := range events {
			events[j].Contact = at.piece.of(events[j].Contact)
		}
		a.emit(bitmaps.Op{Code: bitmaps.OpEvents, Series: byte(at.of), Day: int32(at.day), Events: events})
	}
	a.grown, a.grownIn, a.state.grown = a.grown[:0], a.grownIn[:0], events
	a.emitTitles(&a.messageTitles, false)
	a.emitTitles(&a.listTitles, true)
	for _, f := range a.deletes {
		writes = append(writes, bitmaps.Write{Account: a.id, Field: f.String()})
	}
	a.deletes = a.deletes[:0]
	if len(a.ops) > 0 {
		entry = bitmaps.AppendOp(entry, &bitmaps.Op{Code: bitmaps.OpAccount, Name: a.id})
		entry = append(entry, a.ops...)
		a.ops = a.ops[:0]
	}
	return entry, writes
}
