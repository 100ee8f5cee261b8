package pipeline

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"rollcall/bitmaps"
	"rollcall/consumers"
	"rollcall/pipeline/catalog"
)

// replicaFragments is what a replica reads: what answers are made of.
const replicaFragments = "[^et]*"

// replica follows one partition through its changelog, whoever owns it, so that
// questions are answered from memory. What it knows is durable.
type replica struct {
	store     *bitmaps.Store
	partition int32
	changed   func(accounts []string) // called after changes, without the lock
	loaded    bool                    // of whoever calls follow

	mu         sync.RWMutex
	state      *state
	nonce      string // of the take-over under which state was committed
	trouble    string // what is damaged, or of another format, so that the state can't be followed
	checkpoint bitmaps.Checkpoint
	next       map[consumers.TopicPartition]int64 // checkpoint.Offsets, to look up
	followers  map[*followed]bool
	sizes      sizeCache
}

func newReplica(store *bitmaps.Store, c *catalog.Catalog, partition int32, changed func([]string)) *replica {
	r := &replica{store: store, partition: partition, changed: changed, followers: map[*followed]bool{}}
	r.clear(c)
	return r
}

func (r *replica) clear(c *catalog.Catalog) {
	r.state = newState(c, nil, 0)
	r.state.follows, r.state.leaving = true, r.leaving
	r.nonce, r.checkpoint, r.next = "", bitmaps.Checkpoint{}, nil
}

// errLost says that the state in Redis is not the one that was followed.
var errLost = errors.New("the followed state was replaced")

const (
	followWait  = 500 * time.Millisecond // how long to wait for a changelog entry before looking at the head
	followPage  = 500
	followRetry = 200 * time.Millisecond
)

