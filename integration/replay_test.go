package integration

import (
	"encoding/json"
	"flag"
	"fmt"
	"iter"
	"maps"
	"strings"
	"testing"
	"time"

	"rollcall/api"
	"rollcall/consumers"
	"rollcall/generate"
	"rollcall/pipeline/naive"
)

var (
	replayed   = flag.Int("replayed", 30_000, "how many records TestReplay replays, and TestRebuildBesideLive begins with")
	replayRate = flag.Int("replay-rate", 0, "at most so many of them a second")
)

const archived = "archive."

// measures tells whether there are enough records for latencies to mean anything.
func measures() bool { return *replayed >= 1_000_000 }

// settling is how long live records flow before their latencies count.
func settling() time.Duration {
	if measures() {
		return 5 * time.Second
	}
	return time.Second
}

// populated defines a tenant for each population.
func populated(t *testing.T, p *process) (all []population, tenants []tenant) {
	t.Helper()
	all = populations()
	tenants = tenantsOf(all)
	for _, a := range tenants {
		a.create(t, p)
		a.define(t, p, "abcd")
	}
	return all, tenants
}

// TestReplay replays archives of another name, one of another partition count,
// while records flow: it is to leave them alone, to come to what the naive way
// comes to, and to change nothing when it is repeated. Then it does so with the
// process killed in the middle, three times.
func TestReplay(t *testing.T) {
	takesLong(t)
	c := newCluster(t)
	c.patience = 15 * time.Minute
	p := c.serve().ready()
	all, tenants := populated(t, p)
	n := c.archive(t, history(t, all, *replayed, 1))
	b := newProber(t, c, p)
	tenants = append(tenants, proberTenant)

	time.Sleep(settling())
	b.latencies()
	time.Sleep(3 * settling())
	before := b.latencies()
	began := time.Now()
	r := c.replay(p, producersTopics...)
	r = c.replayEnded(p, r.ID)
	took, during := time.Since(began), b.latencies()
	t.Logf("before: %v", before)
	t.Logf("during: %v", during)
	t.Logf("p99 during is %.2f times that before; %d records were replayed in %v, %.0f a second: %+v", float64(during.p99)/float64(before.p99),
		r.Report.Read, took.Round(time.Millisecond), float64(r.Report.Read)/took.Seconds(), r.Report)
	expectReport(t, r, n)
	if r.Report.Applied == 0 || r.Report.Forwarded == 0 || r.Report.DeadLettered == 0 {
		t.Errorf("nothing was applied, forwarded or dead-lettered: %+v", r.Report)
	}
	if measures() && during.p99 > 2*before.p99 {
		t.Errorf("live records took %v, before %v", during, before)
	}
	c.expectReplayed(p, tenants)

	sizes := c.membersIn(p, tenants[:len(tenants)-1])
	again := c.replay(p, producersTopics...)
	for range 3 {
		c.replayMoves(p, again.ID)
		p.kill()
		p = c.serve()
		b.asked.Store(p)
	}
	again = c.replayEnded(p, again.ID)
	t.Logf("once more, with three kills: %+v", again.Report)
	expectReport(t, again, n)
	b.stop()
	c.expectReplayed(p, tenants)
	if after := c.membersIn(p, tenants[:len(tenants)-1]); !maps.Equal(sizes, after) {
		t.Errorf("members were %v, and are %v", sizes, after)
	}
	c.expectAllCounted(c.settled(p))
	if code, out, errs := rollcall(t, p, operatorToken, "verify"); code != 0 {
		t.Errorf("verify ends with %d:\n%s%s", code, out, errs)
	}
	expectReplayCommands(t, p, again.ID)
}

// archive writes records to topics of other names and returns how many there are.
func (c *cluster) archive(t *testing.T, records iter.Seq[generate.Record]) int64 {
	t.Helper()
	var specs []consumers.TopicSpec
	for _, topic := range producersTopics {
		spec := consumers.TopicSpec{Name: archived + topic, Partitions: 8, ReplicationFactor: 1}
		if topic == "sms.clicked" {
			spec.Partitions = 5
		}
		specs = append(specs, spec)
	}
	_, err := c.client.EnsureTopics(t.Context(), specs)
	must(t, err)
	files, n, err := writeFiles(t.TempDir(), records)
	must(t, err)
	renamed := map[string]string{}
	for topic, file := range files {
		renamed[archived+topic] = file
	}
	c.kcatFiles(renamed, likeJava...)
	return int64(n)
}

