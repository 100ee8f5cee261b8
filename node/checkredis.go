package node

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// redisVersion is the first major version of Redis that rollcall is tested with.
const redisVersion = 7

// nearlyFull is the share of maxmemory from which to see to more.
const nearlyFull = 0.8

// probe is a command that changes nothing, called to see whether the user may.
type probe struct {
	command string // as ACL SETUSER names it
	args    []any
}

// probes call each command that rollcall uses on a key that does not exist. All
// of them are complete enough for Redis to look at the user's rights first.
func probes(key string) []probe {
	other := key + ":"
	return []probe{
		{"ping", []any{"ping"}},
		{"config|get", []any{"config", "get", "maxmemory-policy"}},
		{"eval", []any{"eval", "return 1", 1, key}},
		{"evalsha", []any{"evalsha", strings.Repeat("0", 40), 1, key}},
		{"multi", []any{"multi"}},
		{"exec", []any{"exec"}},
		{"get", []any{"get", key}},
		{"set", []any{"set", key, "", "xx"}}, // only if it is there
		{"del", []any{"del", key}},
		{"unlink", []any{"unlink", key}},
		{"exists", []any{"exists", key}},
		{"rename", []any{"rename", key, other}},
		{"hget", []any{"hget", key, "f"}},
		{"hmget", []any{"hmget", key, "f"}},
		{"hset", []any{"hset", key, "f", "v", "without a value"}},
		{"hdel", []any{"hdel", key, "f"}},
		{"hlen", []any{"hlen", key}},
		{"hkeys", []any{"hkeys", key}},
		{"hscan", []any{"hscan", key, 0}},
		{"xadd", []any{"xadd", key, "nomkstream", "*", "f", "v"}},
		{"xtrim", []any{"xtrim", key, "maxlen", 1}},
		{"xlen", []any{"xlen", key}},
		{"xrange", []any{"xrange", key, "-", "+"}},
		{"xrevrange", []any{"xrevrange", key, "+", "-"}},
		{"xread", []any{"xread", "streams", key, 0}},
	}
}

// clusterProbes are the commands that a cluster takes besides.
func clusterProbes() []probe {
	return []probe{
		{"command", []any{"command", "count"}},
		{"readonly", []any{"readonly"}},
		{"cluster|slots", []any{"cluster", "slots"}},
		{"cluster|shards", []any{"cluster", "shards"}},
	}
}

// redis looks at Redis, at each master of a cluster.
func (c *checkup) redis(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, checkWait)
	defer cancel()
	options := c.cfg.Redis
	client := newRedis(&options)
	defer func() { _ = client.Close() }()
	at := strings.Join(options.Addrs, ", ")
	if err := client.Ping(ctx).Err(); err != nil {
		c.fail("redis", redisRemedy(err), "redis at %s: %v", at, err)
		return
	}
	var nodes []string
	cluster, many := client.(*redis.ClusterClient)
	if many {
		var mu sync.Mutex // masters are gone through at the same time
		if err := cluster.ForEachMaster(ctx, func(ctx context.Context, master *redis.Client) error {
			mu.Lock()
			defer mu.Unlock()
			nodes = append(nodes, master.Options().Addr)
			c.redisNode(ctx, master, true)
			return nil
		}); err != nil {
			c.fail("redis", redisRemedy(err), "redis at %s: %v", at, err)
		}
	} else if single, ok := client.(*redis.Client); ok {
		nodes = options.Addrs
		c.redisNode(ctx, single, false)
	}
	if options.TLSConfig != nil {
		c.certificates(ctx, "redis", options.TLSConfig, nodes)
	}
}

func redisRemedy(err error) string {
	switch text := err.Error(); {
	case strings.HasPrefix(text, "NOAUTH"), strings.HasPrefix(text, "WRONGPASS"), strings.Contains(text, "AUTH"):
		return "give the user and the password that it asks for: --redis-user, --redis-password-file"
	case strings.HasPrefix(text, "NOPERM"):
		return "give the user the rights of the ACL in README, Securing"
	case strings.Contains(text, "cluster support disabled"):
		return "name one address in --redis: it is no cluster"
	case strings.Contains(text, "certificate"), strings.Contains(text, "tls:"):
		return "mend --redis-ca-file, --redis-cert-file and --redis-key-file, or the server's certificate"
	}
	return "start it, open the way to it, or mend --redis (rediss:// where it wants TLS)"
}

// redisNode looks at one server.
func (c *checkup) redisNode(ctx context.Context, client *redis.Client, cluster bool) {
	at := client.Options().Addr
	c.rights(ctx, client, cluster)
	c.eviction(ctx, client)
	c.redisClock(ctx, client)
	text, err := client.Info(ctx).Result()
	if err != nil {
		c.ok("redis", "%s answers; its version, memory and persistence can't be looked at with this user (it needs no such right: +info)", at)
		return
	}
	info := parseInfo(text)
	c.redisServer(at, info)
	c.memory(at, info)
	c.persistence(at, info)
}

// parseInfo reads the lines of INFO.
func parseInfo(text string) map[string]string {
	info := map[string]string{}
	for line := range strings.Lines(text) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
			info[name] = value
		}
	}
	return info
}

func (c *checkup) redisServer(at string, info map[string]string) {
	version := info["redis_version"]
	major, _, _ := strings.Cut(version, ".")
	if n, _ := strconv.Atoi(major); n < redisVersion {
		c.warn("redis", fmt.Sprintf("take Redis %d or later", redisVersion), "%s is Redis %s, which rollcall is not tested with", at, version)
	} else {
		c.ok("redis", "%s is Redis %s, %s", at, version, cmp.Or(info["redis_mode"], "standalone"))
	}
	if info["role"] == "slave" {
		c.fail("redis", "name the master in --redis", "%s is a replica, which takes no writes", at)
	}
}

