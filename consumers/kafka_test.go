package consumers

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
)

// The tests run against kfake, and against a real Kafka instead if this names
// one (bootstrap addresses, separated by commas).
const realKafka = "ROLLCALL_TEST_KAFKA"

// testCluster is where a test writes and reads. fake is nil on a real Kafka.
type testCluster struct {
	brokers []string
	fake    *kfake.Cluster
}

func newCluster(t testing.TB) testCluster {
	t.Helper()
	if addr := os.Getenv(realKafka); addr != "" {
		return testCluster{brokers: strings.Split(addr, ",")}
	}
	return newFake(t, 1)
}

// newFake is for tests that need to do things to the brokers.
func newFake(t testing.TB, brokers int, opts ...kfake.Opt) testCluster {
	t.Helper()
	fake, err := kfake.NewCluster(append(opts, kfake.NumBrokers(brokers))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(fake.Close)
	return testCluster{brokers: fake.ListenAddrs(), fake: fake}
}

func (tc testCluster) client(t testing.TB) *Client {
	t.Helper()
	return tc.clientWith(t, Config{})
}

func (tc testCluster) clientWith(t testing.TB, cfg Config) *Client {
	t.Helper()
	cfg.Brokers = tc.brokers
	cfg.Log = slog.New(slog.NewTextHandler(logWriter{t}, &slog.HandlerOptions{Level: slog.LevelInfo}))
	c, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// logWriter shows the log of a failed test.
type logWriter struct{ t testing.TB }

func (w logWriter) Write(line []byte) (int, error) {
	w.t.Logf("%s", line)
	return len(line), nil
}

// topic creates a topic of a name of its own.
func topic(t testing.TB, c *Client, name string, partitions int) string {
	t.Helper()
	return topicWith(t, c, name, partitions, nil)
}

func topicWith(t testing.TB, c *Client, name string, partitions int, config map[string]string) string {
	t.Helper()
	name = fmt.Sprintf("%s-%08x", name, rand.Uint32())
	counts, err := c.EnsureTopics(testContext(t), []TopicSpec{{name, partitions, -1, config}})
	if err != nil || counts[name] != partitions {
		t.Fatalf("creating %s: %v, %v", name, counts, err)
	}
	return name
}

func testContext(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// write writes values with numbered keys to one partition.
func write(t testing.TB, c *Client, tp TopicPartition, values ...string) []int64 {
	t.Helper()
	var messages []Message
	for i, v := range values {
		messages = append(messages, Message{Topic: tp.Topic, Partition: tp.Partition, Key: fmt.Appendf(nil, "k%d", i), Value: []byte(v)})
	}
	offsets, err := c.Producer(ProducerConfig{}).Write(testContext(t), messages)
	if err != nil {
		t.Fatal(err)
	}
	return offsets
}

// kgoClient is another client, for what ours does not do.
func (tc testCluster) kgoClient(t testing.TB, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	client, err := kgo.NewClient(append(opts, kgo.SeedBrokers(tc.brokers...), kgo.RecordPartitioner(kgo.ManualPartitioner()))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

// startFeed starts a feed over partitions, outside of a group.
func startFeed(t testing.TB, c *Client, offsets map[TopicPartition]int64, tps ...TopicPartition) *Feed {
	t.Helper()
	feed := newFeed(testContext(t), c, tps)
	if err := feed.Start(offsets); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(feed.close)
	return feed
}

// collect reads until a number of offsets is passed, records or not.
func collect(t testing.TB, f *Feed, offsets int64) (values []string, skipped int64) {
	t.Helper()
	timeout := time.After(30 * time.Second)
	for passed := int64(0); passed < offsets; {
		select {
		case <-f.Ready():
		case <-timeout:
			t.Fatalf("passed %d of %d offsets", passed, offsets)
		}
		b, err := f.Next(1000, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		if b == nil {
			continue
		}
		for _, r := range b.Records {
			values = append(values, string(r.Value))
		}
		skipped += b.Skipped
		passed += b.Skipped + int64(len(b.Records))
	}
	return values, skipped
}

// nextError reads until there is an error.
func nextError(t testing.TB, f *Feed) error {
	t.Helper()
	for {
		select {
		case <-f.Ready():
		case <-time.After(30 * time.Second):
			t.Fatal("no error came")
		}
		if _, err := f.Next(1000, 1<<20); err != nil {
			return err
		}
	}
}

func numbered(prefix string, n int) []string {
	values := make([]string, n)
	for i := range values {
		values[i] = fmt.Sprintf("%s%d", prefix, i)
	}
	return values
}
