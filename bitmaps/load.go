package bitmaps

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"
)

const scanCount = 500 // fragments asked for at once, up to 8 KiB each

// Accounts lists the accounts that have fragments in a partition.
func (s *Store) Accounts(ctx context.Context, partition int32) ([]string, error) {
	accounts, err := s.redis.HKeys(ctx, s.key(partition, ":accounts")).Result()
	if err != nil {
		return nil, fmt.Errorf("accounts of partition %d: %w", partition, err)
	}
	return accounts, nil
}

// Fragments gives every fragment of an account whose name matches pattern (as
// of Redis' HSCAN), some of them perhaps twice, not yet checked.
func (s *Store) Fragments(ctx context.Context, partition int32, account string, pattern string,
	fn func(f Field, value []byte) error) error {
	key := s.key(partition, ":a:"+account)
	for cursor := uint64(0); ; {
		pairs, next, err := s.redis.HScan(ctx, key, cursor, pattern, scanCount).Result()
		if err != nil {
			return fmt.Errorf("fragments of %s in partition %d: %w", account, partition, err)
		}
		for i := 0; i+1 < len(pairs); i += 2 {
			f, err := ParseField(pairs[i])
			if err == nil {
				err = fn(f, []byte(pairs[i+1]))
			}
			if err != nil {
				return fmt.Errorf("fragment %s of %s in partition %d: %w", pairs[i], account, partition, err)
			}
		}
		if cursor = next; cursor == 0 {
			return nil
		}
	}
}

// Fields reads named fragments of an account; a missing one is nil.
func (s *Store) Fields(ctx context.Context, partition int32, account string, fields []string) ([][]byte, error) {
	if s.redis == nil {
		return s.runs.read(partition, account, fields), nil
	}
	values, err := s.redis.HMGet(ctx, s.key(partition, ":a:"+account), fields...).Result()
	if err != nil {
		return nil, fmt.Errorf("fragments of %s in partition %d: %w", account, partition, err)
	}
	out := make([][]byte, len(values))
	for i, v := range values {
		if text, ok := v.(string); ok {
			out[i] = []byte(text)
		}
	}
	return out, nil
}

// Entry is one element of a partition's changelog: a commit, or a take-over,
// which has a Nonce and no Ops.
type Entry struct {
	Seq        uint64
	Ops        []byte // sealed; EachOp reads it
	Checkpoint Checkpoint
	Nonce      string // the new owner's
	Before     string // the nonce that Nonce follows
}

// Changelog reads up to limit entries from seq on, waiting up to wait for the
// first (0: not at all).
func (s *Store) Changelog(ctx context.Context, partition int32, seq uint64, limit int64, wait time.Duration) ([]Entry, error) {
	key, after := s.key(partition, ":log"), strconv.FormatUint(max(seq, 1)-1, 10)+"-18446744073709551615"
	var messages []redis.XMessage
	if wait == 0 {
		m, err := s.redis.XRangeN(ctx, key, "("+after, "+", limit).Result()
		if err != nil {
			return nil, fmt.Errorf("changelog of partition %d: %w", partition, err)
		}
		messages = m
	} else {
		streams, err := s.redis.XRead(ctx, &redis.XReadArgs{Streams: []string{key, after}, Count: limit, Block: wait}).Result()
		if errors.Is(err, redis.Nil) {
			return nil, nil
		}
		if err != nil {
			return nil, fmt.Errorf("changelog of partition %d: %w", partition, err)
		}
		messages = streams[0].Messages
	}
	entries := make([]Entry, len(messages))
	for i, m := range messages {
		e, err := readEntry(m)
		if err != nil {
			return nil, fmt.Errorf("changelog of partition %d, entry %s: %w", partition, m.ID, err)
		}
		entries[i] = e
	}
	return entries, nil
}

func readEntry(m redis.XMessage) (Entry, error) {
	var e Entry
	var err error
	if e.Seq, err = strconv.ParseUint(m.ID[:len(m.ID)-len("-0")], 10, 64); err != nil {
		return e, fmt.Errorf("%w: id", ErrDamaged)
	}
	text := func(name string) string { s, _ := m.Values[name].(string); return s }
	if e.Nonce = text("n"); e.Nonce != "" {
		e.Before = text("b")
		return e, nil
	}
	e.Ops = []byte(text("e"))
	e.Checkpoint, err = decodeCheckpoint([]byte(text("c")))
	return e, err
}

// Head is what a partition's head says now.
type Head struct {
	Nonce      string
	Seq        uint64
	Checkpoint Checkpoint // the zero Checkpoint if nothing was committed yet
}

var headFields = []string{"nonce", "seq", "checkpoint", "format"}

// Head reads a partition's head; the zero Head if there is none. The error is a
// *FormatError if the state is of another format.
func (s *Store) Head(ctx context.Context, partition int32) (Head, error) {
	values, err := s.redis.HMGet(ctx, s.key(partition, ""), headFields...).Result()
	if err != nil {
		return Head{}, fmt.Errorf("head of partition %d: %w", partition, err)
	}
	h, err := readHead(values)
	if err != nil {
		return h, fmt.Errorf("head of partition %d: %w", partition, err)
	}
	return h, nil
}

func readHead(values []any) (h Head, err error) {
	text := func(i int) string { s, _ := values[i].(string); return s }
	h.Nonce = text(0)
	h.Seq, _ = strconv.ParseUint(text(1), 10, 64)
	if format := text(3); format != "" {
		if err := checkFormat(format); err != nil {
			return h, err
		}
	}
	if values[2] != nil {
		h.Checkpoint, err = decodeCheckpoint([]byte(text(2)))
	}
	return h, err
}
