package integration

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestOneServer are the tests that need no log of their own, each with an
// account of its own.
func TestOneServer(t *testing.T) {
	c := newCluster(t)
	p := c.serve("--history-every", "1s").ready()
	t.Run("opt-out", func(t *testing.T) { testOptOut(t, c.with(t), p) })
	t.Run("erase", func(t *testing.T) { testErase(t, c.with(t), p) })
	t.Run("frozen", func(t *testing.T) { testFrozen(t, c.with(t), p) })
	t.Run("dead letters", func(t *testing.T) { testDeadLetters(t, c.with(t), p) })
	t.Run("history", func(t *testing.T) { testHistory(t, c.with(t), p) })
	t.Run("import", func(t *testing.T) { testImport(t, c.with(t), p) })
	t.Run("recipients", func(t *testing.T) { testRecipients(t, c.with(t), p) })
	t.Run("local view", func(t *testing.T) { testLocalView(t, c.with(t), p) })
	t.Run("command line", func(t *testing.T) { testCommandLine(t, c.with(t), p) })
	c.expectAllCounted(c.settled(p))
}

// contactRecord is a contact's with a phone in the US.
func contactRecord(account, contact string) string {
	return fmt.Sprintf(`{"account":%q,"contact":%q,"phone":"+12125550123"}`, account, contact)
}

func consentRecord(account, contact string, at time.Time) string {
	return fmt.Sprintf(`{"account":%q,"contact":%q,"source":"STOP","at":%q}`, account, contact, at.Format(time.RFC3339Nano))
}

// testOptOut measures from the moment in which Kafka has acknowledged an opt-out
// until no answer includes the contact any more.
func testOptOut(t *testing.T, c *cluster, p *process) {
	a := tenant{"opt-out", "UTC", "US", 730, map[string]string{"in": "all contacts where opted in and valid phone"}}
	a.create(t, p)
	a.define(t, p, "i")
	const contacts = 10
	for i := range contacts {
		contact := fmt.Sprintf("c-%d", i)
		c.put("contacts", "opt-out/"+contact, contactRecord("opt-out", contact))
		c.put("sms.opted_in", "opt-out/"+contact, consentRecord("opt-out", contact, time.Now()))
	}
	c.settled(p)
	sizes := watchSizes(t, p, "opt-out", "in")
	expectSize(t, sizes, contacts)
	for i := range contacts {
		contact := fmt.Sprintf("c-%d", i)
		expectMember(t, p, "opt-out", "in", contact, true)
		args := likeJava
		if i%2 == 1 {
			args = []string{"-p", fmt.Sprint(i % 8)} // most of these have to be forwarded
		}
		record := line("opt-out/"+contact, consentRecord("opt-out", contact, time.Now()))
		began := time.Now()
		c.kcat("sms.opted_out", strings.NewReader(record), args...)
		acknowledged := time.Now()
		expectMember(t, p, "opt-out", "in", contact, false)
		took := time.Since(acknowledged)
		event := expectSize(t, sizes, int64(contacts-i-1))
		t.Logf("opt-out %d: out of the answers %v after kcat's end (%v after its start), of the sizes %v after it", i,
			took.Round(time.Millisecond), time.Since(began).Round(time.Millisecond), event.at.Sub(acknowledged).Round(time.Millisecond))
		if took > 2*time.Second {
			t.Errorf("an opt-out took %v", took)
		}
		if m, _, _ := check(t, p, "opt-out", "in", contact); m.Sendable || fmt.Sprint(m.Blocked) != "[not_member opted_out]" {
			t.Errorf("after the opt-out: %+v", m)
		}
	}
}

// expectSize waits until the sizes say so.
func expectSize(t *testing.T, events <-chan sizeEvent, want int64) sizeEvent {
	t.Helper()
	timeout := time.After(time.Minute)
	var last sizeEvent
	for {
		select {
		case e, ok := <-events:
			if !ok {
				t.Fatal("the stream of sizes ended")
			}
			if last = e; e.name == "snapshot" && len(e.Sizes) == 1 {
				last.Size = e.Sizes[0].Size
			}
			if last.Size != nil && *last.Size == want {
				return last
			}
		case <-timeout:
			t.Fatalf("no size of %d; the last event was %+v", want, last)
		}
	}
}

