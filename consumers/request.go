package consumers

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol/fetch"
)

// broker is what the fetcher knows of one broker.
//
// While nothing new is written, one request with every idle part is parked at
// the broker, and while something is, one with the parts that get it. A part that becomes idle meanwhile must not wait for it, so it
// goes into a further request beside it, which ends when the first one ends:
// then all of them are idle, and go into one request again. The more requests
// are parked, the shorter the next is, so that a part never waits long for one
// of the few to come back.
type broker struct {
	id     int32
	idle   []*part // longest without data first
	flying []*request
	timer  *time.Timer // while a request about to end is waited for
}

// waitShare says what share of MaxWait the nth concurrent request may be held
// for. Its length is the most requests per broker.
var waitShare = [...]time.Duration{1, 1, 5, 50}

const (
	// aboutToEnd is when a new request waits for a parked one and its parts.
	aboutToEnd = 5 * time.Millisecond
	// overdue is when a parked request is no longer waited for.
	overdue = 20 * time.Millisecond
	// minPartitionFetch is the least that a partition is asked for.
	minPartitionFetch = 16 << 10
)

// request is a fetch in flight.
type request struct {
	parts []*part
	due   time.Time // when the broker answers at the latest
	wait  time.Duration
}

// schedule starts every request that should be in flight. f.mu is held.
func (f *fetcher) schedule(b *broker) {
	for r := f.next(b); r != nil; r = f.next(b) {
		f.wg.Go(func() { f.run(b, r) })
	}
}

// run sends a request, and the one that follows from its answer, and so on.
func (f *fetcher) run(b *broker, r *request) {
	for r != nil {
		res, err := f.send(b, r)
		f.mu.Lock()
		b.flying = slices.DeleteFunc(b.flying, func(o *request) bool { return o == r })
		f.settleAll(b, r, res, err)
		r = f.next(b)
		f.schedule(b)
		f.mu.Unlock()
	}
}

// next makes a request of the idle parts, nil if there should be none now.
func (f *fetcher) next(b *broker) *request {
	if f.closed || len(b.idle) == 0 {
		return nil
	}
	now := time.Now()
	wait := f.patience(b, now)
	if wait == 0 {
		return nil
	}
	r := &request{wait: wait, due: now.Add(wait), parts: make([]*part, 0, len(b.idle))}
	seen := map[TopicPartition]bool{}
	split := b.mixed(now)
	b.idle = slices.DeleteFunc(b.idle, func(p *part) bool {
		if p.state != idle {
			return true
		}
		if split && !p.busy(now) || f.waiting >= f.c.cfg.MaxBuffered && !p.urgent {
			return false
		}
		if f.readers[p.tp] > 1 {
			if seen[p.tp] {
				return false // a request names a partition once
			}
			seen[p.tp] = true
		}
		p.state = flying
		r.parts = append(r.parts, p)
		return true
	})
	if len(r.parts) == 0 {
		return nil
	}
	b.flying = append(b.flying, r)
	return r
}

// mixed says whether some of the idle parts are busy and some are not. Busy ones
// then go into a request of their own: it comes back often, and would carry all
// the others along each time.
func (b *broker) mixed(now time.Time) bool {
	busy, quiet := false, false
	for _, p := range b.idle {
		busy, quiet = busy || p.busy(now), quiet || !p.busy(now)
	}
	return busy && quiet
}

// patience is how long a request that is sent now may be held; 0 if one in
// flight should be waited for instead.
func (f *fetcher) patience(b *broker, now time.Time) time.Duration {
	if len(b.flying) == len(waitShare) {
		return 0
	}
	wait := max(time.Millisecond, f.c.cfg.MaxWait/waitShare[len(b.flying)])
	for _, r := range b.flying {
		left := r.due.Sub(now)
		if left < -overdue {
			continue
		}
		if left < aboutToEnd && f.c.cfg.MaxWait > 4*aboutToEnd {
			f.later(b, left+overdue+time.Millisecond)
			return 0
		}
		wait = min(wait, max(left, time.Millisecond))
	}
	return wait
}

// later schedules again in case that the request waited for does not come.
func (f *fetcher) later(b *broker, d time.Duration) {
	if b.timer != nil {
		return
	}
	f.wg.Add(1)
	b.timer = time.AfterFunc(d, func() {
		defer f.wg.Done()
		f.mu.Lock()
		defer f.mu.Unlock()
		b.timer = nil
		f.schedule(b)
	})
}

func (f *fetcher) send(b *broker, r *request) (*fetchResponse, error) {
	req := f.encode(b, r)
	res, err := f.c.roundTrip(f.ctx, r.wait+f.c.cfg.RequestTimeout, req)
	if err != nil {
		return nil, err
	}
	f.c.Stats.FetchRequests.Add(1)
	answer := res.(*fetchResponse)
	if answer.ErrorCode != 0 {
		return nil, kafka.Error(answer.ErrorCode)
	}
	return answer, nil
}

