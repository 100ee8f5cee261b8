package integration

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"rollcall/api"
	"rollcall/bitmaps"
	"rollcall/consumers"
	"rollcall/integration/servers"
)

// ownTopic is a topic of rollcall's own that can't be written to, and a record
// that needs it.
type ownTopic struct {
	name   string
	cause  func(c *cluster, contact string) (stops consumers.TopicPartition, at int64)
	leaves bool // the contact is no member any more in the end
}

// replicas are what each partition has, of which one is down.
const replicas = 3

// loseBroker kills one, and waits until the others know. Clients of the test are
// not told of it, because kcat takes its absence for a failure.
func (c *cluster) loseBroker() {
	c.t.Helper()
	must(c.t, c.kafka.Brokers[replicas-1].Kill())
	c.kafka = &servers.KafkaCluster{Brokers: c.kafka.Brokers[:replicas-1]}
	eventually(c.t, time.Minute, "the brokers miss one of them", func() error {
		res, err := kmsg.NewPtrMetadataRequest().RequestWith(c.t.Context(), c.kgoClient())
		if err == nil && len(res.Brokers) == replicas {
			err = fmt.Errorf("there are %d", len(res.Brokers))
		}
		return err
	})
}

// down lets nobody write to a topic, until up.
func (c *cluster) down(topic string) (up func()) {
	c.configure(topic, "min.insync.replicas", fmt.Sprint(replicas))
	return sync.OnceFunc(func() { c.configure(topic, "min.insync.replicas", "") })
}

// ownTopics are those without which a partition does not go on.
var ownTopics = []ownTopic{
	{"rollcall.dead-letters", unreadable, false},
	{"rollcall.progress", unreadable, false},
	{"rollcall.inbox", misplaced, true},
	{"rollcall.erasures", erased, true},
}

// unreadable writes what becomes a dead letter.
func unreadable(c *cluster, contact string) (consumers.TopicPartition, int64) {
	return c.putAt("sms.sent", partitionOf(contact), contact, "{")
}

// misplaced writes an opt-out to another partition than the contact's.
func misplaced(c *cluster, contact string) (consumers.TopicPartition, int64) {
	return c.putAt("sms.opted_out", (partitionOf(contact)+1)%8, contact, consentRecord("probe", contact, time.Now()))
}

// erased writes a tombstone.
func erased(c *cluster, contact string) (consumers.TopicPartition, int64) {
	return c.putAt("contacts", partitionOf(contact), contact, "")
}

// putAt writes a record of the probe to a partition, and says where it stands.
func (c *cluster) putAt(topic string, partition int32, contact, value string) (consumers.TopicPartition, int64) {
	c.t.Helper()
	tp := consumers.TopicPartition{Topic: topic, Partition: partition}
	at := c.end(tp)
	c.kcat(topic, strings.NewReader(line("probe/"+contact, value)), "-Z", "-p", fmt.Sprint(partition))
	return tp, at
}

// TestOwnTopicsDown takes from rollcall, one after the other, the topics to which
// it writes what must not be lost, by asking for more replicas than are up. The
// partition that has to write stops before the record that needs it, and says
// so; the others go on.
func TestOwnTopicsDown(t *testing.T) {
	takesLong(t)
	c := newClusterOf(t, servers.StartRedis(t), servers.StartKafka(t, servers.Brokers(replicas), servers.HeapMiB(256), servers.Quick()))
	p := c.serve("--max-staleness", "2s").ready()
	c.addProbe(p, 60)
	w := newWitness(t, c, p)
	c.loseBroker()
	c.patience = 30 * time.Second
	gone := []string{}
	for i, o := range ownTopics {
		t.Run(o.name, func(t *testing.T) {
			contact, elsewhere := probed(int32(i), 1)[0], probed(int32(i+4), 1)[0]
			testOwnTopicDown(t, c.with(t), p, o, contact, elsewhere)
			if gone = append(gone, elsewhere); o.leaves {
				gone = append(gone, contact)
			}
			expectGone(t, members(t, p, "probe", "in"), gone)
			w.report(t, o.name+" could not be written to")
		})
	}
	t.Run("rollcall.segment-changes", func(t *testing.T) { testChangesDown(t, c.with(t), p, probed(7, 2)[1]) })
}

