package servers_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"

	"rollcall/integration/servers"
)

func TestMain(m *testing.M) { servers.Main(m) }

func TestKafkaTakesWhatKcatWrites(t *testing.T) {
	kcat, addr := servers.Kcat(t), servers.SharedKafka(t)
	const topic, partitions, records = "kcat", 7, 200
	createTopic(t, addr, topic, partitions)

	var lines bytes.Buffer
	for i := range records {
		fmt.Fprintf(&lines, "acme/c-%d:v%d\n", i, i)
	}
	cmd := exec.Command(kcat, "-P", "-b", addr, "-t", topic, "-K:", "-X", "partitioner=murmur2_random")
	cmd.Stdin = &lines
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("kcat: %v\n%s", err, out)
	}

	all := []int{0, 1, 2, 3, 4, 5, 6}
	read := 0
	for p := range partitions {
		for _, m := range readPartition(t, addr, topic, p) {
			read++
			if want := (kafka.Murmur2Balancer{}).Balance(m, all...); want != p {
				t.Errorf("%s is in partition %d, murmur2 says %d", m.Key, p, want)
			}
		}
	}
	if read != records {
		t.Errorf("read %d records back, want %d", read, records)
	}
}

func TestKafkaCreatesNoTopicByItself(t *testing.T) {
	w := &kafka.Writer{Addr: kafka.TCP(servers.SharedKafka(t)), Topic: "nobody-made-it", AllowAutoTopicCreation: true, MaxAttempts: 2}
	defer w.Close()
	if err := w.WriteMessages(t.Context(), kafka.Message{Value: []byte("x")}); err == nil {
		t.Error("a record was written to a topic that nobody created")
	}
}

func TestKafkaKeepsItsDataOverKill(t *testing.T) {
	c := servers.StartKafka(t, servers.Property("log.message.timestamp.type", "LogAppendTime"))
	if got := brokerConfig(t, c.Addr(), "log.message.timestamp.type"); got != "LogAppendTime" {
		t.Errorf("the broker's log.message.timestamp.type is %q: the property was not applied", got)
	}
	createTopic(t, c.Addr(), "kept", 1)
	write(t, c.Addr(), "kept", kafka.Message{Value: []byte("before")})
	broker := c.Brokers[0]
	if err := broker.Kill(); err != nil {
		t.Fatal(err)
	}
	if conn, err := net.Dial("tcp", broker.Addr); err == nil {
		conn.Close()
		t.Error("the broker still listens after Kill")
	}
	if err := broker.Restart(); err != nil {
		t.Fatal(err)
	}
	write(t, c.Addr(), "kept", kafka.Message{Value: []byte("after")})
	got := readPartition(t, c.Addr(), "kept", 0)
	if len(got) != 2 || string(got[0].Value) != "before" || string(got[1].Value) != "after" {
		t.Errorf("read %v, want before and after", got)
	}
}

func TestThreeBrokersOutliveOne(t *testing.T) {
	if testing.Short() {
		t.Skip("starts three brokers")
	}
	c := servers.StartKafka(t, servers.Brokers(3), servers.HeapMiB(256))
	client := &kafka.Client{Addr: kafka.TCP(strings.Split(c.Addr(), ",")...)}
	_, err := client.CreateTopics(t.Context(), &kafka.CreateTopicsRequest{
		Topics: []kafka.TopicConfig{{Topic: "spread", NumPartitions: 3, ReplicationFactor: 3}},
	})
	if err != nil {
		t.Fatal(err)
	}
	write(t, c.Addr(), "spread", kafka.Message{Key: []byte("k"), Value: []byte("v")})
	if err := c.Brokers[2].Stop(); err != nil {
		t.Fatal(err)
	}
	write(t, c.Addr(), "spread", kafka.Message{Key: []byte("k"), Value: []byte("v")})
}

func TestRedisAnswers(t *testing.T) {
	addr := servers.Redis(t)
	if got := redis(t, addr, "PING"); got != "+PONG" {
		t.Errorf("PING is answered %q", got)
	}
	if got := redis(t, addr, "SET", "k", "v"); got != "+OK" {
		t.Errorf("SET is answered %q", got)
	}
}

func TestRedisKeepsOnlyWhatItWasToldToKeep(t *testing.T) {
	for name, test := range map[string]struct {
		args []string
		want string
	}{
		"default": {nil, "$-1"},
		"AOF":     {servers.AOF, "$1"},
	} {
		t.Run(name, func(t *testing.T) {
			s := servers.StartRedis(t, test.args...)
			redis(t, s.Addr, "SET", "k", "v")
			if err := s.Kill(); err != nil {
				t.Fatal(err)
			}
			if err := s.Restart(); err != nil {
				t.Fatal(err)
			}
			if got := redis(t, s.Addr, "GET", "k"); got != test.want {
				t.Errorf("after kill and restart GET is answered %q, want %q", got, test.want)
			}
		})
	}
}