func (f *fetcher) encode(b *broker, r *request) *fetchRequest {
	f.mu.Lock()
	defer f.mu.Unlock()
	req := &fetchRequest{
		ReplicaID:      -1,
		MaxWaitTime:    int32(r.wait / time.Millisecond),
		MinBytes:       1,
		MaxBytes:       int32(f.c.cfg.MaxFetch),
		IsolationLevel: 1, // read committed
		SessionEpoch:   -1,
		broker:         b.id,
	}
	size := f.partitionFetch()
	partitions := make([]fetch.RequestPartition, len(r.parts))
	for i, p := range r.parts {
		partitions[i] = fetch.RequestPartition{
			Partition: p.tp.Partition, CurrentLeaderEpoch: -1,
			FetchOffset: p.offset, LogStartOffset: -1, PartitionMaxBytes: size,
		}
	}
	// Neighbours of one topic go under one heading; a topic may come again, so
	// that the order of the parts is kept.
	for from, to := 0, 0; from < len(r.parts); from = to {
		topic := r.parts[from].tp.Topic
		for to < len(r.parts) && r.parts[to].tp.Topic == topic {
			to++
		}
		req.Topics = append(req.Topics, fetch.RequestTopic{Topic: topic, Partitions: partitions[from:to]})
	}
	return req
}

// partitionFetch is the bytes to ask for per partition, such that what all
// parts may have waiting stays within MaxBuffered.
func (f *fetcher) partitionFetch() int32 {
	share := f.c.cfg.MaxBuffered / ((maxChunks + 1) * max(1, f.parts))
	return int32(min(f.c.cfg.MaxPartitionFetch, max(share, minPartitionFetch)))
}

// settleAll deals the answer out to the parts of the request and makes them
// idle again, those that got data behind those that did not.
func (f *fetcher) settleAll(b *broker, r *request, res *fetchResponse, err error) {
	if f.closed {
		return
	}
	if err != nil {
		f.loseAll(b, r, err)
		return
	}
	// Those that waited come first, then those that got nothing: an answer's
	// size is limited, and its first partitions get most of it.
	var served []*part
	now := time.Now()
	f.deal(r, res, func(p *part, got bool) {
		f.settle(p)
		switch {
		case p.state != idle:
		case got:
			p.served = now
			served = append(served, p)
		default:
			b.idle = append(b.idle, p)
		}
	})
	b.idle = append(b.idle, served...)
}

func (f *fetcher) loseAll(b *broker, r *request, err error) {
	if !errors.Is(err, context.Canceled) {
		f.c.Stats.FetchErrors.Add(1)
		f.c.cfg.Log.Warn("fetch failed, will retry", "broker", b.id, "partitions", len(r.parts), "err", err)
	}
	for _, p := range r.parts {
		f.lose(p)
	}
}

// deal finds the part of each answered partition. Brokers answer in the order
// of the request, so looking on from the last one finds it at once.
func (f *fetcher) deal(r *request, res *fetchResponse, settled func(p *part, got bool)) {
	at, answered, data := 0, make([]bool, len(r.parts)), false
	for i := range res.Topics {
		t := &res.Topics[i]
		for j := range t.Partitions {
			p := &t.Partitions[j]
			tp := TopicPartition{t.Topic, p.Partition}
			for n := 0; n < len(r.parts) && r.parts[at].tp != tp; n++ {
				at = (at + 1) % len(r.parts)
			}
			if r.parts[at].tp != tp || answered[at] {
				continue
			}
			answered[at] = true
			first := !data
			data = data || p.RecordSet.buf != nil
			settled(r.parts[at], f.answer(r.parts[at], p, first))
		}
	}
	for i, p := range r.parts {
		if !answered[i] {
			f.lose(p)
		}
	}
}

// answer takes a partition's share of an answer, and says whether it gave
// data. First says that no partition before it in the answer had any.
func (f *fetcher) answer(p *part, res *fetchResponsePartition, first bool) bool {
	if p.state == removed {
		res.RecordSet.buf.release()
		return false
	}
	switch code := kafka.Error(res.ErrorCode); {
	case code == 0:
		f.c.Stats.FetchedBytes.Add(int64(len(res.RecordSet.bytes())))
		waiting := p.waiting
		got := p.take(res, first)
		f.waiting += p.waiting - waiting
		f.c.Stats.Waiting.Add(int64(p.waiting - waiting))
		return got
	case code == kafka.OffsetOutOfRange:
		f.outOfRange(p)
	case retriable(code):
		f.c.Stats.FetchErrors.Add(1)
		f.c.cfg.Log.Info("partition can't be fetched now, will retry", "partition", p.tp.String(), "err", code)
		f.lose(p)
	default:
		p.fail(&fetchError{p.tp, p.offset, code})
	}
	return false
}
