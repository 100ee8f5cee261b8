package node

import (
	"cmp"
	"context"
	"fmt"
	"rollcall/bitmaps"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

func (n *Node) connectRedis(ctx context.Context) error {
	options := n.cfg.Redis
	options.ReadTimeout = cmp.Or(options.ReadTimeout, 10*time.Second)
	options.WriteTimeout = cmp.Or(options.WriteTimeout, 10*time.Second)
	options.PoolSize = cmp.Or(options.PoolSize, 3*int(n.kafka.partitions)+16) // a follower waits on a connection of its own
	n.redis = newRedis(&options)
	if n.measures != nil { // else it takes no part
		n.redis.AddHook(n.measures)
	}
	n.store = bitmaps.NewStore(n.redis, n.cfg.Prefix)
	if err := n.redis.Ping(ctx).Err(); err != nil {
		return fmt.Errorf("redis at %s: %w", strings.Join(options.Addrs, ", "), err)
	}
	policy, err := n.redis.ConfigGet(ctx, "maxmemory-policy").Result()
	if err != nil {
		return nil // not every Redis lets itself be asked
	}
	if p := policy["maxmemory-policy"]; p != "" && p != "noeviction" {
		return fmt.Errorf("redis: maxmemory-policy is %s, which forgets state; set it to noeviction", p)
	}
	return nil
}

// slotsAge is how old the knowledge of which node of a Redis Cluster has which
// slots may get. Nobody tells a client of a master that died, and go-redis looks
// by itself only once a minute.
const slotsAge = 2 * time.Second

func newRedis(options *redis.UniversalOptions) redis.UniversalClient {
	options.MaxRetries = -1 // what a lost reply did is found out by reopening
	options.ContextTimeoutEnabled = true
	options.DialTimeout = cmp.Or(options.DialTimeout, 5*time.Second)
	if len(options.Addrs) < 2 {
		return redis.NewUniversalClient(options)
	}
	cluster := options.Cluster()
	cluster.ClusterStateReloadInterval = slotsAge
	return redis.NewClusterClient(cluster)
}
