package bitmaps

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"rollcall/integration/servers"
)

// TestStore runs every test of the store against miniredis and a real Redis.
func TestStore(t *testing.T) {
	tests := map[string]func(t *testing.T, f *fixture){
		"a commit is one step":               testCommit,
		"opening raises the generation":      testOpen,
		"opening refuses what it can't read": testOpenRefuses,
		"opening takes what is older over":   testOpenOlder,
		"accounts in any order are counted":  testMixedWrites,
		"a replacement is one step":          testReplace,
		"a fenced writer changes nothing":    testFenced,
		"a fenced writer resets nothing":     testFencedReset,
		"a conflict changes nothing":         testConflict,
		"the same commit twice is one":       testLostReply,
		"the changelog is trimmed":           testTrim,
		"an account is dropped":              testDropped,
		"reset":                              testReset,
		"reset is seen by who follows":       testResetSeen,
		"what is missing is seen":            testMissing,
		"a head that is damaged is seen":     testDamagedHead,
		"a reset that is cut off is resumed": testResetCutOff,
		"the changelog is read by pages":     testPages,
		"the changelog is waited for":        testWait,
		"the head":                           testHead,
		"fragments are found by name":        testFragments,
		"damaged entries are seen":           testDamagedEntry,
		"partitions are apart":               testApart,
	}
	addresses := map[string]func(t *testing.T) string{
		"miniredis": func(t *testing.T) string { return miniredis.RunT(t).Addr() },
		"redis":     func(t *testing.T) string { return servers.Redis(t) },
	}
	for server, address := range addresses {
		t.Run(server, func(t *testing.T) {
			addr := address(t)
			t.Logf("tested against %s at %s", server, addr)
			for name, test := range tests {
				t.Run(name, func(t *testing.T) { test(t, newFixture(t, addr, strings.ReplaceAll(name, " ", "-"))) })
			}
		})
	}
}

func testCommit(t *testing.T, f *fixture) {
	p, c, fresh, err := f.store.Open(f.ctx, partition)
	f.must(err)
	if !fresh || p.Seq() != 1 || len(c.Offsets) != 0 || c.Reasons == nil {
		t.Errorf("an empty partition opens with fresh %t, seq %d, %+v", fresh, p.Seq(), c)
	}
	want := Checkpoint{
		Definitions: 3, Lineage: "l", Offsets: []Offset{{"sms.sent", partition, 5, 9}},
		Outcomes: [Outcomes]int64{1, 2, 3, 4, 5, 6, 7}, Reasons: map[string]int64{"not-json": 4}, Metadata: "v",
		Writer: "w", Seq: 3, Lost: []Loss{{"sms.sent", partition, 9, 12}}, Rebuilt: "r-1",
		Replays: []Replayed{{Replay: 17, Topic: "archive", Partition: 9, Planned: true, From: 3, End: 9, Next: 5, Read: 2,
			Outcomes: [Outcomes]int64{Repeated: 1}}},
	}
	entry := encodeOps([]Op{{Code: OpAccount, Name: "acme"}})
	f.must(p.Commit(f.ctx, &Commit{Checkpoint: want.Encode(), Entry: entry, Writes: []Write{
		{"acme", "i:0", []byte("ids")}, {"acme", "f:US:0", []byte("\x00\xff\r\n")}, {"globex", "m", []byte("meta")},
	}}))
	f.must(p.Commit(f.ctx, &Commit{Checkpoint: want.Encode(), Entry: entry, Writes: []Write{{Account: "acme", Field: "i:0"}}}))
	values, err := f.store.Fields(f.ctx, partition, "acme", []string{"i:0", "f:US:0", "m"})
	f.must(err)
	if values[0] != nil || string(values[1]) != "\x00\xff\r\n" || values[2] != nil {
		t.Errorf("fragments %q", values)
	}
	accounts, err := f.store.Accounts(f.ctx, partition)
	f.must(err)
	if slices.Sort(accounts); !slices.Equal(accounts, []string{"acme", "globex"}) {
		t.Errorf("accounts %v", accounts)
	}
	log := f.changelog()
	if len(log) != 3 || log[2].Seq != 3 || !slices.Equal(log[2].Ops, entry) || !reflect.DeepEqual(log[2].Checkpoint, want) {
		t.Errorf("changelog %+v", log)
	}
	_, back, fresh, err := f.store.Open(f.ctx, partition)
	if err != nil || fresh || !reflect.DeepEqual(back, want) {
		t.Errorf("opens with %+v, fresh %t, %v", back, fresh, err)
	}
}

