package servers

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
)

// KafkaOption changes how Kafka is started.
type KafkaOption func(*kafkaConfig)

// Brokers asks for n brokers, each also a controller; the default is one. A
// container engine runs only one.
func Brokers(n int) KafkaOption { return func(c *kafkaConfig) { c.brokers = n } }

// Property sets a property of every broker, such as
// log.message.timestamp.type, over the kit's own.
func Property(name, value string) KafkaOption {
	return func(c *kafkaConfig) { c.properties[name] = value }
}

// HeapMiB sets the heap of each broker's JVM; the default is 512.
func HeapMiB(n int) KafkaOption { return func(c *kafkaConfig) { c.heapMiB = n } }

// Advertise gives each broker a second listener, which tells its clients that
// it is where advertised says: at the address of a proxy that forwards to the
// listener's own address, target. Whoever bootstraps from a proxy talks to all
// brokers through their proxies, and whoever uses Addr to the brokers directly.
func Advertise(advertised func(target string) (string, error)) KafkaOption {
	return func(c *kafkaConfig) { c.advertised = advertised }
}

// Quick has the JVMs compile less: brokers are up again in half the time, and
// slower under load. It is for tests that kill them often.
func Quick() KafkaOption { return func(c *kafkaConfig) { c.quick = true } }

type kafkaConfig struct {
	brokers    int
	heapMiB    int
	properties map[string]string
	advertised func(target string) (string, error)
	quick      bool
	secure     *Secure // nil: not
}

// KafkaCluster is one or several brokers.
type KafkaCluster struct {
	Brokers []*Server
}

// Addr is the bootstrap address: the brokers', separated by commas.
func (c *KafkaCluster) Addr() string {
	var addrs []string
	for _, b := range c.Brokers {
		addrs = append(addrs, b.Addr)
	}
	return strings.Join(addrs, ",")
}

// Close kills all brokers.
func (c *KafkaCluster) Close() error { return closeAll(c.Brokers) }

// Kafka starts a broker that lives as long as the test and returns its
// bootstrap address. Topics have to be created: auto.create.topics.enable is
// off, and groups do not wait for their first members.
func Kafka(t testing.TB, opts ...KafkaOption) string {
	t.Helper()
	return StartKafka(t, opts...).Addr()
}

// StartKafka is Kafka for tests that kill brokers or stop and restart them.
func StartKafka(t testing.TB, opts ...KafkaOption) *KafkaCluster {
	t.Helper()
	c, err := NewKafka(t.TempDir(), opts...)
	if err != nil {
		unavailable(t, err)
	}
	for _, b := range c.Brokers {
		t.Cleanup(func() { closing(t, b) })
		t.Log(b.describe())
	}
	return c
}

// NewKafka is StartKafka for programs that are not tests: its data goes to
// directories in dir, and the caller closes it.
func NewKafka(dir string, opts ...KafkaOption) (*KafkaCluster, error) {
	cfg := kafkaConfig{brokers: 1, heapMiB: 512, properties: map[string]string{}}
	for _, o := range opts {
		o(&cfg)
	}
	nodes, err := layOut(cfg)
	if err != nil {
		return nil, err
	}
	c := &KafkaCluster{}
	for _, n := range nodes {
		s, err := placeBroker(dir, cfg, n)
		if err != nil {
			return nil, err
		}
		c.Brokers = append(c.Brokers, s)
	}
	return c, startAll(c.Brokers)
}

// placeBroker prefers a JVM of this machine: it is up sooner than a container.
func placeBroker(dir string, cfg kafkaConfig, n node) (*Server, error) {
	s := &Server{Addr: loopback(n.port), name: "Kafka " + kafkaVersion}
	if n.secure != 0 {
		s.SecureAddr = loopback(n.secure)
	}
	s.ready = func(ctx context.Context, addr string) error { return seesBrokers(ctx, addr, cfg.brokers) }
	local, err := localBroker(filepath.Join(dir, fmt.Sprintf("broker-%d", n.id)), cfg, n)
	if err == nil {
		s.from, s.host = "Maven jars", local
		return s, nil
	}
	if noDocker := dockerHealthy(); noDocker != nil {
		return nil, fmt.Errorf("Kafka: %w, and %w", err, noDocker)
	}
	if cfg.brokers > 1 || cfg.advertised != nil || cfg.secure != nil {
		return nil, fmt.Errorf("Kafka: %d brokers, proxies or TLS: %w", cfg.brokers, err)
	}
	s.from, s.host = "image "+kafkaImage, containedBroker(n)
	return s, nil
}

// localBroker formats a data directory for a broker that runs from the jars.
func localBroker(dir string, cfg kafkaConfig, n node) (*process, error) {
	java, err := exec.LookPath("java")
	if err != nil {
		return nil, fmt.Errorf("no java in PATH: %w", errUnavailable)
	}
	jars, err := KafkaJars()
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	config := filepath.Join(dir, "server.properties")
	n.properties["log.dirs"] = filepath.Join(dir, "data")
	if err := os.WriteFile(config, propertyFile(n.properties), 0o644); err != nil {
		return nil, err
	}
	logging := filepath.Join(dir, "log4j2.properties")
	if err := os.WriteFile(logging, []byte(log4j), 0o644); err != nil {
		return nil, err
	}
	base := []string{java, fmt.Sprintf("-Xmx%dm", cfg.heapMiB), "-XX:+UseG1GC", "-XX:-UsePerfData",
		"-Xshare:auto", "-Dlog4j2.configurationFile=" + logging, "-cp", filepath.Join(jars, "*")}
	if cfg.quick {
		base = append(base, "-XX:TieredStopAtLevel=1")
	}
	format := append(base, "-XX:TieredStopAtLevel=1", "kafka.tools.StorageTool", "format", "--cluster-id", clusterID, "--config", config)
	format = append(format, cfg.secure.format()...)
	if out, err := exec.Command(format[0], format[1:]...).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("format %s: %w\n%s", dir, err, out)
	}
	return &process{dir: dir, argv: append(base, "kafka.Kafka", config)}, nil
}

// seesBrokers asks a broker for the cluster's metadata, which names a broker
// only once it can be used.
func seesBrokers(ctx context.Context, addr string, n int) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	conn, err := kafka.DialContext(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(2 * time.Second))
	brokers, err := conn.Brokers()
	if err == nil && len(brokers) < n {
		err = fmt.Errorf("%d of %d brokers are up", len(brokers), n)
	}
	return err
}
