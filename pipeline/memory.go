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
	"strings"

	"rollcall/bitmaps"
	"rollcall/consumers"
)

// memory is what rollcall.progress remembers of a partition, beside the outbox's
// part, whatever becomes of Redis.
type memory struct {
	published progress                           // up to where changes were published
	begun     map[consumers.TopicPartition]int64 // where the state began
}

// progress is how far a partition's changes were published: the commit, and
// what its state was a function of.
type progress struct {
	Lineage     string           `json:"lineage"`
	Seq         uint64           `json:"seq"`
	Offsets     []bitmaps.Offset `json:"offsets"`
	Definitions int64            `json:"definitions"`
	Now         int64            `json:"now"`     // Unix ms
	Changes     int64            `json:"changes"` // the offset in TopicSegmentChanges after those
}

// The keys of rollcall.progress.
const (
	donePrefix  = "done/"  // up to where side effects of a source are written
	begunPrefix = "begun/" // where the state began in a source

	scrubbedPrefix = "scrubbed/" // see scrubbed
)

func doneKey(tp consumers.TopicPartition) string  { return donePrefix + tp.String() }
func begunKey(tp consumers.TopicPartition) string { return begunPrefix + tp.String() }
func publishedKey(partition int32) string         { return "published/" + strconv.Itoa(int(partition)) }

// recall reads what Kafka remembers. What somebody else wrote there is passed over.
func (t *Task) recall(ctx context.Context) error {
	t.memory = memory{begun: map[consumers.TopicPartition]int64{}}
	t.out = outbox{
		silent: t.Silent, partition: t.partition, partitions: t.Partitions,
		done: map[consumers.TopicPartition]int64{}, reached: map[consumers.TopicPartition]int64{},
	}
	_, err := t.Log.ReadAll(ctx, consumers.TopicPartition{Topic: TopicProgress, Partition: t.partition}, -1,
		func(r *consumers.Record) error {
			if err := t.recallOne(r.Key, r.Value); err != nil {
				slog.Warn("a record of progress can't be read", "partition", r.TopicPartition.String(), "offset", r.Offset, "err", err)
			}
			return nil
		})
	return err
}

func (t *Task) recallOne(key, value []byte) error {
	if source, ok := bytes.CutPrefix(key, []byte(donePrefix)); ok {
		return recallOffset(t.out.done, source, value)
	}
	if source, ok := bytes.CutPrefix(key, []byte(begunPrefix)); ok {
		return recallOffset(t.memory.begun, source, value)
	}
	switch string(key) {
	case scrubbedKey(t.partition):
		return nil // the scrubber's own
	case publishedKey(t.partition):
	default:
		return errors.New("unknown key")
	}
	var p progress
	if err := json.Unmarshal(value, &p); err != nil {
		return err
	}
	if p.Now < 0 {
		return fmt.Errorf("published in %d, Unix ms", p.Now)
	}
	t.memory.published = p
	return nil
}

func recallOffset(into map[consumers.TopicPartition]int64, source, value []byte) error {
	topic, number, _ := strings.Cut(string(source), "/")
	partition, err := strconv.ParseInt(number, 10, 32)
	if err != nil {
		return err
	}
	next, err := strconv.ParseInt(string(value), 10, 64)
	if err == nil {
		into[consumers.TopicPartition{Topic: topic, Partition: int32(partition)}] = next
	}
	return err
}

// begins notes where the state begins in a source that is new to it, here and
// in Kafka.
func (t *Task) begins(ctx context.Context, marks map[consumers.TopicPartition]consumers.Watermark) error {
	known := t.Offsets()
	var messages []consumers.Message
	for _, tp := range sortedPartitions(marks) {
		start := marks[tp].LogStart
		if _, ok := known[tp]; !ok {
			t.checkpoint.Offsets = append(t.checkpoint.Offsets,
				bitmaps.Offset{Topic: tp.Topic, Partition: tp.Partition, First: start, Next: start})
		}
		if _, ok := t.memory.begun[tp]; !ok {
			t.memory.begun[tp] = start
			messages = append(messages, consumers.Message{
				Topic: TopicProgress, Partition: t.partition, Key: []byte(begunKey(tp)), Value: strconv.AppendInt(nil, start, 10),
			})
		}
	}
	if len(messages) == 0 {
		return nil
	}
	_, err := t.Log.Write(ctx, messages)
	return err
}

func sortedPartitions[V any](of map[consumers.TopicPartition]V) []consumers.TopicPartition {
	return slices.SortedFunc(maps.Keys(of), func(a, b consumers.TopicPartition) int {
		return cmp.Or(strings.Compare(a.Topic, b.Topic), cmp.Compare(a.Partition, b.Partition))
	})
}
