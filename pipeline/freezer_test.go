package pipeline

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"rollcall/consumers"
	"rollcall/pipeline/catalog"
	"rollcall/pipeline/naive"
)

// freezer is who freezes lists, reads and deletes them in one simulation of four,
// in the middle of whatever goes on.
type freezer struct {
	s    *simulation
	luck *rand.Rand
	gone map[int64]bool // deleted
}

func newFreezer(s *simulation) *freezer {
	luck := rand.New(rand.NewPCG(s.seed, 8))
	if luck.IntN(4) > 0 {
		return &freezer{s: s}
	}
	return &freezer{s: s, luck: luck, gone: map[int64]bool{}}
}

func (z *freezer) act() {
	if z.luck == nil {
		return
	}
	p := z.s.processes[z.luck.IntN(len(z.s.processes))]
	if p.amid {
		return
	}
	switch n := z.luck.IntN(60); {
	case n < 2:
		z.s.note("freeze: %v", z.freeze(p))
	case n < 4:
		z.s.note("thaw: %v", z.thawSome(p))
	}
	z.s.revive(p)
}

// rested is called when all is well: now everything must succeed.
func (z *freezer) rested(accounts []naive.Account) {
	if z.luck == nil {
		return
	}
	for _, p := range z.s.processes {
		for _, a := range accounts {
			for _, snapshot := range p.catalog.Snapshots(a.ID) {
				if snapshot.State(p.clock()) == catalog.SnapshotReady {
					z.s.must(z.thaw(p, snapshot))
				}
			}
		}
	}
	for range z.luck.IntN(3) {
		z.s.must(z.freeze(z.s.processes[0]))
	}
	if z.luck.IntN(2) == 0 {
		defer func() {
			for _, p := range z.s.processes {
				p.define(int64(len(z.s.log.of(definitionsTP))))
			}
		}()
	}
	for _, a := range accounts {
		for _, snapshot := range z.s.defined.Snapshots(a.ID) {
			if z.luck.IntN(6) == 0 {
				z.s.put(catalog.DeleteSnapshot{Account: a.ID, Snapshot: snapshot.ID})
				z.gone[snapshot.ID] = true
			}
		}
	}
}

// some is some segment of a process's, of a seldom account too.
func (z *freezer) some(p *process) (account *catalog.Account, segment string) {
	accounts := p.catalog.Accounts()
	if len(accounts) == 0 {
		return nil, ""
	}
	account = accounts[z.luck.IntN(len(accounts))]
	if len(account.Segments) == 0 {
		return nil, ""
	}
	return account, account.Segments[z.luck.IntN(len(account.Segments))].ID
}

// freeze freezes some segment. The list is of those who can be sent to by what
// the log says, but for whoever something was written of only just now.
func (z *freezer) freeze(p *process) error {
	account, segment := z.some(p)
	if account == nil {
		return nil
	}
	snapshot, f, err := p.frozen.Freeze(context.Background(), account.ID, segment, "", onlyFresh)
	if err != nil {
		return err
	}
	asOf, want := p.asked[f.AsOf], z.said(p, account.ID)
	if !z.s.touched[account.ID].Before(asOf) {
		return nil // its segments were edited since
	}
	sendable := want.Sendable(account.ID, segment)
	written := z.written(snapshot)
	for _, contact := range difference(sendable, sortedKeys(written)) {
		if z.quiet(account.ID, contact, asOf) {
			z.s.t.Errorf("seed %d: frozen of %s/%s as of %s are\n%v, want\n%v\n%s", z.s.seed, account.ID, segment, asOf, sortedKeys(written), sendable,
				want.Dump(account.ID, contact))
		}
	}
	for contact, returned := range written {
		if k := want.Known(account.ID, contact); z.quiet(account.ID, contact, asOf) && returned != k.ErasedUntil {
			z.s.t.Errorf("seed %d: %s was erased at %d, by the list %d", z.s.seed, contact, k.ErasedUntil, returned)
		}
	}
	return nil
}

// said is what the whole log says of an account.
func (z *freezer) said(p *process, account string) *naive.Result {
	return naive.Fold(z.s.world([]naive.Account{plainAccount(z.s.defined.Account(account))}), p.clock())
}

// quiet tells whether nothing was written of a contact for a while.
func (z *freezer) quiet(account, contact string, since time.Time) bool {
	return z.s.touched[account+"/"+contact].Before(since)
}

