package node

import (
	"context"
	"errors"
	"net"
	"runtime"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"

	"rollcall/pipeline"
)

// measures is what happens in this process, counted as it does. What the node
// knows anyway is in collector.
type measures struct {
	commits     prometheus.Histogram
	bytes       prometheus.Histogram
	changes     *prometheus.CounterVec
	waiting     prometheus.Gauge
	redisErrors *prometheus.CounterVec
	stopped     prometheus.Counter

	mu       sync.Mutex
	accounts map[int32]int // still to be composed, by partition
}

func newMeasures(registry prometheus.Registerer, version string) *measures {
	m := &measures{
		commits: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "rollcall_commit_duration_seconds", Help: "How long commits to Redis took.",
			Buckets: prometheus.ExponentialBuckets(0.00025, 2, 16), // to 8 s
		}),
		bytes: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "rollcall_commit_size_bytes", Help: "Bytes of state that a commit sent to Redis.",
			Buckets: prometheus.ExponentialBuckets(256, 4, 10), // to 64 MiB
		}),
		changes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "rollcall_membership_changes_total", Help: "Contacts that entered or left a segment, by why: event, window, definition, replay.",
		}, []string{"cause"}),
		waiting: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "rollcall_accounts_to_compose", Help: "Accounts, in each partition of this process, that are not composed for their definitions or their day yet.",
		}),
		redisErrors: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "rollcall_redis_errors_total", Help: "Calls to Redis that failed: refused by Redis, or the connection (timeouts too).",
		}, []string{"kind"}),
		stopped: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "rollcall_partition_failures_total", Help: "Times that a partition of this process stopped on an error, and was opened anew.",
		}),
		accounts: map[int32]int{},
	}
	info := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "rollcall_build_info", Help: "1; the version is in the labels.", ConstLabels: prometheus.Labels{"version": version, "go_version": runtime.Version()},
	}, func() float64 { return 1 })
	for _, cause := range []string{"event", "window", "definition", "replay"} {
		m.changes.WithLabelValues(cause)
	}
	for _, kind := range []string{"refused", "connection"} {
		m.redisErrors.WithLabelValues(kind)
	}
	registry.MustRegister(m.commits, m.bytes, m.changes, m.waiting, m.redisErrors, m.stopped, info)
	return m
}

// committed takes up what a commit was.
func (m *measures) committed(partition int32, c pipeline.Measure) {
	m.commits.Observe(c.Took.Seconds())
	m.bytes.Observe(float64(c.Bytes))
	for cause, n := range c.Changed {
		m.changes.WithLabelValues(cause).Add(float64(n))
	}
	m.compose(partition, c.Waiting)
}

// compose notes how many accounts of a partition are still to be composed.
func (m *measures) compose(partition int32, accounts int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.waiting.Add(float64(accounts - m.accounts[partition]))
	m.accounts[partition] = accounts
}

// DialHook implements redis.Hook.
func (m *measures) DialHook(next redis.DialHook) redis.DialHook {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := next(ctx, network, addr)
		m.failed(ctx, err)
		return conn, err
	}
}

// ProcessHook implements redis.Hook.
func (m *measures) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		err := next(ctx, cmd)
		m.failed(ctx, err)
		return err
	}
}

// ProcessPipelineHook implements redis.Hook.
func (m *measures) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		err := next(ctx, cmds)
		m.failed(ctx, err)
		return err
	}
}

// failed counts an error that says something of Redis: not that there was
// nothing, nor that a script is to be loaded first, nor that the call was ended.
func (m *measures) failed(ctx context.Context, err error) {
	if err == nil || errors.Is(err, redis.Nil) || redis.HasErrorPrefix(err, "NOSCRIPT") || ctx.Err() != nil && errors.Is(err, context.Cause(ctx)) {
		return
	}
	kind := "connection"
	if _, answered := errors.AsType[redis.Error](err); answered {
		kind = "refused"
	}
	m.redisErrors.WithLabelValues(kind).Inc()
}
