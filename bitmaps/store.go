package bitmaps

import (
	"context"
	"crypto/rand"
	_ "embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"
)

var (
	// ErrFenced says that another writer has taken the partition over.
	ErrFenced = errors.New("fenced: another writer owns the partition")
	// ErrConflict says that Redis does not hold the state that a commit builds
	// on, for instance because it failed over to an older one.
	ErrConflict = errors.New("state in redis is not the expected one")
)

//go:embed lua/open.lua
var openLua string

//go:embed lua/commit.lua
var commitLua string

//go:embed lua/reset.lua
var resetLua string

//go:embed lua/damage.lua
var damageLua string

var (
	resetScript  = redis.NewScript(resetLua)
	damageScript = redis.NewScript(damageLua)
	openScript   = redis.NewScript(openLua)
	commitScript = redis.NewScript(commitLua)
)

// Store is the state of all partitions in one Redis.
type Store struct {
	// Random is where the nonces of take-overs come from. Default: crypto/rand.
	Random io.Reader

	redis  redis.UniversalClient
	prefix string
	runs   *keptRuns // instead of redis, of a store that discards
}

// NewStore uses client, whose commands must not be retried (MaxRetries -1: an
// unknown outcome is found out by reopening), and keys that begin with prefix.
func NewStore(client redis.UniversalClient, prefix string) *Store {
	return &Store{Random: rand.Reader, redis: client, prefix: prefix}
}

// Partition is one partition, held by the writer that opened it last.
type Partition struct {
	store      *Store
	number     int32
	generation string
	nonce      string
	seq        uint64
}

func (s *Store) key(partition int32, suffix string) string {
	return s.prefix + ":{p" + strconv.Itoa(int(partition)) + "}" + suffix
}

// Open takes a partition over and fences whoever had it. fresh tells that
// nothing was ever committed. With ErrDamaged the partition is taken over too,
// for Reset. The error is a *FormatError if the state is of another format: of
// an older one it is ErrDamaged too, and a state of a newer one is not touched.
func (s *Store) Open(ctx context.Context, partition int32) (p *Partition, c Checkpoint, fresh bool, err error) {
	c.Reasons = map[string]int64{}
	if s.redis == nil {
		return &Partition{store: s, number: partition}, c, true, nil
	}
	nonce, err := s.newNonce()
	if err != nil {
		return nil, c, false, err
	}
	reply, err := openScript.Run(ctx, s.redis, []string{s.key(partition, ""), s.key(partition, ":log")}, Format, nonce).Slice()
	if err != nil {
		return nil, c, false, fmt.Errorf("open partition %d: %w", partition, err)
	}
	other := checkFormat(fmt.Sprint(reply[3]))
	if other != nil && !errors.Is(other, ErrDamaged) {
		return nil, c, false, fmt.Errorf("open partition %d: %w", partition, other)
	}
	p = &Partition{store: s, number: partition, generation: fmt.Sprint(reply[0]), nonce: nonce, seq: uint64(reply[1].(int64))}
	if other != nil {
		return p, c, false, fmt.Errorf("open partition %d: %w", partition, other)
	}
	if reply[4] != int64(0) {
		return p, c, false, fmt.Errorf("open partition %d: head: %w", partition, ErrDamaged)
	}
	checkpoint, ok := reply[2].(string)
	if !ok {
		return p, c, true, nil
	}
	read, err := decodeCheckpoint([]byte(checkpoint))
	if err != nil {
		return p, c, false, fmt.Errorf("open partition %d: checkpoint: %w", partition, err)
	}
	return p, read, false, nil
}

func (s *Store) newNonce() (string, error) {
	var random [12]byte
	if _, err := io.ReadFull(s.Random, random[:]); err != nil {
		return "", fmt.Errorf("nonce: %w", err)
	}
	return hex.EncodeToString(random[:]), nil
}

// Write is one fragment to store; a nil Value deletes it.
type Write struct {
	Account string
	Field   string
	Value   []byte
}

