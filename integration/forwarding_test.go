package integration

import (
	"bytes"
	"fmt"
	"maps"
	"testing"
	"time"

	"rollcall/consumers"
	"rollcall/pipeline/naive"
)

// written is what rollcall writes once for a record, and never again for it.
var written = []string{"rollcall.inbox", "rollcall.dead-letters", "rollcall.erasures"}

// TestForwarding writes with kcat's own partitioner, which puts most records
// where they don't belong, and then loses all state.
func TestForwarding(t *testing.T) {
	n := 100_000
	if testing.Short() {
		n = 20_000
	}
	c := newCluster(t)
	p := c.serve().ready()
	all := populations()
	tenants := tenantsOf(all)
	for _, a := range tenants {
		a.create(t, p)
		a.define(t, p, "abcd")
	}
	files, _, err := writeFiles(t.TempDir(), history(t, all, n, 1))
	must(t, err)
	c.kcatFiles(files)
	c.eraseSome(tenants)
	s := c.settled(p)
	want := c.expect(tenants, 8, nil)
	got := c.collect(p, tenants)
	compare(t, tenants, got, want, nil)
	compareOutcomes(t, s, want)
	c.expectAllCounted(s)
	c.expectDeadLetters(s, 0)
	if s.Outcomes["forwarded"] < int64(n/2) {
		t.Errorf("only %d records were forwarded", s.Outcomes["forwarded"])
	}

	before := c.ends(written...)
	p.stop()
	c.wipe()
	p = c.serve().ready()
	again := c.settled(p)
	compare(t, tenants, c.collect(p, tenants), want, nil)
	if after := c.ends(written...); !maps.Equal(before, after) {
		t.Errorf("after a rebuild from the log there are %v records, before there were %v", after, before)
	}
	if !maps.Equal(merged(s.Outcomes), merged(again.Outcomes)) || !maps.Equal(s.DeadLetters, again.DeadLetters) {
		t.Errorf("after a rebuild the counters are %v %v, before they were %v %v",
			again.Outcomes, again.DeadLetters, s.Outcomes, s.DeadLetters)
	}
}

// merged are outcomes with repeats as applied: which of two reports of an event is
// the repeat, and whether that of an erased one is, depends on the reading order.
func merged(outcomes map[string]int64) map[string]int64 {
	all := maps.Clone(outcomes)
	all["applied"] += all["repeated"]
	delete(all, "repeated")
	return all
}

// TestAnswersCoverTheInbox begins with a backlog that has to be forwarded: an
// answer that is fresh as of a moment after an opt-out was written must know of
// it, though it is in the inbox later only.
func TestAnswersCoverTheInbox(t *testing.T) {
	c := newCluster(t)
	p := c.serve().ready()
	a := tenant{"acme", "UTC", "US", 730, map[string]string{"in": "all contacts where opted in"}}
	a.create(t, p)
	a.define(t, p, "i")
	for round := range 5 { // the moments in which it could go wrong are short
		contact := fmt.Sprintf("c-last-%d", round)
		c.put("contacts", "acme/"+contact, contactRecord("acme", contact))
		c.put("sms.opted_in", "acme/"+contact, consentRecord("acme", contact, time.Now()))
		c.settled(p)
		expectMember(t, p, "acme", "in", contact, true)
		p.stop()
		written := c.misplaceOptOuts(contact)
		p = c.serve()
		expectCovered(t, p, contact, written)
	}
}

// misplaceOptOuts writes many opt-outs to a partition that is not the last
// one's, and returns when Kafka had acknowledged them.
func (c *cluster) misplaceOptOuts(last string) time.Time {
	c.t.Helper()
	partition := (naive.Partition([]byte("acme/"+last), 8) + 1) % 8
	var optOuts bytes.Buffer
	for i := range 60_000 {
		contact := fmt.Sprintf("c-%d", i)
		optOuts.WriteString(line("acme/"+contact, consentRecord("acme", contact, time.Now())))
	}
	optOuts.WriteString(line("acme/"+last, consentRecord("acme", last, time.Now())))
	c.kcat("sms.opted_out", &optOuts, "-p", fmt.Sprint(partition))
	return time.Now()
}

// expectCovered asks until an opt-out is in the answers, and lets none pass that
// claims to know of what was written up to then and does not.
func expectCovered(t *testing.T, p *process, contact string, written time.Time) {
	t.Helper()
	eventually(t, time.Minute, "the opt-out is in an answer", func() error {
		m, f, code, err := tryCheck(t, p, "acme", "in", contact)
		if err != nil || code != 200 {
			return fmt.Errorf("answered %d, %w", code, err)
		}
		if m.Member && f.Fresh && f.AsOf.After(written) {
			t.Fatalf("an answer is fresh as of %v after the opt-out was acknowledged, and does not know of it:\n%+v\n%+v",
				f.AsOf.Sub(written).Round(time.Millisecond), m, f)
		}
		if m.Member {
			return fmt.Errorf("still a member, as of %v", f.AsOf)
		}
		return nil
	})
}

// TestTopicsOfOtherPartitionCounts begins with topics that others created.
func TestTopicsOfOtherPartitionCounts(t *testing.T) {
	c := newCluster(t)
	var specs []consumers.TopicSpec
	for topic, partitions := range map[string]int{"sms.clicked": 4, "lists": 4, "sms.failed": 4, "sms.sent": 3, "sms.replied": 6, "sms.opted_in": 1} {
		specs = append(specs, consumers.TopicSpec{
			Name: topic, Partitions: partitions, ReplicationFactor: 1,
			Config: map[string]string{"message.timestamp.type": "LogAppendTime"},
		})
	}
	_, err := c.client.EnsureTopics(t.Context(), specs)
	must(t, err)
	p := c.serve().ready()
	counts, err := c.client.Topics(t.Context())
	must(t, err)
	for topic, want := range map[string]int{"sms.sent": 3, "sms.replied": 6, "sms.opted_in": 1, "contacts": 4, "rollcall.inbox": 4, "rollcall.segment-changes": 4} {
		if counts[topic] != want {
			t.Errorf("%s has %d partitions, want %d", topic, counts[topic], want)
		}
	}

	all := populations()[:2]
	tenants := tenantsOf(all)
	for _, a := range tenants {
		a.create(t, p)
		a.define(t, p, "abcd")
	}
	files, _, err := writeFiles(t.TempDir(), history(t, all, 20_000, 1))
	must(t, err)
	c.kcatFiles(files, likeJava...)
	s := c.settled(p)
	want := c.expect(tenants, 4, nil)
	compare(t, tenants, c.collect(p, tenants), want, nil)
	compareOutcomes(t, s, want)
	c.expectAllCounted(s)
	// Counted once: however often it is read, the sum of applied and repeated is
	// that of the records that could be read.
	readable := int64(0)
	for _, o := range want.Outcomes {
		if o.Verdict == naive.Applied || o.Verdict == naive.Repeated {
			readable++
		}
	}
	inbox := c.ends("rollcall.inbox")["rollcall.inbox"]
	if got := s.Outcomes["applied"] + s.Outcomes["repeated"]; got != readable+inbox || inbox != s.Outcomes["forwarded"] {
		t.Errorf("%d records were applied or repeated, want %d; %d were forwarded, %d are in the inbox",
			got, readable+inbox, s.Outcomes["forwarded"], inbox)
	}
}
