package integration

import (
	"maps"
	"runtime/debug"
	"slices"
	"testing"
	"time"

	"rollcall/api"
	"rollcall/consumers"
	"rollcall/pipeline/naive"
	"rollcall/pipeline/segment"
)

// tenant is an account of a test, and its segments.
type tenant struct {
	id, zone, region string
	retention        int
	segments         map[string]string // id to text
}

func (a tenant) create(t *testing.T, p *process) {
	t.Helper()
	createAccount(t, p, map[string]any{
		"id": a.id, "timezone": a.zone, "retention_days": a.retention, "default_region": a.region,
	})
}

func (a tenant) naive(t *testing.T) naive.Account {
	t.Helper()
	n := naive.Account{
		ID: a.id, Timezone: a.zone, RetentionDays: a.retention, DefaultRegion: a.region,
		Segments: map[string]segment.Definition{},
	}
	for id, text := range a.segments {
		def, err := segment.Parse(text)
		must(t, err)
		n.Segments[id] = def
	}
	return n
}

// log reads topics as they lie in Kafka: with Kafka's times, partitions and
// offsets. Records that keep refuses are left out.
func (c *cluster) log(keep func(*consumers.Record) bool, topics ...string) []naive.Record {
	c.t.Helper()
	var (
		all  []naive.Record
		slab []byte
	)
	clone := func(b []byte) []byte {
		if b == nil {
			return nil
		}
		if cap(slab)-len(slab) < len(b) {
			slab = make([]byte, 0, max(1<<20, len(b)))
		}
		at := len(slab)
		slab = append(slab, b...)
		return slab[at:len(slab):len(slab)]
	}
	c.read(func(r *consumers.Record) {
		if keep != nil && !keep(r) {
			return
		}
		headers := map[string]string{}
		for _, h := range r.Headers() {
			headers[h.Key] = string(h.Value)
		}
		all = append(all, naive.Record{
			Topic: r.Topic, Partition: r.Partition, Offset: r.Offset, Time: r.Time,
			Key: clone(r.Key), Value: clone(r.Value), Headers: headers,
		})
	}, topics...)
	return all
}

// expect folds the log the plain way. It makes much garbage, and little of it
// lives: collecting it rarely halves the time.
func (c *cluster) expect(tenants []tenant, partitions int32, keep func(*consumers.Record) bool) *naive.Result {
	c.t.Helper()
	return c.fold(tenants, partitions, func() []naive.Record { return c.log(keep, producersTopics...) })
}

// fold does so with any records.
func (c *cluster) fold(tenants []tenant, partitions int32, log func() []naive.Record) *naive.Result {
	c.t.Helper()
	defer debug.SetGCPercent(debug.SetGCPercent(400))
	began := time.Now()
	w := naive.World{Partitions: partitions, Records: log()}
	for _, a := range tenants {
		w.Accounts = append(w.Accounts, a.naive(c.t))
	}
	read := time.Now()
	result := naive.Fold(w, time.Now())
	c.t.Logf("read %d records back in %v, folded them the naive way in %v", len(w.Records),
		read.Sub(began).Round(time.Millisecond), time.Since(read).Round(time.Millisecond))
	return result
}

// answers are the members of all segments, by account and segment.
type answers map[string]map[string][]string

// collect reads all members, on one day of every account.
func (c *cluster) collect(p *process, tenants []tenant) answers {
	c.t.Helper()
	for {
		before := days(c.t, tenants)
		all := answers{}
		for _, a := range tenants {
			all[a.id] = map[string][]string{}
			for id := range a.segments {
				all[a.id][id] = members(c.t, p, a.id, id)
			}
		}
		if slices.Equal(before, days(c.t, tenants)) {
			return all
		}
		c.t.Log("midnight in some account's zone: asking again")
		c.settled(p)
	}
}

func days(t *testing.T, tenants []tenant) (days []string) {
	for _, a := range tenants {
		zone, err := time.LoadLocation(a.zone)
		must(t, err)
		days = append(days, time.Now().In(zone).Format(time.DateOnly))
	}
	return days
}

// compare holds the members of all segments against the naive ones. sampled
// says which contacts the naive way knows of; nil is all.
func compare(t *testing.T, tenants []tenant, got answers, want *naive.Result, sampled func(account, contact string) bool) {
	t.Helper()
	total, empty, wrong := 0, 0, 0
	for _, a := range tenants {
		for _, id := range slices.Sorted(maps.Keys(a.segments)) {
			is := got[a.id][id]
			if sampled != nil {
				is = slices.DeleteFunc(slices.Clone(is), func(contact string) bool { return !sampled(a.id, contact) })
			}
			total += len(is)
			if len(is) == 0 {
				empty++
			}
			if !compareSegment(t, a, id, is, want, wrong < 2) {
				wrong++
			}
		}
	}
	t.Logf("compared %d memberships in %d segments, %d of them empty", total, len(tenants)*len(tenants[0].segments), empty)
}

// compareSegment says whether the members are the naive ones, and if not, what
// is known of some contacts that are concerned.
func compareSegment(t *testing.T, a tenant, id string, got []string, result *naive.Result, explain bool) bool {
	t.Helper()
	want := result.Members(a.id, id)
	if slices.Equal(got, want) {
		return true
	}
	missing, extra := difference(want, got), difference(got, want)
	t.Errorf("%s/%s %s: %d members, want %d; %d are missing, %d too many",
		a.id, id, a.segments[id], len(got), len(want), len(missing), len(extra))
	for _, contact := range slices.Concat(missing[:min(1, len(missing))], extra[:min(1, len(extra))]) {
		if explain {
			t.Logf("%s:\n%s", contact, result.Dump(a.id, contact))
		}
	}
	return false
}

// difference is what of a is not in b; both are sorted.
func difference(a, b []string) (out []string) {
	for _, s := range a {
		if _, found := slices.BinarySearch(b, s); !found {
			out = append(out, s)
		}
	}
	return out
}

// compareOutcomes holds the counters against what the naive way says became of
// each record. It knows nothing of the inbox: what was forwarded is applied, or
// a repeat, once more there.
func compareOutcomes(t *testing.T, s api.Status, want *naive.Result) {
	t.Helper()
	forwarded, dead := int64(0), map[string]int64{}
	for _, o := range want.Outcomes {
		switch o.Verdict {
		case naive.Forwarded:
			forwarded++
		case naive.DeadLettered:
			dead[string(o.Code)]++
		}
	}
	if !maps.Equal(s.DeadLetters, dead) {
		t.Errorf("dead letters %v, want %v", s.DeadLetters, dead)
	}
	if got := s.Outcomes["forwarded"]; got != forwarded {
		t.Errorf("%d records were forwarded, want %d", got, forwarded)
	}
}
