package integration

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"strconv"
	"syscall"
	"testing"
	"time"

	"rollcall/consumers"
)

// TestRebuildBesideLive makes a state of many records anew while more flow: once
// to see how fast that is, beside reading the same topics and nothing else, and
// what it does to live records; and once with the process killed three times.
func TestRebuildBesideLive(t *testing.T) {
	takesLong(t)
	c := newCluster(t)
	c.patience = 15 * time.Minute
	p := c.serve().ready()
	all, tenants := populated(t, p)
	files, _, err := writeFiles(t.TempDir(), history(t, all, *replayed, 1))
	must(t, err)
	c.kcatFiles(files, likeJava...)
	c.settled(p)
	sizes := c.membersIn(p, tenants)
	b := newProber(t, c, p)

	time.Sleep(settling())
	b.latencies()
	idle := p.usage()
	time.Sleep(2 * settling())
	before, idle := b.latencies(), p.usage().since(idle)

	began := p.usage()
	c.rebuilt(p, c.rebuild(p))
	during, took := b.latencies(), p.usage().since(began)
	took.cpu -= time.Duration(float64(idle.cpu) * float64(took.wall) / float64(idle.wall)) // of live records
	t.Logf("before: %v", before)
	t.Logf("during: %v", during)
	t.Logf("p99 during is %.2f times that before", float64(during.p99)/float64(before.p99))
	if measures() && during.p99 > 2*before.p99 {
		t.Errorf("live records took %v, before %v", during, before)
	}

	id := c.rebuild(p)
	for range 3 {
		c.rebuildMoves(p, id)
		p.kill()
		p = c.serve()
		b.asked.Store(p)
	}
	c.rebuilt(p, id)
	b.stop()
	c.settled(p)
	c.nothingBeside()
	if after := c.membersIn(p, tenants); !maps.Equal(sizes, after) {
		t.Errorf("members were %v, and are %v", sizes, after)
	}
	if code, out, errs := rollcall(t, p, operatorToken, "verify"); code != 0 {
		t.Errorf("verify ends with %d:\n%s%s", code, out, errs)
	}

	n, alone := int64(0), own()
	c.read(func(*consumers.Record) { n++ }, sources...)
	alone = own().since(alone)
	t.Logf("%d records: a rebuild took %v, reading them alone %v", n, took, alone)
	t.Logf("rebuild: %.0f records a second, %.0f per CPU-second; reading: %.0f a second, %.0f per CPU-second",
		float64(n)/took.wall.Seconds(), float64(n)/took.cpu.Seconds(), float64(n)/alone.wall.Seconds(), float64(n)/alone.cpu.Seconds())
}

// rebuild begins to make the state anew.
func (c *cluster) rebuild(p *process) (id string) {
	c.t.Helper()
	code, body := ask(c.t, p, "", "POST", "/v1/rebuilds", map[string]any{})
	if code != 200 && code != 201 {
		c.t.Fatalf("starting a rebuild is answered %d: %s", code, body)
	}
	var r rebuildStatus
	must(c.t, json.Unmarshal(body, &r))
	return r.ID
}

type rebuildStatus struct {
	ID, State   string
	Differences int64
	Partitions  []struct{ Offsets int64 }
}

func (r *rebuildStatus) offsets() (n int64) {
	for _, p := range r.Partitions {
		n += p.Offsets
	}
	return n
}

func tryRebuild(t *testing.T, p *process, id string) (r rebuildStatus, err error) {
	code, body, err := tryAsk(t, p, "", "GET", "/v1/rebuilds/"+id, nil)
	if err == nil && code != 200 {
		err = fmt.Errorf("rebuild %s is answered %d: %s", id, code, body)
	}
	if err == nil {
		err = json.Unmarshal(body, &r)
	}
	return r, err
}

// rebuilt waits until a rebuild is done, without having found a difference.
func (c *cluster) rebuilt(p *process, id string) {
	c.t.Helper()
	eventually(c.t, c.patience, "the rebuild is done", func() error {
		r, err := tryRebuild(c.t, p, id)
		if err == nil && r.Differences > 0 {
			c.t.Fatalf("%d memberships differ", r.Differences)
		}
		if err == nil && r.State != "done" {
			err = fmt.Errorf("it is %s at %d", r.State, r.offsets())
		}
		return err
	})
}

// rebuildMoves waits until a rebuild has read a fifth more.
func (c *cluster) rebuildMoves(p *process, id string) {
	c.t.Helper()
	first := int64(-1)
	eventually(c.t, c.patience, "the rebuild moves", func() error {
		r, err := tryRebuild(c.t, p, id)
		if err == nil && first < 0 {
			first = r.offsets()
		}
		if err == nil && r.State == "running" && r.offsets() < first+int64(*replayed)/5 {
			err = fmt.Errorf("it is at %d, from %d", r.offsets(), first)
		}
		return err
	})
}

// usage is time, by the clock and on processors.
type usage struct{ wall, cpu time.Duration }

func (u usage) since(before usage) usage { return usage{u.wall - before.wall, u.cpu - before.cpu} }

func (u usage) String() string {
	return fmt.Sprintf("%.2fs (%.2fs of CPU)", u.wall.Seconds(), u.cpu.Seconds())
}

var usageBegan = time.Now()

// own is the usage of this process.
func own() usage {
	var r syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &r) // of oneself it does not fail
	return usage{time.Since(usageBegan), time.Duration(r.Utime.Nano() + r.Stime.Nano())}
}

// usage is the usage of a process, from /proc/PID/stat.
func (p *process) usage() usage {
	p.t.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	must(p.t, err)
	_, rest, _ := bytes.Cut(stat, []byte(") "))
	fields := bytes.Fields(rest) // from the third on
	const tick = 10 * time.Millisecond
	u := usage{wall: time.Since(usageBegan)}
	for _, field := range fields[11:13] { // utime and stime
		n, err := strconv.ParseInt(string(field), 10, 64)
		must(p.t, err)
		u.cpu += time.Duration(n) * tick
	}
	return u
}