// replay begins to replay the archives of the topics.
func (c *cluster) replay(p *process, topics ...string) (r api.Replay) {
	c.t.Helper()
	var named []api.ReplayTopic
	for _, topic := range topics {
		named = append(named, api.ReplayTopic{Name: archived + topic, As: topic})
	}
	code, body := ask(c.t, p, "", "POST", "/v1/replays", map[string]any{"topics": named, "from": "2020-01-01T00:00:00Z", "rate": *replayRate})
	if code != 201 {
		c.t.Fatalf("starting a replay is answered %d: %s", code, body)
	}
	must(c.t, json.Unmarshal(body, &r))
	return r
}

func tryReplay(t *testing.T, p *process, id string) (r api.Replay, err error) {
	code, body, err := tryAsk(t, p, "", "GET", "/v1/replays/"+id, nil)
	if err == nil && code != 200 {
		err = fmt.Errorf("replay %s is answered %d: %s", id, code, body)
	}
	if err == nil {
		err = json.Unmarshal(body, &r)
	}
	return r, err
}

func (c *cluster) replayEnded(p *process, id string) (r api.Replay) {
	c.t.Helper()
	eventually(c.t, time.Hour, "the replay has ended", func() (err error) {
		time.Sleep(200 * time.Millisecond)
		if r, err = tryReplay(c.t, p, id); err == nil && r.EndedAt == nil {
			err = fmt.Errorf("it is at %+v", r.Report)
		}
		return err
	})
	return r
}

// replayMoves waits until a replay has read a fifth more.
func (c *cluster) replayMoves(p *process, id string) {
	c.t.Helper()
	first := int64(-1)
	eventually(c.t, 10*time.Minute, "the replay moves", func() error {
		r, err := tryReplay(c.t, p, id)
		if first < 0 && err == nil && len(r.Progress) > 0 {
			first = r.Report.Read
		}
		if err == nil && (first < 0 || r.Report.Read < first+int64(*replayed)/5) {
			err = fmt.Errorf("it is at %+v, from %d", r.Report, first)
		}
		return err
	})
}

// expectReport holds a report against the records that there are.
func expectReport(t *testing.T, r api.Replay, records int64) {
	t.Helper()
	if sum := r.Report.Applied + r.Report.Repeated + r.Report.Forwarded + r.Report.DeadLettered; r.State != "done" ||
		r.Report.Read != records || sum != records || r.Report.LeftOut != 0 {
		t.Errorf("replay %s is %s: of %d records %+v", r.ID, r.State, records, r.Report)
	}
}

// expectReplayed holds all members against the naive way of the records as they
// stand in the archives and elsewhere.
func (c *cluster) expectReplayed(p *process, tenants []tenant) {
	c.t.Helper()
	c.settled(p)
	got := c.collect(p, tenants[:len(tenants)-1])
	var topics []string
	for _, topic := range producersTopics {
		topics = append(topics, archived+topic)
	}
	want := c.fold(tenants, 8, func() []naive.Record {
		records := append(c.log(nil, topics...), c.log(nil, producersTopics...)...)
		for i := range records {
			records[i].Topic = strings.TrimPrefix(records[i].Topic, archived)
		}
		return records
	})
	compare(c.t, tenants[:len(tenants)-1], got, want, nil)
}

// membersIn counts the members of all segments.
func (c *cluster) membersIn(p *process, tenants []tenant) map[string]int {
	sizes := map[string]int{}
	for account, segments := range c.collect(p, tenants) {
		for id, members := range segments {
			sizes[account+"/"+id] = len(members)
		}
	}
	return sizes
}

func expectReplayCommands(t *testing.T, p *process, id string) {
	t.Helper()
	for want, args := range map[string][]string{
		"archive.sms.sent as sms.sent":   {"replay", "list"},
		"READ":                           {"replay", "show", id},
		"there is no topic archive.none": {"replay", "archive.none", "--as", "sms.sent", "--from", "2026-01-01"},
		"done:":                          {"replay", "lists", "--from", "2026-01-01", "--rate", "1000"},
		"is done already":                {"replay", "cancel", id},
	} {
		if code, out, errs := rollcall(t, p, operatorToken, args...); !strings.Contains(out+errs, want) {
			t.Errorf("%q: exit %d, no %q in\n%s%s", args, code, want, out, errs)
		}
	}
}
