package pipeline

import (
	"cmp"
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

	"rollcall/bitmaps"
)

// memoryRedis answers the few commands of package bitmaps from maps, with the
// scripts written down in Go, so that thousands of simulations take seconds.
// Some of them run on a Redis that runs the scripts themselves.
type memoryRedis struct {
	mu      sync.Mutex
	hashes  map[string]map[string]string
	texts   map[string]string
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
	m.hashes, m.texts, m.streams = map[string]map[string]string{}, map[string]string{}, map[string][]redis.XMessage{}
}

// snapshot returns a function that brings back what there is now.
func (m *memoryRedis) snapshot() (restore func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	hashes, texts, streams := map[string]map[string]string{}, maps.Clone(m.texts), map[string][]redis.XMessage{}
	for key, hash := range m.hashes {
		hashes[key] = maps.Clone(hash)
	}
	for key, stream := range m.streams {
		streams[key] = slices.Clone(stream)
	}
	return func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.hashes, m.texts, m.streams = hashes, texts, streams
	}
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
	return func(_ context.Context, cmds []redis.Cmder) error {
		m.mu.Lock()
		defer m.mu.Unlock()
		var first error
		for _, cmd := range cmds {
			if args := textArgs(cmd); args[0] != "multi" && args[0] != "exec" {
				err := m.answer(cmd, args)
				cmd.SetErr(err)
				first = cmp.Or(first, err)
			}
		}
		return first
	}
}

func (m *memoryRedis) ProcessHook(redis.ProcessHook) redis.ProcessHook {
	return func(_ context.Context, cmd redis.Cmder) error {
		m.mu.Lock()
		defer m.mu.Unlock()
		return m.answer(cmd, textArgs(cmd))
	}
}

func textArgs(cmd redis.Cmder) []string {
	args := make([]string, len(cmd.Args()))
	for i, a := range cmd.Args() {
		args[i] = fmt.Sprint(a)
		if b, ok := a.([]byte); ok {
			args[i] = string(b)
		}
	}
	return args
}

