package main

import (
	"context"
	"encoding/binary"
	"math/bits"

	"github.com/redis/go-redis/v9"
)

// bitopKeys is how many keys a BITOP is given at most, so that none takes long.
const bitopKeys = 16

// redisBitmaps is a Redis with a bitmap for each criterion and day, as SETBIT
// would make them.
type redisBitmaps struct {
	client *redis.Client
	people *population
	all    map[string]bitmap
}

func newRedisBitmaps(ctx context.Context, c *redis.Client, p *population, all map[string]bitmap) (*redisBitmaps, error) {
	r := &redisBitmaps{c, p, all}
	for name, b := range all {
		if err := c.Set(ctx, name, r.bytes(b), 0).Err(); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// bytes is a bitmap in Redis' order of bits: the first is the highest of the
// first byte.
func (r *redisBitmaps) bytes(b bitmap) []byte {
	var out []byte
	for _, w := range b {
		out = binary.BigEndian.AppendUint64(out, bits.Reverse64(w))
	}
	return out
}

// count sends all operations at once.
func (r *redisBitmaps) count(ctx context.Context, q *question) (int64, error) {
	var last *redis.IntCmd
	_, err := r.client.Pipelined(ctx, func(p redis.Pipeliner) error {
		for _, s := range q.steps(r.people, r.all) {
			bitop(ctx, p, s)
		}
		last = p.BitCount(ctx, bitMembers, nil)
		return nil
	})
	if err != nil {
		return 0, err
	}
	return last.Val(), nil
}

// bitop is a step in as many calls as it takes.
func bitop(ctx context.Context, p redis.Pipeliner, s bitStep) {
	if s.op == "NOT" {
		p.BitOpNot(ctx, s.dst, s.of[0])
		return
	}
	do := map[string]func(context.Context, string, ...string) *redis.IntCmd{"AND": p.BitOpAnd, "OR": p.BitOpOr}[s.op]
	for at, first := 0, true; at < len(s.of); first = false {
		var keys []string
		if !first {
			keys = append(keys, s.dst)
		}
		n := min(bitopKeys-len(keys), len(s.of)-at)
		do(ctx, s.dst, append(keys, s.of[at:at+n]...)...)
		at += n
	}
}
