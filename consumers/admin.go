package consumers

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/segmentio/kafka-go"
)

// Watermark is where a partition's log begins and ends.
type Watermark struct {
	LogStart int64 // the first offset that is kept
	High     int64 // one past the last committed record, open transactions included
}

// check says whether reading can begin at an offset.
func (w Watermark) check(tp TopicPartition, offset int64) error {
	if offset < w.LogStart || offset > w.High {
		return &OffsetLostError{TopicPartition: tp, Want: offset, LogStart: w.LogStart, End: w.High}
	}
	return nil
}

// watermarkTries bounds the attempts to read watermarks, to about 10 s: just
// after a topic was created its leaders may not know yet.
const watermarkTries = 10

// Watermarks asks the leaders for the watermarks of the partitions: two
// requests per broker. What may succeed later is retried for some seconds.
func (c *Client) Watermarks(ctx context.Context, tps []TopicPartition) (map[TopicPartition]Watermark, error) {
	for n := 1; ; n++ {
		marks, err := c.tryWatermarks(ctx, tps)
		if err == nil || !retriable(err) || n == watermarkTries || ctx.Err() != nil {
			return marks, err
		}
		if err := sleep(ctx, backoff(n, retryFirst, retryMost)); err != nil {
			return nil, err
		}
	}
}

func (c *Client) tryWatermarks(ctx context.Context, tps []TopicPartition) (map[TopicPartition]Watermark, error) {
	start, err := c.listOffsets(ctx, tps, earliestOffset)
	if err != nil {
		return nil, err
	}
	high, err := c.listOffsets(ctx, tps, latestOffset)
	if err != nil {
		return nil, err
	}
	marks := make(map[TopicPartition]Watermark, len(tps))
	for _, tp := range tps {
		marks[tp] = Watermark{LogStart: start[tp], High: high[tp]}
	}
	return marks, nil
}

// OffsetsAt returns, for each partition, the offset of its first record of the
// time or later, by Kafka's time; -1 where there is none yet.
func (c *Client) OffsetsAt(ctx context.Context, tps []TopicPartition, at time.Time) (map[TopicPartition]int64, error) {
	return c.listOffsets(ctx, tps, at.UnixMilli())
}

// PartitionCounts returns the partition counts of those of the topics that exist.
func (c *Client) PartitionCounts(ctx context.Context, topics []string) (map[string]int, error) {
	t, err := c.topology(ctx, topics)
	if err != nil {
		return nil, err
	}
	return t.partitions, nil
}

// Topics returns all topics but Kafka's internal ones, with their partition
// counts.
func (c *Client) Topics(ctx context.Context) (map[string]int, error) {
	t, err := c.topology(ctx, nil)
	if err != nil {
		return nil, err
	}
	return t.partitions, nil
}

// TopicSpec is a topic that should exist.
type TopicSpec struct {
	Name              string
	Partitions        int
	ReplicationFactor int               // -1: the broker's default
	Config            map[string]string // topic configuration, e.g. "cleanup.policy"
}

// EnsureTopics creates the topics that are missing and returns the partition
// counts of all of them as they are. A topic that exists is left as it is.
func (c *Client) EnsureTopics(ctx context.Context, specs []TopicSpec) (map[string]int, error) {
	names := make([]string, len(specs))
	for i, s := range specs {
		names[i] = s.Name
	}
	t, err := c.topology(ctx, names)
	if err != nil {
		return nil, err
	}
	var missing []kafka.TopicConfig
	for _, s := range specs {
		if _, ok := t.partitions[s.Name]; !ok {
			missing = append(missing, s.kafka())
		}
	}
	if missing == nil {
		return t.partitions, nil
	}
	if err := c.createTopics(ctx, missing); err != nil {
		return nil, err
	}
	return c.awaitTopics(ctx, names)
}

func (s TopicSpec) kafka() kafka.TopicConfig {
	t := kafka.TopicConfig{Topic: s.Name, NumPartitions: s.Partitions, ReplicationFactor: s.ReplicationFactor}
	for name, value := range s.Config {
		t.ConfigEntries = append(t.ConfigEntries, kafka.ConfigEntry{ConfigName: name, ConfigValue: value})
	}
	return t
}

func (c *Client) createTopics(ctx context.Context, topics []kafka.TopicConfig) error {
	res, err := c.kafkaClient().CreateTopics(ctx, &kafka.CreateTopicsRequest{Topics: topics})
	if err != nil {
		return fmt.Errorf("creating topics: %w", err)
	}
	var errs []error
	for name, err := range res.Errors {
		if err != nil && !errors.Is(err, kafka.TopicAlreadyExists) {
			errs = append(errs, fmt.Errorf("creating topic %s: %w", name, err))
		}
	}
	return errors.Join(errs...)
}

// awaitTopics waits until all partitions of the topics have leaders: a broker
// answers a creation before all others know of it.
func (c *Client) awaitTopics(ctx context.Context, names []string) (map[string]int, error) {
	for n := 1; ; n++ {
		t, err := c.topology(ctx, names)
		if err == nil && t.complete(names) {
			return t.partitions, nil
		}
		if wait := sleep(ctx, backoff(n, retryFirst, retryMost)); wait != nil {
			return nil, fmt.Errorf("waiting for created topics: %w", errors.Join(wait, err))
		}
	}
}

func (t *topology) complete(names []string) bool {
	for _, name := range names {
		n, ok := t.partitions[name]
		for p := range n {
			if _, led := t.leaders[TopicPartition{name, int32(p)}]; !led {
				return false
			}
		}
		if !ok {
			return false
		}
	}
	return true
}

// TimestampType returns the message.timestamp.type of the topics, which says
// what [Record.Time] means there: "CreateTime" or "LogAppendTime".
func (c *Client) TimestampType(ctx context.Context, topics ...string) (map[string]string, error) {
	const name = "message.timestamp.type"
	configs, errs, err := c.topicConfigs(ctx, topics, name)
	if err != nil {
		return nil, err
	}
	for _, err := range errs {
		return nil, err
	}
	types := map[string]string{}
	for topic, config := range configs {
		if kind, ok := config[name]; ok {
			types[topic] = kind
		}
	}
	return types, nil
}

// topicConfigs reads configuration of topics by name, and says of which it
// can't be read.
func (c *Client) topicConfigs(ctx context.Context, topics []string, names ...string) (configs map[string]map[string]string, errs map[string]error, err error) {
	req := &kafka.DescribeConfigsRequest{}
	for _, t := range topics {
		req.Resources = append(req.Resources, kafka.DescribeConfigRequestResource{
			ResourceType: kafka.ResourceTypeTopic, ResourceName: t, ConfigNames: names})
	}
	res, err := c.kafkaClient().DescribeConfigs(ctx, req)
	if err != nil {
		return nil, nil, fmt.Errorf("reading topic configuration: %w", err)
	}
	configs, errs = map[string]map[string]string{}, map[string]error{}
	for _, r := range res.Resources {
		if r.Error != nil {
			errs[r.ResourceName] = fmt.Errorf("reading the configuration of topic %s: %w", r.ResourceName, r.Error)
			continue
		}
		config := map[string]string{}
		for _, entry := range r.ConfigEntries {
			if slices.Contains(names, entry.ConfigName) {
				config[entry.ConfigName] = entry.ConfigValue
			}
		}
		configs[r.ResourceName] = config
	}
	return configs, errs, nil
}
