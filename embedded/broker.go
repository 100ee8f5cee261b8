package embedded

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// brokerConfigs make the broker keep what it is given. By itself it would, once
// any topic is compacted, drop what is older than a week from every topic whose
// retention is not set; and its compaction moves the start of the log, which
// would look like lost data, and rewrites segments in place, which a crash can
// interrupt. Both run on one timer, which ten years put out of reach.
var brokerConfigs = map[string]string{
	"log.retention.ms":           "-1",
	"log.retention.bytes":        "-1",
	"log.cleaner.backoff.ms":     "315360000000",
	"log.message.timestamp.type": "LogAppendTime", // see appendTime
}

func startKafka(cfg Config) (*kfake.Cluster, error) {
	opts := []kfake.Opt{
		kfake.NumBrokers(1),
		kfake.ListenFn(listenAt(cmp.Or(cfg.Kafka, "127.0.0.1:9092"), cfg.AdvertisedKafka)),
		kfake.DataDir(filepath.Join(cfg.DataDir, "kafka")),
		kfake.ClusterID("rollcall-embedded"),
		kfake.DefaultNumPartitions(cmp.Or(cfg.Partitions, 4)),
		kfake.BrokerConfigs(brokerConfigs),
		kfake.WithLogger(brokerLog{cmp.Or(cfg.Log, slog.Default())}),
	}
	if cfg.SyncWrites {
		opts = append(opts, kfake.SyncWrites())
	}
	cluster, err := kfake.NewCluster(opts...)
	if err != nil {
		return nil, err
	}
	stamp := newAppendTime()
	cluster.ControlKey(int16(kmsg.Produce), func(req kmsg.Request) (kmsg.Response, error, bool) {
		stamp.produce(req.(*kmsg.ProduceRequest))
		return nil, nil, false // the broker goes on with the request
	})
	return cluster, nil
}

// listenAt listens on addr, whatever address the broker asks for.
func listenAt(addr, advertised string) func(network, _ string) (net.Listener, error) {
	return func(network, _ string) (net.Listener, error) {
		ln, err := net.Listen(network, addr)
		if err != nil {
			return nil, err
		}
		if advertised == "" {
			if advertised = reachable(ln.Addr().(*net.TCPAddr)); advertised == "" {
				return ln, nil
			}
		}
		return advertisedListener{ln, advertised}, nil
	}
}

// reachable is an address for a listener on every interface, which clients
// can't dial as it stands; it is empty for all others.
func reachable(a *net.TCPAddr) string {
	if !a.IP.IsUnspecified() {
		return ""
	}
	return fmt.Sprintf("localhost:%d", a.Port)
}

// advertisedListener makes the broker tell its clients another address than the
// one that it listens on.
type advertisedListener struct {
	net.Listener
	addr string
}

func (l advertisedListener) Addr() net.Addr { return hostPort(l.addr) }

type hostPort string

func (hostPort) Network() string  { return "tcp" }
func (h hostPort) String() string { return string(h) }

// brokerLog passes the broker's warnings and errors on.
type brokerLog struct{ to *slog.Logger }

func (l brokerLog) Logf(level kfake.LogLevel, format string, args ...any) {
	switch level {
	case kfake.LogLevelError:
		l.log(slog.LevelError, format, args)
	case kfake.LogLevelWarn:
		l.log(slog.LevelWarn, format, args)
	}
}

func (l brokerLog) log(level slog.Level, format string, args []any) {
	l.to.Log(context.Background(), level, "embedded Kafka: "+fmt.Sprintf(format, args...))
}
