package pipeline

import (
	"context"
	"fmt"
	"maps"
	"net"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/redis/go-redis/v9"
)

// memoryRedis answers the few commands of package bitmaps from maps, with the
// two scripts written down in Go, so that thousands of histories take seconds.
// Some histories run on a Redis that runs the scripts themselves.
type memoryRedis struct {
	mu      sync.Mutex
	hashes  map[string]map[string]string
	sets    map[string]map[string]bool
	streams map[string][]redis.XMessage
}

func newMemoryRedis() *memoryRedis {
	m := &memoryRedis{}
	m.FlushAll()
	return m
}

func (m *memoryRedis) FlushAll() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.hashes, m.sets, m.streams = map[string]map[string]string{}, map[string]map[string]bool{}, map[string][]redis.XMessage{}
}

func (m *memoryRedis) client() *redis.Client {
	c := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1", MaxRetries: -1})
	c.AddHook(m)
	return c
}

func (m *memoryRedis) DialHook(redis.DialHook) redis.DialHook {
	return func(context.Context, string, string) (net.Conn, error) { return nil, fmt.Errorf("nothing is dialled") }
}

func (m *memoryRedis) ProcessPipelineHook(redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(context.Context, []redis.Cmder) error { return fmt.Errorf("nothing is pipelined") }
}

func (m *memoryRedis) ProcessHook(redis.ProcessHook) redis.ProcessHook {
	return func(_ context.Context, cmd redis.Cmder) error {
		m.mu.Lock()
		defer m.mu.Unlock()
		args := make([]string, len(cmd.Args()))
		for i, a := range cmd.Args() {
			args[i] = fmt.Sprint(a)
			if b, ok := a.([]byte); ok {
				args[i] = string(b)
			}
		}
		return m.answer(cmd, args)
	}
}

func (m *memoryRedis) answer(cmd redis.Cmder, args []string) error {
	switch args[0] {
	case "evalsha":
		n, _ := strconv.Atoi(args[2])
		keys, argv := args[3:3+n], args[3+n:]
		switch {
		case n == 2:
			cmd.(*redis.Cmd).SetVal(m.open(keys, argv))
		case len(argv) == 3:
			cmd.(*redis.Cmd).SetVal(m.reset(keys, argv))
		default:
			cmd.(*redis.Cmd).SetVal(m.commit(keys, argv))
		}
	case "smembers":
		cmd.(*redis.StringSliceCmd).SetVal(slices.Sorted(maps.Keys(m.sets[args[1]])))
	case "hscan":
		cmd.(*redis.ScanCmd).SetVal(m.scan(args[1], args[4]), 0)
	case "hmget":
		values := make([]any, len(args)-2)
		for i, field := range args[2:] {
			if v, ok := m.hashes[args[1]][field]; ok {
				values[i] = v
			}
		}
		cmd.(*redis.SliceCmd).SetVal(values)
	case "xrange":
		limit, _ := strconv.Atoi(args[5])
		cmd.(*redis.XMessageSliceCmd).SetVal(m.after(args[1], strings.TrimPrefix(args[2], "("), limit))
	default:
		return fmt.Errorf("memoryRedis has no %v", args)
	}
	return nil
}

func (m *memoryRedis) hash(key string) map[string]string {
	if m.hashes[key] == nil {
		m.hashes[key] = map[string]string{}
	}
	return m.hashes[key]
}

func (m *memoryRedis) increase(key, field string) int64 {
	n, _ := strconv.ParseInt(m.hash(key)[field], 10, 64)
	m.hash(key)[field] = strconv.FormatInt(n+1, 10)
	return n + 1
}

// open is lua/open.lua.
func (m *memoryRedis) open(keys, argv []string) []any {
	before := m.hash(keys[0])["nonce"]
	generation, seq := m.increase(keys[0], "gen"), m.increase(keys[0], "seq")
	m.hash(keys[0])["format"], m.hash(keys[0])["nonce"] = argv[0], argv[1]
	m.add(keys[1], seq, map[string]any{"n": argv[1], "b": before})
	var checkpoint any
	if c, ok := m.hash(keys[0])["checkpoint"]; ok {
		checkpoint = c
	}
	return []any{generation, seq, checkpoint, argv[0]}
}

// reset is lua/reset.lua.
func (m *memoryRedis) reset(keys, argv []string) string {
	head := m.hash(keys[0])
	if head["gen"] != argv[0] || head["nonce"] != argv[1] {
		return "FENCED"
	}
	delete(head, "checkpoint")
	m.trim(keys[1], argv[2]+"-0")
	for _, key := range keys[2:] {
		delete(m.hashes, key)
		delete(m.sets, key)
	}
	return "OK"
}

// commit is lua/commit.lua.
func (m *memoryRedis) commit(keys, argv []string) string {
	head := m.hash(keys[0])
	if head["gen"] != argv[0] || head["nonce"] != argv[1] {
		return "FENCED"
	}
	seq, _ := strconv.ParseInt(argv[2], 10, 64)
	at, _ := strconv.ParseInt(head["seq"], 10, 64)
	if at == seq {
		return "OK"
	}
	if at != seq-1 {
		return "SEQ"
	}
	m.add(keys[1], seq, map[string]any{"e": argv[4], "c": argv[3]})
	head["seq"], head["checkpoint"] = argv[2], argv[3]
	i := 6
	for _, key := range keys[3:] {
		account := argv[i]
		n, _ := strconv.Atoi(argv[i+1])
		i += 2
		if n < 0 {
			delete(m.hashes, key)
			delete(m.sets[keys[2]], account)
			continue
		}
		if m.sets[keys[2]] == nil {
			m.sets[keys[2]] = map[string]bool{}
		}
		m.sets[keys[2]][account] = true
		for ; n > 0; n, i = n-1, i+2 {
			if argv[i+1] == "" {
				delete(m.hash(key), argv[i])
			} else {
				m.hash(key)[argv[i]] = argv[i+1]
			}
		}
	}
	if argv[5] != "0" {
		m.trim(keys[1], argv[5]+"-0")
	}
	return "OK"
}

func (m *memoryRedis) add(key string, seq int64, values map[string]any) {
	m.streams[key] = append(m.streams[key], redis.XMessage{ID: strconv.FormatInt(seq, 10) + "-0", Values: values})
}

func (m *memoryRedis) trim(key, first string) {
	m.streams[key] = slices.DeleteFunc(m.streams[key], func(x redis.XMessage) bool { return seqOf(x.ID) < seqOf(first) })
}

func (m *memoryRedis) after(key, id string, limit int) (out []redis.XMessage) {
	for _, x := range m.streams[key] {
		if seqOf(x.ID) > seqOf(id) && len(out) < limit {
			out = append(out, x)
		}
	}
	return out
}

func seqOf(id string) int64 {
	number, _, _ := strings.Cut(id, "-")
	n, _ := strconv.ParseInt(number, 10, 64)
	return n
}

func (m *memoryRedis) scan(key, pattern string) (pairs []string) {
	for field, value := range m.hashes[key] {
		if ok, _ := path.Match(pattern, field); ok {
			pairs = append(pairs, field, value)
		}
	}
	return pairs
}
