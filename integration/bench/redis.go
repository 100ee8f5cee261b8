package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"

	"rollcall/bitmaps"
)

// redisUse is what Redis says it did and holds.
type redisUse struct {
	Input    int64            // bytes received
	Calls    map[string]int64 // by command, those inside scripts included
	CPU      float64          // seconds
	AOF      int64            // bytes in the append-only file
	Memory   int64            // used_memory
	Keys     int64
	Commands int64 // sum of Calls, without what the benchmark asks
}

// readRedis asks a server for its numbers.
func readRedis(ctx context.Context, c *redis.Client) (redisUse, error) {
	text, err := c.Info(ctx, "all").Result()
	if err != nil {
		return redisUse{}, err
	}
	u := redisUse{Calls: map[string]int64{}}
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		whole, _ := strconv.ParseInt(value, 10, 64)
		fraction, _ := strconv.ParseFloat(value, 64)
		switch name {
		case "total_net_input_bytes":
			u.Input = whole
		case "used_cpu_sys", "used_cpu_user":
			u.CPU += fraction
		case "aof_current_size":
			u.AOF = whole
		case "used_memory":
			u.Memory = whole
		}
		if command, ok := strings.CutPrefix(name, "cmdstat_"); ok && !benchCommands[command] {
			calls, _, _ := strings.Cut(strings.TrimPrefix(value, "calls="), ",")
			n, _ := strconv.ParseInt(calls, 10, 64)
			u.Calls[command] = n
			u.Commands += n
		}
	}
	u.Keys, err = c.DBSize(ctx).Result()
	return u, err
}

// benchCommands are the benchmark's own, and those that open connections.
var benchCommands = map[string]bool{"info": true, "dbsize": true, "flushall": true, "ping": true, "hello": true, "client|setinfo": true, "client|setname": true}

// since is what was done after before, and came to be kept; Keys are all.
func (u redisUse) since(before redisUse) redisUse {
	d := u
	d.Input, d.CPU, d.AOF, d.Memory = u.Input-before.Input, u.CPU-before.CPU, u.AOF-before.AOF, u.Memory-before.Memory
	d.Commands = u.Commands - before.Commands
	d.Calls = map[string]int64{}
	for command, n := range u.Calls {
		if n -= before.Calls[command]; n > 0 {
			d.Calls[command] = n
		}
	}
	return d
}

// kindNames say what the kinds of fragments are.
var kindNames = map[bitmaps.Kind]string{
	bitmaps.Meta: "meta", bitmaps.IDs: "contact ids", bitmaps.Registers: "registers", bitmaps.MessageNames: "message names",
	bitmaps.ListNames: "list names", bitmaps.Fact: "facts", bitmaps.Day: "days", bitmaps.Events: "events",
	bitmaps.ListMembers: "list members", bitmaps.ListRegisters: "list registers", bitmaps.Members: "segment members",
	bitmaps.Composed: "composed", bitmaps.Reasons: "reasons", bitmaps.MessageTitles: "message titles", bitmaps.ListTitles: "list titles", bitmaps.Erasures: "erasures",
}

// keptBytes are the bytes that Redis keeps: of fragments, names and values by
// kind, and the keys as Redis accounts for them.
type keptBytes struct {
	Kinds     map[string]int64
	Fragments int64 // MEMORY USAGE of the accounts' hashes
	Changelog int64 // MEMORY USAGE of the changelogs
}

func readKept(ctx context.Context, c *redis.Client, accounts int) (keptBytes, error) {
	k := keptBytes{Kinds: map[string]int64{}}
	for p := range int32(partitions) {
		for i := range accounts {
			if err := k.addFragments(ctx, c, p, accountID(i)); err != nil {
				return k, err
			}
		}
		if err := addMemory(ctx, c, p, ":log", &k.Changelog); err != nil {
			return k, err
		}
	}
	return k, nil
}

func (k *keptBytes) addFragments(ctx context.Context, c *redis.Client, p int32, account string) error {
	store := bitmaps.NewStore(c, "rollcall")
	err := store.Fragments(ctx, p, account, "*", func(f bitmaps.Field, value []byte) error {
		k.Kinds[kindNames[f.Kind]] += int64(len(f.String()) + len(value))
		return nil
	})
	if err != nil {
		return err
	}
	return addMemory(ctx, c, p, ":a:"+account, &k.Fragments)
}

// addMemory adds what Redis says that a key of a partition takes.
func addMemory(ctx context.Context, c *redis.Client, p int32, suffix string, sum *int64) error {
	n, err := c.MemoryUsage(ctx, fmt.Sprintf("rollcall:{p%d}%s", p, suffix), 0).Result()
	if err != nil && !errors.Is(err, redis.Nil) { // nothing was flushed so far
		return fmt.Errorf("memory of partition %d: %w", p, err)
	}
	*sum += n
	return nil
}