func testErase(t *testing.T, c *cluster, p *process) {
	a := tenant{"erase", "UTC", "US", 730, map[string]string{
		"all": "all contacts", "in": "all contacts where opted in", "sent": "all contacts where sent",
		"list": `list "x"`,
	}}
	a.create(t, p)
	a.define(t, p, "ails")
	key, before := "erase/c-1", time.Now()
	say := func() {
		at := before.Format(time.RFC3339Nano)
		c.put("sms.opted_in", key, consentRecord("erase", "c-1", before))
		c.put("sms.sent", key, fmt.Sprintf(`{"account":"erase","contact":"c-1","message":"m-1","at":%q}`, at))
		c.put("lists", key, fmt.Sprintf(`{"account":"erase","contact":"c-1","list":"x","kind":"marketing","member":true,"at":%q}`, at))
	}
	expect := func(when string, want map[string]bool) {
		t.Helper()
		c.settled(p)
		for id := range a.segments {
			if m, _, code := check(t, p, "erase", id, "c-1"); code != 200 || m.Member != want[id] {
				t.Errorf("%s: member of %q: %v (answered %d), want %v", when, id, m.Member, code, want[id])
			}
		}
	}
	c.put("contacts", key, contactRecord("erase", "c-1"))
	say()
	expect("before", map[string]bool{"all": true, "in": true, "sent": true, "list": true})

	c.put("contacts", key, "") // with -Z: a tombstone
	expect("erased", nil)
	say()
	expect("after late records of before", nil)

	c.put("contacts", key, contactRecord("erase", "c-1"))
	expect("come back", map[string]bool{"all": true})
	say()
	expect("come back, and late records of before", map[string]bool{"all": true})
	before = time.Now()
	c.put("sms.opted_in", key, consentRecord("erase", "c-1", before))
	expect("opted in anew", map[string]bool{"all": true, "in": true})

	if code, _, errs := rollcall(t, p, operatorToken, "--account", "erase", "erase", "c-1"); code != 0 {
		t.Errorf("rollcall erase: exit %d: %s", code, errs)
	}
	expect("erased on the command line", nil)
}

// testCommandLine is what somebody does who tries rollcall out.
func testCommandLine(t *testing.T, c *cluster, p *process) {
	run := func(token string, wantCode int, want string, args ...string) string {
		t.Helper()
		code, out, errs := rollcall(t, p, token, args...)
		if code != wantCode || !strings.Contains(out+errs, want) {
			t.Errorf("rollcall %q: exit %d, want %d and %q:\n%s%s", args, code, wantCode, want, out, errs)
		}
		return strings.TrimSpace(out)
	}
	token := run(operatorToken, 0, "rollcall_", "account", "create", "shop", "--timezone", "America/New_York", "--default-region", "US")
	other := run(operatorToken, 0, "rollcall_", "account", "create", "rival")
	run(operatorToken, 0, "America/New_York", "account", "list")
	run(token, 1, "takes the operator's token", "account", "list")
	run("", 1, "ROLLCALL_TOKEN", "segment", "list")
	run("rollcall_wrong", 1, "not known", "segment", "list")

	var contacts, optIns bytes.Buffer
	for i := range 30 {
		contact := fmt.Sprintf("c-%d", i)
		contacts.WriteString(line("shop/"+contact, contactRecord("shop", contact)))
		if i < 10 {
			optIns.WriteString(line("shop/"+contact, consentRecord("shop", contact, time.Now())))
		}
	}
	c.kcat("contacts", &contacts, likeJava...)
	c.kcat("sms.opted_in", &optIns, likeJava...)
	c.settled(p)

	run(token, 0, "10 members, 10 sendable", "segment", "put", "in", "all contacts where opted in", "--name", "Opted in")
	run(token, 0, "30 members", "segment", "put", "all", `{"from":{"all_contacts":true}}`)
	run(token, 0, "warning: ", "segment", "put", "slip", `list "newsleter"`)
	run(token, 0, "Opted in", "segment", "list")
	run(token, 0, "all contacts where opted in", "segment", "show", "in")
	run(token, 0, "10 members, 10 sendable", "segment", "size", "in")
	run(token, 0, "c-7", "segment", "members", "in")
	if lines := strings.Fields(run(token, 0, "c-29", "segment", "members", "all")); len(lines) != 30 {
		t.Errorf("30 contacts are listed as %q", lines)
	}
	run(token, 0, "not_member, not_opted_in", "check", "in", "c-1", "c-20")
	run(token, 0, "c-20 is not in in, not sendable: not_member, not_opted_in", "segment", "explain", "in", "c-20")
	run(token, 0, "opted in since 20", "segment", "explain", "in", "c-1")
	run(token, 0, "20 members, 20 with a valid phone, 0 opted in, 0 sendable", "segment", "preview", "all contacts where not opted in and phone in US")
	run(token, 1, "  all contacts where opted up\n                           ^", "segment", "preview", "all contacts where opted up")
	run(token, 1, "^", "segment", "put", "bad", "all contacts where clicked in last 0 days")
	run(token, 1, "can't stand on itself", "segment", "put", "in", `segment "in"`)
	run(token, 0, `segment "in"`, "segment", "put", "child", `segment "in" where phone in US`)
	run(token, 1, "child", "segment", "delete", "in")
	run(token, 0, "", "segment", "delete", "child")
	run(token, 0, "", "segment", "delete", "in")
	run(token, 1, `no segment "in"`, "segment", "show", "in")
	run(token, 0, "account shop: fresh", "status")

	run(other, 1, `no segment "all"`, "segment", "show", "all")
	run(other, 1, `no segment "all"`, "segment", "delete", "all")
	for _, path := range []string{"/v1/segments/all", "/v1/segments/all/members"} {
		if code := statusWith(t, p, other, "", path); code != 404 {
			t.Errorf("another account's token: %s is answered %d, want 404", path, code)
		}
		if code := statusWith(t, p, other, "shop", path); code != 404 {
			t.Errorf("another account's token that names the account: %s is answered %d, want 404", path, code)
		}
	}
	reader := run(token, 0, "rollcall_", "token", "create", "--scope", "read")
	run(reader, 0, "30 members", "segment", "size", "all")
	run(reader, 1, "scope write", "segment", "put", "no", "all contacts")
}
