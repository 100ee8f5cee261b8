package embedded_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/segmentio/kafka-go"

	"rollcall/embedded"
)

const topic = "letters"

func TestLogOutlivesClose(t *testing.T) {
	dir := t.TempDir()
	for start := range 3 {
		s := run(t, embedded.Config{DataDir: dir})
		if start == 0 {
			must(t, createTopic(t.Context(), s.Kafka()))
		}
		must(t, write(t.Context(), s.Kafka(), kafka.Message{Value: fmt.Append(nil, start)}))
		var want []string
		for i := range start + 1 {
			want = append(want, fmt.Sprint(i))
		}
		if got := values(read(t, s.Kafka())); !slices.Equal(got, want) {
			t.Fatalf("start %d: read %v, want %v", start, got, want)
		}
		must(t, s.Close())
	}
}

func TestDataDirHasOneOwner(t *testing.T) {
	crashed(t, func(dir string) {
		_, err := embedded.Start(embedded.Config{DataDir: dir, Kafka: "127.0.0.1:0"})
		if !errors.Is(err, embedded.ErrInUse) || !strings.Contains(err.Error(), dir) {
			t.Errorf("with the directory in use Start says %v", err)
		}
	})
	dir := t.TempDir()
	first := run(t, embedded.Config{DataDir: dir})
	if _, err := embedded.Start(embedded.Config{DataDir: dir, Kafka: "127.0.0.1:0"}); !errors.Is(err, embedded.ErrInUse) {
		t.Errorf("a second Start in this process says %v", err)
	}
	must(t, first.Close())
	must(t, run(t, embedded.Config{DataDir: dir}).Close())
}

func TestFailedStartGivesTheDataDirBack(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer taken.Close()
	dir := t.TempDir()
	for _, cfg := range []embedded.Config{
		{DataDir: dir, Kafka: taken.Addr().String()},
		{DataDir: dir, Kafka: "127.0.0.1:0", Redis: taken.Addr().String()},
	} {
		if _, err := embedded.Start(cfg); err == nil || !strings.Contains(err.Error(), "address already in use") {
			t.Errorf("with a taken port Start says %v", err)
		}
	}
	run(t, embedded.Config{DataDir: dir})
}

func TestBrokerDatesRecords(t *testing.T) {
	s := run(t, embedded.Config{DataDir: t.TempDir()})
	must(t, createTopic(t.Context(), s.Kafka()))
	before := time.Now().Truncate(time.Millisecond)
	for codec := range kafka.Zstd + 1 {
		w := writer(s.Kafka())
		w.Compression = codec
		must(t, w.WriteMessages(t.Context(),
			kafka.Message{Key: []byte("k"), Value: []byte("a"), Time: time.Unix(1, 0), Headers: []kafka.Header{{Key: "h", Value: []byte("x")}}},
			kafka.Message{Key: []byte("k"), Time: time.Now().Add(time.Hour)},
		))
		must(t, w.Close())
	}
	after := time.Now()
	got := read(t, s.Kafka())
	if len(got) != 2*int(kafka.Zstd+1) {
		t.Fatalf("read %d records", len(got))
	}
	for i, m := range got {
		if m.Time.Before(before) || m.Time.After(after) {
			t.Errorf("record %d is dated %v, want between %v and %v", i, m.Time, before, after)
		}
		first := i%2 == 0
		if string(m.Key) != "k" || first != (string(m.Value) == "a") || first != (len(m.Headers) == 1) || first == (m.Value == nil) {
			t.Errorf("record %d was changed: %v", i, m)
		}
	}
}

func TestTopicsAreNotCreatedByThemselves(t *testing.T) {
	s := run(t, embedded.Config{DataDir: t.TempDir()})
	w := writer(s.Kafka())
	defer w.Close()
	w.AllowAutoTopicCreation, w.MaxAttempts = true, 2
	if err := w.WriteMessages(t.Context(), kafka.Message{Value: []byte("x")}); err == nil {
		t.Error("a record was written to a topic that nobody created")
	}
}

