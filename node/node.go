// Package node is one process of rollcall: it connects to Kafka and Redis, and
// runs the roles that it is given. Several nodes with the same brokers, Redis
// and group share the work.
package node

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"

	"rollcall/api"
	"rollcall/bitmaps"
	"rollcall/consumers"
	"rollcall/pipeline"
	"rollcall/pipeline/catalog"
	"rollcall/pipeline/inputs"
	"rollcall/web"
)

// Config says how a node runs. Fields without a default are required.
type Config struct {
	Kafka consumers.Config
	Redis redis.UniversalOptions
	// Prefix begins the names of all keys in Redis. Default "rollcall".
	Prefix string
	// Group is the consumer group of all nodes that share the work. Default "rollcall".
	Group string
	// Partitions is how many partitions the state has, used when it is created
	// and no source topic exists either. Default 8.
	Partitions int
	// Replication is the replication factor of topics that are created.
	// Default: the brokers' own.
	Replication int
	// Inputs are topics beside those of the contract, and what their records
	// mean. All nodes of a group are to have the same. Default: none.
	Inputs inputs.Set
	// Pipeline and API are the roles.
	Pipeline, API bool
	// Publish has changed memberships written to rollcall.segment-changes.
	Publish bool
	// ScrubEvery is how often what erased contacts left in rollcall's own topics
	// is looked for. Default 1 h.
	ScrubEvery time.Duration
	// HistoryEvery is how often the sizes of segments are recorded. Default 1 min.
	HistoryEvery time.Duration
	// Listen is where the API is served. Required with the role API.
	Listen string
	// OpsListen is where /healthz, /readyz and /metrics are served besides, in
	// any role. Default: nowhere.
	OpsListen string
	// SizeMetrics are the accounts whose segments' sizes are among the metrics.
	// Default: none.
	SizeMetrics []string
	// MaxStaleness is how old what is known of Kafka's ends may be for an
	// answer to be fresh. Default 10 s.
	MaxStaleness time.Duration
	// OperatorToken opens everything; Tokenless does without, on loopback only.
	OperatorToken string
	Tokenless     bool
	// Streams bounds the streams of the API. Default api.DefaultStreams.
	Streams api.Limit
	// AllowCreateTime accepts contacts and consent topics that are dated by
	// their producers.
	AllowCreateTime bool
	Version         string
}

func (c Config) withDefaults() Config {
	c.Prefix, c.Group = cmp.Or(c.Prefix, "rollcall"), cmp.Or(c.Group, "rollcall")
	c.Partitions, c.Replication = cmp.Or(c.Partitions, 8), cmp.Or(c.Replication, -1)
	c.HistoryEvery = cmp.Or(c.HistoryEvery, time.Minute)
	c.MaxStaleness = cmp.Or(c.MaxStaleness, 10*time.Second)
	return c
}

// Node is a running process.
type Node struct {
	cfg      Config
	kafka    *kafka
	redis    redis.UniversalClient
	store    *bitmaps.Store
	catalog  *catalog.Catalog
	log      *catalog.Log
	view     *pipeline.View
	replays  *pipeline.Replays
	sizes    *pipeline.SizeHistory
	group    *consumers.Group
	registry *prometheus.Registry
	measures *measures
	listener net.Listener
	ops      net.Listener        // nil if there is none
	rebuilds *semaphore.Weighted // one partition of a process at a time
	turns    chan struct{}       // to compose for a new day: half of the processors

	composing pipeline.Composing // for new definitions

	mu     sync.Mutex
	faults map[int32]error // of the tasks that can't go on, by partition
	wrong  []string        // what else keeps the node from being ready
}

