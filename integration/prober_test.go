package integration

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"rollcall/api"
	"rollcall/consumers"
)

// prober writes opt-ins and opt-outs of its own contacts, one record at a time,
// and asks all along who is a member, to see how long it takes from the moment
// before a record is written until the answer has changed.
type prober struct {
	t        *testing.T
	asked    atomic.Pointer[process]
	producer *consumers.Producer
	done     chan struct{}
	wg       sync.WaitGroup

	mu       sync.Mutex
	awaited  map[int]awaitedProbe // by contact
	measured []time.Duration
	late     int // probes that were not made, as one of the contact was not seen yet
}

// awaitedProbe is a record whose effect is awaited.
type awaitedProbe struct {
	written time.Time
	in      bool
}

const (
	probeRate     = 1000 // records a second
	probeContacts = 20_000
	probeFlight   = 128 // records that are being written
)

var proberTenant = tenant{"prober", "UTC", "US", 730, map[string]string{"in": "all contacts where opted in"}}

func newProber(t *testing.T, c *cluster, p *process) *prober {
	t.Helper()
	proberTenant.create(t, p)
	proberTenant.define(t, p, "i")
	var contacts bytes.Buffer
	for i := range probeContacts {
		contacts.WriteString(line(probeKey(i), contactRecord("prober", probeContact(i))))
	}
	c.kcat("contacts", &contacts, likeJava...)
	c.settled(p)
	b := &prober{t: t, producer: c.client.Producer(consumers.ProducerConfig{Concurrency: probeFlight}), done: make(chan struct{}), awaited: map[int]awaitedProbe{}}
	b.asked.Store(p)
	b.wg.Go(b.write)
	b.wg.Go(b.look)
	t.Cleanup(b.stop)
	return b
}

func probeContact(i int) string { return fmt.Sprintf("probe-%d", i) }
func probeKey(i int) string     { return "prober/" + probeContact(i) }

func (b *prober) stop() {
	select {
	case <-b.done:
	default:
		close(b.done)
	}
	b.wg.Wait()
}

// write takes the contacts in turn, in one round in and in the next out.
func (b *prober) write() {
	flight := make(chan struct{}, probeFlight)
	began := time.Now()
	var wg sync.WaitGroup
	defer wg.Wait()
	for i := 0; ; i++ {
		select {
		case <-b.done:
			return
		case <-time.After(time.Until(began.Add(time.Duration(i) * time.Second / probeRate))):
		}
		contact, in := i%probeContacts, i/probeContacts%2 == 0
		if !b.await(contact, in) {
			continue
		}
		flight <- struct{}{}
		wg.Go(func() {
			defer func() { <-flight }()
			topic := map[bool]string{true: "sms.opted_in", false: "sms.opted_out"}[in]
			_, err := b.producer.Write(b.t.Context(), []consumers.Message{{
				Topic: topic, Partition: -1, Key: []byte(probeKey(contact)), Value: []byte(consentRecord("prober", probeContact(contact), time.Now())),
			}})
			if err != nil {
				b.t.Errorf("probe: %v", err)
			}
		})
	}
}

func (b *prober) await(contact int, in bool) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, busy := b.awaited[contact]; busy {
		b.late++
		return false
	}
	b.awaited[contact] = awaitedProbe{time.Now(), in}
	return true
}

// look asks about all that is awaited, again and again.
func (b *prober) look() {
	for {
		select {
		case <-b.done:
			return
		case <-time.After(2 * time.Millisecond):
		}
		b.mu.Lock()
		var contacts []string
		for contact := range b.awaited {
			if contacts = append(contacts, probeContact(contact)); len(contacts) == 5000 {
				break
			}
		}
		b.mu.Unlock()
		if len(contacts) == 0 {
			continue
		}
		code, body, err := tryAsk(b.t, b.asked.Load(), "prober", "POST", "/v1/segments/in/check?stale=allow", map[string]any{"contacts": contacts})
		var answer struct{ Results []api.Membership }
		if err != nil || code != 200 || json.Unmarshal(body, &answer) != nil {
			continue // it is being started again
		}
		b.saw(answer.Results, time.Now())
	}
}

func (b *prober) saw(members []api.Membership, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, m := range members {
		var contact int
		if _, err := fmt.Sscanf(m.Contact, "probe-%d", &contact); err != nil {
			b.t.Error(err)
		}
		if p := b.awaited[contact]; p.in == m.Member {
			b.measured = append(b.measured, now.Sub(p.written))
			delete(b.awaited, contact)
		}
	}
}

// latencies are those measured since they were asked for last.
type latencies struct {
	n             int
	p50, p99, max time.Duration
}

func (l latencies) String() string {
	return fmt.Sprintf("%d records, p50 %v, p99 %v, at most %v", l.n, l.p50, l.p99, l.max)
}

func (b *prober) latencies() latencies {
	b.mu.Lock()
	defer b.mu.Unlock()
	all := b.measured
	b.measured = nil
	if len(all) == 0 {
		return latencies{}
	}
	slices.Sort(all)
	at := func(share float64) time.Duration {
		return all[int(share*float64(len(all)-1))].Round(10 * time.Microsecond)
	}
	return latencies{len(all), at(0.5), at(0.99), at(1)}
}
