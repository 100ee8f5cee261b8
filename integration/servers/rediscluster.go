package servers

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// RedisCluster is a Redis Cluster of masters with a replica each.
type RedisCluster struct {
	// Nodes are the masters as they were at the start, then their replicas in
	// the same order.
	Nodes []*Server

	buses []int // the ports on which the nodes talk to each other
}

// slots is how many hash slots every Redis Cluster has.
const slots = 16384

// StartRedisCluster starts a Redis Cluster that lives as long as the test, with
// so many masters. args are given to each redis-server last. Nodes need their
// addresses to be the same for all, so it is not run in containers.
func StartRedisCluster(t testing.TB, masters int, args ...string) *RedisCluster {
	t.Helper()
	c, dir := &RedisCluster{}, t.TempDir()
	for i := range 2 * masters {
		if err := c.place(filepath.Join(dir, strconv.Itoa(i)), args); err != nil {
			unavailable(t, err)
		}
		t.Cleanup(func() { closing(t, c.Nodes[i]) })
	}
	if err := startAll(c.Nodes); err != nil {
		t.Fatalf("integration: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), startTimeout)
	defer cancel()
	if err := c.form(ctx, masters); err != nil {
		t.Fatalf("integration: Redis Cluster: %v", err)
	}
	t.Logf("%s, in a cluster of %d", c.Nodes[0].describe(), len(c.Nodes))
	return c
}

// place adds a node that notices within a second or two that another is gone.
func (c *RedisCluster) place(dir string, args []string) error {
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	bus, err := freePort()
	if err != nil {
		return err
	}
	s, err := placeRedis(dir, append([]string{
		"--cluster-enabled", "yes", "--cluster-port", strconv.Itoa(bus), "--cluster-node-timeout", "1000",
		"--cluster-replica-validity-factor", "0", "--repl-diskless-sync-delay", "0",
	}, args...))
	if err != nil {
		return err
	}
	if _, local := s.host.(*process); !local {
		return fmt.Errorf("Redis Cluster: no redis-server in PATH: %w", errUnavailable)
	}
	c.Nodes, c.buses = append(c.Nodes, s), append(c.buses, bus)
	return nil
}

// Addr is the addresses of all nodes, separated by commas.
func (c *RedisCluster) Addr() string {
	var addrs []string
	for _, n := range c.Nodes {
		addrs = append(addrs, n.Addr)
	}
	return strings.Join(addrs, ",")
}

// Client is a client of one node, which follows no redirections.
func (c *RedisCluster) Client(node int) *redis.Client {
	return redis.NewClient(&redis.Options{Addr: c.Nodes[node].Addr})
}

// form introduces the nodes to each other and deals out slots and replicas.
func (c *RedisCluster) form(ctx context.Context, masters int) error {
	ids := make([]string, len(c.Nodes))
	host, port, _ := strings.Cut(c.Nodes[0].Addr, ":")
	for i := range c.Nodes {
		err := c.with(i, func(node *redis.Client) (err error) {
			if ids[i], err = node.ClusterMyID(ctx).Result(); err != nil {
				return err
			}
			if i < masters {
				if err := node.ClusterAddSlotsRange(ctx, slots*i/masters, slots*(i+1)/masters-1).Err(); err != nil {
					return err
				}
			}
			return node.Do(ctx, "CLUSTER", "MEET", host, port, c.buses[0]).Err()
		})
		if err != nil {
			return fmt.Errorf("node %d: %w", i, err)
		}
	}
	for i := masters; i < len(c.Nodes); i++ {
		err := c.with(i, func(node *redis.Client) error {
			return retry(ctx, func() error { return node.ClusterReplicate(ctx, ids[i-masters]).Err() })
		})
		if err != nil {
			return fmt.Errorf("node %d becomes a replica: %w", i, err)
		}
	}
	return c.Healthy(ctx)
}

// Healthy waits until all nodes that are up agree that every slot is served, and
// every replica follows its master.
func (c *RedisCluster) Healthy(ctx context.Context) error {
	for i, s := range c.Nodes {
		if s.host.alive() != nil {
			continue
		}
		err := c.with(i, func(node *redis.Client) error {
			return retry(ctx, func() error { return healthyNode(ctx, node) })
		})
		if err != nil {
			return fmt.Errorf("node %d: %w", i, err)
		}
	}
	return nil
}

func healthyNode(ctx context.Context, node *redis.Client) error {
	info, err := node.ClusterInfo(ctx).Result()
	if err != nil {
		return err
	}
	for _, want := range []string{"cluster_state:ok", "cluster_slots_ok:" + strconv.Itoa(slots)} {
		if !strings.Contains(info, want) {
			return fmt.Errorf("no %s in %q", want, info)
		}
	}
	role, err := node.Info(ctx, "replication").Result()
	if err == nil && strings.Contains(role, "role:slave") && !strings.Contains(role, "master_link_status:up") {
		err = fmt.Errorf("the replica does not follow: %q", role)
	}
	return err
}

func (c *RedisCluster) with(node int, fn func(*redis.Client) error) error {
	client := c.Client(node)
	defer client.Close()
	return fn(client)
}

// retry calls fn until it succeeds or ctx ends.
func retry(ctx context.Context, fn func() error) error {
	for {
		err := fn()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(50 * time.Millisecond):
		}
	}
}
