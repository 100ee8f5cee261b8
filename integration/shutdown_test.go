package integration

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"rollcall/bitmaps"
)

// endsWithin is how long a process may take to end when it is asked to,
// whatever hangs.
const endsWithin = 2 * time.Second

// TestShutdown asks processes to end while they are in the middle of everything.
func TestShutdown(t *testing.T) {
	takesLong(t)
	c := newCluster(t)
	starts := 0
	serve := func() *process { // in a group of its own, which waits for nobody who left without a word
		starts++
		return c.serve("--group", fmt.Sprint("group-", starts)).ready()
	}
	p := serve()
	c.fill(p, "acme", 2000)
	kafka, redis := c.kafka.Brokers[0], c.redis
	nothing := func() error { return nil }
	for _, trouble := range []struct {
		name       string
		begin, end func() error
	}{
		{"no trouble", nothing, nothing},
		{"Redis hangs", redis.Freeze, redis.Thaw},
		{"Kafka hangs", kafka.Freeze, kafka.Thaw},
	} {
		busy(t, c, p)
		must(t, trouble.begin())
		time.Sleep(200 * time.Millisecond) // for calls to be under way
		expectEnd(t, trouble.name, p)
		must(t, trouble.end())
		before := expectWhole(t, c)
		p = serve()
		expectReadOn(t, c, p, before)
	}
	must(t, redis.Freeze())
	expectEndAtOnce(t, p)
	must(t, redis.Thaw())
	p = serve()
	busy(t, c, p)
	must(t, kafka.Kill())
	expectEnd(t, "Kafka is dead", p)
	expectWhole(t, c)
}

// expectEndAtOnce asks twice, as whoever presses Ctrl-C a second time.
func expectEndAtOnce(t *testing.T, p *process) {
	t.Helper()
	must(t, p.cmd.Process.Signal(syscall.SIGTERM))
	time.Sleep(50 * time.Millisecond)
	began := time.Now()
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	<-p.exited
	if took := time.Since(began); took > 200*time.Millisecond {
		t.Errorf("it took %v to end when asked a second time", took)
	}
}

// busy has records flow and streams open.
func busy(t *testing.T, c *cluster, p *process) {
	t.Helper()
	follow(t, p, "/v1/sizes")
	follow(t, p, "/v1/segments/in/members?stale=allow")
	var records strings.Builder
	for i := range 50_000 {
		contact := fmt.Sprintf("c-%d", i%2000)
		records.WriteString(line("acme/"+contact, fmt.Sprintf(`{"account":"acme","contact":%q,"message":"m-%d"}`, contact, i%50)))
	}
	c.kcat("sms.clicked", strings.NewReader(records.String()), likeJava...)
}

// follow opens a stream and doesn't read it.
func follow(t *testing.T, p *process, path string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, p.url+path, nil)
	must(t, err)
	req.Header.Set("Authorization", "Bearer "+operatorToken)
	req.Header.Set("Rollcall-Account", "acme")
	res, err := (&http.Client{}).Do(req)
	must(t, err)
	t.Cleanup(func() { res.Body.Close() })
	if res.StatusCode != 200 {
		answer, _ := io.ReadAll(res.Body)
		t.Fatalf("%s is answered %s: %s", path, res.Status, answer)
	}
}

func expectEnd(t *testing.T, trouble string, p *process) {
	t.Helper()
	began := time.Now()
	p.stop()
	took := time.Since(began)
	t.Logf("%s: it ended after %v", trouble, took.Round(time.Millisecond))
	if took > endsWithin {
		t.Errorf("%s: it took %v to end:\n%s", trouble, took, p.lastLines())
	}
}

// standing is where a partition stands in Redis.
type standing struct {
	lineage string // of the state: another one means that it was begun anew
	read    int64  // records, of all topics
}

// expectWhole holds the head of every partition against the changelog, where
// the last commit is whole or not at all, and returns where they stand.
func expectWhole(t *testing.T, c *cluster) (all [8]standing) {
	t.Helper()
	store := bitmaps.NewStore(c.redisClient(), "rollcall")
	for p := range all {
		head, err := store.Head(t.Context(), int32(p))
		must(t, err)
		entries, err := store.Changelog(t.Context(), int32(p), 0, 1<<20, 0)
		must(t, err)
		if len(entries) == 0 || entries[len(entries)-1].Seq != head.Seq {
			t.Errorf("partition %d: %d entries in the changelog don't end with %d, as the head says", p, len(entries), head.Seq)
		}
		for _, e := range entries {
			if e.Nonce != "" {
				continue
			}
			all[p] = standing{lineage: e.Checkpoint.Lineage}
			for _, o := range e.Checkpoint.Offsets {
				all[p].read += o.Next
			}
		}
	}
	return all
}

// expectReadOn expects that the next process went on from where the last one
// stood, and lost and repeated nothing.
func expectReadOn(t *testing.T, c *cluster, p *process, before [8]standing) {
	t.Helper()
	c.expectAllCounted(c.settled(p))
	for p, now := range expectWhole(t, c) {
		if now.lineage != before[p].lineage || now.read < before[p].read {
			t.Errorf("partition %d stood at %+v, and stands at %+v", p, before[p], now)
		}
	}
}