// written is what Kafka has of a snapshot, as it was written first: the contacts,
// and when those had been erased who had come back.
func (z *freezer) written(snapshot *catalog.Snapshot) map[string]int64 {
	z.s.t.Helper()
	contacts, seen := map[string]int64{}, map[string]bool{}
	for q := range z.s.partitions {
		for _, r := range z.s.log.was(consumers.TopicPartition{Topic: TopicSnapshots, Partition: q}) {
			key, ok := parseChunkKey(r.Key)
			if !ok || key.snapshot != snapshot.ID || r.Value == nil || seen[fmt.Sprint(q, key.chunk)] {
				continue
			}
			seen[fmt.Sprint(q, key.chunk)] = true
			c, err := readChunk(r.Value)
			z.s.must(err)
			for i, contact := range c.Contacts {
				contacts[contact] = c.Returned[i]
			}
		}
	}
	if int64(len(contacts)) != snapshot.Frozen {
		z.s.t.Errorf("seed %d: snapshot %d has %d contacts, said are %d", z.s.seed, snapshot.ID, len(contacts), snapshot.Frozen)
	}
	return contacts
}

func (z *freezer) thawSome(p *process) error {
	account, _ := z.some(p)
	if account == nil {
		return nil
	}
	for _, snapshot := range p.catalog.Snapshots(account.ID) {
		if snapshot.State(p.clock()) == catalog.SnapshotReady && z.luck.IntN(2) == 0 {
			return z.thaw(p, snapshot)
		}
	}
	return nil
}

// thaw reads a list. If the answer is fresh, it is what the log says of those who
// were frozen, but for whoever something was written of only just now.
func (z *freezer) thaw(p *process, snapshot *catalog.Snapshot) error {
	now := z.s.now // whoever is quiet since before has not changed on the way
	ids, end, err := p.thawed(snapshot, z.luck, false)
	if err != nil {
		return err
	}
	f := p.view.Freshness(snapshot.Account)
	if err := onlyFresh(f); err != nil || z.s.now != now {
		return err
	}
	asOf, want := p.asked[f.AsOf], z.said(p, snapshot.Account)
	var expected []string
	var expectedEnd FrozenEnd
	settled := true
	for contact, returned := range z.written(snapshot) {
		expectedEnd.Frozen++
		v := z.verdict(want, snapshot.Account, contact, returned)
		t := thawing{end: expectedEnd}
		if t.count(v) {
			expected = append(expected, contact)
			t.end.Count++
		}
		expectedEnd = t.end
		settled = settled && z.quiet(snapshot.Account, contact, asOf)
	}
	slices.Sort(expected)
	for _, contact := range difference(ids, expected) {
		if z.quiet(snapshot.Account, contact, asOf) {
			z.s.t.Errorf("seed %d: snapshot %d, fresh as of %s, gives\n%v, want\n%v\n%s", z.s.seed, snapshot.ID, asOf, ids, expected,
				want.Dump(snapshot.Account, contact))
		}
	}
	if settled && end != expectedEnd {
		z.s.t.Errorf("seed %d: snapshot %d ends with\n%+v, want\n%+v", z.s.seed, snapshot.ID, end, expectedEnd)
	}
	return nil
}

// verdict is the naive one.
func (z *freezer) verdict(said *naive.Result, account, contact string, returned int64) verdict {
	k := said.Known(account, contact)
	switch {
	case !k.Exists || k.ErasedUntil != returned:
		return frozenErased
	case k.OptedOut:
		return frozenOptedOut
	case !k.OptedIn:
		return frozenNotOptedIn
	case !k.ValidPhone:
		return frozenInvalidPhone
	}
	return frozenSendable
}

// scrubbed looks whether what is left of the lists is what may be, once the
// topics are scrubbed and compacted.
func (z *freezer) scrubbed() {
	if z.luck == nil {
		return
	}
	said := map[string]*naive.Result{}
	for q := range z.s.partitions {
		tp := consumers.TopicPartition{Topic: TopicSnapshots, Partition: q}
		for i, r := range z.s.log.of(tp) {
			key, ok := parseChunkKey(r.Key)
			if !ok || r.Value == nil || i == len(z.s.log.of(tp))-1 {
				continue
			}
			owner := z.s.owners[q]
			if keep, _ := owner.catalog.KeepsSnapshot(key.account, key.snapshot, owner.clock()); keep && z.gone[key.snapshot] {
				continue // it has not read yet that it is deleted
			}
			if z.gone[key.snapshot] {
				z.s.t.Errorf("seed %d: something is left of snapshot %d", z.s.seed, key.snapshot)
				continue
			}
			if said[key.account] == nil {
				said[key.account] = z.said(z.s.processes[0], key.account)
			}
			c, err := readChunk(r.Value)
			z.s.must(err)
			for i, contact := range c.Contacts {
				if k := said[key.account].Known(key.account, contact); contact != "" && k.ErasedUntil != c.Returned[i] {
					z.s.t.Errorf("seed %d: %s was erased at %d, and is in snapshot %d", z.s.seed, contact, k.ErasedUntil, key.snapshot)
				}
			}
		}
	}
}
