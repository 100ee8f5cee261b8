package bitmaps

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"
)

//go:embed lua/replace.lua
var replaceLua string

var replaceScript = redis.NewScript(replaceLua)

// Beside is where a second state of the same partitions is made, in the same
// slots of a Redis Cluster, until it takes the place of the first.
func (s *Store) Beside() *Store { return s.under(":beside") }

// Incoming is where a state that comes from files is put together, likewise.
func (s *Store) Incoming() *Store { return s.under(":incoming") }

func (s *Store) under(suffix string) *Store {
	other := *s
	other.prefix += suffix
	return &other
}

// Replacement is where Replace leaves a partition.
type Replacement struct {
	Nonce string // of the writer from then on
	First uint64 // the changelog's first entry
	Seq   uint64 // the commit on top
}

// Replacement tells where p will stand once the state of beside has taken its
// place: beyond both, as fragments remember which entries they hold.
func (p *Partition) Replacement(beside *Partition) Replacement {
	first := max(p.seq, beside.seq) + 1
	return Replacement{Nonce: beside.nonce, First: first, Seq: first + 1}
}

// Replace puts the state that another writer made beside, all of it in
// fragments, in the place of the partition's, with one commit on top of it: all
// of that, or nothing. p goes on as its writer. After an error the outcome may
// be unknown, as with Commit.
func (p *Partition) Replace(ctx context.Context, beside *Partition, checkpoint, entry []byte) error {
	going, err := p.store.Accounts(ctx, p.number)
	if err != nil {
		return err
	}
	coming, err := beside.store.Accounts(ctx, p.number)
	if err != nil {
		return err
	}
	var keys []string
	for _, s := range []*Store{p.store, beside.store} {
		keys = append(keys, s.partKeys(p.number)...)
	}
	for _, a := range going {
		keys = append(keys, p.store.key(p.number, ":a:"+a))
	}
	for _, a := range coming {
		keys = append(keys, beside.store.key(p.number, ":a:"+a), p.store.key(p.number, ":a:"+a))
	}
	at := p.Replacement(beside)
	reply, err := replaceScript.Run(ctx, p.store.redis, keys,
		p.generation, p.nonce, strconv.FormatUint(p.seq, 10),
		beside.generation, beside.nonce, strconv.FormatUint(beside.seq, 10),
		strconv.FormatUint(at.First, 10), checkpoint, entry, len(going), len(coming), Format).Text()
	if err != nil {
		return fmt.Errorf("replace partition %d: %w", p.number, err)
	}
	if reply == "FENCED" {
		return fmt.Errorf("replace partition %d: %w", p.number, ErrFenced)
	}
	if reply != "OK" {
		return fmt.Errorf("replace partition %d: %w", p.number, ErrConflict)
	}
	p.nonce, p.seq = at.Nonce, at.Seq
	return nil
}

// partKeys are the keys of a partition, without the fragments.
func (s *Store) partKeys(partition int32) []string {
	return []string{s.key(partition, ""), s.key(partition, ":log"), s.key(partition, ":accounts"), s.key(partition, ":damage")}
}

// Drop deletes all that there is of a partition, whoever writes it.
func (s *Store) Drop(ctx context.Context, partition int32) error {
	if s.redis == nil {
		return nil
	}
	accounts, err := s.Accounts(ctx, partition)
	if err != nil {
		return err
	}
	keys := s.partKeys(partition)
	for _, a := range accounts {
		keys = append(keys, s.key(partition, ":a:"+a))
	}
	slices.Reverse(keys) // the list of accounts goes after them
	for part := range slices.Chunk(keys, dropAtOnce) {
		if err := s.redis.Unlink(ctx, part...).Err(); err != nil {
			return fmt.Errorf("drop partition %d: %w", partition, err)
		}
	}
	return nil
}

const dropAtOnce = 1000

// SetReport keeps what is to be known of a partition's rebuild, for a while.
func (s *Store) SetReport(ctx context.Context, partition int32, report []byte, kept time.Duration) error {
	if err := s.redis.Set(ctx, s.key(partition, ":rebuild"), report, kept).Err(); err != nil {
		return fmt.Errorf("report of partition %d: %w", partition, err)
	}
	return nil
}

// Report is what SetReport left; nil: nothing.
func (s *Store) Report(ctx context.Context, partition int32) ([]byte, error) {
	report, err := s.redis.Get(ctx, s.key(partition, ":rebuild")).Bytes()
	if errors.Is(err, redis.Nil) {
		return nil, nil
	}
	return report, err
}

// DropReport deletes what SetReport left.
func (s *Store) DropReport(ctx context.Context, partition int32) error {
	if s.redis == nil {
		return nil
	}
	return s.redis.Unlink(ctx, s.key(partition, ":rebuild")).Err()
}
