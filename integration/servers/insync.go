package servers

import (
	"context"
	"fmt"
	"time"

	"github.com/segmentio/kafka-go"
)

// InSync waits until every partition has all its replicas in sync, as they have
// to be before another broker may be killed.
func (c *KafkaCluster) InSync(ctx context.Context) error {
	for {
		err := c.lagging(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("Kafka is not in sync: %w", err)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// lagging names a partition that lacks a replica. Each broker is asked, because
// one that is back may know of the time before only.
func (c *KafkaCluster) lagging(ctx context.Context) error {
	for _, b := range c.Brokers {
		client := kafka.Client{Addr: kafka.TCP(b.Addr), Timeout: 2 * time.Second, Transport: &kafka.Transport{}}
		answer, err := client.Metadata(ctx, &kafka.MetadataRequest{})
		client.Transport.(*kafka.Transport).CloseIdleConnections()
		if err != nil {
			return err
		}
		for _, topic := range answer.Topics {
			for _, p := range topic.Partitions {
				if len(p.Isr) < len(p.Replicas) || p.Leader.Port == 0 {
					return fmt.Errorf("%s/%d has %d of %d replicas in sync", topic.Name, p.ID, len(p.Isr), len(p.Replicas))
				}
			}
		}
	}
	return nil
}
