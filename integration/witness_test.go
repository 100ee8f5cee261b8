package integration

import (
	"bytes"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// witness asks the same questions all the time, whatever happens to the
// servers. What it asks about does not change, so each answer is either right
// or none.
type witness struct {
	asked atomic.Pointer[process]
	done  chan struct{}
	wg    sync.WaitGroup

	mu       sync.Mutex
	began    time.Time // of what is counted
	right    int
	notFresh int
	refused  int      // no connection, or cut off
	odd      []string // answers that should not be
}

var witnessed = tenant{"witness", "UTC", "US", 730, map[string]string{"in": "all contacts where opted in"}}

// newWitness defines what it asks about, and begins.
func newWitness(t *testing.T, c *cluster, p *process) *witness {
	t.Helper()
	witnessed.create(t, p)
	witnessed.define(t, p, "i")
	var contacts, optIns, optOuts bytes.Buffer
	for _, who := range []string{"in", "out"} {
		for i := range 20 { // in several partitions
			contact := fmt.Sprintf("%s-%d", who, i)
			key := "witness/" + contact
			contacts.WriteString(line(key, contactRecord("witness", contact)))
			optIns.WriteString(line(key, consentRecord("witness", contact, time.Now().Add(-time.Hour))))
			if who == "out" {
				optOuts.WriteString(line(key, consentRecord("witness", contact, time.Now())))
			}
		}
	}
	c.kcat("contacts", &contacts, likeJava...)
	c.kcat("sms.opted_in", &optIns, likeJava...)
	c.kcat("sms.opted_out", &optOuts)
	c.settled(p)
	w := &witness{done: make(chan struct{}), began: time.Now()}
	w.asked.Store(p)
	w.wg.Go(func() { w.run(t) })
	t.Cleanup(w.stop)
	return w
}

func (w *witness) stop() {
	select {
	case <-w.done:
	default:
		close(w.done)
	}
	w.wg.Wait()
}

func (w *witness) run(t *testing.T) {
	for i := 0; ; i++ {
		select {
		case <-w.done:
			return
		case <-time.After(10 * time.Millisecond):
		}
		in, out := fmt.Sprintf("in-%d", i%20), fmt.Sprintf("out-%d", i%20)
		code, body, err := tryAsk(t, w.asked.Load(), "witness", "POST", "/v1/segments/in/check", map[string]any{"contacts": []string{in, out}})
		w.note(code, string(body), err, in, out)
	}
}

func (w *witness) note(code int, body string, err error, in, out string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	member := func(contact string, is bool) bool {
		return strings.Contains(body, fmt.Sprintf(`"contact":%q,"member":%t`, contact, is))
	}
	switch {
	case err != nil:
		w.refused++
	case code == 200 && member(in, true) && member(out, false):
		w.right++
	case code == 503 && (strings.Contains(body, "/problems/not-fresh") || strings.Contains(body, "/problems/not-composed")):
		w.notFresh++
	case len(w.odd) < 10:
		w.odd = append(w.odd, fmt.Sprintf("%d %s", code, body))
	}
}

// report says what was answered since the last report, and fails the test over
// any answer that was wrong.
func (w *witness) report(t *testing.T, what string) (notFresh int) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	t.Logf("%s, %v: %d answers were right, %d not fresh; %d requests got none", what,
		time.Since(w.began).Round(100*time.Millisecond), w.right, w.notFresh, w.refused)
	for _, odd := range w.odd {
		t.Errorf("%s: a wrong answer: %s", what, odd)
	}
	notFresh = w.notFresh
	w.began, w.right, w.notFresh, w.refused, w.odd = time.Now(), 0, 0, 0, nil
	return notFresh
}
