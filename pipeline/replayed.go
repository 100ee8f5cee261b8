package pipeline

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"rollcall/bitmaps"
	"rollcall/consumers"
	"rollcall/pipeline/catalog"
	"rollcall/pipeline/inputs"
)

// A replay copies records into the inbox of the partition whose owner read
// them, with where they first stood, so a copy is folded like any forwarded
// record: now, in a rebuild, and ever after. A header says of which replay it is
// a copy, and of what. From that the task counts what became of the records
// read, each once, however often it was copied: the counts are a fold of the
// log too, and so is how far the copying is, which begins anew from there.

// headerReplay names a copy: see copied.
const headerReplay = "rollcall-replay"

// copied is the source of a copy.
type copied struct {
	replay int64
	consumers.TopicPartition
	offset int64
	nth    int64 // of the records read of the partition, from 1
}

func (c *copied) String() string {
	return fmt.Sprintf("%d %s %d %d %d", c.replay, c.Topic, c.Partition, c.offset, c.nth)
}

func parseCopied(value []byte) (c copied, ok bool) {
	words := strings.Split(string(value), " ")
	if len(words) != 5 {
		return c, false
	}
	c.Topic = words[1]
	partition := int64(0)
	for word, into := range map[int]*int64{0: &c.replay, 2: &partition, 3: &c.offset, 4: &c.nth} {
		n, err := strconv.ParseInt(words[word], 10, 64)
		if err != nil || n < 0 {
			return c, false
		}
		*into = n
	}
	c.Partition = int32(partition)
	return c, int64(c.Partition) == partition
}

// checkReplay says what about a topic of a replay can't be right.
func checkReplay(t catalog.ReplayTopic, mapped inputs.Set) error {
	switch t.Name {
	case TopicDeadLetters, TopicErasures, TopicDefinitions, TopicProgress, TopicSegmentChanges:
		return fmt.Errorf("%s holds no records of producers", t.Name)
	}
	if t.Name != t.Origin() && isSource(t.Name, mapped) {
		return fmt.Errorf("%s is a topic that is read: only an archive stands for another", t.Name)
	}
	if !isSource(t.Origin(), mapped) {
		return fmt.Errorf("%s is not a topic that is read: name the one that its records first stood in", t.Origin())
	}
	return nil
}

func isSource(topic string, mapped inputs.Set) bool {
	_, known := shapes[topic]
	return known || mapped[topic] != nil || topic == TopicInbox
}

// dated tells whether the Kafka time of an archive's records may decide what is
// true: only of the contract's behaviours it is but a day, and in the inbox it
// is said in headers.
func dated(t catalog.ReplayTopic) bool {
	s, known := shapes[t.Origin()]
	return t.Name != t.Origin() && t.Origin() != TopicInbox && !(known && s.kind == behaviourRecord)
}

// countCopy enters a copy into the counts of its replay, unless one of the same
// record is in them. Of a replay on which this partition has reported nothing
// is counted any more.
func (t *Task) countCopy(ctx context.Context, r *consumers.Record, outcome bitmaps.Outcome) error {
	if r.Topic != TopicInbox {
		return nil
	}
	value, ok := r.Header(headerReplay)
	if !ok {
		return nil
	}
	c, ok := parseCopied(value)
	if !ok {
		return nil // not of ours
	}
	if c.replay >= t.Catalog.Offset() && !t.caughtUp { // it is newer than what this process has read
		if err := t.CatchUp(ctx); err != nil {
			return err
		}
		t.caughtUp = true
	}
	if c.Partition%t.Partitions != t.partition || !t.reports(c.replay, c.Topic) {
		return nil
	}
	at := t.replayed(c.replay, c.TopicPartition)
	if c.offset < at.Next {
		return nil
	}
	at.Next, at.Read = c.offset+1, c.nth
	at.Outcomes[outcome]++
	return nil
}

// reports tells whether this partition is still to report on a replay of the topic.
func (t *Task) reports(replay int64, topic string) bool {
	r := t.Catalog.Replay(replay)
	if r == nil {
		return false
	}
	_, told := r.Reports[t.partition]
	return !told && slices.ContainsFunc(r.Topics, func(of catalog.ReplayTopic) bool { return of.Name == topic })
}

// replayed is the checkpoint's entry for a source partition, made if need be.
func (t *Task) replayed(replay int64, tp consumers.TopicPartition) *bitmaps.Replayed {
	all := t.checkpoint.Replays
	i := slices.IndexFunc(all, func(r bitmaps.Replayed) bool {
		return r.Replay == replay && r.Topic == tp.Topic && r.Partition == tp.Partition
	})
	if i < 0 {
		i = len(all)
		t.checkpoint.Replays = append(all, bitmaps.Replayed{Replay: replay, Topic: tp.Topic, Partition: tp.Partition})
	}
	return &t.checkpoint.Replays[i]
}

// noteReplays commits what the copier plans, and forgets what was reported. It
// tells whether there was any.
func (t *Task) noteReplays(ctx context.Context) (bool, error) {
	if t.copier == nil {
		return false, nil
	}
	plan := t.copier.takePlan()
	for _, planned := range plan {
		tp := consumers.TopicPartition{Topic: planned.Topic, Partition: planned.Partition}
		at := t.replayed(planned.Replay, tp)
		at.Planned, at.From, at.End, at.Next = true, planned.From, planned.End, max(at.Next, planned.From)
	}
	before := len(t.checkpoint.Replays)
	t.checkpoint.Replays = slices.DeleteFunc(t.checkpoint.Replays, func(r bitmaps.Replayed) bool {
		return r.Replay < t.Catalog.Offset() && !t.reports(r.Replay, r.Topic)
	})
	if len(plan) == 0 && len(t.checkpoint.Replays) == before {
		return false, nil
	}
	t.begin()
	return true, t.commit(ctx)
}

// reportOf is what became of a source partition.
func reportOf(r *bitmaps.Replayed) catalog.ReplayPart {
	return catalog.ReplayPart{
		Topic: r.Topic, Partition: r.Partition, From: r.From, Next: r.Next, End: r.End, Read: r.Read,
		Applied: r.Outcomes[bitmaps.Applied], Repeated: r.Outcomes[bitmaps.Repeated], Forwarded: r.Outcomes[bitmaps.Forwarded],
		DeadLettered: r.Outcomes[bitmaps.DeadLettered], LeftOut: r.Read - r.Copies(),
	}
}