// Run follows until ctx ends. When the state was replaced, or what it had to
// read is gone, it reads everything anew.
func (r *replica) Run(ctx context.Context) error {
	var replaced time.Time
	for ctx.Err() == nil {
		err := r.follow(ctx, followWait)
		if err == nil {
			continue
		}
		if errors.Is(err, errLost) && time.Since(replaced) > followRetry {
			replaced = time.Now() // to be read at once
			continue
		}
		other, isOther := errors.AsType[*bitmaps.FormatError](err)
		told := isOther && !other.Older()
		if ctx.Err() == nil && !told && !errors.Is(err, errLost) && !errors.Is(err, errBehind) {
			slog.Warn("following a partition failed, will retry", "partition", r.partition, "err", err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(followRetry):
		}
	}
	return nil
}

// follow reads the partition, or what was committed since, for which it waits.
// It reads all of it again where a preview found it damaged: the owner may have
// mended that with a commit that is like any other.
func (r *replica) follow(ctx context.Context, wait time.Duration) (err error) {
	if r.loaded && !r.troubled() {
		err = r.step(ctx, wait)
	} else {
		err = r.load(ctx)
	}
	r.loaded = err == nil
	if errors.Is(err, bitmaps.ErrDamaged) {
		r.damaged(ctx, err)
	} else if other, ok := errors.AsType[*bitmaps.FormatError](err); ok {
		r.refuse(other)
	}
	return err
}

// refuse stops answering while the state is of a newer format, and says so once.
func (r *replica) refuse(other *bitmaps.FormatError) {
	r.mu.Lock()
	said := r.trouble == other.Error()
	r.trouble = other.Error()
	r.mu.Unlock()
	if !said {
		slog.Error("a partition can't be followed", "partition", r.partition, "err", other)
	}
}

// damaged stops answering until the state could be read anew, and tells the
// owner to make it anew.
func (r *replica) damaged(ctx context.Context, damage error) {
	r.mu.Lock()
	r.trouble = damage.Error()
	r.mu.Unlock()
	head, err := r.store.Head(ctx, r.partition)
	if errors.Is(err, bitmaps.ErrDamaged) {
		return // the owner looks at its head itself
	}
	if err == nil {
		err = r.store.ReportDamage(ctx, r.partition, head.Nonce, damage.Error())
	}
	if err != nil && ctx.Err() == nil {
		slog.Warn("reporting damage failed", "partition", r.partition, "err", err)
	}
}

func (r *replica) troubled() bool {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.trouble != ""
}

// load reads the partition from Redis.
func (r *replica) load(ctx context.Context) error {
	s := newState(r.state.catalog, nil, 0)
	s.follows = true
	at, err := s.restore(ctx, r.store, r.partition, replicaFragments)
	if err != nil {
		return err
	}
	s.leaving = r.leaving
	r.mu.Lock()
	r.state, r.nonce, r.trouble = s, at.Nonce, ""
	r.sizes.forget() // what was seen before may have been applied in part
	r.seen(at.Checkpoint, nil)
	r.mu.Unlock()
	r.changed(nil)
	return nil
}

// seen takes a checkpoint over and says for which accounts answers may have
// changed: nil for all, when definitions were composed.
func (r *replica) seen(c bitmaps.Checkpoint, touched map[string]bool) []string {
	accounts := append([]string{}, slices.Collect(maps.Keys(touched))...)
	if c.Definitions != r.checkpoint.Definitions {
		accounts = nil
	}
	r.checkpoint = c
	r.next = make(map[consumers.TopicPartition]int64, len(c.Offsets))
	for _, o := range c.Offsets {
		r.next[consumers.TopicPartition{Topic: o.Topic, Partition: o.Partition}] = o.Next
	}
	r.state.prune(c.Changelog)
	return accounts
}

// offer applies a commit of this very process ahead of reading it back, if it
// follows what is known. It comes back through the changelog, and is passed over.
func (r *replica) offer(e *bitmaps.Entry, nonce string) {
	r.mu.Lock()
	if r.nonce != nonce || e.Seq != r.state.seq+1 {
		r.mu.Unlock()
		return
	}
	touched := map[string]bool{}
	if err := r.state.applyNoting(e, touched); err != nil {
		r.nonce, r.trouble = "", err.Error() // to be found out by whoever follows
	}
	accounts := r.seen(e.Checkpoint, touched)
	r.mu.Unlock()
	r.changed(accounts)
}

func (r *replica) seq() uint64 {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.state.seq
}

// step waits for changes and applies them.
func (r *replica) step(ctx context.Context, wait time.Duration) error {
	entries, err := r.store.Changelog(ctx, r.partition, r.seq()+1, followPage, wait)
	if err != nil {
		return err
	}
	if len(entries) == 0 {
		return r.confirm(ctx)
	}
	accounts, err := r.apply(entries)
	if err != nil {
		return err
	}
	r.changed(accounts)
	return nil
}

// confirm looks whether Redis still holds what is followed.
func (r *replica) confirm(ctx context.Context) error {
	r.mu.RLock()
	seq, nonce := r.state.seq, r.nonce
	r.mu.RUnlock()
	head, err := r.store.Head(ctx, r.partition)
	if err != nil {
		return err
	}
	if head.Seq < seq || head.Seq == seq && head.Nonce != nonce {
		return errLost
	}
	return nil
}

func (r *replica) apply(entries []bitmaps.Entry) (accounts []string, err error) {
	touched := map[string]bool{}
	var newest *bitmaps.Checkpoint
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range entries {
		e := &entries[i]
		if e.Seq <= r.state.seq {
			continue // was offered meanwhile
		}
		switch {
		case e.Seq != r.state.seq+1:
			return nil, errBehind
		case e.Nonce != "" && e.Before != r.nonce:
			return nil, errLost
		case e.Nonce != "":
			r.nonce, r.state.seq = e.Nonce, e.Seq
			continue
		case e.Checkpoint.Writer != r.nonce:
			return nil, errLost
		}
		if err := r.state.applyNoting(e, touched); err != nil {
			return nil, err
		}
		newest = &e.Checkpoint
	}
	if newest == nil {
		return []string{}, nil
	}
	return r.seen(*newest, touched), nil
}

// arrived notes that an event came with the entry that is applied.
func (s *state) arrived(d *daySet) {
	if len(d.arrived) == 0 {
		s.recent = append(s.recent, d)
	}
	if n := len(d.arrived); n == 0 || d.arrived[n-1].seq != s.seq {
		d.arrived = append(d.arrived, arrival{seq: s.seq})
	}
	d.arrived[len(d.arrived)-1].events++
}

// prune forgets the events that runs hold for sure: those of entries before seq.
func (s *state) prune(seq uint64) {
	if seq <= s.pruned {
		return
	}
	s.pruned = seq
	kept := s.recent[:0]
	for _, d := range s.recent {
		d.prune(seq)
		if len(d.arrived) > 0 {
			kept = append(kept, d)
		}
	}
	clear(s.recent[len(kept):])
	s.recent = kept
}

func (d *daySet) prune(seq uint64) {
	for len(d.arrived) > 0 && d.arrived[0].seq < seq {
		d.flushedAt = max(d.flushedAt, d.arrived[0].seq)
		d.pending = d.pending[min(d.arrived[0].events, len(d.pending)):]
		d.arrived = d.arrived[1:]
	}
	if len(d.arrived) == 0 {
		d.pending, d.arrived = nil, nil // with what lies before them
	}
	d.logged = len(d.pending)
}

// arrivedAll makes all pending events those of entry seq: after some were
// removed. To hold one for later than it is does no harm, since events are a set.
func (d *daySet) arrivedAll(seq uint64) {
	if len(d.arrived) > 0 {
		d.arrived = append(d.arrived[:0], arrival{seq: seq, events: len(d.pending)})
	}
}

// since is the events of entries after seq.
func (d *daySet) since(seq uint64) []bitmaps.Event {
	skip := 0
	for _, a := range d.arrived {
		if a.seq > seq {
			break
		}
		skip += a.events
	}
	return d.pending[min(skip, len(d.pending)):]
}