// TestServersEndWithTheTestBinary kills a test binary that has started a Redis.
func TestServersEndWithTheTestBinary(t *testing.T) {
	if os.Getenv("SERVERS_TEST_CHILD") != "" {
		fmt.Println("addr", servers.Redis(t))
		time.Sleep(time.Minute)
		return
	}
	servers.Redis(t) // skips where there is none
	child := exec.Command(os.Args[0], "-test.run=^TestServersEndWithTheTestBinary$")
	child.Env = append(os.Environ(), "SERVERS_TEST_CHILD=1", "TMPDIR="+t.TempDir())
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	child.Process.Signal(syscall.SIGKILL)
	child.Wait()
	addr, ok := strings.CutPrefix(strings.TrimSpace(line), "addr ")
	if err != nil || !ok {
		t.Fatalf("the child printed %q, %v", line, err)
	}
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			return
		}
		conn.Close()
	}
	t.Errorf("Redis at %s outlives the test binary that started it", addr)
}

// TestMissingServer runs a test of a Redis that is nowhere to be found.
func TestMissingServer(t *testing.T) {
	for _, test := range []struct{ required, want string }{{"0", "--- SKIP"}, {"1", "--- FAIL"}} {
		log := t.TempDir() + "/servers"
		child := exec.Command(os.Args[0], "-test.v", "-test.run=^TestRedisAnswers$")
		child.Env = append(os.Environ(), "PATH=/nowhere", "DOCKER_HOST=unix:///nowhere",
			"ROLLCALL_REQUIRE_SERVERS="+test.required, "ROLLCALL_SERVERS_LOG="+log)
		out, _ := child.CombinedOutput()
		if !strings.Contains(string(out), test.want) {
			t.Errorf("with ROLLCALL_REQUIRE_SERVERS=%s there is no %q in:\n%s", test.required, test.want, out)
		}
		said, _ := os.ReadFile(log)
		if skipped := strings.Contains(string(said), "tests skipped: Redis"); skipped != (test.required == "0") {
			t.Errorf("with ROLLCALL_REQUIRE_SERVERS=%s the log says %q", test.required, said)
		}
	}
}

func createTopic(t *testing.T, addr, topic string, partitions int) {
	t.Helper()
	client := &kafka.Client{Addr: kafka.TCP(addr)}
	res, err := client.CreateTopics(t.Context(), &kafka.CreateTopicsRequest{
		Topics: []kafka.TopicConfig{{Topic: topic, NumPartitions: partitions, ReplicationFactor: 1}},
	})
	if err == nil {
		err = res.Errors[topic]
	}
	if err != nil {
		t.Fatal(err)
	}
}

func brokerConfig(t *testing.T, addr, name string) string {
	t.Helper()
	client := &kafka.Client{Addr: kafka.TCP(addr)}
	res, err := client.DescribeConfigs(t.Context(), &kafka.DescribeConfigsRequest{
		Resources: []kafka.DescribeConfigRequestResource{{
			ResourceType: kafka.ResourceTypeBroker, ResourceName: "1", ConfigNames: []string{name},
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range res.Resources[0].ConfigEntries {
		if entry.ConfigName == name {
			return entry.ConfigValue
		}
	}
	return ""
}

func write(t *testing.T, addr, topic string, m kafka.Message) {
	t.Helper()
	w := &kafka.Writer{
		Addr: kafka.TCP(strings.Split(addr, ",")...), Topic: topic, Balancer: kafka.Murmur2Balancer{},
		RequiredAcks: kafka.RequireAll, BatchTimeout: 5 * time.Millisecond,
		Transport: &kafka.Transport{MetadataTTL: 200 * time.Millisecond},
	}
	defer w.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for {
		err := w.WriteMessages(ctx, m)
		if err == nil {
			return
		}
		if ctx.Err() != nil {
			t.Fatal(err)
		}
	}
}

// readPartition reads a partition from its beginning to its end of now.
func readPartition(t *testing.T, addr, topic string, partition int) []kafka.Message {
	t.Helper()
	conn, err := kafka.DialLeader(t.Context(), "tcp", addr, topic, partition)
	if err != nil {
		t.Fatal(err)
	}
	end, err := conn.ReadLastOffset()
	conn.Close()
	if err != nil {
		t.Fatal(err)
	}
	r := kafka.NewReader(kafka.ReaderConfig{Brokers: []string{addr}, Topic: topic, Partition: partition, MaxWait: 50 * time.Millisecond})
	defer r.Close()
	var all []kafka.Message
	for int64(len(all)) < end {
		m, err := r.ReadMessage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, m)
	}
	return all
}

// redis sends one command and returns the first line of its answer.
func redis(t *testing.T, addr string, args ...string) string {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	var cmd strings.Builder
	cmd.WriteString("*" + strconv.Itoa(len(args)) + "\r\n")
	for _, a := range args {
		fmt.Fprintf(&cmd, "$%d\r\n%s\r\n", len(a), a)
	}
	if _, err := conn.Write([]byte(cmd.String())); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(line)
}