func (m *memoryRedis) answer(cmd redis.Cmder, args []string) error {
	switch args[0] {
	case "evalsha", "eval":
		n, _ := strconv.Atoi(args[2])
		cmd.(*redis.Cmd).SetVal(m.script(args[3:3+n], args[3+n:]))
	case "hkeys":
		cmd.(*redis.StringSliceCmd).SetVal(slices.Sorted(maps.Keys(m.hashes[args[1]])))
	case "hlen":
		cmd.(*redis.IntCmd).SetVal(int64(len(m.hashes[args[1]])))
	case "xlen":
		cmd.(*redis.IntCmd).SetVal(int64(len(m.streams[args[1]])))
	case "hget":
		return setText(cmd, m.hashes[args[1]], args[2])
	case "set":
		m.texts[args[1]] = args[2]
		cmd.(*redis.StatusCmd).SetVal("OK")
	case "unlink":
		for _, key := range args[1:] {
			m.unlink(key)
		}
	case "get":
		return setText(cmd, m.texts, args[1])
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

func setText(cmd redis.Cmder, from map[string]string, key string) error {
	text, ok := from[key]
	if !ok {
		return redis.Nil
	}
	cmd.(*redis.StringCmd).SetVal(text)
	return nil
}

// script tells the scripts apart by their keys.
func (m *memoryRedis) script(keys, argv []string) any {
	switch {
	case len(keys) == 2 && strings.HasSuffix(keys[1], ":damage"):
		return m.damage(keys, argv)
	case len(keys) == 2:
		return m.open(keys, argv)
	case len(keys) > 7 && strings.HasSuffix(keys[7], ":damage"):
		return m.replace(keys, argv)
	case len(keys) > 3 && strings.HasSuffix(keys[3], ":damage"):
		return m.reset(keys, argv)
	}
	return m.commit(keys, argv)
}

func (m *memoryRedis) hash(key string) map[string]string {
	if m.hashes[key] == nil {
		m.hashes[key] = map[string]string{}
	}
	return m.hashes[key]
}

// damage is lua/damage.lua.
func (m *memoryRedis) damage(keys, argv []string) string {
	if m.hash(keys[0])["nonce"] != argv[0] {
		return "FENCED"
	}
	m.texts[keys[1]] = argv[1]
	return "OK"
}

// number is Lua's tonumber.
func number(text string) (n int64, ok bool) {
	n, err := strconv.ParseInt(text, 10, 64)
	return n, err == nil
}

// open is lua/open.lua.
func (m *memoryRedis) open(keys, argv []string) []any {
	head := m.hash(keys[0])
	format, hasFormat := head["format"]
	if !hasFormat {
		format = argv[0]
	}
	if older, ok := number(format); format != argv[0] && !(ok && older >= 1 && older < bitmaps.Format) {
		return []any{int64(0), int64(0), nil, format, int64(0)}
	}
	before, hasNonce := head["nonce"]
	generation, hasGeneration := number(head["gen"])
	seq, hasSeq := number(head["seq"])
	checkpoint, committed := head["checkpoint"]
	top := int64(0)
	if stream := m.streams[keys[1]]; len(stream) > 0 {
		top = seqOf(stream[len(stream)-1].ID)
	}
	damaged := int64(0)
	if hasFormat || hasNonce || hasGeneration || hasSeq || top > 0 || committed {
		if !(hasFormat && hasNonce && hasGeneration && hasSeq) || top > seq {
			damaged = 1
		}
	}
	generation, seq = generation+1, max(seq, top)+1
	head["format"], head["nonce"] = format, argv[1]
	head["gen"], head["seq"] = fmt.Sprint(generation), fmt.Sprint(seq)
	m.add(keys[1], seq, map[string]any{"n": argv[1], "b": before})
	if !committed {
		return []any{generation, seq, nil, format, damaged}
	}
	return []any{generation, seq, checkpoint, format, damaged}
}

// reset is lua/reset.lua.
func (m *memoryRedis) reset(keys, argv []string) string {
	head := m.hash(keys[0])
	if head["gen"] != argv[0] || head["nonce"] != argv[1] {
		return "FENCED"
	}
	for _, key := range keys[1:] {
		m.unlink(key)
	}
	delete(head, "checkpoint")
	delete(head, "accounts")
	head["format"], head["nonce"], head["seq"] = argv[4], argv[3], argv[2]
	seq, _ := number(argv[2])
	m.add(keys[1], seq, map[string]any{"n": argv[3], "b": ""})
	return "OK"
}

func (m *memoryRedis) unlink(key string) {
	delete(m.hashes, key)
	delete(m.texts, key)
	delete(m.streams, key)
}

// replace is lua/replace.lua.
func (m *memoryRedis) replace(keys, argv []string) string {
	head, beside := m.hash(keys[0]), m.hash(keys[4])
	if head["gen"] != argv[0] || head["nonce"] != argv[1] || beside["gen"] != argv[3] || beside["nonce"] != argv[4] {
		return "FENCED"
	}
	going, _ := strconv.Atoi(argv[9])
	coming := keys[8+going:]
	if head["seq"] != argv[2] || beside["seq"] != argv[5] || 2*len(m.hashes[keys[6]]) != len(coming) {
		return "SEQ"
	}
	for i := 0; i < len(coming); i += 2 {
		if len(m.hashes[coming[i]]) == 0 {
			return "SEQ"
		}
	}
	for _, key := range append(slices.Clone(keys[1:4]), keys[8:8+going]...) {
		m.unlink(key)
	}
	for i := 0; i < len(coming); i += 2 {
		m.hashes[coming[i+1]] = m.hashes[coming[i]]
		m.unlink(coming[i])
	}
	m.hashes[keys[2]] = m.hashes[keys[6]]
	for _, key := range keys[4:8] {
		m.unlink(key)
	}
	first, _ := number(argv[6])
	head["format"], head["nonce"], head["seq"], head["checkpoint"], head["accounts"] = argv[11], argv[4], fmt.Sprint(first+1), argv[7], fmt.Sprint(len(coming)/2)
	m.add(keys[1], first, map[string]any{"n": argv[4], "b": ""})
	m.add(keys[1], first+1, map[string]any{"e": argv[8], "c": argv[7]})
	return "OK"
}

// write is what a commit does with one account.
type write struct {
	key, account string
	drop         bool
	pairs        []string
}

func writesOf(keys, argv []string) (writes []write) {
	for i, k := 6, 3; k < len(keys); k++ {
		n, _ := strconv.Atoi(argv[i+1])
		w := write{key: keys[k], account: argv[i], drop: n < 0}
		n = max(n, 0)
		w.pairs = argv[i+2 : i+2+2*n]
		writes, i = append(writes, w), i+2+2*n
	}
	return writes
}

// commit is lua/commit.lua.
func (m *memoryRedis) commit(keys, argv []string) string {
	head := m.hash(keys[0])
	if head["gen"] != argv[0] || head["nonce"] != argv[1] {
		return "FENCED"
	}
	seq, _ := number(argv[2])
	at, _ := number(head["seq"])
	if at == seq && head["checkpoint"] == argv[3] {
		return "OK"
	}
	if at != seq-1 {
		return "SEQ"
	}
	if n, _ := number(head["accounts"]); int(n) != len(m.hashes[keys[2]]) {
		return "DAMAGED"
	}
	writes := writesOf(keys, argv)
	for _, w := range writes {
		if n, _ := number(m.hash(keys[2])[w.account]); n > 0 && int(n) != len(m.hashes[w.key]) {
			return "DAMAGED"
		}
	}
	m.add(keys[1], seq, map[string]any{"e": argv[4], "c": argv[3]})
	for _, w := range writes {
		m.write(keys[2], w)
	}
	head["seq"], head["checkpoint"], head["accounts"] = argv[2], argv[3], fmt.Sprint(len(m.hashes[keys[2]]))
	if argv[5] != "0" {
		m.trim(keys[1], argv[5]+"-0")
	}
	return "OK"
}

func (m *memoryRedis) write(accounts string, w write) {
	if _, known := m.hash(accounts)[w.account]; w.drop || !known {
		delete(m.hashes, w.key)
	}
	for i := 0; i < len(w.pairs); i += 2 {
		if w.pairs[i+1] == "" {
			delete(m.hash(w.key), w.pairs[i])
		} else {
			m.hash(w.key)[w.pairs[i]] = w.pairs[i+1]
		}
	}
	if n := len(m.hashes[w.key]); n > 0 {
		m.hash(accounts)[w.account] = fmt.Sprint(n)
	} else {
		delete(m.hash(accounts), w.account)
	}
}

func (m *memoryRedis) add(key string, seq int64, values map[string]any) {
	m.streams[key] = append(m.streams[key], redis.XMessage{ID: strconv.FormatInt(seq, 10) + "-0", Values: values})
}

func (m *memoryRedis) trim(key, first string) {
	m.streams[key] = slices.DeleteFunc(m.streams[key], func(x redis.XMessage) bool { return seqOf(x.ID) < seqOf(first) })
}

func (m *memoryRedis) after(key, id string, limit int) (out []redis.XMessage) {
	if id == "-" {
		id = "0-0"
	}
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
	for _, field := range slices.Sorted(maps.Keys(m.hashes[key])) {
		if ok, _ := path.Match(pattern, field); ok {
			pairs = append(pairs, field, m.hashes[key][field])
		}
	}
	return pairs
}
