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
// records in the inbox, dead letters, and snapshots. These topics are compacted,
// and each of their records has a key of its own, so a record is taken out by
// writing its key without a value. The owner of a partition does that in rounds,
// beside its work, for every contact that was erased since the round before.

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
	Voided   int64            `json:"voided"`   // snapshots that were given up by then were looked for everywhere
	Until    int64            `json:"until"`    // Unix ms; until when to go on writing
}

func scrubbedKey(partition int32) string { return scrubbedPrefix + strconv.Itoa(int(partition)) }

// scrubbedTopics are those that a scrubber goes through.
var scrubbedTopics = []string{TopicInbox, TopicDeadLetters, TopicSnapshots}

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
	newErasures, voided := !maps.Equal(done.Erasures, ends.Erasures), s.catalog.Voided()
	if !newErasures && voided == done.Voided && maps.Equal(done.Next, ends.Next) {
		return nil
	}
	erased, err := s.erasures(ctx, ends.Erasures, done.Erasures)
	if err != nil {
		return err
	}
	for _, topic := range scrubbedTopics {
		from, end := done.Next[topic], ends.Next[topic]
		if newErasures || topic == TopicSnapshots && voided != done.Voided {
			from = -1
		}
		var did swept
		switch {
		case from >= end:
		case topic == TopicSnapshots:
			did, err = s.sweepSnapshots(ctx, from, done.Next[topic], erased)
		case len(erased.until) > 0:
			did, err = s.sweep(ctx, topic, from, erased)
		}
		if err != nil {
			return err
		}
		done.Next[topic] = end
		if did.again > 0 {
			done.Next[topic] = min(end, did.again-1)
		}
		s.keepClosing(done, topic, did)
	}
	done.Erasures, done.Voided = ends.Erasures, voided
	return nil
}

// swept is what came of going through a topic.
type swept struct {
	took  int   // records taken out, or written anew
	left  bool  // something is taken out already and not yet compacted away
	again int64 // 1 + the offset from which to look again, 0: from the end on
}

// keepClosing has Kafka compact what was taken out.
func (s *scrubber) keepClosing(done *scrubbed, topic string, did swept) {
	if did.took > 0 {
		slog.Info("records are taken out, or written without erased contacts", "topic", topic, "partition", s.partition, "records", did.took)
	}
	if did.took > 0 || did.left && s.now().UnixMilli() >= done.Until {
		done.Until = s.now().Add(closing).UnixMilli()
	}
}

var errEnd = errors.New("end")

// sweep takes what names an erased contact out of a topic. What is taken out
// already and not yet compacted away is left alone.
func (s *scrubber) sweep(ctx context.Context, topic string, from int64, erased *erasedContacts) (done swept, err error) {
	tp := consumers.TopicPartition{Topic: topic, Partition: s.partition}
	found := map[string]bool{}
	take := func(r *consumers.Record) error {
		switch {
		case r.Key == nil:
		case r.Value == nil:
			done.left = done.left || found[string(r.Key)]
			delete(found, string(r.Key))
		case erased.named(r):
			found[string(r.Key)] = true
		}
		return nil
	}
	if err := s.readFrom(ctx, tp, from, take); err != nil {
		return done, err
	}
	for keys := range slices.Chunk(slices.Sorted(maps.Keys(found)), scrubAtOnce) {
		var messages []consumers.Message
		for _, key := range keys {
			messages = append(messages, consumers.Message{Topic: topic, Partition: s.partition, Key: []byte(key)})
		}
		if _, err := s.log.Write(ctx, messages); err != nil {
			return done, err
		}
		done.took += len(keys)
	}
	return done, nil
}

// readFrom reads a partition from an offset on, or from where it begins now.
func (s *scrubber) readFrom(ctx context.Context, tp consumers.TopicPartition, from int64, take func(*consumers.Record) error) error {
	_, err := s.log.ReadAll(ctx, tp, from, take)
	if lost := (*consumers.OffsetLostError)(nil); errors.As(err, &lost) { // somebody cut it off
		_, err = s.log.ReadAll(ctx, tp, -1, take)
	}
	return err
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
