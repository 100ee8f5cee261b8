package bitmaps

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/alicebob/miniredis/v2"
)

// stored is a partition of two accounts, whose changelog begins with entry 3.
func (f *fixture) stored() *Partition {
	f.t.Helper()
	for key := range f.dump() {
		f.must(f.client.Del(f.ctx, key).Err())
	}
	p := f.open()
	f.must(p.Reset(f.ctx))
	for i, field := range []string{"m", "i:0", "f:US:0"} {
		c := commit("acme", field, fmt.Sprint(i))
		c.Checkpoint = (&Checkpoint{Changelog: 3}).Encode()
		c.KeepFrom = 3
		c.Writes = append(c.Writes, Write{"globex", "m", []byte("m")})
		f.must(p.Commit(f.ctx, c))
	}
	return p
}

func (f *fixture) audit() error {
	return f.store.Audit(f.ctx, partition, []string{"acme", "globex", "nobody"})
}

// Whatever is gone is seen by an audit, and by a commit that touches it, which
// then changes nothing.
func testMissing(t *testing.T, f *fixture) {
	key := func(suffix string) string { return f.store.key(partition, suffix) }
	damages := map[string]struct {
		do   func() error
		seen bool // by a commit for acme
	}{
		"a fragment":          {func() error { return f.client.HDel(f.ctx, key(":a:acme"), "i:0").Err() }, true},
		"a fragment too many": {func() error { return f.client.HSet(f.ctx, key(":a:acme"), "i:9", "").Err() }, true},
		"an account":          {func() error { return f.client.Del(f.ctx, key(":a:acme")).Err() }, true},
		"another account":     {func() error { return f.client.Del(f.ctx, key(":a:globex")).Err() }, false},
		"one in the list":     {func() error { return f.client.HDel(f.ctx, key(":accounts"), "globex").Err() }, true},
		"the list":            {func() error { return f.client.Del(f.ctx, key(":accounts")).Err() }, true},
		"the changelog":       {func() error { return f.client.Del(f.ctx, key(":log")).Err() }, false},
		"its first entry":     {func() error { return f.client.XDel(f.ctx, key(":log"), "3-0").Err() }, false},
		"the checkpoint":      {func() error { return f.client.HDel(f.ctx, key(""), "checkpoint").Err() }, false},
		"another entry":       {func() error { return f.client.XDel(f.ctx, key(":log"), "4-0").Err() }, false},
		"what a reader says": {func() error {
			head, err := f.store.Head(f.ctx, partition)
			f.must(err)
			f.must(f.store.ReportDamage(f.ctx, partition, "of another writer", "nothing"))
			f.must(f.audit())
			return f.store.ReportDamage(f.ctx, partition, head.Nonce, "this")
		}, false},
	}
	for what, damage := range damages {
		p := f.stored()
		if err := f.audit(); err != nil {
			t.Errorf("nothing is missing: %v", err)
		}
		f.must(damage.do())
		if err := f.audit(); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s is missing: %v", what, err)
		}
		before := f.dump()
		err := p.Commit(f.ctx, commit("acme", "m", "on"))
		if damage.seen != errors.Is(err, ErrDamaged) {
			t.Errorf("%s is missing, a commit: %v", what, err)
		}
		if damage.seen {
			f.unchanged(before)
		}
		p = f.open()
		f.must(p.Reset(f.ctx))
		f.must(p.Commit(f.ctx, commit("acme", "m", "anew")))
		if err := f.audit(); err != nil {
			t.Errorf("%s was missing, after a reset: %v", what, err)
		}
	}
}

// testDamagedHead takes parts of the head away: the partition is taken over all
// the same, so that it can be begun anew.
func testDamagedHead(t *testing.T, f *fixture) {
	head := f.store.key(partition, "")
	damages := map[string]func() error{
		"format":     func() error { return f.client.HDel(f.ctx, head, "format").Err() },
		"gen":        func() error { return f.client.HDel(f.ctx, head, "gen").Err() },
		"nonce":      func() error { return f.client.HDel(f.ctx, head, "nonce").Err() },
		"seq":        func() error { return f.client.HDel(f.ctx, head, "seq").Err() },
		"no number":  func() error { return f.client.HSet(f.ctx, head, "seq", "x").Err() },
		"an old seq": func() error { return f.client.HSet(f.ctx, head, "seq", "3").Err() },
		"checkpoint": func() error { return f.client.HSet(f.ctx, head, "checkpoint", "x").Err() },
		"all of it":  func() error { return f.client.Del(f.ctx, head).Err() },
	}
	for what, damage := range damages {
		old := f.stored()
		f.must(damage())
		p, _, _, err := f.store.Open(f.ctx, partition)
		if !errors.Is(err, ErrDamaged) || p == nil {
			t.Errorf("%s: opens with %v, %v", what, p, err)
			continue
		}
		if err := old.Commit(f.ctx, commit("acme", "m", "old")); !errors.Is(err, ErrFenced) {
			t.Errorf("%s: the writer before: %v", what, err)
		}
		f.must(p.Reset(f.ctx))
		f.must(p.Commit(f.ctx, commit("acme", "m", "anew")))
		if _, _, fresh, err := f.store.Open(f.ctx, partition); err != nil || fresh {
			t.Errorf("%s, begun anew: fresh %t, %v", what, fresh, err)
		}
	}
}

// Who follows the changelog must not take a new beginning for a take-over.
func testResetSeen(t *testing.T, f *fixture) {
	p := f.stored()
	before := p.Nonce()
	f.must(p.Reset(f.ctx))
	log := f.changelog()
	if len(log) != 1 || log[0].Nonce != p.Nonce() || log[0].Nonce == before || log[0].Before != "" || log[0].Seq != p.Seq() {
		t.Errorf("a reset of %q begins with %+v, then %q", before, log, p.Nonce())
	}
}

func TestAuditNamesWhere(t *testing.T) {
	f := newFixture(t, miniredis.RunT(t).Addr(), "names")
	f.stored()
	f.must(f.client.HDel(f.ctx, f.store.key(partition, ":a:acme"), "m").Err())
	if err := f.audit(); err == nil || !strings.Contains(err.Error(), "partition 7") || !strings.Contains(err.Error(), "2 fragments of 3 of account acme") {
		t.Error(err)
	}
}