// Open connects, creates the topics that are missing, and listens.
func Open(ctx context.Context, cfg Config) (*Node, error) {
	cfg = cfg.withDefaults()
	n := &Node{cfg: cfg, catalog: catalog.New(), faults: map[int32]error{}, registry: prometheus.NewRegistry(), rebuilds: semaphore.NewWeighted(1),
		turns: pipeline.NewTurns()}
	n.measures = newMeasures(n.registry, cfg.Version)
	if err := n.connect(ctx); err != nil {
		return nil, errors.Join(err, n.Close())
	}
	n.log = catalog.NewLog(n.catalog, definitionsTopic{n.kafka})
	n.view = pipeline.NewView(pipeline.ViewConfig{
		Partitions: n.kafka.partitions, Store: n.store, Catalog: n.catalog, Ends: n.kafka,
		MaxStaleness: cfg.MaxStaleness, Now: time.Now, Inputs: cfg.Inputs,
	})
	n.sizes = pipeline.NewSizeHistory(n.kafka, n.catalog, n.kafka.partitions, time.Now)
	n.replays = pipeline.NewReplays(n.kafka, n.report)
	n.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), newCollector(n))
	return n, nil
}

func (n *Node) connect(ctx context.Context) (err error) {
	client, err := consumers.Open(n.cfg.Kafka)
	if err != nil {
		return err
	}
	n.kafka = &kafka{Client: client, Producer: client.Producer(consumers.ProducerConfig{})}
	if err := client.Reach(ctx); err != nil {
		return err
	}
	if n.kafka.partitions, err = ensureTopics(ctx, client, n.cfg.Partitions, n.cfg.Replication); err != nil {
		return err
	}
	if len(n.cfg.Inputs) > 0 {
		if err := checkInputs(ctx, client, n.cfg.Inputs); err != nil {
			return err
		}
	}
	n.kafka.sources = append(slices.Clone(sources), n.cfg.Inputs.Topics()...)
	if !n.cfg.AllowCreateTime {
		if n.wrong, err = wrongTimes(ctx, client, n.cfg.Inputs); err != nil {
			return err
		}
	}
	if err := n.connectRedis(ctx); err != nil {
		return err
	}
	n.group, err = client.Group(consumers.GroupConfig{ID: n.cfg.Group, Topics: n.kafka.sources, Tasks: int(n.kafka.partitions)})
	if err != nil {
		return err
	}
	if n.cfg.OpsListen != "" {
		if n.ops, err = net.Listen("tcp", n.cfg.OpsListen); err != nil {
			return err
		}
	}
	if n.cfg.API {
		n.listener, err = net.Listen("tcp", n.cfg.Listen)
	}
	return err
}

// Close lets go of the connections. Run must have returned.
func (n *Node) Close() error {
	if n.kafka != nil {
		n.kafka.Client.Close()
	}
	if n.redis == nil {
		return nil
	}
	if err := n.redis.Close(); !errors.Is(err, redis.ErrClosed) {
		return err
	}
	return nil
}

// Addr is where the API listens.
func (n *Node) Addr() string { return n.listener.Addr().String() }

// OpsAddr is where the probes are served besides.
func (n *Node) OpsAddr() string { return n.ops.Addr().String() }

// View answers questions.
func (n *Node) View() *pipeline.View { return n.view }

// Definitions writes accounts, segments and tokens.
func (n *Node) Definitions() *catalog.Log { return n.log }

// Catalog is what is defined.
func (n *Node) Catalog() *catalog.Catalog { return n.catalog }

// Producer writes to Kafka.
func (n *Node) Producer() *consumers.Producer { return n.kafka.Producer }

// Run runs the node's roles until ctx ends, or one of them fails for good.
func (n *Node) Run(ctx context.Context) error {
	slog.Info("rollcall starts", "version", n.cfg.Version, "pipeline", n.cfg.Pipeline, "api", n.cfg.API, "partitions", n.kafka.partitions)
	defer slog.Info("rollcall has ended")
	g, ctx := errgroup.WithContext(ctx)
	defer n.hangUpAfter(ctx)()
	if n.ops != nil {
		g.Go(func() error { return n.serveOps(ctx) })
	}
	g.Go(func() error { return n.log.Run(ctx) })
	g.Go(func() error {
		if err := n.log.EnsureSettings(ctx); err != nil && ctx.Err() == nil {
			return fmt.Errorf("settings: %w", err)
		}
		if n.cfg.Pipeline {
			return n.group.Run(ctx, n.serve)
		}
		return nil
	})
	if n.cfg.API {
		if err := n.serveAPI(ctx, g); err != nil {
			return err
		}
	}
	return g.Wait()
}

