package pipeline

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"rollcall/bitmaps"
	"rollcall/consumers"
	"rollcall/pipeline/catalog"
)

// burstBytes bounds what a copier writes at once, and so has in flight, beside
// Limits.Copies: it takes a task about a millisecond to apply it.
const burstBytes = 256 << 10

// What it reads at once.
const (
	readRecords = 8_000
	readBytes   = 2 << 20
	readWait    = time.Second // the end of the range may lie in a transaction that is open
)

// source is a partition that is copied.
type source struct {
	consumers.TopicPartition
	as           string // where its records first stood
	fetched, end int64  // offsets: up to which it is in the buffer, and is to be
	read         int64  // records taken from the buffer, or by predecessors
	buffer       []consumers.Record
}

// next is the first offset that is not copied yet.
func (s *source) next() int64 {
	if len(s.buffer) > 0 {
		return s.buffer[0].Offset
	}
	return s.fetched
}

// prepare resolves the range of a replay into offsets, and has the task commit
// them. When that is done, it knows what to copy. It tells whether it did anything.
func (c *copier) prepare(ctx context.Context, r *catalog.Replay, at durable) (worked bool, err error) {
	for _, topic := range r.Topics {
		if err := checkReplay(topic, c.inputs); err != nil {
			return false, &replayError{err.Error()}
		}
	}
	tps, all, err := c.partitionsOf(ctx, r)
	if err != nil {
		return false, err
	}
	if err := c.checkDates(ctx, r); err != nil {
		return false, err
	}
	sources, missing := []*source{}, []consumers.TopicPartition{}
	for _, tp := range tps {
		i := slices.IndexFunc(at.replays, func(p bitmaps.Replayed) bool {
			return p.Replay == r.ID && p.Topic == tp.Topic && p.Partition == tp.Partition && p.Planned
		})
		if i < 0 {
			missing = append(missing, tp)
			continue
		}
		p := at.replays[i]
		sources = append(sources, &source{TopicPartition: tp, as: originOf(r, tp.Topic), fetched: p.Next, end: p.End, read: p.Read})
	}
	if len(missing) > 0 && c.planning() {
		return false, nil
	}
	if len(missing) > 0 {
		return true, c.resolve(ctx, r, missing)
	}
	c.sources, c.share = sources, float64(r.Rate)*float64(len(tps))/float64(max(all, 1))
	return true, nil
}

// checkDates refuses archives whose records are dated when they were copied: an
// old opt-in would be newer than the opt-out that followed it.
func (c *copier) checkDates(ctx context.Context, r *catalog.Replay) error {
	var names []string
	for _, t := range r.Topics {
		if dated(t) {
			names = append(names, t.Name)
		}
	}
	if len(names) == 0 {
		return nil
	}
	types, err := c.Topics.TimestampType(ctx, names...)
	if err != nil {
		return fmt.Errorf("dates of the topics of replay %d: %w", r.ID, err)
	}
	for _, name := range names {
		if types[name] != "CreateTime" {
			return &replayError{fmt.Sprintf("%s has message.timestamp.type=%s, so its records are dated when they were copied: "+
				"copy them with their times into a topic that has CreateTime", name, types[name])}
		}
	}
	return nil
}

func originOf(r *catalog.Replay, topic string) string {
	i := slices.IndexFunc(r.Topics, func(t catalog.ReplayTopic) bool { return t.Name == topic })
	return r.Topics[i].Origin()
}

// partitionsOf lists the source partitions that are this copier's, in the order
// in which the topics are named, and says how many there are in all.
func (c *copier) partitionsOf(ctx context.Context, r *catalog.Replay) (tps []consumers.TopicPartition, all int, err error) {
	var names []string
	for _, t := range r.Topics {
		names = append(names, t.Name)
	}
	counts, err := c.Topics.PartitionCounts(ctx, names)
	if err != nil {
		return nil, 0, fmt.Errorf("partitions of the topics of replay %d: %w", r.ID, err)
	}
	for _, name := range names {
		n, ok := counts[name]
		if !ok {
			return nil, 0, &replayError{fmt.Sprintf("there is no topic %s", name)}
		}
		all += n
		tps = append(tps, consumers.PartitionsOf(c.partition, int(c.partitions), map[string]int{name: n})...)
	}
	return tps, all, nil
}