func testOpen(t *testing.T, f *fixture) {
	a := f.open()
	f.must(a.Commit(f.ctx, commit("acme", "m", "1")))
	b := f.open()
	if a.generation == b.generation || a.Nonce() == b.Nonce() || b.Seq() != a.Seq()+1 {
		t.Errorf("%+v, then %+v", a, b)
	}
	log := f.changelog()
	first, last := log[0], log[len(log)-1]
	if first.Nonce != a.Nonce() || first.Before != "" || last.Nonce != b.Nonce() || last.Before != a.Nonce() || last.Seq != b.Seq() {
		t.Errorf("take-overs %+v and %+v", first, last)
	}
	f.must(b.Commit(f.ctx, commit("acme", "m", "2")))
}

func testOpenRefuses(t *testing.T, f *fixture) {
	p := f.open()
	f.must(p.Commit(f.ctx, commit("acme", "m", "1")))
	head := f.store.key(partition, "")
	for _, format := range []any{Format + 1, 10 * Format, "x", "", "0", "04", "-1", "3.5", "0x3"} {
		f.must(f.client.HSet(f.ctx, head, "format", format).Err())
		before := f.dump()
		_, _, _, err := f.store.Open(f.ctx, partition)
		if other, ok := errors.AsType[*FormatError](err); !ok || other.Older() || errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), fmt.Sprintf("format %v, and this binary knows up to format %d", format, Format)) {
			t.Errorf("format %v: %v", format, err)
		}
		if _, err := f.store.Head(f.ctx, partition); format != "" && (err == nil || errors.Is(err, ErrDamaged)) {
			t.Errorf("the head of format %v: %v", format, err)
		}
		f.unchanged(before)
	}
	f.must(f.client.HSet(f.ctx, head, "format", Format, "checkpoint", "garbage").Err())
	if _, _, _, err := f.store.Open(f.ctx, partition); !errors.Is(err, ErrDamaged) {
		t.Errorf("a damaged checkpoint: %v", err)
	}
}

// testOpenOlder takes a state of an older format over: whoever wrote it is
// fenced, and can have it back until it is begun anew.
func testOpenOlder(t *testing.T, f *fixture) {
	a := f.open()
	f.must(a.Commit(f.ctx, commit("acme", "m", "1")))
	head := f.store.key(partition, "")
	for format := 1; format < Format; format++ {
		f.must(f.client.HSet(f.ctx, head, "format", format).Err())
		b, _, fresh, err := f.store.Open(f.ctx, partition)
		if other, ok := errors.AsType[*FormatError](err); !ok || !other.Older() || !errors.Is(err, ErrDamaged) || b == nil || fresh {
			t.Fatalf("format %d: %v", format, err)
		}
		if err := a.Commit(f.ctx, commit("acme", "m", "2")); !errors.Is(err, ErrFenced) {
			t.Errorf("a commit of who wrote format %d: %v", format, err)
		}
		if _, err := f.store.Head(f.ctx, partition); !errors.Is(err, ErrDamaged) {
			t.Errorf("the head of format %d: %v", format, err)
		}
		if is := f.client.HGet(f.ctx, head, "format").Val(); is != fmt.Sprint(format) {
			t.Errorf("format %d is %s before the state is begun anew", format, is)
		}
		f.must(b.Reset(f.ctx))
		f.must(b.Commit(f.ctx, commit("acme", "m", "3")))
		a = f.open()
	}
}

