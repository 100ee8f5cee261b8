package bitmaps

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

func testPages(t *testing.T, f *fixture) {
	p := f.open()
	for i := range 10 {
		f.must(p.Commit(f.ctx, commit("acme", "m", fmt.Sprint(i))))
	}
	var seqs []uint64
	for from := uint64(0); ; {
		page, err := f.store.Changelog(f.ctx, partition, from, 4, 0)
		f.must(err)
		if len(page) == 0 {
			break
		}
		if len(page) > 4 {
			t.Fatalf("a page of %d", len(page))
		}
		for _, e := range page {
			seqs = append(seqs, e.Seq)
		}
		from = seqs[len(seqs)-1] + 1
	}
	if want := []uint64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}; !slices.Equal(seqs, want) {
		t.Errorf("read %v", seqs)
	}
	for from, want := range map[uint64]int{0: 11, 1: 11, 2: 10, 11: 1, 12: 0, 100: 0} {
		for _, wait := range []time.Duration{0, time.Millisecond} {
			if got, err := f.store.Changelog(f.ctx, partition, from, 1000, wait); err != nil || len(got) != want {
				t.Errorf("from %d, waiting %s: %d entries, %v", from, wait, len(got), err)
			}
		}
	}
}

func testWait(t *testing.T, f *fixture) {
	p := f.open()
	begun := time.Now()
	if got, err := f.store.Changelog(f.ctx, partition, 2, 10, 50*time.Millisecond); err != nil || len(got) != 0 {
		t.Errorf("%d entries out of nothing, %v", len(got), err)
	}
	if waited := time.Since(begun); waited < 40*time.Millisecond {
		t.Errorf("waited %s only", waited)
	}
	done := make(chan error)
	go func() {
		time.Sleep(20 * time.Millisecond)
		done <- p.Commit(f.ctx, commit("acme", "m", "1"))
	}()
	got, err := f.store.Changelog(f.ctx, partition, 2, 10, time.Minute)
	if err != nil || len(got) != 1 || got[0].Seq != 2 {
		t.Errorf("waited for %+v, %v", got, err)
	}
	f.must(<-done)
}

func testHead(t *testing.T, f *fixture) {
	if h, err := f.store.Head(f.ctx, partition); err != nil || h.Nonce != "" || h.Seq != 0 {
		t.Errorf("of nothing: %+v, %v", h, err)
	}
	p := f.open()
	c := commit("acme", "m", "1")
	c.Checkpoint = (&Checkpoint{Changelog: 2}).Encode()
	f.must(p.Commit(f.ctx, c))
	if h, err := f.store.Head(f.ctx, partition); err != nil || h.Nonce != p.Nonce() || h.Seq != p.Seq() || h.Checkpoint.Changelog != 2 {
		t.Errorf("%+v, %v, want %q and %d", h, err, p.Nonce(), p.Seq())
	}
}

func testFragments(t *testing.T, f *fixture) {
	p := f.open()
	c := commit("acme", "m", "meta")
	want := map[Field]string{{Kind: Meta}: "meta"}
	for i := range uint32(3 * scanCount) {
		field := Field{Kind: Day, N: [4]uint32{1, i, 0}}
		want[field] = fmt.Sprint(i)
		c.Writes = append(c.Writes, Write{"acme", field.String(), []byte(fmt.Sprint(i))},
			Write{"acme", Field{Kind: Events, N: [4]uint32{1, i, 0, 0}}.String(), []byte("e")})
	}
	f.must(p.Commit(f.ctx, c))
	got := map[Field]string{}
	read := func(f Field, value []byte) error { got[f] = string(value); return nil }
	f.must(f.store.Fragments(f.ctx, partition, "acme", "[^e]*", read))
	if !maps.Equal(got, want) {
		t.Errorf("found %d fragments, want %d", len(got), len(want))
	}
	clear(got)
	f.must(f.store.Fragments(f.ctx, partition, "nobody", "*", read))
	if len(got) != 0 {
		t.Errorf("nobody has %v", got)
	}
	mine := errors.New("mine")
	err := f.store.Fragments(f.ctx, partition, "acme", "m", func(Field, []byte) error { return mine })
	if !errors.Is(err, mine) {
		t.Errorf("fn's error: %v", err)
	}
	f.must(f.client.HSet(f.ctx, f.store.key(partition, ":a:acme"), "zzz", "").Err())
	if err := f.store.Fragments(f.ctx, partition, "acme", "z*", read); !errors.Is(err, ErrDamaged) {
		t.Errorf("a fragment without a name: %v", err)
	}
}

func testDamagedEntry(t *testing.T, f *fixture) {
	p := f.open()
	key := f.store.key(partition, ":log")
	f.must(f.client.XAdd(f.ctx, &redis.XAddArgs{Stream: key, ID: fmt.Sprintf("%d-0", p.Seq()+1), Values: []any{"e", "x", "c", "x"}}).Err())
	_, err := f.store.Changelog(f.ctx, partition, 0, 10, 0)
	if !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), "entry 2-0") || !strings.Contains(err.Error(), "partition 7") {
		t.Errorf("an entry with a damaged checkpoint: %v", err)
	}
}
