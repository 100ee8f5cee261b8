package integration

import (
	"fmt"
	"io"
	"maps"
	"os"
	"regexp"
	"strconv"
	"sync"
	"testing"
	"time"
)

// flow is a stream of records that several kcats write over some seconds.
type flow struct {
	wg       sync.WaitGroup
	problems chan string
}

// startFlow makes up about n records and has them written over a time.
func (c *cluster) startFlow(all []population, n int, seed uint64, over time.Duration) *flow {
	c.t.Helper()
	files, _, err := writeFiles(c.t.TempDir(), history(c.t, all, n, seed))
	must(c.t, err)
	f := &flow{problems: make(chan string, len(files))}
	for topic, path := range files {
		file, err := os.Open(path)
		must(c.t, err)
		f.wg.Go(func() {
			defer file.Close()
			slow := &slowReader{from: file, size: fileSize(file), began: time.Now(), over: over}
			args := likeJava
			if topic == "sms.clicked" || topic == "sms.opted_out" {
				args = nil // to be forwarded
			}
			if problem := c.tryKcat(topic, slow, args...); problem != "" {
				f.problems <- problem
			}
		})
	}
	return f
}

func (f *flow) wait(t *testing.T) {
	t.Helper()
	f.wg.Wait()
	close(f.problems)
	for problem := range f.problems {
		t.Fatalf("kcat: %s", problem)
	}
}

func fileSize(f *os.File) int64 {
	info, err := f.Stat()
	if err != nil {
		return 0
	}
	return info.Size()
}

// slowReader spreads what it reads evenly over a time.
type slowReader struct {
	from  io.Reader
	size  int64
	began time.Time
	over  time.Duration
	read  int64
}

func (s *slowReader) Read(b []byte) (int, error) {
	due := s.began.Add(time.Duration(float64(s.over) * float64(s.read) / float64(max(1, s.size))))
	time.Sleep(time.Until(due))
	n, err := s.from.Read(b[:min(len(b), 4096)])
	s.read += int64(n)
	return n, err
}

// TestCrashes kills everything there is, one after the other, while records
// flow. In the end the answers are those of the naive way, and meanwhile they
// are right or none.
func TestCrashes(t *testing.T) {
	takesLong(t)
	c := newCluster(t)
	n := 30_000
	if testing.Short() {
		n = 10_000
	}
	all := populations()[:2]
	tenants := tenantsOf(all)
	serve := func() *process { t.Helper(); return c.serve("--max-staleness", "2s") }
	one := serve().ready()
	for _, a := range tenants {
		a.create(t, one)
		a.define(t, one, "abcd")
	}
	w := newWitness(t, c, one)
	two := serve().ready()
	w.report(t, "a second process joined")
	// right compares all that is known with the naive way.
	right := func(p *process, what string) {
		t.Helper()
		began := time.Now()
		s := c.settled(p)
		t.Logf("%s: settled after %v", what, time.Since(began).Round(100*time.Millisecond))
		got := c.collect(p, tenants)
		compare(t, tenants, got, c.expect(append(tenants, witnessed), 8, nil), nil)
		c.expectAllCounted(s)
		c.expectDeadLetters(s, 1000)
		c.followedTo(tenants, got)
	}

	c.sharing(one, two)
	w.asked.Store(two)
	f := c.startFlow(all, n, 1, 6*time.Second)
	time.Sleep(3 * time.Second)
	one.kill()
	f.wait(t)
	right(two, "one of two processes was killed")
	w.report(t, "one of two processes was killed")

	three := serve().ready()
	c.sharing(two, three)
	f = c.startFlow(all, n, 101, 6*time.Second)
	time.Sleep(3 * time.Second)
	two.kill()
	three.kill()
	four := serve()
	w.asked.Store(four)
	f.wait(t)
	right(four, "all processes were killed")
	w.report(t, "all processes were killed")

	f = c.startFlow(all, n, 201, 10*time.Second)
	time.Sleep(2 * time.Second)
	must(t, c.redis.Kill())
	time.Sleep(5 * time.Second)
	must(t, c.redis.Restart())
	f.wait(t)
	right(four, "Redis was killed and came back empty")
	if notFresh := w.report(t, "Redis was killed and came back empty"); notFresh == 0 {
		t.Error("Redis was gone for 5 s, and answers were always fresh")
	}

	must(t, c.kafka.Brokers[0].Kill())
	time.Sleep(3 * time.Second)
	must(t, c.kafka.Brokers[0].Restart())
	f = c.startFlow(all, n, 301, 2*time.Second)
	f.wait(t)
	right(four, "Kafka was killed and came back")
	w.report(t, "Kafka was killed and came back")
}

// TestRedisLostInSilence loses the state while no record flows that would be
// committed to it.
func TestRedisLostInSilence(t *testing.T) {
	c := newCluster(t)
	c.patience = time.Minute
	p := c.serve("--max-staleness", "2s").ready()
	w := newWitness(t, c, p)
	must(t, c.redis.Restart()) // it keeps nothing
	c.settled(p)
	compare(t, []tenant{witnessed}, c.collect(p, []tenant{witnessed}), c.expect([]tenant{witnessed}, 8, nil), nil)
	w.report(t, "Redis came back empty while no records flowed")
}

var ownedMetric = regexp.MustCompile(`(?m)^rollcall_partitions_owned (\d+)$`)

// sharing waits until each process has some of the partitions, and together
// they have all.
func (c *cluster) sharing(all ...*process) {
	c.t.Helper()
	eventually(c.t, time.Minute, "the processes share the partitions", func() error {
		owned := map[*process]int{}
		sum := 0
		for _, p := range all {
			_, body, err := tryAsk(c.t, p, "", "GET", "/metrics", nil)
			if err != nil {
				return err
			}
			if found := ownedMetric.FindSubmatch(body); found != nil {
				owned[p], _ = strconv.Atoi(string(found[1]))
				sum += owned[p]
			}
		}
		for n := range maps.Values(owned) {
			if n == 0 || sum != 8 {
				return fmt.Errorf("%d of %d have %v", len(owned), len(all), owned)
			}
		}
		return nil
	})
}
