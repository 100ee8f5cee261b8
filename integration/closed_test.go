package integration

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"rollcall/consumers"
)

// probe is an account whose contacts are asked about while something is wrong.
var probe = tenant{"probe", "UTC", "US", 730, map[string]string{"in": "all contacts where opted in"}}

// addProbe defines the account, with so many members of its segment.
func (c *cluster) addProbe(p *process, contacts int) {
	c.t.Helper()
	probe.create(c.t, p)
	probe.define(c.t, p, "i")
	var people strings.Builder
	for i := range contacts {
		contact := fmt.Sprintf("c-%d", i)
		people.WriteString(line("probe/"+contact, contactRecord("probe", contact)))
	}
	c.kcat("contacts", strings.NewReader(people.String()), likeJava...)
	c.kcat("sms.opted_in", strings.NewReader(consents("probe", contacts)), likeJava...)
	c.settled(p)
}

// probed are contacts of the probe whose records belong in a partition.
func probed(partition int32, n int) (contacts []string) {
	for i := 0; len(contacts) < n; i++ {
		if contact := fmt.Sprintf("c-%d", i); partitionOf(contact) == partition {
			contacts = append(contacts, contact)
		}
	}
	return contacts
}

// partitionOf is where records of a contact of the probe belong.
func partitionOf(contact string) int32 { return consumers.Partition([]byte("probe/"+contact), 8) }

// optOut has a contact of the probe opt out.
func (c *cluster) optOut(contact string) {
	c.t.Helper()
	c.put("sms.opted_out", "probe/"+contact, consentRecord("probe", contact, time.Now()))
}

// closed says in which way a process does not refuse to answer. While it is
// behind, nobody is told that somebody may be sent to, and everything that says
// how it is doing names what is missing.
func (p *process) closed(t *testing.T, missing string) error {
	t.Helper()
	for _, question := range []struct {
		method, path string
		body         any
	}{
		{"POST", "/v1/segments/in/check", map[string]any{"contacts": []string{"c-0"}}},
		{"GET", "/v1/segments/in/members", nil},
		{"GET", "/v1/segments/in/recipients", nil},
		{"GET", "/readyz", nil},
	} {
		code, body, err := tryAsk(t, p, "probe", question.method, question.path, question.body)
		if err != nil || code != 503 || !strings.Contains(string(body), missing) ||
			strings.HasPrefix(question.path, "/v1/") && !strings.Contains(string(body), "/problems/not-fresh") {
			return fmt.Errorf("%s is answered %d, which is not that %q is missing: %.500s %w", question.path, code, missing, body, err)
		}
	}
	if f := status(t, p).Freshness; f.Fresh || !strings.Contains(fmt.Sprint(f.Missing), missing) {
		return fmt.Errorf("the status says fresh: %v, missing: %q", f.Fresh, f.Missing)
	}
	if fresh := metric(t, p, "rollcall_fresh"); fresh != 0 {
		return fmt.Errorf("the metric rollcall_fresh is %v", fresh)
	}
	return nil
}

// expectClosed waits until a process refuses to answer, as it must when what it
// knew of the log is older than --max-staleness, and expects that it goes on to.
func (p *process) expectClosed(t *testing.T, missing string, hold time.Duration) {
	t.Helper()
	eventually(t, 10*time.Second, "answers are refused", func() error { return p.closed(t, missing) })
	for until := time.Now().Add(hold); time.Now().Before(until); time.Sleep(100 * time.Millisecond) {
		if err := p.closed(t, missing); err != nil {
			t.Errorf("answers were refused, and then: %v", err)
		}
	}
}
