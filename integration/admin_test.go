package integration

import (
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"rollcall/consumers"
)

// kgoClient is a client of Kafka that can do more than ours. It chooses
// partitions as Java's does.
func (c *cluster) kgoClient(options ...kgo.Opt) *kgo.Client {
	c.t.Helper()
	client, err := kgo.NewClient(append([]kgo.Opt{
		kgo.SeedBrokers(strings.Split(c.kafka.Addr(), ",")...), kgo.RecordPartitioner(kgo.StickyKeyPartitioner(nil)),
	}, options...)...)
	must(c.t, err)
	c.t.Cleanup(client.Close)
	return client
}

// configure sets one property of a topic, or with an empty value takes it back.
func (c *cluster) configure(topic, name, value string) {
	c.t.Helper()
	property := kmsg.NewIncrementalAlterConfigsRequestResourceConfig()
	property.Name, property.Value, property.Op = name, &value, kmsg.IncrementalAlterConfigOpSet
	if value == "" {
		property.Value, property.Op = nil, kmsg.IncrementalAlterConfigOpDelete
	}
	resource := kmsg.NewIncrementalAlterConfigsRequestResource()
	resource.ResourceType, resource.ResourceName = kmsg.ConfigResourceTypeTopic, topic
	resource.Configs = append(resource.Configs, property)
	req := kmsg.NewPtrIncrementalAlterConfigsRequest()
	req.Resources = append(req.Resources, resource)
	res, err := req.RequestWith(c.t.Context(), c.kgoClient())
	must(c.t, err)
	must(c.t, kerr.ErrorForCode(res.Resources[0].ErrorCode))
}

// deleteRecords deletes those before an offset.
func (c *cluster) deleteRecords(tp consumers.TopicPartition, before int64) {
	c.t.Helper()
	partition := kmsg.NewDeleteRecordsRequestTopicPartition()
	partition.Partition, partition.Offset = tp.Partition, before
	topic := kmsg.NewDeleteRecordsRequestTopic()
	topic.Topic, topic.Partitions = tp.Topic, append(topic.Partitions, partition)
	req := kmsg.NewPtrDeleteRecordsRequest()
	req.Topics, req.TimeoutMillis = append(req.Topics, topic), 10_000
	res, err := req.RequestWith(c.t.Context(), c.kgoClient())
	must(c.t, err)
	must(c.t, kerr.ErrorForCode(res.Topics[0].Partitions[0].ErrorCode))
}

// end is where a partition ends.
func (c *cluster) end(tp consumers.TopicPartition) int64 {
	c.t.Helper()
	marks, err := c.client.Watermarks(c.t.Context(), []consumers.TopicPartition{tp})
	must(c.t, err)
	return marks[tp].High
}
