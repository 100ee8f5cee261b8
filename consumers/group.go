package consumers

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"github.com/segmentio/kafka-go"
)

// GroupConfig is which tasks a group shares out, and how.
type GroupConfig struct {
	// ID names the consumer group. Required; all processes that share the work
	// have the same.
	ID string
	// Topics are the sources. Required. Run waits until all of them exist.
	Topics []string
	// Tasks is the number of tasks, fixed for the life of the state that they
	// keep. Required. Partition q of a topic belongs to task q mod Tasks, so a
	// task that no topic has a partition for is not served: at least one topic
	// should have this many partitions.
	Tasks int

	// SessionTimeout is how long after a process's last sign of life its tasks
	// go to others. Brokers want 6 s or more. A task must be able to end within
	// it when its context does. Default 10 s.
	SessionTimeout time.Duration
	// HeartbeatInterval is how often a process gives a sign of life, and so how
	// fast it notices that tasks are to be shared out anew. Default 1 s.
	HeartbeatInterval time.Duration
	// RebalanceTimeout is how long the group waits for all its processes to
	// end their tasks when these are shared out anew. Default 30 s.
	RebalanceTimeout time.Duration
	// RequestTimeout bounds requests to the group's coordinator. Default 5 s.
	RequestTimeout time.Duration
	// JoinBackoff is the pause after a failed attempt to join. Default 500 ms.
	JoinBackoff time.Duration
	// WatchInterval is how often it is looked for partitions that were added
	// to a topic. Default 10 s.
	WatchInterval time.Duration
	// CommitInterval is how often [Feed.Committed] offsets are committed.
	// Default 5 s.
	CommitInterval time.Duration
	// RetryBackoff is the pause before a task that failed is started again; it
	// doubles up to 30 times that with every failure in a row. Default 200 ms.
	RetryBackoff time.Duration
}

func (c GroupConfig) withDefaults() (GroupConfig, error) {
	if c.ID == "" || len(c.Topics) == 0 || c.Tasks <= 0 {
		return c, errors.New("a consumer group needs an id, topics and a number of tasks")
	}
	c.SessionTimeout = cmp.Or(c.SessionTimeout, 10*time.Second)
	c.HeartbeatInterval = cmp.Or(c.HeartbeatInterval, time.Second)
	c.RebalanceTimeout = cmp.Or(c.RebalanceTimeout, 30*time.Second)
	c.RequestTimeout = cmp.Or(c.RequestTimeout, 5*time.Second)
	c.JoinBackoff = cmp.Or(c.JoinBackoff, 500*time.Millisecond)
	c.WatchInterval = cmp.Or(c.WatchInterval, 10*time.Second)
	c.CommitInterval = cmp.Or(c.CommitInterval, 5*time.Second)
	c.RetryBackoff = cmp.Or(c.RetryBackoff, 200*time.Millisecond)
	c.Topics = slices.Compact(slices.Sorted(slices.Values(c.Topics)))
	return c, nil
}

// Group shares the tasks out among the processes that run it.
type Group struct {
	c    *Client
	cfg  GroupConfig
	log  *slog.Logger
	held atomic.Pointer[[]int32] // tasks of the last generation
}

// Group makes a group; [Group.Run] joins it.
func (c *Client) Group(cfg GroupConfig) (*Group, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	return &Group{c: c, cfg: cfg, log: c.cfg.Log.With("group", cfg.ID)}, nil
}

// Tasks returns the tasks that this process has, or had until the rebalance
// that goes on.
func (g *Group) Tasks() []int32 {
	if held := g.held.Load(); held != nil {
		return slices.Clone(*held)
	}
	return nil
}

// Serve is what runs a task. Its context ends when the task may be given to
// another process; it must return soon then. The feed is of no use after that.
type Serve func(ctx context.Context, task int32, feed *Feed) error