// Commit is one atomic step of a partition.
type Commit struct {
	Checkpoint []byte   // encoded
	Entry      []byte   // sealed changelog entry
	Writes     []Write  // in any order of accounts; those of one in the order in which they are done
	Dropped    []string // accounts to delete, none of them in Writes
	KeepFrom   uint64   // the changelog forgets entries before this seq; 0: keeps all
}

// Seq is the number of the newest commit.
func (p *Partition) Seq() uint64 { return p.seq }

// Nonce names the take-over under which this writer commits.
func (p *Partition) Nonce() string { return p.nonce }

// Commit applies c whole or not at all. After any error the outcome may be
// unknown: the writer must let go of its memory and open the partition anew.
func (p *Partition) Commit(ctx context.Context, c *Commit) error {
	if p.store.redis == nil {
		p.store.runs.keep(p.number, c.Writes)
		p.seq++
		return nil
	}
	keys := []string{p.store.key(p.number, ""), p.store.key(p.number, ":log"), p.store.key(p.number, ":accounts")}
	args := make([]any, 0, 6+2*len(c.Writes)+8)
	args = append(args, p.generation, p.nonce, strconv.FormatUint(p.seq+1, 10), c.Checkpoint, c.Entry,
		strconv.FormatUint(c.KeepFrom, 10))
	// The script counts the fragments of each account once.
	slices.SortStableFunc(c.Writes, func(a, b Write) int { return strings.Compare(a.Account, b.Account) })
	for i := 0; i < len(c.Writes); {
		account, n := c.Writes[i].Account, i
		for n < len(c.Writes) && c.Writes[n].Account == account {
			n++
		}
		keys = append(keys, p.store.key(p.number, ":a:"+account))
		args = append(args, account, n-i)
		for ; i < n; i++ {
			args = append(args, c.Writes[i].Field, c.Writes[i].Value)
		}
	}
	for _, account := range c.Dropped {
		keys = append(keys, p.store.key(p.number, ":a:"+account))
		args = append(args, account, -1)
	}
	reply, err := commitScript.Run(ctx, p.store.redis, keys, args...).Text()
	if err != nil {
		return fmt.Errorf("commit %d of partition %d: %w", p.seq+1, p.number, err)
	}
	switch reply {
	case "OK":
		p.seq++
		return nil
	case "FENCED":
		return fmt.Errorf("commit %d of partition %d: %w", p.seq+1, p.number, ErrFenced)
	case "DAMAGED":
		return fmt.Errorf("commit %d of partition %d: fragments are missing: %w", p.seq+1, p.number, ErrDamaged)
	}
	return fmt.Errorf("commit %d of partition %d: %w", p.seq+1, p.number, ErrConflict)
}

// Reset begins a partition anew, for the writer that opened it last: nothing is
// left of it, and its next commit builds on an empty state. Fragments of an
// account that nobody knows of any more go when the account is written again.
func (p *Partition) Reset(ctx context.Context) error { return p.ResetTo(ctx, p.seq+1) }

// ResetTo does so, with seq, which no commit had yet, for the new beginning.
func (p *Partition) ResetTo(ctx context.Context, seq uint64) error {
	if p.store.redis == nil {
		return nil
	}
	accounts, err := p.store.Accounts(ctx, p.number)
	if err != nil {
		return err
	}
	keys := p.store.partKeys(p.number)
	for _, a := range accounts {
		keys = append(keys, p.store.key(p.number, ":a:"+a))
	}
	nonce, err := p.store.newNonce()
	if err != nil {
		return err
	}
	reply, err := resetScript.Run(ctx, p.store.redis, keys, p.generation, p.nonce, strconv.FormatUint(seq, 10), nonce, Format).Text()
	if err != nil {
		return fmt.Errorf("reset partition %d: %w", p.number, err)
	}
	if reply != "OK" {
		return fmt.Errorf("reset partition %d: %w", p.number, ErrFenced)
	}
	p.nonce, p.seq = nonce, seq
	return nil
}
