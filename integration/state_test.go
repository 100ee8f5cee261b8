package integration

import (
	"bytes"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rollcall/consumers"
	"rollcall/pipeline/portable"
)

// TestStateExportImport exports while records flow. Then Redis is lost, and of
// the log all that is in the export: the product says that it can't go on, until
// the export is imported, and then everything is as it was, also who was erased
// since.
func TestStateExportImport(t *testing.T) {
	takesLong(t)
	c := newCluster(t)
	all := populations()[:2]
	tenants := tenantsOf(all)
	p := c.serve("--max-staleness", "2s").ready()
	for _, a := range tenants {
		a.create(t, p)
		a.define(t, p, "abcdefghijklmnopqrstuvwxyz")
	}
	c.addProbe(p, 40)
	tenants = append(tenants, probe)
	dir := filepath.Join(t.TempDir(), "export")
	f := c.startFlow(all, 60_000, 1, 8*time.Second)
	time.Sleep(5 * time.Second)
	c.state(0, "exported to", "export", dir)
	f.wait(t)
	e, err := portable.Open(dir)
	must(t, err)
	if read := c.exportedOf(e, "sms.sent"); read == 0 || read == c.ends("sms.sent")["sms.sent"] {
		t.Errorf("%d records of sms.sent are in the export, which was to be made in the middle of %v", read, c.ends("sms.sent"))
	}
	c.optOut("c-1")
	if code, _, errs := rollcall(t, p, operatorToken, "--account", "probe", "erase", "c-2"); code != 0 {
		t.Fatalf("erase: exit %d: %s", code, errs)
	}
	c.settled(p)
	want := c.expect(tenants, 8, nil)
	compare(t, tenants, c.collect(p, tenants), want, nil)
	c.followedTo(tenants, c.collect(p, tenants))
	told := c.ends("rollcall.segment-changes")["rollcall.segment-changes"]
	c.state(1, "its state is ahead of the export", "import", dir)
	c.state(0, "imported from", "import", dir, "--replace") // under a running server
	c.readOn(p)
	compare(t, tenants, c.collect(p, tenants), want, nil)
	c.verifies(p, 0, "0 differences")

	p.stop()
	c.forgetExported(e)
	c.wipe()
	p = c.serve("--max-staleness", "2s")
	eventually(t, 30*time.Second, "it says that it can't go on", func() error {
		code, body, err := tryAsk(t, p, "", "GET", "/readyz", nil)
		if err != nil || code != 503 || !strings.Contains(string(body), "not rebuildable from the log") {
			return fmt.Errorf("/readyz is answered %d: %.500s, %v", code, body, err)
		}
		return nil
	})
	c.state(0, "imported from", "import", dir)
	p.ready()
	s := c.settled(p)
	compare(t, tenants, c.collect(p, tenants), want, nil)
	expectMember(t, p, "probe", "in", "c-1", false)
	expectMember(t, p, "probe", "in", "c-2", false)
	expectMember(t, p, "probe", "in", "c-3", true)
	c.expectAllCounted(s)
	c.followedTo(tenants, c.collect(p, tenants))
	if again := c.ends("rollcall.segment-changes")["rollcall.segment-changes"]; again != told {
		t.Errorf("%d changes were told again", again-told)
	}
	c.optOut("c-3")
	c.settled(p)
	expectMember(t, p, "probe", "in", "c-3", false)
}

// state runs rollcall state, which needs no server.
func (c *cluster) state(wantCode int, want string, args ...string) {
	c.t.Helper()
	args = append([]string{"state"}, append(args, "--brokers", c.kafka.Addr(), "--redis", "redis://"+c.redis.Addr)...)
	var out bytes.Buffer
	cmd := exec.CommandContext(c.t.Context(), binary, args...)
	cmd.Stdout, cmd.Stderr, cmd.Env = &out, &out, cleanEnvironment()
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		c.t.Fatal(err)
	}
	if code := cmd.ProcessState.ExitCode(); code != wantCode || !strings.Contains(out.String(), want) {
		c.t.Fatalf("rollcall %q: exit %d, want %d and %q:\n%s", args, code, wantCode, want, out.String())
	}
}

// exportedOf is how many offsets of a topic are in an export.
func (c *cluster) exportedOf(e *portable.Export, topic string) (n int64) {
	for _, p := range e.Partitions {
		for _, o := range p.Position.Offsets {
			if o.Topic == topic {
				n += o.Next - o.First
			}
		}
	}
	return n
}

// forgetExported deletes what is in an export from the producers' topics, but
// for those that Kafka compacts.
func (c *cluster) forgetExported(e *portable.Export) {
	c.t.Helper()
	for _, p := range e.Partitions {
		for _, o := range p.Position.Offsets {
			if strings.HasPrefix(o.Topic, "sms.") || o.Topic == "lists" {
				c.deleteRecords(consumers.TopicPartition{Topic: o.Topic, Partition: o.Partition}, o.Next)
			}
		}
	}
}

// readOn waits until a state that was replaced is open, and all of the log is in it.
func (c *cluster) readOn(p *process) {
	c.t.Helper()
	time.Sleep(2 * time.Second) // or its owner does not know yet
	p.ready()
	c.settled(p)
}
