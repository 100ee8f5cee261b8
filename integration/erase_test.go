package integration

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"rollcall/consumers"
	"rollcall/integration/servers"
	"rollcall/pipeline/naive"
)

// forgetful is a cluster whose Kafka compacts, and lets changes go, at once.
func forgetful(t *testing.T) *cluster {
	t.Helper()
	kafka := servers.StartKafka(t, servers.Property("log.cleaner.backoff.ms", "200"),
		servers.Property("log.retention.check.interval.ms", "500"))
	c := newClusterOf(t, servers.StartRedis(t), kafka)
	spec := func(name string, config ...string) consumers.TopicSpec {
		s := consumers.TopicSpec{Name: name, Partitions: 4, ReplicationFactor: 1,
			Config: map[string]string{"message.timestamp.type": "LogAppendTime", "segment.ms": "500", "file.delete.delay.ms": "100"}}
		for i := 0; i < len(config); i += 2 {
			s.Config[config[i]] = config[i+1]
		}
		return s
	}
	_, err := c.client.EnsureTopics(t.Context(), []consumers.TopicSpec{
		spec("rollcall.inbox", "cleanup.policy", "compact", "max.compaction.lag.ms", "500"),
		spec("rollcall.dead-letters", "cleanup.policy", "compact", "max.compaction.lag.ms", "500"),
		spec("rollcall.snapshots", "cleanup.policy", "compact", "max.compaction.lag.ms", "500"),
		spec("rollcall.segment-changes", "retention.ms", "1000"),
	})
	must(t, err)
	return c
}

// leaveTraces writes of a contact whatever may be kept of it: to where it
// belongs and elsewhere, readable and not.
func (c *cluster) leaveTraces(contact, phone string) (records int) {
	c.t.Helper()
	key := "acme/" + contact
	right := naive.Partition([]byte(key), 4)
	at := time.Now().Format(time.RFC3339Nano)
	whole := fmt.Sprintf(`{"account":"acme","contact":%q,"phone":%q,"message":"m","list":"l","kind":"marketing","member":true,"at":%q,"id":%%q}`,
		contact, phone, at)
	broken := []string{
		"\x00\xff" + contact + " " + phone,
		`{"account":"acme","contact":"` + contact + `","phone":"` + phone + `"`,
		fmt.Sprintf(`{"account":"acme","contact":%q,"phone":%q,"message":["m"],"kind":3,"list":7}`, contact, phone),
		fmt.Sprintf(`{"account":"nobody","contact":%q,"phone":%q,"message":"m","kind":"form","list":"l","member":true}`, contact, phone),
	}
	for _, topic := range producersTopics {
		for partition := range int32(4) {
			value := fmt.Sprintf(whole, fmt.Sprint(topic, partition))
			if partition != right {
				value = fmt.Sprintf(whole, fmt.Sprint(topic, (partition+1)%4))
			}
			lines := line(key, value)
			for i, b := range broken {
				lines += line(key, b)
				if i < len(broken)-1 { // else it is of nobody's contact
					lines += line("astray", b)
				}
			}
			c.kcat(topic, strings.NewReader(lines), "-p", fmt.Sprint(partition))
			records += 2 * len(broken)
		}
	}
	return records
}

// naming lists what rollcall wrote that names any of some texts: in Kafka and in
// Redis, keys and values.
func (c *cluster) naming(texts ...string) (where []string) {
	c.t.Helper()
	look := func(place string, parts ...[]byte) {
		for _, text := range texts {
			for _, b := range parts {
				if bytes.Contains(b, []byte(text)) {
					where = append(where, fmt.Sprintf("%s: %q in %.200q", place, text, b))
				}
			}
		}
	}
	counts, err := c.client.Topics(c.t.Context())
	must(c.t, err)
	for topic := range counts {
		if strings.HasPrefix(topic, "rollcall.") {
			c.read(func(r *consumers.Record) {
				look(fmt.Sprint(r.TopicPartition, " ", r.Offset), r.Key, r.Value)
				for _, h := range r.Headers() {
					look(fmt.Sprint(r.TopicPartition, " ", r.Offset, " ", h.Key), h.Value)
				}
			}, topic)
		}
	}
	ctx, client := c.t.Context(), c.redisClient()
	keys, err := client.Keys(ctx, "*").Result()
	must(c.t, err)
	for _, key := range keys {
		dump, err := client.Dump(ctx, key).Result()
		must(c.t, err)
		values, err := redisValues(c.t, client, key)
		must(c.t, err)
		look("redis "+key, []byte(key), []byte(dump), []byte(strings.Join(values, "\n")))
	}
	return where
}