func testFenced(t *testing.T, f *fixture) {
	a := f.open()
	f.must(a.Commit(f.ctx, commit("acme", "m", "1")))
	b := f.open()
	for range 2 { // also when the numbers of the commits happen to meet
		before := f.dump()
		a.seq = b.Seq()
		c := commit("acme", "m", "of a fenced writer")
		c.Dropped, c.KeepFrom = []string{"globex"}, a.Seq()
		if err := a.Commit(f.ctx, c); !errors.Is(err, ErrFenced) {
			t.Errorf("a fenced writer's commit: %v", err)
		}
		f.unchanged(before)
		f.must(b.Commit(f.ctx, commit("acme", "m", "2")))
	}
}

// The writer that opened an empty partition resets it, and may be slow to.
func testFencedReset(t *testing.T, f *fixture) {
	a := f.open()
	b := f.open()
	f.must(b.Reset(f.ctx))
	f.must(b.Commit(f.ctx, commit("acme", "m", "1")))
	before := f.dump()
	if err := a.Reset(f.ctx); !errors.Is(err, ErrFenced) {
		t.Errorf("a fenced writer's reset: %v", err)
	}
	f.unchanged(before)
}

func testConflict(t *testing.T, f *fixture) {
	p := f.open()
	for i := range 3 {
		f.must(p.Commit(f.ctx, commit("acme", "m", fmt.Sprint(i))))
	}
	for _, seq := range []uint64{0, p.Seq() - 2, p.Seq() + 1, p.Seq() + 100} {
		before, other := f.dump(), *p
		other.seq = seq
		if err := other.Commit(f.ctx, commit("acme", "m", "astray")); !errors.Is(err, ErrConflict) || other.Seq() != seq {
			t.Errorf("commit %d after %d: %v", seq+1, p.Seq(), err)
		}
		f.unchanged(before)
	}
	f.must(f.client.HSet(f.ctx, f.store.key(partition, ""), "seq", p.Seq()-1).Err()) // as after a failover
	if err := p.Commit(f.ctx, commit("acme", "m", "later")); !errors.Is(err, ErrConflict) {
		t.Errorf("commit on an older state: %v", err)
	}
	f.must(f.client.Del(f.ctx, f.store.key(partition, "")).Err())
	if err := p.Commit(f.ctx, commit("acme", "m", "later")); !errors.Is(err, ErrFenced) {
		t.Errorf("commit on nothing: %v", err)
	}
}

func testLostReply(t *testing.T, f *fixture) {
	p := f.open()
	again := *p // as if the reply had not come
	c := commit("acme", "m", "1")
	f.must(p.Commit(f.ctx, c))
	before := f.dump()
	f.must(again.Commit(f.ctx, c))
	f.unchanged(before)
	if again.Seq() != p.Seq() {
		t.Errorf("seq %d and %d", again.Seq(), p.Seq())
	}
	f.must(again.Commit(f.ctx, commit("acme", "m", "2")))
	if log := f.changelog(); len(log) != 3 {
		t.Errorf("changelog %+v", log)
	}
	f.must(f.client.HIncrBy(f.ctx, f.store.key(partition, ""), "seq", 1).Err()) // as by a flipped bit
	other := commit("acme", "m", "3")
	other.Checkpoint = (&Checkpoint{Seq: again.Seq() + 1}).Encode()
	if err := again.Commit(f.ctx, other); !errors.Is(err, ErrConflict) {
		t.Errorf("a commit is taken for one that was applied before: %v", err)
	}
}

func testTrim(t *testing.T, f *fixture) {
	p := f.open()
	for i := range 5 {
		f.must(p.Commit(f.ctx, commit("acme", "m", fmt.Sprint(i))))
	}
	c := commit("acme", "m", "last")
	c.KeepFrom = 4
	f.must(p.Commit(f.ctx, c))
	var seqs []uint64
	for _, e := range f.changelog() {
		seqs = append(seqs, e.Seq)
	}
	if !slices.Equal(seqs, []uint64{4, 5, 6, 7}) {
		t.Errorf("the changelog has %v", seqs)
	}
}

