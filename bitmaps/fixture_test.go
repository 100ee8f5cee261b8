package bitmaps

import (
	"context"
	"fmt"
	"reflect"
	"testing"

	"github.com/redis/go-redis/v9"
)

// partition is the one that tests use; neighbour is another.
const partition, neighbour = 7, 8

// fixture is a store under a prefix of its own, whose commands only touch the
// slot of the partition that they are for.
type fixture struct {
	t      *testing.T
	ctx    context.Context
	client *redis.Client
	store  *Store
	prefix string
	slots  *slotHook
}

func newFixture(t *testing.T, addr, prefix string) *fixture {
	client := redis.NewClient(&redis.Options{Addr: addr, MaxRetries: -1})
	t.Cleanup(func() { _ = client.Close() })
	f := &fixture{t: t, ctx: t.Context(), client: client, prefix: prefix, slots: &slotHook{seen: map[uint16]bool{}}}
	watched := redis.NewClient(&redis.Options{Addr: addr, MaxRetries: -1})
	t.Cleanup(func() { _ = watched.Close() })
	watched.AddHook(f.slots)
	f.store = NewStore(watched, prefix)
	t.Cleanup(f.checkSlots)
	return f
}

// checkSlots finds that no command had keys of two slots, and that all slots
// are those of the test's partitions.
func (f *fixture) checkSlots() {
	for _, crossed := range f.slots.crossed {
		f.t.Errorf("keys of several slots in %s", crossed)
	}
	for slot := range f.slots.seen {
		if slot != slotOf(fmt.Sprintf("{p%d}", partition)) && slot != slotOf(fmt.Sprintf("{p%d}", neighbour)) {
			f.t.Errorf("a command in slot %d, which is of no partition", slot)
		}
	}
	if len(f.slots.seen) == 0 {
		f.t.Error("no command had a key")
	}
}

func (f *fixture) must(err error) {
	f.t.Helper()
	if err != nil {
		f.t.Fatal(err)
	}
}

func (f *fixture) open() *Partition {
	f.t.Helper()
	p, _, _, err := f.store.Open(f.ctx, partition)
	f.must(err)
	return p
}

// commit is a commit of one write, with an entry that says so.
func commit(account, field, value string) *Commit {
	return &Commit{
		Checkpoint: (&Checkpoint{Lineage: value, Reasons: map[string]int64{}}).Encode(),
		Entry:      encodeOps([]Op{{Code: OpAccount, Name: account}, {Code: OpDropSegment, Name: value}}),
		Writes:     []Write{{Account: account, Field: field, Value: []byte(value)}},
	}
}

// dump is all that Redis has under the fixture's prefix.
func (f *fixture) dump() map[string]any {
	f.t.Helper()
	out := map[string]any{}
	keys, err := f.client.Keys(f.ctx, f.prefix+":*").Result()
	f.must(err)
	for _, key := range keys {
		kind, err := f.client.Type(f.ctx, key).Result()
		f.must(err)
		switch kind {
		case "hash":
			out[key], err = f.client.HGetAll(f.ctx, key).Result()
		case "stream":
			out[key], err = f.client.XRange(f.ctx, key, "-", "+").Result()
		case "string":
			out[key], err = f.client.Get(f.ctx, key).Result()
		default:
			f.t.Fatalf("%s is a %s", key, kind)
		}
		f.must(err)
	}
	return out
}

func (f *fixture) unchanged(before map[string]any) {
	f.t.Helper()
	if after := f.dump(); !reflect.DeepEqual(after, before) {
		f.t.Errorf("changed from\n%v\nto\n%v", before, after)
	}
}

func (f *fixture) changelog() []Entry {
	f.t.Helper()
	entries, err := f.store.Changelog(f.ctx, partition, 0, 1000, 0)
	f.must(err)
	return entries
}
