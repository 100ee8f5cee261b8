package node

import (
	"context"
	"errors"
	"fmt"
	"time"

	"rollcall/consumers"
	"rollcall/pipeline"
)

// Attach connects to the servers of running nodes, or of nodes that can't run,
// without taking part: nothing is created, read on or listened to. Of cfg it
// takes Kafka, Redis, Prefix and Version. Close lets go of the connections.
func Attach(ctx context.Context, cfg Config) (*Node, error) {
	cfg = cfg.withDefaults()
	n := &Node{cfg: cfg}
	if err := n.attach(ctx); err != nil {
		return nil, errors.Join(err, n.Close())
	}
	return n, nil
}

func (n *Node) attach(ctx context.Context) error {
	client, err := consumers.Open(n.cfg.Kafka)
	if err != nil {
		return err
	}
	n.kafka = &kafka{Client: client, Producer: client.Producer(consumers.ProducerConfig{})}
	if err := client.Reach(ctx); err != nil {
		return err
	}
	counts, err := client.Topics(ctx)
	if err != nil {
		return fmt.Errorf("list topics: %w", err)
	}
	if n.kafka.partitions = int32(counts[pipeline.TopicInbox]); n.kafka.partitions == 0 {
		return fmt.Errorf("there is no topic %s: this Kafka has no log of rollcall's", pipeline.TopicInbox)
	}
	return n.connectRedis(ctx)
}

// Export writes the state of all partitions to a directory, while others work
// on it; done is told of each.
func (n *Node) Export(ctx context.Context, dir string, done func(partition int32, contacts, bytes, unpublished int64)) error {
	return pipeline.Exporter{
		Partitions: n.kafka.partitions, Store: n.store, Log: n.kafka, Now: time.Now, Product: n.cfg.Version, Done: done,
	}.Export(ctx, dir)
}

// ImportConfig says what an import may do.
type ImportConfig struct {
	Dir      string
	Replace  bool // a state that is healthy, or ahead of the export
	AllowGap bool // records that the log has lost since the export
	Done     func(partition int32)
}

// Import puts an export in the place of the state of all partitions. Whoever
// works on them goes on with it.
func (n *Node) Import(ctx context.Context, c ImportConfig) error {
	return pipeline.Importer{
		Partitions: n.kafka.partitions, Store: n.store, Log: n.kafka, Watermarks: n.kafka.Watermarks, Now: time.Now,
		Replace: c.Replace, AllowGap: c.AllowGap, Done: c.Done,
	}.Import(ctx, c.Dir)
}