func TestBrokerNeverCleansUp(t *testing.T) {
	s := run(t, embedded.Config{DataDir: t.TempDir()})
	if got := brokerConfig(t, s.Kafka(), "log.retention.ms"); got != "-1" {
		t.Errorf("records are kept for %s ms", got)
	}
	every := brokerConfig(t, s.Kafka(), "log.cleaner.backoff.ms")
	if ms, err := strconv.ParseInt(every, 10, 64); err != nil || time.Duration(ms)*time.Millisecond < 365*24*time.Hour {
		t.Errorf("the cleaner runs every %q ms, %v", every, err)
	}
}

func TestAdvertisedAddress(t *testing.T) {
	for _, cfg := range []embedded.Config{
		{Kafka: "0.0.0.0:0"},
		{Kafka: "127.0.0.1:0", AdvertisedKafka: "localhost:1"},
	} {
		cfg.DataDir = t.TempDir()
		if host, _, _ := net.SplitHostPort(run(t, cfg).Kafka()); host != "localhost" {
			t.Errorf("a broker listening on %s advertises host %s", cfg.Kafka, host)
		}
	}
}

func TestRedisIsEmptyAtEveryStart(t *testing.T) {
	dir := t.TempDir()
	for range 2 {
		s := run(t, embedded.Config{DataDir: dir})
		client := redis.NewClient(&redis.Options{Addr: s.Redis()})
		if n, err := client.DBSize(t.Context()).Result(); err != nil || n != 0 {
			t.Errorf("Redis holds %d keys, %v", n, err)
		}
		must(t, client.Set(t.Context(), "k", "v", 10*time.Millisecond).Err())
		time.Sleep(20 * time.Millisecond)
		if err := client.Get(t.Context(), "k").Err(); !errors.Is(err, redis.Nil) {
			t.Errorf("an expired key is answered with %v", err)
		}
		must(t, client.Close())
		must(t, s.Close())
	}
}

func run(t *testing.T, cfg embedded.Config) *embedded.Servers {
	t.Helper()
	if cfg.Kafka == "" {
		cfg.Kafka = "127.0.0.1:0"
	}
	s, err := embedded.Start(cfg)
	must(t, err)
	t.Cleanup(func() { s.Close() })
	return s
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func createTopic(ctx context.Context, addr string) error {
	client := &kafka.Client{Addr: kafka.TCP(addr)}
	res, err := client.CreateTopics(ctx, &kafka.CreateTopicsRequest{
		Topics: []kafka.TopicConfig{{Topic: topic, NumPartitions: 1, ReplicationFactor: 1}},
	})
	if err != nil {
		return err
	}
	return res.Errors[topic]
}

func brokerConfig(t *testing.T, addr, name string) string {
	t.Helper()
	client := &kafka.Client{Addr: kafka.TCP(addr)}
	res, err := client.DescribeConfigs(t.Context(), &kafka.DescribeConfigsRequest{
		Resources: []kafka.DescribeConfigRequestResource{{
			ResourceType: kafka.ResourceTypeBroker, ResourceName: "0", ConfigNames: []string{name},
		}},
	})
	must(t, err)
	for _, entry := range res.Resources[0].ConfigEntries {
		if entry.ConfigName == name {
			return entry.ConfigValue
		}
	}
	return ""
}

func writer(addr string) *kafka.Writer {
	return &kafka.Writer{
		Addr: kafka.TCP(addr), Topic: topic, RequiredAcks: kafka.RequireAll, BatchTimeout: time.Millisecond,
		Transport: new(kafka.Transport),
	}
}

func write(ctx context.Context, addr string, messages ...kafka.Message) error {
	w := writer(addr)
	defer w.Close()
	return w.WriteMessages(ctx, messages...)
}

func read(t *testing.T, addr string) []kafka.Message {
	t.Helper()
	conn, err := kafka.DialLeader(t.Context(), "tcp", addr, topic, 0)
	must(t, err)
	defer conn.Close()
	end, err := conn.ReadLastOffset()
	must(t, err)
	r := kafka.NewReader(kafka.ReaderConfig{Brokers: []string{addr}, Topic: topic, MaxWait: 20 * time.Millisecond})
	defer r.Close()
	var all []kafka.Message
	for len(all) == 0 || all[len(all)-1].Offset < end-1 {
		m, err := r.ReadMessage(t.Context())
		must(t, err)
		all = append(all, m)
	}
	return all
}

func values(messages []kafka.Message) []string {
	var vs []string
	for _, m := range messages {
		vs = append(vs, string(m.Value))
	}
	return vs
}
