package integration

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"rollcall/bitmaps"
	"rollcall/consumers"
	"rollcall/pipeline/naive"
)

// glimpse is what a process answers to who takes answers that are not fresh,
// and the state that answered.
type glimpse struct {
	members  answers
	position string
}

// glimpse reads all members of a state that is expected not to move meanwhile.
func (c *cluster) glimpse(p *process, tenants []tenant) glimpse {
	c.t.Helper()
	g := glimpse{members: answers{}}
	for _, a := range tenants {
		g.members[a.id] = map[string][]string{}
		for id := range a.segments {
			l, code := readList(c.t, p, a.id, id, "members?stale=allow")
			if code != 200 {
				c.t.Fatalf("members of %s/%s, stale or not, are answered %d", a.id, id, code)
			}
			if g.position != "" && l.freshness.Position != g.position {
				c.t.Errorf("the state moved from %s to %s", g.position, l.freshness.Position)
			}
			g.members[a.id][id], g.position = l.contacts, l.freshness.Position
		}
	}
	return g
}

// expectPrefix holds a glimpse against the naive way with what each partition
// had read by then: no commit may have been seen in part.
func (c *cluster) expectPrefix(g glimpse, tenants []tenant) {
	c.t.Helper()
	read := c.offsetsAt(g.position)
	records := c.log(func(r *consumers.Record) bool { return r.Offset < read[r.TopicPartition] },
		append(slices.Clone(producersTopics), "rollcall.inbox")...)
	want, total := c.partByPart(records, tenants), 0
	for _, a := range tenants {
		for _, id := range slices.Sorted(maps.Keys(a.segments)) {
			total += len(want[a.id][id])
			if got := g.members[a.id][id]; !slices.Equal(got, want[a.id][id]) {
				c.t.Errorf("%s/%s at %s: %d members, want %d: not what a prefix of the log leads to",
					a.id, id, g.position, len(got), len(want[a.id][id]))
			}
		}
	}
	c.t.Logf("compared %d memberships with those of a prefix of %d records", total, len(records))
}

// partByPart folds what each partition has read for itself, as partitions do.
func (c *cluster) partByPart(records []naive.Record, tenants []tenant) answers {
	c.t.Helper()
	parts, all := make([]naive.World, 8), answers{}
	for _, r := range records {
		parts[r.Partition].Records = append(parts[r.Partition].Records, r)
	}
	for _, part := range parts {
		part.Partitions, part.Alone = int32(len(parts)), true
		for _, a := range tenants {
			part.Accounts = append(part.Accounts, a.naive(c.t))
		}
		result := naive.Fold(part, time.Now())
		for _, a := range tenants {
			if all[a.id] == nil {
				all[a.id] = map[string][]string{}
			}
			for id := range a.segments {
				all[a.id][id] = slices.Sorted(slices.Values(append(all[a.id][id], result.Members(a.id, id)...)))
			}
		}
	}
	return all
}

// offsetsAt is how far partitions were read at a position, as the changelog says.
func (c *cluster) offsetsAt(position string) map[consumers.TopicPartition]int64 {
	c.t.Helper()
	store := bitmaps.NewStore(c.redisClient(), "rollcall")
	read := map[consumers.TopicPartition]int64{}
	for q, at := range strings.Split(position, "-") {
		_, number, _ := strings.Cut(at, ".")
		seq, err := strconv.ParseUint(number, 10, 64)
		must(c.t, err)
		entries, err := store.Changelog(c.t.Context(), int32(q), 0, 1<<20, 0)
		must(c.t, err)
		entries = slices.DeleteFunc(entries, func(e bitmaps.Entry) bool { return e.Seq > seq || e.Nonce != "" })
		if len(entries) == 0 {
			c.t.Fatalf("the changelog of partition %d has nothing of %s", q, at)
		}
		for _, o := range entries[len(entries)-1].Checkpoint.Offsets {
			read[consumers.TopicPartition{Topic: o.Topic, Partition: o.Partition}] = o.Next
		}
	}
	return read
}
