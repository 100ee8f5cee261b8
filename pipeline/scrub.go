package pipeline

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"time"

	"rollcall/bitmaps"
	"rollcall/consumers"
	"rollcall/pipeline/catalog"
)

// What rollcall has written to topics of its own names contacts too: forwarded
// records in the inbox, and dead letters. Both topics are compacted, and each of
// their records has a key of its own, so a record is taken out by writing its
// key without a value. The owner of a partition does that in rounds, beside its
// work, for every contact that was erased since the round before.

// closing is for how long after it took something out a scrubber goes on
// writing: Kafka compacts a segment only after it has closed it, and it closes
// it only when something is written. It is twice what the topics are created
// with as max.compaction.lag.ms.
const closing = 48 * time.Hour

// scrubKey is the key of the records that are written for that only.
const scrubKey = "scrub"

// scrubbed is how far a partition is scrubbed, as rollcall.progress remembers it.
type scrubbed struct {
	Erasures map[int32]int64  `json:"erasures"` // by partition: those below were looked for everywhere
	Next     map[string]int64 `json:"next"`     // by topic: records below were held against those
	Until    int64            `json:"until"`    // Unix ms; until when to go on writing
}

func scrubbedKey(partition int32) string { return scrubbedPrefix + strconv.Itoa(int(partition)) }

// scrubbedTopics are those that a scrubber goes through.
var scrubbedTopics = []string{TopicInbox, TopicDeadLetters}

// scrubber scrubs a partition. All that it knows is in Kafka. Two that work on
// one partition do no harm.
type scrubber struct {
	log        Log
	catalog    *catalog.Catalog
	watermarks Watermarks
	partition  int32
	partitions int32
	publish    bool // the erasures of the partition itself are done once their changes are told
	every      time.Duration
	now        func() time.Time
}

func newScrubber(cfg *Config, partition int32, watermarks Watermarks) *scrubber {
	return &scrubber{
		log: cfg.Log, catalog: cfg.Catalog, watermarks: watermarks, partition: partition, partitions: cfg.Partitions,
		publish: cfg.Publish, every: cmp.Or(cfg.ScrubEvery, time.Hour), now: cfg.Now,
	}
}

// Run does rounds until ctx ends. Partitions take turns, by the clock, so that a
// task that is often opened anew has its turn too.
func (s *scrubber) Run(ctx context.Context) {
	turn := s.every * time.Duration(s.partition) / time.Duration(s.partitions)
	for {
		pause(ctx, s.every-time.Duration(s.now().UnixNano()-int64(turn))%s.every)
		if ctx.Err() != nil {
			return
		}
		if err := s.round(ctx); err != nil && ctx.Err() == nil {
			slog.Warn("scrubbing failed, will be done again", "partition", s.partition, "err", err)
		}
	}
}

// round takes out what names a contact that was erased, if there is anything new.
func (s *scrubber) round(ctx context.Context) error {
	done, published, err := s.recall(ctx)
	if err != nil {
		return fmt.Errorf("progress of partition %d: %w", s.partition, err)
	}
	ends, err := s.ends(ctx, published)
	if err != nil {
		return err
	}
	before, _ := json.Marshal(done)
	if err := s.sweepAll(ctx, &done, ends); err != nil {
		return err
	}
	if err := s.closeSegments(ctx, &done); err != nil {
		return err
	}
	after, err := json.Marshal(done)
	if err != nil || bytes.Equal(before, after) {
		return err
	}
	_, err = s.log.Write(ctx, []consumers.Message{
		{Topic: TopicProgress, Partition: s.partition, Key: []byte(scrubbedKey(s.partition)), Value: after},
	})
	return err
}

// recall reads what Kafka remembers of the partition.
func (s *scrubber) recall(ctx context.Context) (done scrubbed, published progress, err error) {
	tp := consumers.TopicPartition{Topic: TopicProgress, Partition: s.partition}
	_, err = s.log.ReadAll(ctx, tp, -1, func(r *consumers.Record) error {
		switch string(r.Key) {
		case scrubbedKey(s.partition):
			done = scrubbed{}
			return json.Unmarshal(r.Value, &done)
		case publishedKey(s.partition):
			published = progress{}
			return json.Unmarshal(r.Value, &published)
		}
		return nil
	})
	if done.Next == nil {
		done.Next = map[string]int64{}
	}
	return done, published, err
}

