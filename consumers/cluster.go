package consumers

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol/listoffsets"
	"github.com/segmentio/kafka-go/protocol/metadata"
)

// topology is which topics there are and which broker leads each partition, as
// a broker says now.
type topology struct {
	leaders    map[TopicPartition]int32 // a partition without a leader is missing
	partitions map[string]int           // how many partitions each topic has
	refused    map[string]error         // topics that the broker won't describe, to this client
}

// topology asks for the named topics, for all if topics is nil. A topic that
// does not exist is missing in the answer; internal ones are left out.
func (c *Client) topology(ctx context.Context, topics []string) (*topology, error) {
	res, err := c.roundTrip(ctx, c.cfg.RequestTimeout, &metadataRequest{topics: topics, clientID: c.cfg.ClientID})
	if err != nil {
		return nil, fmt.Errorf("asking for the cluster's metadata: %w", err)
	}
	t := &topology{leaders: map[TopicPartition]int32{}, partitions: map[string]int{}, refused: map[string]error{}}
	for _, topic := range res.(metadataResponse).Topics {
		t.add(topic)
	}
	return t, nil
}

func (t *topology) add(topic metadata.ResponseTopic) {
	switch code := kafka.Error(topic.ErrorCode); {
	case topic.IsInternal, code == kafka.UnknownTopicOrPartition, code == kafka.LeaderNotAvailable:
		return
	case topic.ErrorCode != 0:
		t.refused[topic.Name] = fmt.Errorf("metadata of topic %s: %w", topic.Name, code)
		return
	}
	t.partitions[topic.Name] = len(topic.Partitions)
	for _, p := range topic.Partitions {
		if p.LeaderID >= 0 {
			t.leaders[TopicPartition{topic.Name, p.PartitionIndex}] = p.LeaderID
		}
	}
}

// unled is the error for a partition that has no leader here.
func (t *topology) unled(tp TopicPartition) error {
	if err := t.refused[tp.Topic]; err != nil {
		return err
	}
	if n, ok := t.partitions[tp.Topic]; !ok || int(tp.Partition) >= n {
		return fmt.Errorf("%s: %w", tp, kafka.UnknownTopicOrPartition)
	}
	return fmt.Errorf("%s: %w", tp, kafka.LeaderNotAvailable)
}

// leaderCache remembers leaders for requests that are made often.
type leaderCache struct {
	mu   sync.Mutex
	byTP map[TopicPartition]int32
}

// forget makes the next lookup ask again.
func (lc *leaderCache) forget() {
	lc.mu.Lock()
	defer lc.mu.Unlock()
	lc.byTP = nil
}

// byLeader groups partitions by the broker that leads them, from the cache as
// far as possible.
func (c *Client) byLeader(ctx context.Context, tps []TopicPartition) (map[int32][]TopicPartition, error) {
	if groups, missing := c.leaders.group(tps); missing == nil {
		return groups, nil
	}
	t, err := c.topology(ctx, topicsOf(tps))
	if err != nil {
		return nil, err
	}
	c.leaders.learn(t)
	groups, missing := c.leaders.group(tps)
	if missing != nil {
		return nil, t.unled(*missing)
	}
	return groups, nil
}

func (lc *leaderCache) learn(t *topology) {
	lc.mu.Lock()
	defer lc.mu.Unlock()
	if lc.byTP == nil {
		lc.byTP = map[TopicPartition]int32{}
	}
	maps.Copy(lc.byTP, t.leaders)
}

func (lc *leaderCache) group(tps []TopicPartition) (groups map[int32][]TopicPartition, missing *TopicPartition) {
	lc.mu.Lock()
	defer lc.mu.Unlock()
	groups = map[int32][]TopicPartition{}
	for _, tp := range tps {
		leader, ok := lc.byTP[tp]
		if !ok {
			return nil, &tp
		}
		groups[leader] = append(groups[leader], tp)
	}
	return groups, nil
}

func topicsOf(tps []TopicPartition) []string {
	topics := make([]string, 0, len(tps))
	for _, tp := range tps {
		topics = append(topics, tp.Topic)
	}
	slices.Sort(topics)
	return slices.Compact(topics)
}

// Timestamps that ListOffsets gives a meaning.
const (
	latestOffset   = -1 // the high watermark, for readers of all records
	earliestOffset = -2
)

// listOffsets returns, for each partition, the offset of the first record of
// that time (Unix ms) or later, -1 if there is none; or what one of the
// constants above says. One request goes to each leader.
func (c *Client) listOffsets(ctx context.Context, tps []TopicPartition, at int64) (map[TopicPartition]int64, error) {
	groups, err := c.byLeader(ctx, tps)
	if err != nil {
		return nil, err
	}
	offsets := make(map[TopicPartition]int64, len(tps))
	for broker, tps := range groups {
		if err := c.listOffsetsAt(ctx, broker, tps, at, offsets); err != nil {
			c.leaders.forget()
			return nil, err
		}
	}
	for _, tp := range tps {
		if _, ok := offsets[tp]; !ok {
			return nil, fmt.Errorf("listing offsets: no answer for %s", tp)
		}
	}
	return offsets, nil
}

func (c *Client) listOffsetsAt(ctx context.Context, broker int32, tps []TopicPartition, at int64, into map[TopicPartition]int64) error {
	req := &listOffsetsRequest{ReplicaID: -1, broker: broker}
	byTopic := map[string][]listoffsets.RequestPartition{}
	for _, tp := range tps {
		byTopic[tp.Topic] = append(byTopic[tp.Topic],
			listoffsets.RequestPartition{Partition: tp.Partition, CurrentLeaderEpoch: -1, Timestamp: at})
	}
	for topic, partitions := range byTopic {
		req.Topics = append(req.Topics, listoffsets.RequestTopic{Topic: topic, Partitions: partitions})
	}
	res, err := c.roundTrip(ctx, c.cfg.RequestTimeout, req)
	if err != nil {
		return fmt.Errorf("listing offsets at broker %d: %w", broker, err)
	}
	for _, t := range res.(*listoffsets.Response).Topics {
		for _, p := range t.Partitions {
			tp := TopicPartition{t.Topic, p.Partition}
			if p.ErrorCode != 0 {
				return fmt.Errorf("listing offsets of %s: %w", tp, kafka.Error(p.ErrorCode))
			}
			into[tp] = p.Offset
		}
	}
	return nil
}
