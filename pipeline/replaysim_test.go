package pipeline

import (
	"cmp"
	"context"
	"math/rand/v2"
	"time"

	"rollcall/consumers"
	"rollcall/pipeline/catalog"
	"rollcall/pipeline/naive"
)

// archive is Kafka as a process's copiers see it.
type archive struct{ p *process }

// PartitionCounts implements Topics.
func (a archive) PartitionCounts(_ context.Context, topics []string) (counts map[string]int, err error) {
	counts = map[string]int{}
	err = a.p.io("counts", func() error {
		a.p.h.log.mu.Lock()
		defer a.p.h.log.mu.Unlock()
		for _, topic := range topics {
			for tp := range a.p.h.log.records {
				if tp.Topic == topic {
					counts[topic] = max(counts[topic], int(tp.Partition)+1)
				}
			}
			if _, known := shapes[topic]; known || topic == TopicInbox {
				counts[topic] = max(counts[topic], int(a.p.h.partitions))
			}
		}
		return nil
	})
	return counts, err
}

// OffsetsAt implements Topics.
func (a archive) OffsetsAt(_ context.Context, tps []consumers.TopicPartition, at time.Time) (offsets map[consumers.TopicPartition]int64, err error) {
	offsets = map[consumers.TopicPartition]int64{}
	err = a.p.io("offsets", func() error {
		for _, tp := range tps {
			offsets[tp] = -1
			for _, r := range a.p.h.log.of(tp) {
				if r.Time >= at.UnixMilli() {
					offsets[tp] = r.Offset
					break
				}
			}
		}
		return nil
	})
	return offsets, err
}

// Watermarks implements Topics.
func (a archive) Watermarks(_ context.Context, tps []consumers.TopicPartition) (marks map[consumers.TopicPartition]consumers.Watermark, err error) {
	err = a.p.io("watermarks", func() error {
		marks = a.p.h.log.marks(tps)
		return nil
	})
	return marks, err
}

// TimestampType implements Topics.
func (a archive) TimestampType(_ context.Context, topics ...string) (types map[string]string, err error) {
	types = map[string]string{}
	err = a.p.io("timestamp types", func() error {
		for _, topic := range topics {
			types[topic] = cmp.Or(a.p.h.log.dated[topic], "CreateTime")
		}
		return nil
	})
	return types, err
}

func (a archive) report(ctx context.Context, r catalog.ReportReplay) error {
	return a.p.io("report", func() error {
		_, err := a.p.h.defs.Put(ctx, r)
		return err
	})
}

// replaying is what simulations do that have replays: one in replaySeeds, so that
// the others are as they were.
type replaying struct {
	rng      *rand.Rand
	verdicts map[consumers.TopicPartition]map[int64]naive.Outcome // of the source records, by offset
}

const replaySeeds = 4

func newReplaying(seed uint64) *replaying {
	if seed%replaySeeds != 3 {
		return nil
	}
	return &replaying{rng: rand.New(rand.NewPCG(seed, 4))}
}

// replayOn begins a replay now and then, cancels one, or lets a copier do something.
func (s *simulation) replayOn() {
	rng := s.replays.rng
	switch n := rng.IntN(100); {
	case n < 2:
		s.startReplay()
	case n < 3:
		if all := s.defined.Replays(); len(all) > 0 {
			_, err := s.defs.Put(context.Background(), catalog.CancelReplay{Replay: all[rng.IntN(len(all))].ID})
			s.note("a replay is cancelled: %v", err)
		}
	case n < 40:
		q := int32(rng.IntN(int(s.partitions)))
		for _, reader := range s.readers[q] {
			if task := reader.tasks[q]; task != nil {
				copies, worked, err := task.copier.step(context.Background())
				s.note("process %d, partition %d: %d copies, %t", reader.number, q, copies, worked)
				s.done(reader, q, "copy", err, false)
				break
			}
		}
	}
}

// startReplay is of some topics, and of a time range that ends in the past, or not.
func (s *simulation) startReplay() {
	rng := s.replays.rng
	var r catalog.StartReplay
	for _, i := range rng.Perm(9)[:1+rng.IntN(3)] {
		r.Topics = append(r.Topics, catalog.ReplayTopic{Name: sourceTopics[i]}) // the ninth is the inbox
	}
	to := s.now.Add(-time.Duration(rng.Int64N(int64(24 * time.Hour))))
	r.From, r.To = to.Add(-time.Duration(1+rng.Int64N(int64(60*24*time.Hour)))).UnixMilli(), to.UnixMilli()
	if rng.IntN(3) == 0 {
		r.From, r.To = 0, s.now.UnixMilli()
	}
	offset, err := s.defs.Put(context.Background(), r)
	s.note("replay %d of %v from %d to %d: %v", offset, r.Topics, r.From, r.To, err)
}

// replayRound lets the owner of a partition copy until there is nothing left to.
func (s *simulation) replayRound(p *process, q int32) (worked bool, err error) {
	return repeat(func() (bool, error) {
		copies, more, err := p.tasks[q].copier.step(context.Background())
		if err != nil || !more {
			return false, err
		}
		s.note("process %d, partition %d: %d copies", p.number, q, copies)
		if _, err := repeat(func() (bool, error) { return p.turn(q) }); err != nil {
			return false, err
		}
		p.define(int64(len(s.log.of(definitionsTP))))
		return true, nil
	})
}

