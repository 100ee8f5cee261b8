package integration

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rollcall/api"
	"rollcall/consumers"
)

// twilioInputs maps a topic of Twilio's events, whose bridge adds the contact to
// what people write.
const twilioInputs = `{"twilio.events": {
	"preset": "twilio",
	"fields": {"account": "acme", "contact": ["/data/tags/contact", "/data/link?contact", "/data/contact"]}
}}`

// TestInputs has kcat write CloudEvents in both modes, among the contract's own
// records, and Twilio's events to a mapped topic of another partition count.
func TestInputs(t *testing.T) {
	c := newCluster(t)
	file := filepath.Join(t.TempDir(), "inputs.json")
	must(t, os.WriteFile(file, []byte(twilioInputs), 0o600))
	c.create("twilio.events", 5)
	p := c.serve("--inputs", file).ready()
	a := tenant{"acme", "UTC", "US", 730, map[string]string{
		"in": "all contacts where opted in", "clicked": `all contacts where clicked message "m-1"`, "replied": "all contacts where replied",
		"sent": `all contacts where sent message "spring" exactly 1 time`, "failed": "all contacts where failed",
	}}
	a.create(t, p)
	a.define(t, p, "icrsf")
	for i := range 10 {
		contact := fmt.Sprintf("c-%d", i)
		c.put("contacts", "acme/"+contact, contactRecord("acme", contact))
		c.cloudEvent("sms.opted_in", "sms.opted_in", contact, "", i%2 == 0)
		c.cloudEvent("sms.failed", "sms.clicked", contact, `{"message":"m-1"}`, i%2 == 1)  // in another topic
		c.cloudEvent("sms.clicked", "sms.clicked", contact, `{"message":"m-1"}`, i%2 == 0) // the same event in the other mode
	}
	tags := func(contact string) string { return `"tags":{"contact":"` + contact + `","message":"spring"}` }
	for i, event := range [][2]string{
		{"messaging.message.sent", tags("c-1")}, {"messaging.message.sent", tags("c-2")}, {"messaging.message.delivered", tags("c-1")},
		{"messaging.message.undelivered", `"errorCode":30003,` + tags("c-2")}, {"messaging.message.sent", `"to":"` + typed[0] + `"`},
		{"daptbt.link-shortening.link-clicked", `"link":"https://shop.example/?contact=c-3&message=m-2"`},
		{"messaging.inbound-message.received", `"contact":"c-4","body":"Stop","from":"` + typed[0] + `"`},
		{"messaging.inbound-message.received", `"contact":"c-5","body":"when do you open?","from":"` + typed[0] + `"`},
		{"messaging.inbound-message.received", `"body":"STOP","from":"` + typed[0] + `"`}, {"voice.something", ""},
	} {
		c.twilio(fmt.Sprint("EZ", i), event[0], event[1])
		if i == 0 {
			c.twilio("EZ0", event[0], event[1]) // at least once
		}
	}

	want := map[string]int{"in": 9, "clicked": 10, "replied": 1, "sent": 2, "failed": 1}
	check := func(when string) {
		t.Helper()
		s := c.settled(p)
		for id, n := range want {
			if got := members(t, p, "acme", id); len(got) != n {
				t.Errorf("%s: %s has %q, want %d", when, id, got, n)
			}
		}
		expectSendable(t, p, when, "c-3", true)
		expectSendable(t, p, when, "c-4", false)
		c.expectInputsCounted(s, when)
	}
	check("at first")
	inbox := c.ends("rollcall.inbox")
	p.stop()
	c.wipe()
	p = c.serve("--inputs", file).ready()
	check("Redis emptied, and restarted")
	if again := c.ends("rollcall.inbox"); again["rollcall.inbox"] != inbox["rollcall.inbox"] {
		t.Errorf("the inbox had %v records, and has %v", inbox, again)
	}
	c.read(func(r *consumers.Record) {
		if showsSecret(r.Value) {
			t.Errorf("a phone number in %s at %d", r.TopicPartition, r.Offset)
		}
	}, "rollcall.inbox")
	if code, out := c.refusedToServe("--inputs", c.inputsOf("nowhere")); code == 0 || !strings.Contains(out, `no topic "nowhere"`) {
		t.Errorf("a mapped topic that is missing: exit %d:\n%s", code, out)
	}
}

