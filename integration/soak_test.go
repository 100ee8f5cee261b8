package integration

import (
	"context"
	"flag"
	"fmt"
	"iter"
	"slices"
	"sync"
	"testing"
	"time"

	"rollcall/generate"
	"rollcall/integration/proxy"
	"rollcall/integration/soak"
)

var (
	kills    = flag.Int("kills", 10, "how often TestSoak kills somebody")
	soakSeed = flag.Uint64("soak-seed", 1, "what TestSoak draws its faults from")
)

const (
	recoverWithin = 90 * time.Second
	soakRate      = 400 // records a second
)

// TestSoak kills processes and servers and disturbs the network between them, at
// random, while records flow. Whatever was acknowledged counts, answers are
// right or none, and all is well soon after the last fault: that is looked at
// after every few of them. make long has a
// short one, make soak a long one.
func TestSoak(t *testing.T) {
	takesLong(t)
	began := time.Now()
	s := newSoaking(t)
	t.Logf("seed %d; go test ./integration -run TestSoak -v -kills %d -soak-seed %d", *soakSeed, *kills, *soakSeed)
	rounds := soak.Plan(*soakSeed, *kills)
	for i, round := range rounds {
		t.Logf("round %d of %d, after a kill Redis has %s", i+1, len(rounds), round.Keeping)
		s.keep(round.Keeping)
		stop := s.write()
		for _, strike := range round.Strikes {
			s.strike(strike)
		}
		stop()
		s.quietPoint()
	}
	s.report.Took = time.Since(began)
	s.report.Written, s.report.Acked = s.ledger.Counts()
	t.Log("\n" + s.report.String())
	if s.report.Acked == 0 || s.report.Right == 0 {
		t.Error("nothing was acknowledged, or nobody was answered")
	}
}

// soaking is a cluster under fire.
type soaking struct {
	*cluster
	tenants   []tenant
	processes []*process // that run, and their witnesses
	witnesses []*witness
	toKafka   []*proxy.Proxy // by broker
	toRedis   *proxy.Proxy
	keeping   keeping
	ledger    *soak.Ledger
	writer    *soak.Writer
	next      func() (generate.Record, bool)
	report    *soak.Report
}

func newSoaking(t *testing.T) *soaking {
	t.Helper()
	s := &soaking{ledger: soak.NewLedger(), report: soak.NewReport(*soakSeed)}
	s.startServers(t)
	all := populations()[:1+min(1, *kills/20)] // a short test has little time to define segments
	s.tenants = tenantsOf(all)
	for range 2 + min(1, *kills/50) {
		s.processes = append(s.processes, s.startProcess())
	}
	first := s.processes[0].ready()
	for _, a := range s.tenants {
		a.create(t, first)
		a.define(t, first, "abcd")
	}
	for i, p := range s.processes {
		if i == 0 {
			s.witnesses = append(s.witnesses, newWitness(t, s.cluster, p))
			continue
		}
		s.witnesses = append(s.witnesses, anotherWitness(t, p))
	}
	var stop func()
	s.next, stop = iter.Pull(endless(t, all))
	t.Cleanup(stop)
	return s
}

// anotherWitness asks another process the same.
func anotherWitness(t *testing.T, p *process) *witness {
	w := &witness{done: make(chan struct{}), began: time.Now()}
	w.asked.Store(p.ready())
	w.wg.Go(func() { w.run(t) })
	t.Cleanup(w.stop)
	return w
}

// endless are records of some populations one history after the other, with the
// erasure of a contact now and then.
func endless(t *testing.T, all []population) iter.Seq[generate.Record] {
	return func(yield func(generate.Record) bool) {
		written := 0
		for seed := *soakSeed; ; seed += uint64(len(all)) {
			for r := range history(t, all, 10_000, seed) {
				if !yield(r) {
					return
				}
				if written++; written%100 == 0 && !yield(erasure(all, written/100)) {
					return
				}
			}
		}
	}
}

func erasure(all []population, n int) generate.Record {
	return generate.Record{Topic: "contacts", Key: fmt.Appendf(nil, "%s/c-%d", all[n%len(all)].id, n%97)}
}

// write begins to write. What it returns ends that, when all is acknowledged.
func (s *soaking) write() (stop func()) {
	ctx, cancel := context.WithCancel(s.t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := s.writer.Run(ctx, soakRate, recoverWithin, s.next); err != nil {
			s.t.Error(err)
		}
	})
	return func() { cancel(); wg.Wait() }
}

// strike plays one strike to its end, and waits until all have recovered if it
// says so.
func (s *soaking) strike(x soak.Strike) {
	s.t.Helper()
	s.t.Logf("%s: %+v", time.Now().Format(time.TimeOnly), x)
	s.report.Struck(x)
	s.play(x, x.Pause)
	revive := s.kill(x)
	s.play(x, x.Hold)
	for _, p := range append(s.toKafka, s.toRedis) {
		p.Heal()
	}
	well := revive()
	if x.Await {
		took := s.recovered(well)
		s.report.Recovered(x.Kind(), took)
		s.t.Logf("all is well after %v", took.Round(100*time.Millisecond))
	}
}

// play lets a fault last for a time.
func (s *soaking) play(x soak.Strike, d time.Duration) {
	const again = 500 * time.Millisecond
	for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(min(again, time.Until(end))) {
		for _, p := range s.befallen(x) {
			switch x.Fault {
			case soak.Delay:
				p.Delay(x.Delay)
			case soak.Cut:
				p.Cut()
			case soak.Halve:
				p.Halve()
			case soak.Blackhole:
				p.Blackhole()
			}
		}
	}
}

func (s *soaking) befallen(x soak.Strike) []*proxy.Proxy {
	switch x.On {
	case soak.Redis:
		return []*proxy.Proxy{s.toRedis}
	case soak.Kafka:
		return s.toKafka[x.Which%len(s.toKafka):][:1]
	}
	return s.toKafka
}

// kill kills whom the strike says. revive brings all of them back, and says
// since when all could be well.
func (s *soaking) kill(x soak.Strike) (revive func() time.Time) {
	s.t.Helper()
	switch x.Kill {
	case soak.Process:
		return s.killProcesses(x.Which % len(s.processes))
	case soak.Processes:
		return s.killProcesses(slices.Collect(indexes(len(s.processes)))...)
	case soak.Redis:
		must(s.t, s.redis.Kill())
		return func() time.Time { must(s.t, s.redis.Restart()); return time.Now() }
	case soak.Kafka:
		broker := s.kafka.Brokers[x.Which%len(s.kafka.Brokers)]
		s.inSync()
		must(s.t, broker.Kill())
		return func() time.Time { must(s.t, broker.Restart()); return time.Now() }
	}
	return time.Now
}

func indexes(n int) iter.Seq[int] {
	return func(yield func(int) bool) {
		for i := range n {
			if !yield(i) {
				return
			}
		}
	}
}

func (s *soaking) killProcesses(which ...int) (revive func() time.Time) {
	for _, i := range which {
		s.processes[i].kill()
	}
	return func() time.Time {
		began := time.Now()
		for _, i := range which {
			s.processes[i] = s.startProcess()
			s.witnesses[i].asked.Store(s.processes[i])
		}
		return began
	}
}
