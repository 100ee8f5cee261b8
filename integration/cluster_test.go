package integration

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"rollcall/api"
	"rollcall/consumers"
	"rollcall/integration/servers"
)

// sources are all topics that the state is a function of.
var sources = []string{
	"sms.sent", "sms.clicked", "sms.failed", "sms.replied", "sms.opted_in", "sms.opted_out", "contacts", "lists",
	"rollcall.inbox", "rollcall.erasures",
}

// producersTopics are those that others write to.
var producersTopics = sources[:8]

// cluster is a Kafka and a Redis of a test's own: topics have fixed names, so
// tests of a log from its beginning can't share one.
type cluster struct {
	t        *testing.T
	kafka    *servers.KafkaCluster
	redis    *servers.Server
	client   *consumers.Client
	kcatPath string
	patience time.Duration // for the state to catch up
}

func newCluster(t *testing.T) *cluster {
	t.Helper()
	return newClusterOf(t, servers.StartRedis(t), servers.StartKafka(t))
}

func newClusterOf(t *testing.T, redis *servers.Server, kafka *servers.KafkaCluster) *cluster {
	t.Helper()
	c := &cluster{t: t, patience: 4 * time.Minute, kcatPath: servers.Kcat(t), redis: redis, kafka: kafka}
	t.Logf("integration: kcat at %s", c.kcatPath)
	client, err := consumers.Open(consumers.Config{Brokers: strings.Split(c.kafka.Addr(), ","), ClientID: "rollcall-tests"})
	must(t, err)
	t.Cleanup(client.Close)
	c.client = client
	return c
}

// fill creates an account with the segment in, of so many contacts, and waits
// until all of them are in it.
func (c *cluster) fill(p *process, account string, contacts int) {
	c.t.Helper()
	createAccount(c.t, p, map[string]any{"id": account})
	var optIns, people strings.Builder
	for i := range contacts {
		contact := fmt.Sprintf("c-%d", i)
		people.WriteString(line(account+"/"+contact, contactRecord(account, contact)))
		optIns.WriteString(line(account+"/"+contact, consentRecord(account, contact, time.Now())))
	}
	c.kcat("contacts", strings.NewReader(people.String()), likeJava...)
	c.kcat("sms.opted_in", strings.NewReader(optIns.String()), likeJava...)
	putSegment(c.t, p, account, "in", "all contacts where opted in")
	c.settled(p)
}

// with is the cluster for a subtest.
func (c *cluster) with(t *testing.T) *cluster {
	sub := *c
	sub.t = t
	return &sub
}

// notScrubbing keeps the scrubber out of tests that count records: whose turn it
// is goes by the clock, and it writes some of its own.
var notScrubbing = []string{"--scrub-every", "8760h"}

// serve starts a rollcall that works on the cluster.
func (c *cluster) serve(args ...string) *process {
	c.t.Helper()
	return start(c.t, slices.Concat(c.flags(), notScrubbing, args)...)
}

// flags say where the cluster's servers are.
func (c *cluster) flags() []string {
	return []string{"--brokers", c.kafka.Addr(), "--redis", "redis://" + c.redis.Addr}
}

// settled waits until everything that was written before is in the answers. A
// record that is forwarded is written a second time, to the inbox, so that one
// look at where the log ends is not enough.
func (c *cluster) settled(p *process) api.Status {
	c.t.Helper()
	c.caughtUp(p)
	return c.caughtUp(p)
}

// caughtUp waits until the state is fresh as of now.
func (c *cluster) caughtUp(p *process) (s api.Status) {
	c.t.Helper()
	now := time.Now()
	eventually(c.t, c.patience, "fresh as of now", func() error {
		if p.gone() {
			c.t.Fatalf("rollcall ended:\n%s", p.lastLines())
		}
		s = status(c.t, p)
		if !s.Freshness.Fresh || !s.Freshness.AsOf.After(now) {
			return fmt.Errorf("fresh: %v, as of %v, missing %.10q", s.Freshness.Fresh, s.Freshness.AsOf, s.Freshness.Missing)
		}
		return nil
	})
	return s
}

// ends are the high watermarks of the topics, added up by topic.
func (c *cluster) ends(topics ...string) map[string]int64 {
	c.t.Helper()
	marks, err := c.client.Watermarks(c.t.Context(), c.partitions(topics...))
	must(c.t, err)
	ends := map[string]int64{}
	for tp, mark := range marks {
		ends[tp.Topic] += mark.High
	}
	return ends
}

func (c *cluster) partitions(topics ...string) (tps []consumers.TopicPartition) {
	c.t.Helper()
	counts, err := c.client.Topics(c.t.Context())
	must(c.t, err)
	for _, topic := range topics {
		for p := range int32(counts[topic]) {
			tps = append(tps, consumers.TopicPartition{Topic: topic, Partition: p})
		}
	}
	return tps
}

// wipe empties Redis.
func (c *cluster) wipe() {
	c.t.Helper()
	must(c.t, c.redisClient().FlushAll(c.t.Context()).Err())
}

func (c *cluster) redisClient() *redis.Client {
	client := redis.NewClient(&redis.Options{Addr: c.redis.Addr})
	c.t.Cleanup(func() { _ = client.Close() })
	return client
}

// read calls fn with all records of the topics, those of a partition in order.
func (c *cluster) read(fn func(*consumers.Record), topics ...string) {
	c.t.Helper()
	for _, tp := range c.partitions(topics...) {
		lost := &consumers.OffsetLostError{LogStart: -1}
		for again := true; again; { // retention may take what was to be read next
			_, err := c.client.ReadAll(c.t.Context(), tp, lost.LogStart, func(r *consumers.Record) error { fn(r); return nil })
			if again = errors.As(err, &lost); !again {
				must(c.t, err)
			}
		}
	}
}

// expectAllCounted holds what the status says became of the records against how
// many there are.
func (c *cluster) expectAllCounted(s api.Status) {
	c.t.Helper()
	total := func(m map[string]int64) (n int64) {
		for v := range maps.Values(m) {
			n += v
		}
		return n
	}
	ends := c.ends(sources...)
	if counted, consumed := total(s.Outcomes), total(ends); counted != consumed {
		c.t.Errorf("outcomes %v add up to %d, but the sources %v have %d records", s.Outcomes, counted, ends, consumed)
	}
	if codes, dead := total(s.DeadLetters), s.Outcomes["dead_lettered"]; codes != dead {
		c.t.Errorf("dead letters by code %v are %d, by outcome %d", s.DeadLetters, codes, dead)
	}
	for _, name := range []string{"applied", "repeated", "forwarded", "dead_lettered", "ignored", "skipped"} {
		if !slices.Contains(slices.Collect(maps.Keys(s.Outcomes)), name) {
			c.t.Errorf("the status does not count what was %s", name)
		}
	}
}
