package consumers

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// Feed is what one task reads: its partition of every source topic. Its
// methods are for one goroutine, but for Ready, LogStart and High.
type Feed struct {
	c         *Client
	ctx       context.Context // of whoever reads
	tps       []TopicPartition
	ready     chan struct{}
	committed func(map[TopicPartition]int64)
	urgent    bool // others wait for what it reads

	streams []*stream // once started, in the order of tps
	turn    int       // the stream to begin with next
	batch   Batch
	err     error // to be returned once the records before it are
}

// stream is one partition of a feed, as the task sees it.
type stream struct {
	part *part
	w    walker
	set  *buffer // that is being walked, nil if none is
}

func newFeed(ctx context.Context, c *Client, tps []TopicPartition) *Feed {
	return &Feed{c: c, ctx: ctx, tps: tps, ready: make(chan struct{}, 1),
		committed: func(map[TopicPartition]int64) {}}
}

// Partitions returns every partition of a source topic that belongs to the
// task, in order of topic and number.
func (f *Feed) Partitions() []TopicPartition { return slices.Clone(f.tps) }

// Start begins to read, each partition at its offset. One that is not named, or
// named with a negative offset, begins at the start of its log. It is called
// once. Offsets that the log does not have are reported right away, as
// [OffsetLostError], for all partitions together (errors.Join).
func (f *Feed) Start(offsets map[TopicPartition]int64) error {
	if f.streams != nil {
		return errors.New("a feed was started twice")
	}
	marks, err := f.watermarks()
	if err != nil {
		return fmt.Errorf("starting to read: %w", err)
	}
	var lost []error
	streams, parts := make([]*stream, len(f.tps)), make([]*part, len(f.tps))
	for i, tp := range f.tps {
		offset, mark := marks[tp].LogStart, marks[tp]
		if want, ok := offsets[tp]; ok && want >= 0 {
			offset = want
		}
		if err := mark.check(tp, offset); err != nil {
			lost = append(lost, err)
		}
		parts[i] = &part{tp: tp, notify: f.signal, urgent: f.urgent, offset: offset, logStart: mark.LogStart, high: mark.High}
		streams[i] = &stream{part: parts[i], w: walker{tp: tp, next: offset}}
	}
	if lost != nil {
		return errors.Join(lost...)
	}
	f.streams = streams
	f.c.fetcher.add(parts)
	return nil
}

// watermarks retries until the brokers answer or the context ends.
func (f *Feed) watermarks() (map[TopicPartition]Watermark, error) {
	for n := 1; ; n++ {
		marks, err := f.c.Watermarks(f.ctx, f.tps)
		if err == nil || !retriable(err) || f.ctx.Err() != nil {
			return marks, err
		}
		if n > 3 { // before that, a topic created a moment ago is the likely cause
			f.c.cfg.Log.Warn("reading watermarks failed, will retry", "err", err)
		}
		if err := sleep(f.ctx, backoff(n, retryFirst, retryMost)); err != nil {
			return nil, err
		}
	}
}

// Ready signals when Next would return something or an error. It may signal
// once more than that.
func (f *Feed) Ready() <-chan struct{} { return f.ready }

func (f *Feed) signal() {
	select {
	case f.ready <- struct{}{}:
	default:
	}
}

// Next returns what was fetched since the last call, at most so many records
// and about so many bytes of keys and values, though at least one record. It
// never blocks: the batch is nil if there is nothing. Partitions take turns in
// being first. The batch, and what an earlier call returned, is overwritten by
// the next call.
//
// An error concerns one partition, comes after all that was read before it,
// and comes again: the feed is of no more use. It is an *[OffsetLostError], a
// *[CorruptError] or a refusal by the broker; whatever may pass is retried
// inside.
func (f *Feed) Next(records, bytes int) (*Batch, error) {
	f.batch.reset()
	if f.err == nil {
		f.fill(&limit{max(records, 1), max(bytes, 1)})
	}
	f.count()
	if f.batch.Moved() {
		return &f.batch, nil
	}
	return nil, f.err
}

func (f *Feed) fill(l *limit) {
	for range f.streams {
		if f.read(f.streams[f.turn], l); l.reached() || f.err != nil {
			f.signal() // there may be more
			break
		}
		f.turn = (f.turn + 1) % len(f.streams)
	}
	if l.reached() && !f.streams[f.turn].large() {
		f.turn = (f.turn + 1) % len(f.streams)
	}
}

// large tells whether a stream is in the middle of much memory. It is read on
// before others then, so that a task has no more than one of that kind.
func (s *stream) large() bool {
	const much = 4 << 20
	return s.set != nil && len(s.set.b) > much || s.w.inflated != nil && len(s.w.inflated.b) > much
}

// read walks what a stream has, as far as the limit allows.
func (f *Feed) read(s *stream, l *limit) {
	from, records := s.w.next, len(f.batch.Records)
	for f.err == nil && !l.reached() && (s.set != nil || f.open(s)) {
		f.err = s.w.fill(&f.batch, l)
		if f.err == nil && s.w.done() {
			f.batch.hold(s.set)
			s.set = nil
		}
	}
	if moved := s.w.next - from; moved > 0 {
		f.batch.Next = append(f.batch.Next, NextOffset{s.w.tp, s.w.next})
		f.batch.Skipped += moved - int64(len(f.batch.Records)-records)
	}
}

// open takes the stream's next record set.
func (f *Feed) open(s *stream) bool {
	c, ok := f.c.fetcher.take(s.part)
	if !ok {
		return false
	}
	if f.err = c.err; f.err != nil {
		return false
	}
	s.set = c.set
	s.w.walk(c.set.b, c.aborted)
	return true
}

func (f *Feed) count() {
	stats := &f.c.Stats
	stats.Records.Add(int64(len(f.batch.Records)))
	stats.Skipped.Add(f.batch.Skipped)
	for _, s := range f.streams {
		if s.w.batches > 0 {
			stats.Batches.Add(s.w.batches)
			s.w.batches = 0
		}
	}
}

// LogStart returns the first offset of a partition's log, as of the newest
// answer of its broker; -1 for a partition that the feed does not read.
func (f *Feed) LogStart(tp TopicPartition) int64 {
	return f.seen(tp, func(p *part) int64 { return p.logStart })
}

// High returns a partition's high watermark, one past its last committed
// record, as of the newest answer; -1 for a partition that the feed does not
// read. Records of a transaction that is still open lie before it, so a reader
// may be kept from it.
func (f *Feed) High(tp TopicPartition) int64 {
	return f.seen(tp, func(p *part) int64 { return p.high })
}

func (f *Feed) seen(tp TopicPartition, of func(*part) int64) int64 {
	f.c.fetcher.mu.Lock()
	defer f.c.fetcher.mu.Unlock()
	for _, s := range f.streams {
		if s.part.tp == tp {
			return of(s.part)
		}
	}
	return -1
}

// Committed says how far the task has come, for tools that show consumer lag:
// the group commits it to Kafka every few seconds. Nothing is ever read from
// it, and the next Start does not know of it.
func (f *Feed) Committed(offsets map[TopicPartition]int64) { f.committed(offsets) }

// close ends the fetching. Memory that the last batch refers to is left to the
// collector.
func (f *Feed) close() {
	parts := make([]*part, len(f.streams))
	for i, s := range f.streams {
		parts[i] = s.part
	}
	f.c.fetcher.remove(parts)
}
