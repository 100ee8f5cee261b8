package node

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"rollcall/consumers"
	"rollcall/pipeline"
	"rollcall/pipeline/inputs"
)

// sources are the topics that tasks read, beside those that are mapped; the
// first eight are the producers'.
var sources = []string{
	pipeline.TopicSent, pipeline.TopicClicked, pipeline.TopicFailed, pipeline.TopicReplied,
	pipeline.TopicOptedIn, pipeline.TopicOptedOut, pipeline.TopicContacts, pipeline.TopicLists,
	pipeline.TopicInbox, pipeline.TopicErasures,
}

// timed are the producers' topics whose Kafka time decides what is true.
var timed = []string{pipeline.TopicContacts, pipeline.TopicOptedIn, pipeline.TopicOptedOut}

const (
	forever = "-1"
	// largest is the largest request that brokers take, unless configured
	// otherwise (socket.request.max.bytes).
	largest = "104857600"
	// historyKept is sizes.DaysFor, in ms.
	historyKept = "69120000000"
	// compactedWithin bounds how long what was taken out of a topic stays, once
	// its segment is closed, and how long that takes; in ms.
	compactedWithin = "86400000"
	// forwarded lets a value of 1 MiB, the most that is not refused, come with
	// its key and headers.
	forwarded = "2097152"
)

// Topics are all that Open creates where they are missing, for a state of so
// many partitions.
func Topics(partitions int) []consumers.TopicSpec { return specs(partitions, -1) }

// specs describes every topic as it is created where it is missing.
func specs(partitions, replication int) []consumers.TopicSpec {
	var all []consumers.TopicSpec
	add := func(name string, partitions int, config map[string]string) {
		config["message.timestamp.type"] = "LogAppendTime"
		all = append(all, consumers.TopicSpec{
			Name: name, Partitions: partitions, ReplicationFactor: replication, Config: config,
		})
	}
	kept := func() map[string]string {
		return map[string]string{"retention.ms": forever, "retention.bytes": forever}
	}
	compacted := func() map[string]string { return map[string]string{"cleanup.policy": "compact"} }
	// Kept forever, but for what is taken out.
	scrubbed := func(largest string) map[string]string {
		return map[string]string{
			"cleanup.policy": "compact", "max.message.bytes": largest,
			"max.compaction.lag.ms": compactedWithin, "segment.ms": compactedWithin,
		}
	}
	for _, topic := range sources {
		switch topic {
		case pipeline.TopicContacts:
			add(topic, partitions, compacted())
		case pipeline.TopicInbox:
			add(topic, partitions, scrubbed(forwarded))
		default:
			add(topic, partitions, kept())
		}
	}
	add(pipeline.TopicDeadLetters, partitions, scrubbed(largest)) // whatever a producer's topic takes is to fit
	add(pipeline.TopicSnapshots, partitions, scrubbed(forwarded))
	// A week, and a day more at most.
	add(pipeline.TopicSegmentChanges, partitions, map[string]string{"retention.ms": "604800000", "segment.ms": "86400000"})
	// Records take the place of those that have become too old, and those of
	// accounts that are no more go when they are as old as any history gets.
	add(pipeline.TopicSizes, partitions, map[string]string{
		"cleanup.policy": "compact,delete", "retention.ms": historyKept, "segment.ms": "86400000", "max.message.bytes": largest,
	})
	add(pipeline.TopicProgress, partitions, compacted())
	add(pipeline.TopicDefinitions, 1, kept())
	return all
}

// ensureTopics creates what is missing and returns the number of partitions of
// the state: that of our own inbox, which is created with the state.
func ensureTopics(ctx context.Context, c *consumers.Client, wanted, replication int) (int32, error) {
	counts, err := c.Topics(ctx)
	if err != nil {
		return 0, fmt.Errorf("list topics: %w", err)
	}
	partitions := wanted
	if n := counts[pipeline.TopicInbox]; n > 0 {
		partitions = n
	} else if n := usual(counts); n > 0 {
		partitions = n
	}
	counts, err = c.EnsureTopics(ctx, specs(partitions, replication))
	if err != nil {
		return 0, fmt.Errorf("create topics: %w", err)
	}
	return int32(counts[pipeline.TopicInbox]), nil
}

// checkInputs wants the mapped topics to be there: they are the producers' to create.
func checkInputs(ctx context.Context, c *consumers.Client, mapped inputs.Set) error {
	counts, err := c.PartitionCounts(ctx, mapped.Topics())
	if err != nil {
		return fmt.Errorf("mapped topics: %w", err)
	}
	for _, topic := range mapped.Topics() {
		if counts[topic] == 0 {
			return fmt.Errorf("inputs: there is no topic %q; whoever writes to it is to create it", topic)
		}
	}
	return nil
}

// usual is the partition count that most of the producers' topics have, 0 if
// there are none.
func usual(counts map[string]int) int {
	votes := map[int]int{}
	best := 0
	for _, topic := range sources[:8] {
		if n := counts[topic]; n > 0 {
			votes[n]++
			if votes[n] > votes[best] {
				best = n
			}
		}
	}
	return best
}

// wrongTimes says, with the command that mends it, which of the producers'
// topics are dated by the producers.
func wrongTimes(ctx context.Context, c *consumers.Client, mapped inputs.Set) ([]string, error) {
	topics := slices.Clone(timed)
	for topic, in := range mapped {
		if in.Means(timed...) {
			topics = append(topics, topic)
		}
	}
	types, err := c.TimestampType(ctx, topics...)
	if err != nil {
		return nil, fmt.Errorf("timestamp types: %w", err)
	}
	var wrong []string
	for topic, kind := range types {
		if kind != "LogAppendTime" {
			wrong = append(wrong, fmt.Sprintf("topic %s is dated by its producers (%s); mend it with: kafka-configs.sh --bootstrap-server %s "+
				"--alter --entity-type topics --entity-name %s --add-config message.timestamp.type=LogAppendTime, or start with --allow-create-time",
				topic, kind, "BROKER", topic))
		}
	}
	slices.SortFunc(wrong, strings.Compare)
	return wrong, nil
}
