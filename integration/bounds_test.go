package integration

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"

	"rollcall/consumers"
	"rollcall/integration/proxy"
	"rollcall/integration/servers"
)

const mib = 1 << 20

// rss is the resident memory of a process in bytes.
func (p *process) rss() int64 {
	p.t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	must(p.t, err)
	kib, err := strconv.ParseInt(found(status, `VmRSS:\s+(\d+) kB`), 10, 64)
	must(p.t, err)
	return kib << 10
}

// peakWhile is the most memory that a process takes while fn runs.
func (p *process) peakWhile(fn func()) int64 {
	p.t.Helper()
	var peak atomic.Int64
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			peak.Store(max(peak.Load(), p.rss()))
			select {
			case <-stop:
				return
			case <-time.After(10 * time.Millisecond):
			}
		}
	}()
	fn()
	close(stop)
	<-stopped
	return peak.Load()
}

func expectPeak(t *testing.T, what string, peak, most int64) {
	t.Helper()
	t.Logf("%s: up to %d MiB", what, peak/mib)
	if peak > most {
		t.Errorf("%s: up to %d MiB, want at most %d", what, peak/mib, most/mib)
	}
}

// TestMemoryIsBounded measures the real process in situations that pile up work.
func TestMemoryIsBounded(t *testing.T) {
	takesLong(t)
	c := newClusterOf(t, servers.StartRedis(t), servers.StartKafka(t,
		servers.Property("message.max.bytes", "26214400"), servers.Property("replica.fetch.max.bytes", "26214400")))
	p := c.serve().ready()
	c.fill(p, "acme", 20_000)
	base := p.rss()
	t.Logf("with %d contacts: %d MiB", 20_000, base/mib)

	t.Run("readers that don't read", func(t *testing.T) { testUnreadStreams(t, c.with(t), p, base) })
	t.Run("slow Redis", func(t *testing.T) { testSlowRedis(t, c.with(t)) })
	t.Run("huge records", func(t *testing.T) { testHugeRecords(t, c.with(t), p) })
	t.Run("a backlog", func(t *testing.T) { testBacklog(t, c.with(t), p) })
}

// testUnreadStreams opens streams, reads nothing, and changes sizes all along.
func testUnreadStreams(t *testing.T, c *cluster, p *process, base int64) {
	const streams = 100
	peak := p.peakWhile(func() {
		for i := range streams {
			follow(t, p, []string{"/v1/sizes", "/v1/segments/in/members?stale=allow"}[i%2])
		}
		for range 3 {
			c.kcat("sms.opted_out", strings.NewReader(consents("acme", 20_000)), likeJava...)
			c.kcat("sms.opted_in", strings.NewReader(consents("acme", 20_000)), likeJava...)
		}
		c.settled(p)
	})
	if open := metric(t, p, "rollcall_streams"); open == 0 {
		t.Error("no stream is open")
	}
	expectPeak(t, "100 streams that nobody reads", peak, base+100*mib)
}

func consents(account string, n int) string {
	var b strings.Builder
	for i := range n {
		contact := fmt.Sprintf("c-%d", i)
		b.WriteString(line(account+"/"+contact, consentRecord(account, contact, time.Now())))
	}
	return b.String()
}

// testHugeRecords writes records of 20 MB, one a batch, which all become dead
// letters; the records behind them count.
func testHugeRecords(t *testing.T, c *cluster, p *process) {
	const huge, size = 12, 20_000_000
	for _, topic := range []string{"sms.sent", "sms.clicked"} {
		alter(t, c, topic, "max.message.bytes", "25000000")
	}
	file := filepath.Join(t.TempDir(), "huge")
	must(t, os.WriteFile(file, bytes.Repeat([]byte("x"), size), 0o600))
	peak := p.peakWhile(func() {
		for i := range huge {
			topic := []string{"sms.sent", "sms.clicked"}[i%2]
			out, err := exec.CommandContext(t.Context(), c.kcatPath, "-P", "-b", c.kafka.Addr(), "-t", topic, "-p", fmt.Sprint(i%8),
				"-X", "message.max.bytes=25000000", "-k", "acme/c-1", file).CombinedOutput()
			if err != nil {
				t.Fatalf("%v: %s", err, out)
			}
		}
		c.settled(p)
	})
	if s := status(t, p); s.DeadLetters["too-large"] != huge {
		t.Errorf("dead letters: %v", s.DeadLetters)
	}
	if n := c.ends("rollcall.dead-letters")["rollcall.dead-letters"]; n < huge {
		t.Errorf("%d dead letters are written", n)
	}
	expectPeak(t, "12 records of 20 MB", peak, 600*mib)
}