// ends is up to where a round goes: for erasures, in each partition.
func (s *scrubber) ends(ctx context.Context, published progress) (scrubbed, error) {
	tps := []consumers.TopicPartition{}
	for _, topic := range scrubbedTopics {
		tps = append(tps, consumers.TopicPartition{Topic: topic, Partition: s.partition})
	}
	for q := range s.partitions {
		tps = append(tps, consumers.TopicPartition{Topic: TopicErasures, Partition: q})
	}
	marks, err := s.watermarks(ctx, tps)
	if err != nil {
		return scrubbed{}, err
	}
	ends := scrubbed{Erasures: map[int32]int64{}, Next: map[string]int64{}}
	for tp, mark := range marks {
		if tp.Topic == TopicErasures {
			ends.Erasures[tp.Partition] = mark.High
		} else {
			ends.Next[tp.Topic] = mark.High
		}
	}
	// A state that is brought back to where changes were published must find
	// what it was made from.
	if own := ends.Erasures[s.partition]; s.publish {
		ends.Erasures[s.partition] = min(own, offsetOf(published.Offsets, TopicErasures, s.partition, own))
	}
	return ends, nil
}

// offsetOf is the offset of a partition, otherwise if it is not there.
func offsetOf(offsets []bitmaps.Offset, topic string, partition int32, otherwise int64) int64 {
	for _, o := range offsets {
		if o.Topic == topic && o.Partition == partition {
			return o.Next
		}
	}
	return otherwise
}

// sweepAll goes through the topics: from the beginning if there are new
// erasures, and through what is new if not.
func (s *scrubber) sweepAll(ctx context.Context, done *scrubbed, ends scrubbed) error {
	newErasures := !maps.Equal(done.Erasures, ends.Erasures)
	if !newErasures && maps.Equal(done.Next, ends.Next) {
		return nil
	}
	erased, err := s.erasures(ctx, ends.Erasures)
	if err != nil {
		return err
	}
	for _, topic := range scrubbedTopics {
		from := done.Next[topic]
		if newErasures {
			from = -1
		}
		if len(erased.until) > 0 && from < ends.Next[topic] {
			took, left, err := s.sweep(ctx, topic, from, erased)
			if err != nil {
				return err
			}
			if left && s.now().UnixMilli() >= done.Until {
				done.Until = s.now().Add(closing).UnixMilli()
			}
			if took > 0 {
				slog.Info("records of erased contacts are taken out", "topic", topic, "partition", s.partition, "records", took)
				done.Until = s.now().Add(closing).UnixMilli()
			}
		}
		done.Next[topic] = ends.Next[topic]
	}
	done.Erasures = ends.Erasures
	return nil
}

var errEnd = errors.New("end")

// erasures reads all of them, up to the ends given.
func (s *scrubber) erasures(ctx context.Context, ends map[int32]int64) (*erasedContacts, error) {
	erased := newErasedContacts(s.catalog)
	for q, end := range ends {
		tp := consumers.TopicPartition{Topic: TopicErasures, Partition: q}
		if end == 0 {
			continue
		}
		_, err := s.log.ReadAll(ctx, tp, -1, func(r *consumers.Record) error {
			if r.Offset >= end {
				return errEnd
			}
			erased.add(r)
			return nil
		})
		if err != nil && !errors.Is(err, errEnd) {
			return nil, err
		}
	}
	return erased, nil
}

// sweep takes what names an erased contact out of a topic, and tells how much
// that was. What is taken out already and not yet compacted away is left alone.
func (s *scrubber) sweep(ctx context.Context, topic string, from int64, erased *erasedContacts) (took int, left bool, err error) {
	tp := consumers.TopicPartition{Topic: topic, Partition: s.partition}
	found := map[string]bool{}
	take := func(r *consumers.Record) error {
		switch {
		case r.Key == nil:
		case r.Value == nil:
			left = left || found[string(r.Key)]
			delete(found, string(r.Key))
		case erased.named(r):
			found[string(r.Key)] = true
		}
		return nil
	}
	_, err = s.log.ReadAll(ctx, tp, from, take)
	if lost := (*consumers.OffsetLostError)(nil); errors.As(err, &lost) { // somebody cut it off
		_, err = s.log.ReadAll(ctx, tp, -1, take)
	}
	if err != nil {
		return 0, left, err
	}
	for keys := range slices.Chunk(slices.Sorted(maps.Keys(found)), scrubAtOnce) {
		var messages []consumers.Message
		for _, key := range keys {
			messages = append(messages, consumers.Message{Topic: topic, Partition: s.partition, Key: []byte(key)})
		}
		if _, err := s.log.Write(ctx, messages); err != nil {
			return took, left, err
		}
		took += len(keys)
	}
	return took, left, nil
}

const scrubAtOnce = 1000 // records taken out with one write

// closeSegments writes something to the topics while there may be something
// that Kafka has yet to compact away.
func (s *scrubber) closeSegments(ctx context.Context, done *scrubbed) error {
	if s.now().UnixMilli() >= done.Until {
		return nil
	}
	var messages []consumers.Message
	for _, topic := range scrubbedTopics {
		messages = append(messages, consumers.Message{Topic: topic, Partition: s.partition, Key: []byte(scrubKey)})
	}
	offsets, err := s.log.Write(ctx, messages)
	for i, offset := range offsets {
		if topic := messages[i].Topic; offset == done.Next[topic] {
			done.Next[topic] = offset + 1 // nothing to look at
		}
	}
	return err
}