func testDropped(t *testing.T, f *fixture) {
	p := f.open()
	f.must(p.Commit(f.ctx, commit("acme", "m", "1")))
	f.must(p.Commit(f.ctx, commit("globex", "m", "1")))
	c := commit("globex", "m", "2")
	c.Dropped = []string{"acme", "never-seen"}
	f.must(p.Commit(f.ctx, c))
	accounts, err := f.store.Accounts(f.ctx, partition)
	f.must(err)
	if _, left := f.dump()[f.store.key(partition, ":a:acme")]; left || !slices.Equal(accounts, []string{"globex"}) {
		t.Errorf("left: %v, accounts %v", left, accounts)
	}
}

func testReset(t *testing.T, f *fixture) {
	old, p := f.open(), f.open()
	for _, account := range []string{"acme", "globex", "initech"} {
		f.must(p.Commit(f.ctx, commit(account, "m", "1")))
	}
	f.must(p.Reset(f.ctx))
	left := slices.Sorted(maps.Keys(f.dump()))
	if want := []string{f.store.key(partition, ""), f.store.key(partition, ":log")}; !slices.Equal(left, want) {
		t.Errorf("left are %v", left)
	}
	if err := old.Commit(f.ctx, commit("acme", "m", "old")); !errors.Is(err, ErrFenced) {
		t.Errorf("a writer of before: %v", err)
	}
	f.must(p.Commit(f.ctx, commit("acme", "m", "2")))
	if log := f.changelog(); log[len(log)-1].Seq != p.Seq() || len(log) != 2 {
		t.Errorf("changelog %+v", log)
	}
	if _, _, fresh, err := f.store.Open(f.ctx, partition); err != nil || fresh {
		t.Errorf("after a commit: fresh %t, %v", fresh, err)
	}
}

// A process can die in the middle of a reset; whoever opens the partition next
// resets it again, and nothing of before may be left.
func testResetCutOff(t *testing.T, f *fixture) {
	for commands := range 6 {
		p := f.open()
		f.must(p.Commit(f.ctx, commit("acme", "m", "1")))
		cut := &cutHook{after: commands}
		client := redis.NewClient(&redis.Options{Addr: f.client.Options().Addr, MaxRetries: -1})
		client.AddHook(cut)
		p.store = NewStore(client, f.prefix)
		resetErr := p.Reset(f.ctx)
		f.must(client.Close())
		next, _, fresh, err := f.store.Open(f.ctx, partition)
		f.must(err)
		if resetErr == nil || !fresh {
			continue // it got through, or had done nothing yet
		}
		f.must(next.Reset(f.ctx))
		if left := f.dump()[f.store.key(partition, ":a:acme")]; left != nil {
			t.Errorf("cut off after %d commands: %v is left, and will be taken for state", commands, left)
			f.must(f.client.Del(f.ctx, f.store.key(partition, ":a:acme")).Err())
		}
	}
}

func testApart(t *testing.T, f *fixture) {
	a, b := f.open(), opened(f.store.Open(f.ctx, neighbour))
	f.must(a.Commit(f.ctx, commit("acme", "m", "a")))
	f.must(b.Commit(f.ctx, commit("acme", "m", "b")))
	f.must(b.Reset(f.ctx))
	f.must(a.Commit(f.ctx, commit("acme", "i:0", "a")))
	values, err := f.store.Fields(f.ctx, partition, "acme", []string{"m", "i:0"})
	if err != nil || string(values[0]) != "a" || string(values[1]) != "a" {
		t.Errorf("%q, %v", values, err)
	}
}

func opened(p *Partition, _ Checkpoint, _ bool, err error) *Partition { return must(p, err) }
