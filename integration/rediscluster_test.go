package integration

import (
	"context"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"rollcall/consumers"
	"rollcall/integration/servers"
)

// TestRedisCluster moves the state of partitions from master to master, and
// then lets a master die whose replica lags behind, all while records flow.
func TestRedisCluster(t *testing.T) {
	takesLong(t)
	const masters = 3
	rc := &redisCluster{t: t, RedisCluster: servers.StartRedisCluster(t, masters), masters: masters}
	c := &cluster{t: t, patience: 30 * time.Second, kcatPath: servers.Kcat(t), kafka: servers.StartKafka(t, servers.Quick())}
	var err error
	c.client, err = consumers.Open(consumers.Config{Brokers: []string{c.kafka.Addr()}, ClientID: "rollcall-tests"})
	must(t, err)
	t.Cleanup(c.client.Close)
	serve := func() *process {
		return start(t, "--brokers", c.kafka.Addr(), "--max-staleness", "2s",
			"--redis", "redis://"+strings.ReplaceAll(rc.Addr(), ",", ",redis://"))
	}
	all := populations()[:1]
	tenants := tenantsOf(all)
	one, two := serve().ready(), serve()
	for _, a := range tenants {
		a.create(t, one)
		a.define(t, one, "abcd")
	}
	w := newWitness(t, c, one)
	processes := []*process{one, two.ready()}
	c.sharing(processes...)

	f := c.startFlow(all, 10_000, 1, 6*time.Second)
	time.Sleep(time.Second)
	for _, partition := range []int{0, 5} {
		rc.move(partition)
	}
	f.wait(t)
	c.allRight(processes, tenants, nil)
	w.report(t, "partitions were moved to other masters")

	f = c.startFlow(all, 10_000, 101, 6*time.Second)
	time.Sleep(time.Second)
	rc.failOver(1)
	f.wait(t)
	c.allRight(processes, tenants, nil)
	if notFresh := w.report(t, "a master died, and its replica had not all"); notFresh == 0 {
		t.Error("a third of the state was gone for a while, and answers were always fresh")
	}
}

// redisCluster is a Redis Cluster and where in it the state of a partition is.
type redisCluster struct {
	*servers.RedisCluster
	t       *testing.T
	masters int
}

func head(partition int) string { return fmt.Sprintf("rollcall:{p%d}", partition) }

// owner is the master that has the partition's slot, and that slot.
func (rc *redisCluster) owner(partition int) (node, slot int) {
	rc.t.Helper()
	for i := range rc.Nodes {
		client := rc.client(i)
		ranges, err := client.ClusterSlots(rc.t.Context()).Result() //nolint:staticcheck // Redis 6 has no CLUSTER SHARDS
		if err != nil {
			continue // it is down
		}
		at, err := client.ClusterKeySlot(rc.t.Context(), head(partition)).Result()
		must(rc.t, err)
		for _, r := range ranges {
			if int64(r.Start) <= at && at <= int64(r.End) {
				return rc.byAddr(r.Nodes[0].Addr), int(at)
			}
		}
	}
	rc.t.Fatalf("no node has partition %d", partition)
	return 0, 0
}

func (rc *redisCluster) client(node int) *redis.Client {
	client := rc.Client(node)
	rc.t.Cleanup(func() { _ = client.Close() })
	return client
}

func (rc *redisCluster) byAddr(addr string) int {
	for i, n := range rc.Nodes {
		if n.Addr == addr {
			return i
		}
	}
	rc.t.Fatalf("no node is at %s", addr)
	return 0
}

// move brings a partition to the next master, a few keys at a time, so that for
// a while it is in two places.
func (rc *redisCluster) move(partition int) {
	t := rc.t
	t.Helper()
	ctx := t.Context()
	from, slot := rc.owner(partition)
	to := (from + 1) % rc.masters
	source, target := rc.client(from), rc.client(to)
	sourceID, targetID := source.ClusterMyID(ctx).Val(), target.ClusterMyID(ctx).Val()
	must(t, target.Do(ctx, "CLUSTER", "SETSLOT", slot, "IMPORTING", sourceID).Err())
	must(t, source.Do(ctx, "CLUSTER", "SETSLOT", slot, "MIGRATING", targetID).Err())
	moved := 0
	for {
		keys, err := source.ClusterGetKeysInSlot(ctx, slot, 1).Result()
		must(t, err)
		if len(keys) == 0 {
			break
		}
		host, port, _ := net.SplitHostPort(rc.Nodes[to].Addr)
		must(t, source.Do(ctx, append([]any{"MIGRATE", host, port, "", 0, 5000, "KEYS"}, keys[0])...).Err())
		moved++
		time.Sleep(200 * time.Millisecond)
	}
	for _, node := range []int{to, from, (to + 1) % rc.masters} {
		must(t, rc.client(node).Do(ctx, "CLUSTER", "SETSLOT", slot, "NODE", targetID).Err())
	}
	t.Logf("partition %d, %d keys, went from node %d to node %d", partition, moved, from, to)
	if moved < 2 {
		t.Errorf("only %d keys of partition %d: it never was in two places", moved, partition)
	}
}

// failOver kills the master of a partition after it has acknowledged what its
// replica does not know of, and waits until that took over.
func (rc *redisCluster) failOver(partition int) {
	t := rc.t
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	from, _ := rc.owner(partition)
	replica := rc.client(from + rc.masters)
	rc.unfollow(rc.client(from), replica)
	acknowledged := rc.seqAfter(rc.client(from), partition, 20)
	must(t, rc.Nodes[from].Kill())
	eventually(t, time.Minute, "the replica takes over", func() error {
		info, err := replica.Info(ctx, "replication").Result()
		if err == nil && !strings.Contains(info, "role:master") {
			err = fmt.Errorf("it says %q", info)
		}
		return err
	})
	after, err := replica.HGet(ctx, head(partition), "seq").Int()
	must(t, err)
	t.Logf("partition %d: node %d had acknowledged commit %d, node %d took over with %d", partition, from, acknowledged, from+rc.masters, after)
	if after >= acknowledged {
		t.Error("nothing that was acknowledged is lost: the test does not show what it is for")
	}
	must(t, rc.Healthy(ctx))
}

// unfollow has a replica fall behind: it can't log in any more.
func (rc *redisCluster) unfollow(master, replica *redis.Client) {
	ctx := rc.t.Context()
	must(rc.t, replica.ConfigSet(ctx, "masteruser", "nobody").Err())
	must(rc.t, replica.ConfigSet(ctx, "masterauth", "wrong").Err())
	must(rc.t, master.ClientKillByFilter(ctx, "TYPE", "replica").Err())
}

// seqAfter waits for n more commits.
func (rc *redisCluster) seqAfter(master *redis.Client, partition, n int) (seq int) {
	rc.t.Helper()
	first, err := master.HGet(rc.t.Context(), head(partition), "seq").Int()
	must(rc.t, err)
	eventually(rc.t, time.Minute, "commits go on", func() error {
		seq, err = master.HGet(rc.t.Context(), head(partition), "seq").Int()
		if err == nil && seq < first+n {
			err = fmt.Errorf("at %d, want %d", seq, first+n)
		}
		return err
	})
	return seq
}
