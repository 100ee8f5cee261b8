package integration

import (
	"bytes"
	"fmt"
	"hash/fnv"
	"iter"
	"testing"
	"time"

	"rollcall/consumers"
	"rollcall/generate"
)

// population is a tenant and how much of the records are its.
type population struct {
	tenant
	share float64
}

// populations are four accounts of very different sizes. The third keeps fewer
// days than its history has.
func populations() []population {
	segments := mixedSegments()
	return []population{
		{tenant{"acme", "America/New_York", "US", 730, segments}, 0.6},
		{tenant{"berlin", "Europe/Berlin", "DE", 400, segments}, 0.25},
		{tenant{"brief", "Asia/Kolkata", "IN", 31, segments}, 0.13},
		{tenant{"tiny", "UTC", "", 730, segments}, 0.02},
	}
}

func tenantsOf(all []population) (tenants []tenant) {
	for _, p := range all {
		tenants = append(tenants, p.tenant)
	}
	return tenants
}

// history makes up about n records of all populations, one after the other.
func history(t *testing.T, all []population, n int, seed uint64) iter.Seq[generate.Record] {
	t.Helper()
	const days, perContact = 40, 15.6
	return func(yield func(generate.Record) bool) {
		for i, p := range all {
			g, err := generate.New(generate.Config{
				Account: p.id, Contacts: max(1, int(p.share*float64(n)/perContact)), Days: days, Seed: seed + uint64(i),
				Repeats: 0.03, Late: 0.05, Bad: 0.005,
			})
			must(t, err)
			for r := range g.History() {
				if !yield(r) {
					return
				}
			}
		}
	}
}

// TestMillion holds every membership in 80 segments, and every counter, against
// the naive way, after a million records with repeats, late and bad ones among
// them.
func TestMillion(t *testing.T) {
	n := *records
	if testing.Short() {
		n /= 10
	}
	c := newCluster(t)

	p := c.serve().ready()
	all := populations()
	tenants := tenantsOf(all)
	for _, a := range tenants {
		a.create(t, p)
		a.define(t, p, "a")
	}
	files, written, err := writeFiles(t.TempDir(), history(t, all, n, 1))
	must(t, err)

	began := time.Now()
	c.kcatFiles(files, likeJava...)
	piped := time.Since(began)
	for _, a := range tenants {
		a.define(t, p, "b") // amid the backlog
	}
	written += c.eraseSome(tenants, likeJava...)
	for _, a := range tenants {
		a.define(t, p, "cd")
	}
	s := c.settled(p)
	t.Logf("%d records: kcat took %v, they were in the segments after %v", written,
		piped.Round(time.Millisecond), time.Since(began).Round(time.Millisecond))
	if got := c.total(producersTopics); got != int64(written) {
		t.Fatalf("%d records are in Kafka, %d were written", got, written)
	}

	got := c.collect(p, tenants)
	keep, sampled := everybody()
	want := c.expect(tenants, 8, keep)
	compare(t, tenants, got, want, sampled)
	if keep == nil {
		compareOutcomes(t, s, want)
	} else {
		t.Log("under the race detector: compared the contacts whose hash is 0 mod 4, with all records of theirs")
	}
	c.expectAllCounted(s)
	c.expectDeadLetters(s, 0)
	if s.Outcomes["forwarded"] != 0 {
		t.Errorf("%d records were forwarded, though all were partitioned as Java does", s.Outcomes["forwarded"])
	}
	for _, outcome := range []string{"applied", "repeated", "dead_lettered"} {
		if s.Outcomes[outcome] == 0 {
			t.Errorf("no record was %s: %v", outcome, s.Outcomes)
		}
	}
}

// everybody is all contacts, or under the race detector a sample of them.
func everybody() (keep func(*consumers.Record) bool, sampled func(account, contact string) bool) {
	if !underRace {
		return nil, nil
	}
	in := func(key []byte) bool {
		h := fnv.New32a()
		h.Write(key)
		return h.Sum32()%4 == 0
	}
	return func(r *consumers.Record) bool { return in(r.Key) },
		func(account, contact string) bool { return in([]byte(account + "/" + contact)) }
}

// eraseSome erases every 50th contact, lets every second of these come back, and
// returns how many records that took.
func (c *cluster) eraseSome(tenants []tenant, args ...string) (n int) {
	c.t.Helper()
	var tombstones, returns bytes.Buffer
	for _, a := range tenants {
		for i := 1; i <= 1000; i++ {
			contact := fmt.Sprintf("c-%d", 50*i)
			key := a.id + "/" + contact
			tombstones.WriteString(line(key, ""))
			n++
			if i%2 == 0 {
				returns.WriteString(line(key, fmt.Sprintf(`{"account":%q,"contact":%q,"phone":"+12125550123"}`, a.id, contact)))
				n++
			}
		}
	}
	c.kcat("contacts", &tombstones, append([]string{"-Z"}, args...)...)
	time.Sleep(5 * time.Millisecond) // Kafka's times are milliseconds, and of equal ones the erasure wins
	c.kcat("contacts", &returns, args...)
	return n
}

func (c *cluster) total(topics []string) (n int64) {
	c.t.Helper()
	for _, end := range c.ends(topics...) {
		n += end
	}
	return n
}
