package consumers

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"
)

// fetcher fetches for all feeds of a client. A part that may be fetched is in
// its broker's idle list; whoever puts one there calls schedule, which starts
// requests by the rules of request.go. A part without a known leader waits in
// lost, and one goroutine finds leaders for those.
type fetcher struct {
	c      *Client
	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup
	wake   chan struct{} // there may be something new in lost

	mu      sync.Mutex
	closed  bool
	parts   int                    // registered
	waiting int                    // bytes fetched for all parts and not yet taken
	readers map[TopicPartition]int // how many of the parts read it
	brokers map[int32]*broker
	lost    []*part
}

const (
	retryFirst = 50 * time.Millisecond
	retryMost  = 2 * time.Second
)

func newFetcher(c *Client) *fetcher {
	f := &fetcher{c: c, wake: make(chan struct{}, 1), brokers: map[int32]*broker{}, readers: map[TopicPartition]int{}}
	f.ctx, f.cancel = context.WithCancel(context.Background())
	f.wg.Go(f.findLeaders)
	return f
}

func (f *fetcher) close() {
	f.mu.Lock()
	f.closed = true
	f.mu.Unlock()
	f.cancel()
	f.wg.Wait()
}

// add begins to fetch the parts from their offsets.
func (f *fetcher) add(parts []*part) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.parts += len(parts)
	for _, p := range parts {
		f.readers[p.tp]++
	}
	f.lost = append(f.lost, parts...)
	f.wakeFinder()
}

// remove ends the fetching of the parts. What is in flight for them is dropped
// when it arrives.
func (f *fetcher) remove(parts []*part) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.parts -= len(parts)
	for _, p := range parts {
		f.taken(p.waiting)
		p.state, p.chunks, p.waiting = removed, nil, 0
		if f.readers[p.tp]--; f.readers[p.tp] == 0 {
			delete(f.readers, p.tp)
		}
	}
	f.lost = slices.DeleteFunc(f.lost, func(p *part) bool { return p.state == removed })
}

// take returns the oldest chunk of a part, and has it fetched again if that
// made room.
func (f *fetcher) take(p *part) (chunk, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(p.chunks) == 0 {
		return chunk{}, false
	}
	c := p.chunks[0]
	n := copy(p.chunks, p.chunks[1:])
	p.chunks[n] = chunk{}
	p.chunks = p.chunks[:n]
	p.waiting -= c.size()
	f.taken(c.size())
	if p.state == full && !f.enough(p) {
		p.state = idle
		p.broker.idle = append(p.broker.idle, p)
		f.schedule(p.broker)
	}
	return c, true
}

// taken notes that so many bytes no longer wait, and fetches on if there were
// too many.
func (f *fetcher) taken(bytes int) {
	f.c.Stats.Waiting.Add(int64(-bytes))
	before := f.waiting
	f.waiting -= bytes
	if most := f.c.cfg.MaxBuffered; before >= most && f.waiting < most {
		for _, b := range f.brokers {
			f.schedule(b)
		}
	}
}

// enough tells whether as much waits for the reader of a part as may: some
// pieces, or one that is as large.
func (f *fetcher) enough(p *part) bool {
	return len(p.chunks) >= maxChunks || p.waiting >= maxChunks*int(f.partitionFetch())
}

// settle puts a part that was in a request where it belongs now.
func (f *fetcher) settle(p *part) {
	switch {
	case p.state != flying:
	case f.enough(p):
		p.state = full
	default:
		p.state = idle
	}
}

// lose gives a part up to the finder of leaders, for later.
func (f *fetcher) lose(p *part) {
	if p.state == removed || p.state == failed {
		return
	}
	p.failures++
	p.state = leaderless
	p.retryAt = time.Now().Add(backoff(p.failures, retryFirst, retryMost))
	f.lost = append(f.lost, p)
	f.wakeFinder()
}

func (f *fetcher) wakeFinder() {
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

func (f *fetcher) findLeaders() {
	for {
		due, wait := f.due()
		if len(due) > 0 {
			f.refresh(due)
			continue
		}
		timer := time.NewTimer(wait)
		select {
		case <-f.ctx.Done():
			timer.Stop()
			return
		case <-f.wake:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// due takes the parts out of lost that a leader is to be found for now, and
// says how long there will be none otherwise.
func (f *fetcher) due() (due []*part, wait time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return nil, 0
	}
	now, wait := time.Now(), time.Hour
	f.lost = slices.DeleteFunc(f.lost, func(p *part) bool {
		left := p.retryAt.Sub(now)
		if left <= 0 {
			due = append(due, p)
			return true
		}
		wait = min(wait, left)
		return false
	})
	return due, wait
}

// refresh asks for the leaders of the parts and starts fetching where there is
// one.
func (f *fetcher) refresh(parts []*part) {
	tps := make([]TopicPartition, len(parts))
	for i, p := range parts {
		tps[i] = p.tp
	}
	t, err := f.c.topology(f.ctx, topicsOf(tps))
	if err != nil && f.ctx.Err() == nil {
		f.c.Stats.FetchErrors.Add(1)
		f.c.cfg.Log.Warn("finding partition leaders failed, will retry", "err", err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, p := range parts {
		f.assign(p, t)
	}
	for _, b := range f.brokers {
		f.schedule(b)
	}
}

// assign puts a part under the broker that leads it. t is nil if nobody knows.
func (f *fetcher) assign(p *part, t *topology) {
	if p.state == removed {
		return
	}
	if t == nil {
		f.lose(p)
		return
	}
	leader, ok := t.leaders[p.tp]
	if !ok {
		f.c.cfg.Log.Warn("partition has no leader, will retry", "partition", p.tp.String(), "err", t.unled(p.tp))
		f.lose(p)
		return
	}
	b := f.brokers[leader]
	if b == nil {
		b = &broker{id: leader}
		f.brokers[leader] = b
	}
	p.state, p.broker = idle, b
	b.idle = append(b.idle, p)
}

// outOfRange finds out whether the log has really lost the offset that a part
// stands at: a broker that became leader a moment ago may not know its log's
// end yet.
func (f *fetcher) outOfRange(p *part) {
	p.state = leaderless
	f.wg.Go(func() {
		marks, err := f.c.Watermarks(f.ctx, []TopicPartition{p.tp})
		f.mu.Lock()
		defer f.mu.Unlock()
		if p.state == removed {
			return
		}
		if err == nil {
			err = marks[p.tp].check(p.tp, p.offset)
		}
		if lost := (*OffsetLostError)(nil); errors.As(err, &lost) {
			p.fail(err)
			return
		}
		f.c.Stats.FetchErrors.Add(1)
		f.lose(p)
	})
}