// resolve finds out which offsets are in the range, once.
func (c *copier) resolve(ctx context.Context, r *catalog.Replay, tps []consumers.TopicPartition) error {
	marks, err := c.Topics.Watermarks(ctx, tps)
	if err != nil {
		return fmt.Errorf("watermarks for replay %d: %w", r.ID, err)
	}
	first, err := c.Topics.OffsetsAt(ctx, tps, time.UnixMilli(r.From))
	if err != nil {
		return fmt.Errorf("offsets for replay %d: %w", r.ID, err)
	}
	last, err := c.Topics.OffsetsAt(ctx, tps, time.UnixMilli(r.To))
	if err != nil {
		return fmt.Errorf("offsets for replay %d: %w", r.ID, err)
	}
	var plan []bitmaps.Replayed
	for _, tp := range tps {
		from, end := first[tp], last[tp]
		if end < 0 { // all there is is older
			end = marks[tp].High
		}
		if from < 0 {
			from = end
		}
		plan = append(plan, bitmaps.Replayed{Replay: r.ID, Topic: tp.Topic, Partition: tp.Partition, From: from, End: max(from, end)})
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.plan = plan
	return nil
}

// allowed is how many records may be copied now. What a share allows and was not
// used is kept for a second, or until it is one.
func (c *copier) allowed() int {
	if c.share == 0 {
		return c.most
	}
	now := c.now()
	if kept := now.Add(-max(time.Second, c.cost(1))); c.paid.Before(kept) {
		c.paid = kept
	}
	return min(c.most, int(now.Sub(c.paid).Seconds()*c.share+0.001)) // times are rounded
}

// cost is how much of a share copies use up.
func (c *copier) cost(copies int) time.Duration {
	if c.share == 0 {
		return 0
	}
	return time.Duration(float64(copies) / c.share * float64(time.Second))
}

// copy writes at most so many copies of a source's records to the inbox.
func (c *copier) copy(ctx context.Context, s *source, most int) (int, error) {
	if len(s.buffer) == 0 {
		return 0, c.read(ctx, s)
	}
	var messages []consumers.Message
	taken, bytes := 0, 0
	for ; taken < len(s.buffer) && len(messages) < most && bytes < burstBytes; taken++ {
		if m, ok := c.copyOf(s, &s.buffer[taken], s.read+int64(taken)+1); ok {
			messages, bytes = append(messages, m), bytes+sizeOf(&m)
		}
	}
	if len(messages) > 0 {
		offsets, err := c.log.Write(ctx, messages)
		if err != nil {
			c.leave() // some may be written: the task will tell which
			return 0, fmt.Errorf("copying from %s: %w", s.TopicPartition, err)
		}
		c.sent = slices.Max(offsets) + 1
	}
	c.paid = c.paid.Add(c.cost(len(messages)))
	s.taken(taken)
	return len(messages), nil
}

// taken moves a source on.
func (s *source) taken(n int) {
	s.read += int64(n)
	s.buffer = s.buffer[n:]
	if len(s.buffer) == 0 {
		s.buffer = nil
	}
}

var errEnough = errors.New("enough")

// read fills a source's buffer.
func (c *copier) read(ctx context.Context, s *source) error {
	ctx, cancel := context.WithTimeout(ctx, readWait)
	defer cancel()
	bytes := 0
	next, err := c.log.ReadUpTo(ctx, s.TopicPartition, s.fetched, s.end, func(r *consumers.Record) error {
		if len(s.buffer) == readRecords || bytes >= readBytes {
			return errEnough
		}
		s.buffer, bytes = append(s.buffer, r.Clone()), bytes+len(r.Key)+len(r.Value)
		return nil
	})
	switch lost, _ := errors.AsType[*consumers.OffsetLostError](err); {
	case err == nil:
		s.fetched = s.end
		return nil
	case errors.Is(err, errEnough):
		s.fetched = next
		return nil
	case lost != nil:
		return &replayError{fmt.Sprintf("%s: offset %d is wanted, the log has %d to %d", s.TopicPartition, lost.Want, lost.LogStart, lost.End)}
	}
	if n := len(s.buffer); n > 0 { // what was read before is good
		s.fetched = s.buffer[n-1].Offset + 1
		return nil
	}
	return fmt.Errorf("reading %s from offset %d: %w", s.TopicPartition, s.fetched, err)
}

// maxCopy is the largest record that is copied: the inbox takes its value of
// maxValueBytes with a key and headers, and not much more.
const maxCopy = maxValueBytes + 512<<10

// copyOf is the copy of a record; ok is whether it is to be made.
func (c *copier) copyOf(s *source, r *consumers.Record, nth int64) (m consumers.Message, ok bool) {
	first, e := *r, event{}
	first.Topic = s.as
	if s.as == TopicInbox && !unpack(&first) {
		return m, false // it is there for compaction only
	}
	c.decoder.decode(&first, &e)
	if e.mapped && e.means == "" {
		return m, false // the mapping leaves it out, or can't read it
	}
	if code, refused := r.Header(headerErrorCode); refused && s.as == TopicInbox {
		e.refused = Code(code)
	}
	value, headers := forwarded(&first, &e)
	at := copied{c.id, s.TopicPartition, r.Offset, nth}
	m = inboxMessage(c.partition, &e.origin, first.Key, value, append(headers, header(headerReplay, at.String())))
	if size := sizeOf(&m); size > maxCopy {
		slog.Warn("a record is too large to be replayed", "partition", s.String(), "offset", r.Offset, "bytes", size)
		return m, false
	}
	return m, true
}

func sizeOf(m *consumers.Message) int {
	size := len(m.Key) + len(m.Value)
	for _, h := range m.Headers {
		size += len(h.Key) + len(h.Value)
	}
	return size
}
