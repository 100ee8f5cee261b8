package bitmaps

import (
	"errors"
	"testing"
)

// Fragments of an account are counted right though writes of another stand
// between them.
func testMixedWrites(t *testing.T, f *fixture) {
	p := f.stored()
	c := commit("acme", "x", "new")
	c.Checkpoint = (&Checkpoint{Changelog: 3}).Encode()
	c.Writes = []Write{{Account: "acme", Field: "i:0"}, {"globex", "x", []byte("x")}, {"acme", "x", []byte("x")}, {"acme", "y", []byte("y")}}
	f.must(p.Commit(f.ctx, c))
	f.must(f.audit())
}

// What was made beside takes the place of all that there was, under its own
// nonce and beyond the entries of both; a writer that is behind changes nothing.
func testReplace(t *testing.T, f *fixture) {
	p := f.stored()
	beside, _, _, err := f.store.Beside().Open(f.ctx, partition)
	f.must(err)
	c := commit("initech", "m", "anew")
	f.must(beside.Commit(f.ctx, c))
	before := f.dump()
	for what, stale := range map[string]*Partition{
		"the live writer":  {store: p.store, number: partition, generation: p.generation, nonce: p.nonce, seq: p.seq - 1},
		"another's nonce":  {store: p.store, number: partition, generation: p.generation, nonce: "x", seq: p.seq},
		"an old take-over": {store: p.store, number: partition, generation: "0", nonce: p.nonce, seq: p.seq},
	} {
		if err := stale.Replace(f.ctx, beside, c.Checkpoint, c.Entry); !errors.Is(err, ErrConflict) && !errors.Is(err, ErrFenced) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if now := f.dump(); len(now) != len(before) {
		t.Errorf("a writer that is behind left %v of %v", now, before)
	}
	at := p.Replacement(beside)
	checkpoint := Checkpoint{Changelog: at.First, Writer: at.Nonce, Seq: at.Seq, Rebuilt: "r"}
	f.must(p.Replace(f.ctx, beside, checkpoint.Encode(), c.Entry))
	if at.Nonce != beside.Nonce() || p.Nonce() != at.Nonce || p.Seq() != at.Seq || at.First <= max(beside.Seq(), 1) {
		t.Errorf("replaced: nonce %q, seq %d, %+v", p.Nonce(), p.Seq(), at)
	}
	accounts, err := f.store.Accounts(f.ctx, partition)
	f.must(err)
	head, err := f.store.Head(f.ctx, partition)
	f.must(err)
	if len(accounts) != 1 || accounts[0] != "initech" || head.Checkpoint.Rebuilt != "r" || head.Seq != at.Seq {
		t.Errorf("replaced: %v, %+v", accounts, head)
	}
	f.must(f.store.Audit(f.ctx, partition, accounts))
	entries, err := f.store.Changelog(f.ctx, partition, 0, 10, 0)
	f.must(err)
	if len(entries) != 2 || entries[0].Nonce != at.Nonce || entries[0].Before != "" || entries[1].Seq != at.Seq {
		t.Errorf("the changelog after it: %+v", entries)
	}
	f.must(p.Commit(f.ctx, &Commit{Checkpoint: checkpoint.Encode(), Entry: c.Entry, Writes: c.Writes}))
	if left := f.store.Beside().Drop(f.ctx, partition); left != nil || len(f.dump()) != 4 {
		t.Errorf("left are %v, %v", f.dump(), left)
	}
}