// TestEraseEverywhere erases two contacts of which there are traces everywhere,
// and then looks through all that rollcall has written.
func TestEraseEverywhere(t *testing.T) {
	c := forgetful(t)
	scrub := []string{"--scrub-every", "1s"}
	p := c.serve(scrub...).ready()
	a := tenant{"acme", "UTC", "US", 730, map[string]string{
		"all": "all contacts", "clicked": "all contacts where clicked", "out": "all contacts where opted out", "list": `list "l"`,
	}}
	a.create(t, p)
	a.define(t, p, "acol")
	const byAPI, byCLI, stays = "c-8f1e77-api", "c-8f1e77-cli", "c-8f1e77"
	phones := map[string]string{byAPI: "2125550171", byCLI: "2125550172", stays: "2125550173"}
	for contact, phone := range phones {
		c.leaveTraces(contact, phone)
	}
	s := c.settled(p)
	if s.Outcomes["forwarded"] == 0 || len(s.DeadLetters) < 3 {
		t.Fatalf("of these tests' records became %v %v", s.Outcomes, s.DeadLetters)
	}
	f := tenant{"freezer", "UTC", "US", 730, map[string]string{"in": "all contacts where opted in"}}
	f.create(t, p)
	f.define(t, p, "i")
	for _, contact := range []string{byAPI, stays} {
		c.put("contacts", "freezer/"+contact, contactRecord("freezer", contact))
		c.put("sms.opted_in", "freezer/"+contact, consentRecord("freezer", contact, time.Now()))
	}
	c.settled(p)
	frozenList := freeze(t, p, "freezer", "in")
	if f := thaw(t, p, "freezer", frozenList, ""); f.Count != 2 {
		t.Fatalf("frozen is %v", f)
	}
	for contact := range phones {
		if n := len(c.naming(contact)); n < 100 {
			t.Fatalf("there are %d traces of %s: this test shows nothing", n, contact)
		}
		expectMember(t, p, "acme", "clicked", contact, true)
	}

	if code, body := ask(t, p, "acme", "DELETE", "/v1/contacts/"+byAPI, nil); code != 204 {
		t.Fatalf("erasing is answered %d: %s", code, body)
	}
	if code, _, errs := rollcall(t, p, operatorToken, "--account", "acme", "erase", byCLI); code != 0 {
		t.Fatalf("rollcall erase: exit %d: %s", code, errs)
	}
	if code, body := ask(t, p, "freezer", "DELETE", "/v1/contacts/"+byAPI, nil); code != 204 {
		t.Fatalf("erasing is answered %d: %s", code, body)
	}
	expectGone := func(when string) {
		t.Helper()
		began := time.Now()
		eventually(t, 2*time.Minute, "no trace "+when, func() error {
			if traces := c.naming(byAPI, byCLI, phones[byAPI], phones[byCLI]); len(traces) > 0 {
				return fmt.Errorf("%d traces:\n%s", len(traces), strings.Join(traces[:min(8, len(traces))], "\n"))
			}
			return nil
		})
		t.Logf("no trace %s within %v", when, time.Since(began).Round(time.Second))
		c.settled(p)
		for id := range a.segments {
			expectMember(t, p, "acme", id, byAPI, false)
			expectMember(t, p, "acme", id, byCLI, false)
			expectMember(t, p, "acme", id, stays, true)
		}
		if f := thaw(t, p, "freezer", frozenList, ""); fmt.Sprint(f.contacts) != "["+stays+"]" || f.Frozen != 2 || f.Withheld.Erased != 1 {
			t.Errorf("%s the frozen list is %v", when, f)
		}
	}
	expectGone("after the erasure")
	if s := c.settled(p); s.DataLost {
		t.Errorf("compaction is taken for loss: %v", s.DataLostReasons)
	}

	p.stop()
	c.wipe()
	p = c.serve(scrub...).ready()
	if s := c.settled(p); s.DataLost {
		t.Errorf("after a rebuild compaction is taken for loss: %v", s.DataLostReasons)
	}
	expectGone("after a rebuild")

	for _, contact := range []string{byAPI, byCLI} { // a replay of what was said before
		old := time.Now().Add(-time.Hour).Format(time.RFC3339)
		for partition := range 4 {
			value := fmt.Sprintf(`{"account":"acme","contact":%q,"message":"m","list":"l","kind":"marketing","member":true,"at":%q}`, contact, old)
			for _, topic := range []string{"sms.clicked", "sms.opted_out", "lists"} {
				c.kcat(topic, strings.NewReader(line("acme/"+contact, value)), "-p", fmt.Sprint(partition))
			}
		}
	}
	c.settled(p)
	expectGone("after late records")

	c.put("contacts", "acme/"+byAPI, contactRecord("acme", byAPI))
	c.settled(p)
	expectMember(t, p, "acme", "all", byAPI, true)
	for _, id := range []string{"clicked", "out", "list"} {
		expectMember(t, p, "acme", id, byAPI, false)
	}
}