// rights tries every command.
func (c *checkup) rights(ctx context.Context, client *redis.Client, cluster bool) {
	at := client.Options().Addr
	conn := client.Conn()
	defer func() { _ = conn.Close() }()
	all := probes(fmt.Sprintf("%s:{check-config}:%s", c.cfg.Prefix, rand.Text()))
	if cluster {
		all = append(all, clusterProbes()...)
	}
	var commands []string
	told := map[string]bool{}
	once := func(what, remedy string) {
		if !told[what] {
			told[what] = true
			c.fail("redis", remedy, "%s: %s", at, what)
		}
	}
	for _, p := range all {
		err := conn.Do(ctx, p.args...).Err()
		if err == nil || errors.Is(err, redis.Nil) {
			continue
		}
		switch text := err.Error(); {
		case strings.HasPrefix(text, "NOPERM") && strings.Contains(text, " key"):
			once("the user may not use keys that begin with "+c.cfg.Prefix+":", "ACL SETUSER USER ~"+c.cfg.Prefix+":*")
		case strings.HasPrefix(text, "NOPERM"), strings.HasPrefix(text, "EXECABORT") && strings.Contains(text, "permission"):
			commands = append(commands, p.command)
		case strings.HasPrefix(text, "MOVED") && !cluster:
			once("it is a node of a cluster", "name several of its nodes in --redis, with commas")
		case strings.HasPrefix(text, "READONLY"):
			once("it is a replica, which takes no writes", "name the master in --redis")
		case strings.HasPrefix(text, "OOM"):
			once("it is full, and takes no writes", "raise maxmemory, or lower retention_days of accounts")
		case strings.HasPrefix(text, "MISCONF"), strings.HasPrefix(text, "NOREPLICAS"), strings.HasPrefix(text, "CLUSTERDOWN"):
			once(text, "mend what it says: until then it takes no writes")
		case !redisAnswered(err):
			once(text, redisRemedy(err))
			return
		}
	}
	if len(commands) > 0 {
		c.fail("redis", "ACL SETUSER USER +"+strings.Join(commands, " +"), "%s: the user may not %s", at, strings.Join(commands, ", "))
	} else if len(told) == 0 {
		c.ok("redis", "%s: the user may do all that is needed", at)
	}
}

// redisAnswered tells an error that Redis sent from one of the connection.
func redisAnswered(err error) bool {
	_, ok := errors.AsType[redis.Error](err)
	return ok
}

// eviction wants Redis to forget nothing by itself.
func (c *checkup) eviction(ctx context.Context, client *redis.Client) {
	at := client.Options().Addr
	config, err := client.ConfigGet(ctx, "maxmemory-policy").Result()
	policy := config["maxmemory-policy"]
	switch {
	case err != nil || policy == "":
		c.warn("redis", "see to it that it is noeviction", "%s does not tell its maxmemory-policy", at)
	case policy != "noeviction":
		c.fail("redis", "CONFIG SET maxmemory-policy noeviction, and in redis.conf", "%s: maxmemory-policy is %s, which forgets state", at, policy)
	default:
		c.ok("redis", "%s: maxmemory-policy is noeviction", at)
	}
}

func (c *checkup) redisClock(ctx context.Context, client *redis.Client) {
	asked := time.Now()
	theirs, err := client.Time(ctx).Result()
	if err != nil {
		c.ok("clocks", "the clock of %s can't be looked at with this user (rollcall needs no such right: +time)", client.Options().Addr)
		return
	}
	answered := time.Now()
	if off := apart(theirs, asked, answered); off > skewed {
		c.warn("clocks", "have NTP set the clocks of both", "the clock of %s is %v off this machine's", client.Options().Addr, off.Round(time.Millisecond))
	} else {
		c.ok("clocks", "the clock of %s agrees with this machine's", client.Options().Addr)
	}
}

// apart is how far a clock is off for certain, if it was read in between.
func apart(theirs, from, to time.Time) time.Duration {
	return max(0, from.Sub(theirs), theirs.Sub(to))
}

func (c *checkup) memory(at string, info map[string]string) {
	used, _ := strconv.ParseFloat(info["used_memory"], 64)
	most, _ := strconv.ParseFloat(info["maxmemory"], 64)
	const MiB = 1 << 20
	switch {
	case most == 0:
		c.warn("redis", "set maxmemory, below what the machine has: a full Redis then says so, and is not killed",
			"%s: there is no maxmemory, %.0f MiB are used", at, used/MiB)
	case used > nearlyFull*most:
		c.warn("redis", "raise maxmemory, or lower retention_days of accounts", "%s: %.0f MiB of %.0f MiB are used", at, used/MiB, most/MiB)
	default:
		c.ok("redis", "%s: %.0f MiB of %.0f MiB are used", at, used/MiB, most/MiB)
	}
}

func (c *checkup) persistence(at string, info map[string]string) {
	switch {
	case info["aof_enabled"] == "1" && info["aof_last_write_status"] == "err":
		c.fail("redis", "see its log, and whether its disk is full", "%s can't write its append-only file", at)
	case info["aof_enabled"] == "1":
		c.ok("redis", "%s keeps an append-only file", at)
	default:
		c.warn("redis", "appendonly yes; or nothing: the state is not lost with it", "%s keeps no append-only file: after a restart the state is read from the log again", at)
	}
}
