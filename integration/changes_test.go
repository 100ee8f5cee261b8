package integration

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"rollcall/consumers"
	"rollcall/pipeline"
)

// followed is what somebody knows who reads all of rollcall.segment-changes.
type followed struct {
	members map[string]map[string]map[string]bool // account, segment, contact
	times   map[string]int                        // how often a change was told, by its id
	records int
	odd     []string               // changes that change nothing
	told    map[[3]string][]string // account, segment and contact: what was told of it, in order
}

// follow reads the changes from the beginning, as a consumer does that knows
// that a change may be told twice.
func (c *cluster) follow() followed {
	c.t.Helper()
	f := followed{members: map[string]map[string]map[string]bool{}, times: map[string]int{}, told: map[[3]string][]string{}}
	c.read(func(r *consumers.Record) {
		var change pipeline.Change
		must(c.t, json.Unmarshal(r.Value, &change))
		if string(r.Key) != change.Account+"/"+change.Contact || change.ID == "" || change.Cause == "" {
			c.t.Errorf("key %q has change %+v", r.Key, change)
		}
		f.records++
		about := [3]string{change.Account, change.Segment, change.Contact}
		f.told[about] = append(f.told[about], fmt.Sprintf("%s for %s as %s at %d", change.Change, change.Cause, change.ID, r.Time))
		f.times[change.ID]++
		if f.times[change.ID] == 1 {
			f.take(change)
		}
	}, "rollcall.segment-changes")
	return f
}

func (f *followed) take(change pipeline.Change) {
	if f.members[change.Account] == nil {
		f.members[change.Account] = map[string]map[string]bool{}
	}
	if f.members[change.Account][change.Segment] == nil {
		f.members[change.Account][change.Segment] = map[string]bool{}
	}
	in := f.members[change.Account][change.Segment]
	if entered := change.Change == "entered"; in[change.Contact] == entered {
		f.odd = append(f.odd, fmt.Sprintf("%+v", change))
	}
	if change.Change == "entered" {
		in[change.Contact] = true
	} else {
		delete(in, change.Contact)
	}
}

// differs names a segment whose members are not those that the changes lead to.
func (f *followed) differs(tenants []tenant, want answers) error {
	for _, a := range tenants {
		for id := range a.segments {
			got := slices.Sorted(maps.Keys(f.members[a.id][id]))
			missing, extra := difference(want[a.id][id], got), difference(got, want[a.id][id])
			for _, contact := range slices.Concat(missing, extra) {
				return fmt.Errorf("%s/%s: the changes lead to %d members, there are %d; %d are missing, %d too many; of %s was told: %q",
					a.id, id, len(got), len(want[a.id][id]), len(missing), len(extra), contact, f.told[[3]string{a.id, id, contact}])
			}
		}
	}
	return nil
}

// followedTo waits until the changes lead to those members: they are published
// after they are durable.
func (c *cluster) followedTo(tenants []tenant, want answers) (f followed) {
	c.t.Helper()
	eventually(c.t, 30*time.Second, "the changes lead to the members", func() error {
		f = c.follow()
		return f.differs(tenants, want)
	})
	return f
}

func TestSegmentChanges(t *testing.T) {
	c := newCluster(t)
	p := c.serve().ready()
	all := populations()[:3]
	tenants := tenantsOf(all)
	files, _, err := writeFiles(t.TempDir(), history(t, all, 30_000, 1))
	must(t, err)
	for _, a := range tenants {
		a.create(t, p)
		a.define(t, p, "ab")
	}
	c.kcatFiles(files)
	c.eraseSome(tenants)
	for i, a := range tenants {
		a.define(t, p, "cd")
		tenants[i].segments = maps.Clone(a.segments)
		for id, text := range map[string]string{ // which changes what stands on it too
			"a-engaged": "all contacts where opted in and clicked in last 20 days",
			"b-any-of":  `all contacts where not clicked message "m-3"`,
		} {
			putSegment(t, p, a.id, id, text)
			tenants[i].segments[id] = text
		}
	}
	c.settled(p)
	members := c.collect(p, tenants)
	compare(t, tenants, members, c.expect(tenants, 8, nil), nil)

	f := c.followedTo(tenants, members)
	t.Logf("%d changes", f.records)
	if len(f.times) != f.records {
		t.Errorf("%d changes have %d different ids, though nothing failed", f.records, len(f.times))
	}
	if len(f.odd) > 0 {
		t.Errorf("%d changes change nothing, such as %v", len(f.odd), f.odd[0])
	}

	// Redis is lost: the same members are entered once more, in silence.
	before := c.ends("rollcall.segment-changes")
	p.stop()
	c.wipe()
	p = c.serve().ready()
	c.settled(p)
	compare(t, tenants, c.collect(p, tenants), c.expect(tenants, 8, nil), nil)
	time.Sleep(2 * time.Second) // for what would be published
	if after := c.ends("rollcall.segment-changes"); !maps.Equal(before, after) {
		t.Errorf("after a rebuild %v changes are published, before there were %v", after, before)
	}

	files, _, err = writeFiles(t.TempDir(), history(t, all, 5_000, 9))
	must(t, err)
	c.kcatFiles(files, likeJava...)
	c.settled(p)
	f = c.followedTo(tenants, c.collect(p, tenants))
	if len(f.odd) > 0 || len(f.times) != f.records {
		t.Errorf("after a rebuild: %d changes with %d different ids; %d change nothing: %.3q", f.records, len(f.times), len(f.odd), f.odd)
	}
}
