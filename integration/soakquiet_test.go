package integration

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"time"

	"rollcall/api"
	"rollcall/consumers"
)

// recovered waits until every process is ready, and its answers know of all that
// was written up to a moment, and says how long after it that was.
func (s *soaking) recovered(since time.Time) time.Duration {
	s.t.Helper()
	for _, p := range s.processes {
		for {
			err := p.freshAsOf(since)
			if err == nil {
				break
			}
			if time.Since(since) > recoverWithin {
				s.dumpGoroutines()
				s.t.Fatalf("seed %d: %v after all was up again, %v", *soakSeed, recoverWithin, err)
			}
			time.Sleep(50 * time.Millisecond)
		}
	}
	return time.Since(since)
}

// freshAsOf says why a process is not ready, or its answers not that fresh.
func (p *process) freshAsOf(at time.Time) error {
	if p.gone() {
		return fmt.Errorf("rollcall ended by itself:\n%s", p.lastLines())
	}
	for _, path := range []string{"/readyz", "/v1/status"} {
		code, body, err := tryAsk(p.t, p, "", "GET", path, nil)
		if err != nil || code != 200 {
			return fmt.Errorf("%s is answered %d %.1000s %w", path, code, body, err)
		}
		var s api.Status
		if err := json.Unmarshal(body, &s); path == "/v1/status" && (err != nil || !s.Freshness.Fresh || !s.Freshness.AsOf.After(at)) {
			return fmt.Errorf("fresh: %v as of %v, missing %q %w", s.Freshness.Fresh, s.Freshness.AsOf, s.Freshness.Missing, err)
		}
	}
	return nil
}

// dumpGoroutines has the processes write to their logs where they are stuck.
func (s *soaking) dumpGoroutines() {
	for _, p := range s.processes {
		_ = p.cmd.Process.Signal(syscall.SIGQUIT)
		select {
		case <-p.exited:
		case <-time.After(5 * time.Second):
		}
	}
}

// quietPoint holds everything there is to know against the log.
func (s *soaking) quietPoint() {
	t := s.t
	t.Helper()
	s.inSync()
	took := s.recovered(time.Now())
	t.Logf("quiet point, all is well after %v", took.Round(100*time.Millisecond))
	s.report.QuietPoints++
	s.report.Recovered("the last strike of a round", took)

	s.ledger.Begin()
	got, f := s.allRight(s.processes, s.tenants, func(r *consumers.Record) bool {
		s.ledger.Saw(r.Topic, r.Partition, r.Offset, r.Key, r.Value)
		return true
	})
	if lost := s.ledger.Lost(); len(lost) > 0 {
		t.Errorf("%d acknowledged records are not in Kafka: %q", len(lost), lost[:min(10, len(lost))])
	}
	s.compared(got)
	s.report.Changes, s.report.Again = f.records, f.records-len(f.times)
	for i, w := range s.witnesses {
		s.heard(w, fmt.Sprintf("process %d", i))
	}
	if t.Failed() {
		t.Fatalf("seed %d: something is wrong at this quiet point", *soakSeed)
	}
}

// allRight holds what each process answers, the counters, the dead letters and the
// published changes against the log. keep is called with each record.
func (c *cluster) allRight(processes []*process, tenants []tenant, keep func(*consumers.Record) bool) (got answers, f followed) {
	c.t.Helper()
	status := c.settled(processes[0])
	want := c.expect(append(tenants, witnessed), 8, keep)
	for _, p := range processes {
		c.settled(p)
		got = c.collect(p, tenants)
		compare(c.t, tenants, got, want, nil)
	}
	c.expectAllCounted(status)
	c.expectDeadLetters(status, 100_000)
	f = c.followedTo(tenants, got)
	if len(f.odd) > 0 {
		c.t.Errorf("%d changes change nothing:\n%s", len(f.odd), f.explain(3))
	}
	return got, f
}

// explain tells of some changes that change nothing all that was told of the
// same contact and segment.
func (f *followed) explain(most int) string {
	var b strings.Builder
	for _, odd := range f.odd[:min(most, len(f.odd))] {
		id := strings.TrimPrefix(strings.Fields(odd)[0], "{ID:")
		for about, told := range f.told {
			if slices.ContainsFunc(told, func(s string) bool { return strings.Contains(s, " "+id+" ") }) {
				fmt.Fprintf(&b, "%v: %q\n", about, told)
			}
		}
	}
	return b.String()
}

func (s *soaking) compared(got answers) {
	for _, segments := range got {
		for _, members := range segments {
			s.report.Compared += len(members)
		}
	}
}

func (s *soaking) heard(w *witness, what string) {
	s.t.Helper()
	w.mu.Lock()
	s.report.Right, s.report.NotFresh, s.report.Refused = s.report.Right+w.right, s.report.NotFresh+w.notFresh, s.report.Refused+w.refused
	w.mu.Unlock()
	w.report(s.t, what)
}
