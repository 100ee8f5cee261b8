package bitmaps

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/redis/go-redis/v9"
)

// A checksum finds a fragment that was altered, but not one that is gone. So
// Redis also holds, changed by the script that commits, how many fragments each
// account has, how many accounts there are, and where the changelog begins.

// Audit looks whether Redis still has every account of a partition, every
// fragment of the accounts that are named, and the changelog from where head
// says that it is needed; and whether somebody found damage when reading. It is
// ErrDamaged if not. It may run beside commits.
func (s *Store) Audit(ctx context.Context, partition int32, accounts []string) error {
	checks := []func(context.Context, int32) error{s.auditDamage, s.auditChangelog, s.auditAccounts}
	for _, check := range checks {
		if err := check(ctx, partition); err != nil {
			return fmt.Errorf("audit of partition %d: %w", partition, err)
		}
	}
	for len(accounts) > 0 {
		n := min(len(accounts), auditAtOnce)
		if err := s.auditFragments(ctx, partition, accounts[:n]); err != nil {
			return fmt.Errorf("audit of partition %d: %w", partition, err)
		}
		accounts = accounts[n:]
	}
	return nil
}

// auditAtOnce bounds the accounts that are asked for in one round trip.
const auditAtOnce = 200

// ReportDamage tells the owner of a partition, at its next Audit, what a reader
// found in the state of the writer that nonce names. Reset takes the report away.
func (s *Store) ReportDamage(ctx context.Context, partition int32, nonce, what string) error {
	err := damageScript.Run(ctx, s.redis, []string{s.key(partition, ""), s.key(partition, ":damage")}, nonce, what).Err()
	if err != nil {
		return fmt.Errorf("report damage in partition %d: %w", partition, err)
	}
	return nil
}

func (s *Store) auditDamage(ctx context.Context, partition int32) error {
	what, err := s.redis.Get(ctx, s.key(partition, ":damage")).Result()
	switch {
	case errors.Is(err, redis.Nil):
		return nil
	case err != nil:
		return err
	}
	return fmt.Errorf("%w: a reader found: %s", ErrDamaged, what)
}

// auditChangelog looks whether the changelog has every entry from the first
// that head's checkpoint asks for up to the newest.
func (s *Store) auditChangelog(ctx context.Context, partition int32) error {
	var values *redis.SliceCmd
	var first *redis.XMessageSliceCmd
	var length *redis.IntCmd
	_, err := s.redis.TxPipelined(ctx, func(p redis.Pipeliner) error {
		values = p.HMGet(ctx, s.key(partition, ""), headFields...)
		first = p.XRangeN(ctx, s.key(partition, ":log"), "-", "+", 1)
		length = p.XLen(ctx, s.key(partition, ":log"))
		return nil
	})
	if err != nil {
		return err
	}
	head, err := readHead(values.Val())
	if err != nil || head.Checkpoint.Changelog == 0 {
		return err
	}
	from := head.Checkpoint.Changelog
	want := int64(max(head.Seq+1, from) - from)
	if n := length.Val(); n != want || n > 0 && first.Val()[0].ID != strconv.FormatUint(from, 10)+"-0" {
		return fmt.Errorf("%w: the changelog has %d entries of %d, from %d on", ErrDamaged, n, want, from)
	}
	return nil
}

func (s *Store) auditAccounts(ctx context.Context, partition int32) error {
	var head *redis.SliceCmd
	var got *redis.IntCmd
	_, err := s.redis.TxPipelined(ctx, func(p redis.Pipeliner) error {
		head = p.HMGet(ctx, s.key(partition, ""), "accounts", "checkpoint")
		got = p.HLen(ctx, s.key(partition, ":accounts"))
		return nil
	})
	if err != nil {
		return err
	}
	text, _ := head.Val()[0].(string)
	if n, _ := strconv.ParseInt(text, 10, 64); n != got.Val() {
		return fmt.Errorf("%w: %d accounts of %d", ErrDamaged, got.Val(), n)
	}
	if got.Val() > 0 && head.Val()[1] == nil {
		return fmt.Errorf("%w: %d accounts without a checkpoint", ErrDamaged, got.Val())
	}
	return nil
}

func (s *Store) auditFragments(ctx context.Context, partition int32, accounts []string) error {
	want, got := make([]*redis.StringCmd, len(accounts)), make([]*redis.IntCmd, len(accounts))
	_, err := s.redis.TxPipelined(ctx, func(p redis.Pipeliner) error {
		for i, a := range accounts {
			want[i] = p.HGet(ctx, s.key(partition, ":accounts"), a)
			got[i] = p.HLen(ctx, s.key(partition, ":a:"+a))
		}
		return nil
	})
	if err != nil && !errors.Is(err, redis.Nil) {
		return err
	}
	for i, a := range accounts {
		n, err := want[i].Int64()
		if errors.Is(err, redis.Nil) {
			continue // dropped meanwhile, or not written yet
		}
		if n != got[i].Val() {
			return fmt.Errorf("%w: %d fragments of %d of account %s", ErrDamaged, got[i].Val(), n, a)
		}
	}
	return nil
}