func alter(t *testing.T, c *cluster, topic, name, value string) {
	t.Helper()
	client := kafka.Client{Addr: kafka.TCP(c.kafka.Addr())}
	res, err := client.AlterConfigs(t.Context(), &kafka.AlterConfigsRequest{Resources: []kafka.AlterConfigRequestResource{{
		ResourceType: kafka.ResourceTypeTopic, ResourceName: topic, Configs: []kafka.AlterConfigRequestConfig{
			{Name: name, Value: value}, {Name: "message.timestamp.type", Value: "LogAppendTime"},
		},
	}}})
	must(t, err)
	for resource, err := range res.Errors {
		if err != nil {
			t.Fatalf("%s: %v", resource.Name, err)
		}
	}
}

// testSlowRedis lets each call to Redis take 200 ms, while records come in.
func testSlowRedis(t *testing.T, c *cluster) {
	slow := servers.StartRedis(t)
	between, err := proxy.New(slow.Addr, 1)
	must(t, err)
	t.Cleanup(func() { between.Close() })
	between.Delay(100 * time.Millisecond) // each way
	q := start(t, "--brokers", c.kafka.Addr(), "--redis", "redis://"+between.Addr(), "--group", "slow")
	peak := q.peakWhile(func() {
		writeBacklog(t, c, 100_000)
		c.settled(q)
	})
	expectPeak(t, "a slow Redis and a backlog", peak, 400*mib)
}

// testBacklog expects that memory does not grow with how far behind a process
// is. The peak of the first backlog, a few batches, is what the second is held
// against.
func testBacklog(t *testing.T, c *cluster, p *process) {
	var peaks [2]int64
	for i, records := range []int{100_000, 1_000_000} {
		p.stop()
		writeBacklog(t, c, records)
		p = c.serve()
		peaks[i] = p.peakWhile(func() { c.settled(p) })
		t.Logf("%d records behind: up to %d MiB", records, peaks[i]/mib)
	}
	if peaks[1] > peaks[0]+100*mib {
		t.Errorf("ten times the backlog took %d MiB instead of %d", peaks[1]/mib, peaks[0]/mib)
	}
}

// writeBacklog writes the same event of a few contacts again and again, which
// changes nothing in the state.
func writeBacklog(t *testing.T, c *cluster, records int) {
	t.Helper()
	messages := make([]consumers.Message, 0, 20_000)
	producer := c.client.Producer(consumers.ProducerConfig{})
	for i := range records {
		contact := fmt.Sprintf("c-%d", i%1000)
		messages = append(messages, consumers.Message{
			Topic: "sms.clicked", Partition: -1, Key: []byte("acme/" + contact),
			Value: fmt.Appendf(nil, `{"id":"e-%d","account":"acme","contact":%q,"message":"m-%d"}`, i%1000, contact, i%7),
		})
		if len(messages) == cap(messages) || i == records-1 {
			_, err := producer.Write(t.Context(), messages)
			must(t, err)
			messages = messages[:0]
		}
	}
}

// metric is the value of a metric without labels, 0 if it is not there.
func metric(t *testing.T, p *process, name string) float64 {
	t.Helper()
	_, body := ask(t, p, "", "GET", "/metrics", nil)
	value, _ := strconv.ParseFloat(found(body, `(?m)^`+name+` (\S+)$`), 64)
	return value
}