// judged remembers what becomes of the source records, by the naive way.
func (r *replaying) judged(w naive.World, result *naive.Result) {
	if r == nil {
		return
	}
	r.verdicts = map[consumers.TopicPartition]map[int64]naive.Outcome{}
	for i, rec := range w.Records {
		tp := consumers.TopicPartition{Topic: rec.Topic, Partition: rec.Partition}
		if r.verdicts[tp] == nil {
			r.verdicts[tp] = map[int64]naive.Outcome{}
		}
		r.verdicts[tp][rec.Offset] = result.Outcomes[i]
	}
}

// copiesOutcomes is what becomes of the copies that a log holds: the same as of
// what was copied, each time.
func (h *harness) copiesOutcomes(of func(*memoryLog, consumers.TopicPartition) []consumers.Record) (forwarded int64, codes map[string]int64) {
	codes = map[string]int64{}
	if h.replays == nil {
		return 0, codes
	}
	for q := range h.partitions {
		for _, r := range of(h.log, consumers.TopicPartition{Topic: TopicInbox, Partition: q}) {
			switch o := h.outcomeOf(&r); o.Verdict {
			case naive.DeadLettered:
				codes[string(o.Code)]++
			case naive.Forwarded:
				forwarded++
			}
		}
	}
	return forwarded, codes
}

// outcomeOf is that of a copy; of what else stands in the inbox it is applied.
func (h *harness) outcomeOf(r *consumers.Record) naive.Outcome {
	value, ok := r.Header(headerReplay)
	c, parsed := parseCopied(value)
	if !ok || !parsed {
		return naive.Outcome{}
	}
	if c.Topic != TopicInbox {
		o := h.replays.verdicts[c.TopicPartition][c.offset]
		if o.Verdict == naive.Forwarded && h.inPlace(r) { // from a partition that was added, to the right one
			o.Verdict = naive.Applied
		}
		return o
	}
	for _, source := range h.log.was(c.TopicPartition) {
		if source.Offset == c.offset {
			return h.outcomeOf(&source)
		}
	}
	return naive.Outcome{}
}

// inPlace tells whether a copy stands where its contact is.
func (h *harness) inPlace(r *consumers.Record) bool {
	var d decoder
	var e event
	first := *r
	unpack(&first)
	d.decode(&first, &e)
	key := string(e.account) + "/" + string(e.contact)
	return key == string(first.Key) && consumers.Partition(first.Key, int(h.partitions)) == r.Partition
}

// compareReplays finds that all have ended, and that their reports add up to the
// records that there are.
func (h *harness) compareReplays() {
	h.t.Helper()
	for _, r := range h.defined.Replays() {
		if r.EndedAt.IsZero() || r.Failure != "" {
			h.t.Errorf("replay %d is %s: %s", r.ID, r.State(), r.Failure)
		}
		for _, report := range r.Reports {
			for _, part := range report.Parts {
				h.compareReplayed(r, part)
			}
		}
	}
}

func (h *harness) compareReplayed(r *catalog.Replay, part catalog.ReplayPart) {
	h.t.Helper()
	sum := part.Applied + part.Repeated + part.Forwarded + part.DeadLettered + part.LeftOut
	tp := consumers.TopicPartition{Topic: part.Topic, Partition: part.Partition}
	least, most, leftOut := int64(0), int64(0), int64(0)
	for _, rec := range within(part, h.log.of(tp)) {
		least++
		if rec.Time < r.From || rec.Time >= r.To {
			h.t.Errorf("replay %d: %s offset %d is of %d, not from %d to %d", r.ID, tp, rec.Offset, rec.Time, r.From, r.To)
		}
	}
	for _, rec := range within(part, h.log.was(tp)) { // compacted before it was read, or after
		most++
		if rec.Topic = originOf(r, part.Topic); h.mayBeLeftOut(rec) {
			leftOut++
		}
	}
	if part.Read < least || part.Read > most || r.State() == catalog.ReplayDone && part.Next != part.End {
		h.t.Errorf("replay %d is %s: %+v, there are %d to %d records", r.ID, r.State(), part, least, most)
	}
	if part.Read != sum || part.LeftOut < 0 || part.LeftOut > leftOut {
		h.t.Errorf("replay %d: %+v does not add up, %d may be left out", r.ID, part, leftOut)
	}
}

// within are those records that a replay has done.
func within(part catalog.ReplayPart, records []consumers.Record) (done []consumers.Record) {
	for _, rec := range records {
		if rec.Offset >= part.From && rec.Offset < part.Next {
			done = append(done, rec)
		}
	}
	return done
}

// mayBeLeftOut tells whether a record has no meaning.
func (h *harness) mayBeLeftOut(rec consumers.Record) bool {
	d := decoder{inputs: h.config.Inputs}
	var e event
	if rec.Topic == TopicInbox && !unpack(&rec) {
		return true
	}
	return d.decode(&rec, &e) != "" && d.inputs[rec.Topic] != nil
}
