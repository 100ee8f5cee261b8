package client

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// setOf are the contacts of a set.
func (t *table) setOf(set int) []string {
	out := []string{}
	for e := range t.entries() {
		if t.in(set, e.number) {
			out = append(out, string(e.contact))
		}
	}
	slices.Sort(out)
	return out
}

// TestTable holds a table against maps, while it grows and is compacted.
func TestTable(t *testing.T) {
	const sets = 3
	rng := rand.New(rand.NewPCG(1, 2))
	x := newTable(sets)
	want := [sets]map[string]bool{{}, {}, {}}
	numbered := map[string]bool{}
	random := func() string {
		n := rng.IntN(4000)
		return fmt.Sprint("c-", n) + strings.Repeat("x", n%3*n%7*n%1000) // up to 6,000 bytes
	}
	for step := range 30_000 {
		contact, set, in := random(), rng.IntN(sets), rng.IntN(2) == 0
		number, ok := x.find(contact)
		if ok != numbered[contact] {
			t.Fatalf("step %d: found %v, want %v", step, ok, numbered[contact])
		}
		if !ok {
			var err error
			if number, x, err = x.add(contact); err != nil {
				t.Fatal(err)
			}
			numbered[contact] = true
		}
		x.set(set, number, in)
		if want[set][contact] = true; !in {
			delete(want[set], contact)
		}
		if step%1000 == 0 {
			for i := range sets {
				if got, expected := x.setOf(i), slices.Sorted(maps.Keys(want[i])); !slices.Equal(got, expected) || x.len(i) != len(expected) {
					t.Fatalf("step %d: set %d has %d contacts, want %d", step, i, len(got), len(expected))
				}
			}
		}
		if step%3000 == 0 {
			before, gone := x.count, x.gone()
			var err error
			if x, err = x.compact(); err != nil {
				t.Fatal(err)
			}
			if x.count != before-gone || x.gone() != 0 {
				t.Fatalf("of %d contacts %d were in no set, and %d are left", before, gone, x.count)
			}
			for c := range numbered {
				if !want[0][c] && !want[1][c] && !want[2][c] {
					delete(numbered, c)
				}
			}
		}
	}
	for range 5000 {
		if c := random(); x.has(0, c) != want[0][c] {
			t.Fatalf("has %.20s: %v", c, x.has(0, c))
		}
	}
}

// TestFullBlocks is about what is left at the end of a block.
func TestFullBlocks(t *testing.T) {
	for left := range 2 * entryHead {
		x := newTable(1)
		want := []string{}
		add := func(bytes int) {
			id := fmt.Sprintf("%0*d", bytes-entryHead, len(want))
			number, grown, err := x.add(id)
			if err != nil {
				t.Fatal(err)
			}
			x = grown
			x.set(0, number, true)
			want = append(want, id)
		}
		for range 31 {
			add(blockSize / 32)
		}
		add(blockSize/32 - left)
		if len(x.blocks) != 1 || x.used != blockSize-left {
			t.Fatalf("%d blocks, %d bytes of the last", len(x.blocks), x.used)
		}
		add(100)
		slices.Sort(want)
		if got := x.setOf(0); len(x.blocks) != 2 || !slices.Equal(got, want) {
			t.Errorf("with %d bytes left: %d ids, want %d", left, len(got), len(want))
		}
	}
}