// create makes a topic as whoever writes to it would.
func (c *cluster) create(topic string, partitions int) {
	c.t.Helper()
	_, err := c.client.EnsureTopics(c.t.Context(), []consumers.TopicSpec{{
		Name: topic, Partitions: partitions, ReplicationFactor: 1, Config: map[string]string{"message.timestamp.type": "LogAppendTime"},
	}})
	must(c.t, err)
}

// cloudEvent writes an event about a contact of acme, with CRC32 for partitions.
func (c *cluster) cloudEvent(topic, kind, contact, data string, binary bool) {
	c.t.Helper()
	attributes := map[string]string{"specversion": "1.0", "type": kind, "source": "/tests", "id": kind + contact, "subject": contact, "account": "acme"}
	if binary {
		args := []string{"-Z", "-H", "content-type=application/json"}
		for name, v := range attributes {
			args = append(args, "-H", "ce_"+name+"="+v)
		}
		c.kcat(topic, strings.NewReader(line(contact, data)), args...)
		return
	}
	whole := map[string]any{}
	for name, v := range attributes {
		whole[name] = v
	}
	if data != "" {
		whole["data"] = json.RawMessage(data)
	}
	value, err := json.Marshal(whole)
	must(c.t, err)
	c.kcat(topic, strings.NewReader(line(contact, string(value))), "-H", "content-type=application/cloudevents+json; charset=UTF-8")
}

// twilio writes one of Twilio's events, without the header that a bridge may
// not have passed on.
func (c *cluster) twilio(id, kind, data string) {
	c.t.Helper()
	value := fmt.Sprintf(`{"specversion":"1.0","type":"com.twilio.%s","source":"/2010-04-01/Accounts/AC1/Messages/SM1.json","id":%q,"data":{%s}}`, kind, id, data)
	c.kcat("twilio.events", strings.NewReader(line(id, value)))
}

func expectSendable(t *testing.T, p *process, when, contact string, want bool) {
	t.Helper()
	if m, _, code := check(t, p, "acme", "in", contact); code != 200 || m.Sendable != want {
		t.Errorf("%s: %s is %+v (answered %d), want sendable %t", when, contact, m, code, want)
	}
}

// expectInputsCounted holds the outcomes against what was written.
func (c *cluster) expectInputsCounted(s api.Status, when string) {
	c.t.Helper()
	counted, consumed := int64(0), int64(0)
	for _, n := range s.Outcomes {
		counted += n
	}
	for _, n := range c.ends(append([]string{"twilio.events"}, sources...)...) {
		consumed += n
	}
	if counted != consumed || s.Outcomes["dead_lettered"] != 0 || s.Outcomes["ignored"] != 4 {
		c.t.Errorf("%s: outcomes %v of %d records, dead letters %v", when, s.Outcomes, consumed, s.DeadLetters)
	}
	if fmt.Sprint(s.Ignored) != "map[ignored-type:1 unknown-type:1 unmapped:2]" {
		c.t.Errorf("%s: ignored %v", when, s.Ignored)
	}
}

func (c *cluster) inputsOf(topic string) (file string) {
	c.t.Helper()
	file = filepath.Join(c.t.TempDir(), "inputs.json")
	must(c.t, os.WriteFile(file, []byte(strings.Replace(twilioInputs, "twilio.events", topic, 1)), 0o600))
	return file
}

// refusedToServe runs a server that does not start, and returns what it says.
func (c *cluster) refusedToServe(args ...string) (code int, output string) {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, binary, append([]string{"serve", "--listen", "127.0.0.1:0",
		"--brokers", c.kafka.Addr(), "--redis", "redis://" + c.redis.Addr}, args...)...)
	cmd.Env = append(cleanEnvironment(), "ROLLCALL_OPERATOR_TOKEN="+operatorToken)
	out, _ := cmd.CombinedOutput() // the code says it
	return cmd.ProcessState.ExitCode(), string(out)
}