// Run takes part in the group until ctx ends, and returns nil then. For every
// task that it is assigned it calls serve on a goroutine. All of them have
// ended before tasks are shared out anew, so a task never runs twice in this
// process. A serve that returns while its context lives is called again, with a
// new feed, after a pause; the other tasks go on.
//
// Another process may start a task while this one, cut off from Kafka, has not
// noticed that it lost it: what a task writes must be fenced by its store.
func (g *Group) Run(ctx context.Context, serve Serve) error {
	if err := g.awaitTopics(ctx); err != nil {
		return nil // ctx ended
	}
	dialer := newGroupDialer(g.c.cfg.Dial)
	members, err := kafka.NewConsumerGroup(g.kafkaConfig(dialer))
	if err != nil {
		return fmt.Errorf("consumer group %s: %w", g.cfg.ID, err)
	}
	closed := make(chan struct{})
	context.AfterFunc(ctx, func() { // at once, so that an ended generation is not followed by another
		defer close(closed)
		_ = members.Close() // a member that can't say so is missed by the group
	})
	cut := make(chan struct{})
	context.AfterFunc(ctx, func() {
		defer close(cut)
		dialer.hangUpUntil(closed, lastWait, leaveWait)
	})
	for ctx.Err() == nil {
		gen, err := members.Next(ctx)
		if err != nil {
			g.joinFailed(ctx, dialer, err)
			continue
		}
		g.runGeneration(ctx, gen, serve)
	}
	<-cut
	return nil
}

// Once the context has ended, tasks have lastWait to end and to commit their
// offsets, and then each word to the coordinator leaveWait. If leaving is cut
// off, the group waits for the session timeout before it gives the tasks to others.
const (
	lastWait  = time.Second
	leaveWait = 300 * time.Millisecond
)

func (g *Group) joinFailed(ctx context.Context, dialer *groupDialer, err error) {
	if ctx.Err() != nil {
		dialer.hangUp()
		return
	}
	if errors.Is(err, kafka.RebalanceInProgress) {
		g.log.Debug("joining again: a rebalance goes on")
		return
	}
	g.c.Stats.GroupErrors.Add(1)
	g.log.Warn("joining the consumer group failed, will retry", "err", err)
}

func (g *Group) kafkaConfig(d *groupDialer) kafka.ConsumerGroupConfig {
	cfg := g.cfg
	return kafka.ConsumerGroupConfig{
		ID:      cfg.ID,
		Brokers: g.c.cfg.Brokers,
		Topics:  cfg.Topics,
		Dialer: &kafka.Dialer{
			ClientID:      g.c.cfg.ClientID,
			DialFunc:      d.Dial,
			Timeout:       g.c.cfg.DialTimeout,
			TLS:           g.c.cfg.TLS,
			SASLMechanism: g.c.sasl,
		},
		GroupBalancers:    []kafka.GroupBalancer{balancer{tasks: cfg.Tasks, held: g.Tasks}},
		HeartbeatInterval: cfg.HeartbeatInterval,
		SessionTimeout:    cfg.SessionTimeout,
		RebalanceTimeout:  cfg.RebalanceTimeout,
		JoinGroupBackoff:  cfg.JoinBackoff,
		Timeout:           cfg.RequestTimeout,
		Logger:            kafka.LoggerFunc(func(f string, args ...any) { g.log.Debug(fmt.Sprintf(f, args...)) }),
	}
}

// awaitTopics waits until all topics exist: joining with one that does not may
// create it, with the brokers' default number of partitions.
func (g *Group) awaitTopics(ctx context.Context) error {
	for n := 1; ; n++ {
		counts, err := g.counts(ctx)
		if err == nil && len(counts) == len(g.cfg.Topics) {
			return nil
		}
		missing := slices.DeleteFunc(slices.Clone(g.cfg.Topics), func(t string) bool { return counts[t] > 0 })
		if ctx.Err() == nil {
			g.log.Warn("waiting for topics", "missing", missing, "err", err)
		}
		if err := sleep(ctx, backoff(n, retryFirst, retryMost)); err != nil {
			return err
		}
	}
}

// counts returns the partition counts of the sources that exist.
func (g *Group) counts(ctx context.Context) (map[string]int, error) {
	t, err := g.c.topology(ctx, g.cfg.Topics)
	if err != nil {
		return nil, err
	}
	return t.partitions, nil
}

// sameCounts is false if partitions were added, or a topic came or went.
func (g *Group) sameCounts(ctx context.Context, counts map[string]int) bool {
	now, err := g.counts(ctx)
	return err != nil || maps.Equal(now, counts)
}