// lastWait is how long a call to Redis may go on once the node is to end. A
// commit that it cuts off is done or not: the next owner sees which.
const lastWait = time.Second

// hangUpAfter closes the connections to Redis a while after ctx ended, unless
// it was told before that nobody uses them any more: calls that wait for an
// answer don't notice the end of a context.
func (n *Node) hangUpAfter(ctx context.Context) (unused func()) {
	done := make(chan struct{})
	context.AfterFunc(ctx, func() {
		select {
		case <-done:
		case <-time.After(lastWait):
			_ = n.redis.Close()
		}
	})
	return func() { close(done) }
}

func (n *Node) serveAPI(ctx context.Context, g *errgroup.Group) error {
	server, err := api.New(api.Config{
		Catalog: n.catalog, Definitions: n.log, Views: status{n.view, n}, Eraser: n.kafka, Registry: n.registry,
		Ready: n.Missing, OperatorToken: n.cfg.OperatorToken, Tokenless: n.cfg.Tokenless, Version: n.cfg.Version,
		Streams: n.cfg.Streams, Page: web.Handler(http.HandlerFunc(api.NotFound)), Verifier: n.verifier(), Records: n.kafka, Sizes: n.sizes,
		Letters:   pipeline.NewLetters(n.kafka, n.kafka.Watermarks, n.kafka.partitions),
		Snapshots: pipeline.NewSnapshots(n.view, n.kafka, n.log),
		Changes: &pipeline.Changes{
			Log: n.kafka, Watermarks: n.kafka.Watermarks, OffsetsAt: n.kafka.OffsetsAt, Partitions: n.kafka.partitions, Now: time.Now,
		},
	})
	if err != nil {
		return err
	}
	g.Go(func() error { return n.view.Run(ctx) })
	g.Go(func() error { return n.sizes.Run(ctx) })
	g.Go(func() error {
		// Who asks before the definitions are known waits to be let in.
		if err := n.log.CaughtUp(ctx); err != nil && ctx.Err() == nil {
			return err
		}
		if err := server.Serve(ctx, n.listener); err != nil && !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	})
	return nil
}

func (n *Node) verifier() pipeline.Verifier {
	return pipeline.Verifier{
		Partitions: n.kafka.partitions, Store: n.store, Log: n.kafka, Watermarks: n.kafka.Watermarks, Now: time.Now,
	}
}

// serve runs one partition, and remembers what keeps it from going on.
func (n *Node) serve(ctx context.Context, partition int32, feed *consumers.Feed) error {
	cfg := pipeline.Config{
		Partitions: n.kafka.partitions, Store: n.store, Log: n.kafka, Catalog: n.catalog, CatchUp: n.log.CaughtUp,
		Now: time.Now, Publish: n.cfg.Publish, ScrubEvery: n.cfg.ScrubEvery, HistoryEvery: n.cfg.HistoryEvery,
		Inputs: n.cfg.Inputs, Rebuilds: n.rebuilds, Turns: n.turns, Composing: &n.composing, Replays: n.replays, Opened: n.goesOn,
		Measured: n.measures.committed,
	}
	if n.cfg.API {
		cfg.Committed = n.view.Committed
	}
	err := pipeline.Serve(ctx, cfg, partition, feed, n.kafka.Watermarks)
	n.goesOn(partition)
	n.measures.compose(partition, 0)
	n.mu.Lock()
	defer n.mu.Unlock()
	if lost, ok := errors.AsType[*pipeline.LossError](err); ok {
		n.faults[partition] = lost
	} else if other, ok := errors.AsType[*bitmaps.FormatError](err); ok {
		n.faults[partition] = fmt.Errorf("partition %d: %w", partition, other)
	}
	if err != nil && ctx.Err() == nil {
		n.measures.stopped.Inc()
		slog.Error("a partition stopped, will be opened anew", "partition", partition, "err", err)
	}
	return err
}

// goesOn forgets what kept a partition from going on.
func (n *Node) goesOn(partition int32) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.faults, partition)
}

// report writes what a partition has to say of a replay to the definitions.
func (n *Node) report(ctx context.Context, r catalog.ReportReplay) error {
	_, err := n.log.Put(ctx, r)
	return err
}
