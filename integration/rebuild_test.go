package integration

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"rollcall/bitmaps"
	"rollcall/consumers"
	"rollcall/pipeline"
)

// TestRebuild alters a membership in Redis so that nobody can tell, and has the
// state made anew: by a comparison that leaves everything as it is, and then for
// good, in the middle of which processes are killed while records flow.
func TestRebuild(t *testing.T) {
	takesLong(t)
	c := newCluster(t)
	all := populations()[:1]
	tenants := tenantsOf(all)
	one, two := c.serve("--max-staleness", "2s").ready(), c.serve("--max-staleness", "2s").ready()
	for _, a := range tenants {
		a.create(t, one)
		a.define(t, one, "abcd")
	}
	c.fill(one, "shop", 200)
	c.startFlow(all, 40_000, 1, 10*time.Second).wait(t)
	c.settled(one)
	one.stop()
	two.stop()
	c.takeOut("shop", "in")
	one, two = c.serve("--max-staleness", "2s").ready(), c.serve("--max-staleness", "2s").ready()
	c.settled(one)
	contact := c.missing(one, "shop", "in", 200)

	_, out, errs := rollcall(t, one, operatorToken, "rebuild", "--compare")
	if !strings.Contains(out, "done: 8 of 8 partitions") || !strings.Contains(out, "1 memberships differ") || !strings.Contains(out, contact) {
		t.Fatalf("rebuild --compare:\n%s%s", out, errs)
	}
	expectMember(t, one, "shop", "in", contact, false)
	c.nothingBeside()

	f := c.startFlow(all, 20_000, 101, 20*time.Second)
	_, out, _ = rollcall(t, one, operatorToken, "rebuild", "--detach")
	id := strings.TrimSpace(out)
	for range 3 {
		time.Sleep(2 * time.Second)
		one.kill()
		one, two = two, c.serve("--max-staleness", "2s")
	}
	eventually(t, c.patience, "the rebuild is done", func() error {
		_, out, errs := rollcall(t, one, operatorToken, "rebuild", "show", id)
		if !strings.Contains(out, "done: 8 of 8") {
			return fmt.Errorf("%s%s", out, errs)
		}
		return nil
	})
	f.wait(t)
	two.ready()
	c.settled(one)
	expectMember(t, one, "shop", "in", contact, true)
	got := c.collect(one, tenants)
	compare(t, tenants, got, c.expect(tenants, 8, nil), nil)
	c.followedTo(tenants, got)
	c.nothingBeside()
	if replayed := c.replayed(); len(replayed) != 1 || replayed[0].Contact != contact || replayed[0].Change != "entered" {
		t.Errorf("told for the rebuild: %+v", replayed)
	}
}

// takeOut commits that somebody left a segment, whom the log has in it.
func (c *cluster) takeOut(account, segment string) {
	c.t.Helper()
	store := bitmaps.NewStore(c.redisClient(), "rollcall")
	held, checkpoint, _, err := store.Open(c.t.Context(), 0)
	must(c.t, err)
	entry := bitmaps.AppendOp(bitmaps.NewEntry(nil), &bitmaps.Op{Code: bitmaps.OpAccount, Name: account})
	entry = bitmaps.AppendOp(entry, &bitmaps.Op{Code: bitmaps.OpMembers, Cause: bitmaps.CauseEvent, Name: segment, Off: []uint32{0}})
	checkpoint.Writer, checkpoint.Seq = held.Nonce(), held.Seq()+1
	must(c.t, held.Commit(c.t.Context(), &bitmaps.Commit{Checkpoint: checkpoint.Encode(), Entry: bitmaps.SealEntry(entry)}))
}

// missing is the one contact that is not in a segment.
func (c *cluster) missing(p *process, account, segment string, contacts int) (contact string) {
	c.t.Helper()
	for i := range contacts {
		id := fmt.Sprintf("c-%d", i)
		m, _, code := check(c.t, p, account, segment, id)
		if code != 200 || !m.Member && contact != "" {
			c.t.Fatalf("%s: %+v, answered %d, and %q is missing", id, m, code, contact)
		}
		if !m.Member {
			contact = id
		}
	}
	return contact
}

// nothingBeside looks whether rebuilds left anything in Redis.
func (c *cluster) nothingBeside() {
	c.t.Helper()
	keys, err := c.redisClient().Keys(context.Background(), "*:beside*").Result()
	must(c.t, err)
	if len(keys) > 0 {
		c.t.Errorf("left are %v", keys)
	}
}

// replayed are the changes that were told for a rebuild.
func (c *cluster) replayed() (changes []pipeline.Change) {
	c.t.Helper()
	c.read(func(r *consumers.Record) {
		var change pipeline.Change
		must(c.t, json.Unmarshal(r.Value, &change))
		if change.Cause == "replay" {
			changes = append(changes, change)
		}
	}, "rollcall.segment-changes")
	return changes
}