func testOwnTopicDown(t *testing.T, c *cluster, p *process, o ownTopic, contact, elsewhere string) {
	failed := metric(t, p, "rollcall_produce_errors_total")
	up := c.down(o.name)
	defer up()
	stopped, at := o.cause(c, contact)
	c.optOut(elsewhere)
	p.expectClosed(t, fmt.Sprintf("%s/%d: applied to %d of %d", stopped.Topic, stopped.Partition, at, at+1), 2*time.Second)
	eventually(t, 20*time.Second, "all but one partition go on, and it is told where writing fails", func() error {
		stale, _ := readList(t, p, "probe", "in", "members?stale=allow")
		switch {
		case slices.Contains(stale.contacts, elsewhere):
			return fmt.Errorf("%s has opted out in another partition, and is a member", elsewhere)
		case metric(t, p, "rollcall_produce_errors_total") <= failed:
			return errors.New("the metric does not tell of failed writes")
		case !strings.Contains(p.output(), "writing fails, will be retried partition="+o.name+"/"):
			return errors.New("the log does not tell of them")
		}
		return onlyBehind(status(t, p), stopped)
	})
	if next := c.committed(stopped); next > at {
		t.Errorf("%s is committed to %d, beyond %d", stopped, next, at)
	}

	up()
	began := time.Now()
	s := c.settled(p)
	t.Logf("all is well after %v", time.Since(began).Round(100*time.Millisecond))
	expectAsNaive(t, c, p, s, []tenant{probe})
	c.expectDeadLetters(s, 10) // a partition that is opened anew meanwhile writes them again
}

// expectAsNaive holds members and counters against the naive way.
func expectAsNaive(t *testing.T, c *cluster, p *process, s api.Status, tenants []tenant) {
	t.Helper()
	want := c.expect(append(tenants, witnessed), 8, nil)
	compare(t, tenants, c.collect(p, tenants), want, nil)
	compareOutcomes(t, s, want)
	c.expectAllCounted(s)
}

// onlyBehind says what is not as it is when one partition lags behind in one
// topic, and no other in any.
func onlyBehind(s api.Status, stopped consumers.TopicPartition) error {
	for q, partition := range s.Partitions {
		for topic, lag := range partition.Lag {
			if here := int32(q) == stopped.Partition && topic == stopped.Topic; here != (lag > 0) {
				return fmt.Errorf("partition %d of %s lags by %d", q, topic, lag)
			}
		}
	}
	return nil
}

// committed is where Redis says that a partition is to be read on.
func (c *cluster) committed(tp consumers.TopicPartition) int64 {
	c.t.Helper()
	head, err := bitmaps.NewStore(c.redisClient(), "rollcall").Head(c.t.Context(), tp.Partition)
	must(c.t, err)
	for _, o := range head.Checkpoint.Offsets {
		if o.Topic == tp.Topic && o.Partition == tp.Partition {
			return o.Next
		}
	}
	c.t.Fatalf("nothing is known of %s", tp)
	return 0
}

func expectGone(t *testing.T, members, gone []string) {
	t.Helper()
	for _, contact := range gone {
		if slices.Contains(members, contact) {
			t.Errorf("%s is still a member", contact)
		}
	}
}

// testChangesDown expects that answers don't wait for what is published of them.
func testChangesDown(t *testing.T, c *cluster, p *process, contact string) {
	up := c.down("rollcall.segment-changes")
	defer up()
	before := c.ends("rollcall.segment-changes")
	c.optOut(contact)
	expectMember(t, p, "probe", "in", contact, false)
	c.settled(p)
	time.Sleep(2 * time.Second)
	expectMember(t, p, "probe", "in", contact, false)
	if now := c.ends("rollcall.segment-changes"); now["rollcall.segment-changes"] != before["rollcall.segment-changes"] {
		t.Errorf("changes were published, to %v", now)
	}
	up()
	tenants := []tenant{probe}
	if f := c.followedTo(tenants, c.collect(p, tenants)); len(f.odd) > 0 {
		t.Errorf("%d of %d changes change nothing", len(f.odd), f.records)
	}
}
