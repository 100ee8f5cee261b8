package integration

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"
)

// testRecipients lets eight workers share a segment while half of it opts out,
// and every one of them be cut off now and then. Who stays is read once by each
// pass, and nobody by a request that began when the opt-out was in the answers.
func testRecipients(t *testing.T, c *cluster, p *process) {
	a := tenant{"workers", "UTC", "US", 730, map[string]string{"in": "all contacts where valid phone"}}
	a.create(t, p)
	a.define(t, p, "i")
	const contacts = 1200
	var made, optIns bytes.Buffer
	for i := range contacts {
		contact := fmt.Sprint("c-", i)
		made.WriteString(line("workers/"+contact, contactRecord("workers", contact)))
		optIns.WriteString(line("workers/"+contact, consentRecord("workers", contact, time.Now())))
	}
	c.kcat("contacts", &made, likeJava...)
	c.kcat("sms.opted_in", &optIns, likeJava...)
	c.settled(p)

	w := &workers{p: p, out: map[string]bool{}}
	ctx, stop := context.WithCancel(t.Context())
	var working sync.WaitGroup
	for slice := 1; slice <= 8; slice++ {
		working.Go(func() {
			for last := false; !last; {
				last = ctx.Err() != nil
				w.pass(t, slice)
				time.Sleep(10 * time.Millisecond) // there are other tests
			}
		})
	}
	for i := 1; i < contacts; i += contacts / 3 {
		var leaving []string
		var optOuts bytes.Buffer
		for j := i; j < i+contacts/3; j += 2 {
			leaving = append(leaving, fmt.Sprint("c-", j))
			optOuts.WriteString(line("workers/"+leaving[len(leaving)-1], consentRecord("workers", leaving[len(leaving)-1], time.Now())))
		}
		c.kcat("sms.opted_out", &optOuts, likeJava...)
		c.settled(p)
		w.left(leaving)
	}
	stop()
	working.Wait()
	stayed := 0
	for _, read := range w.stayed {
		stayed += len(read)
	}
	if stayed != contacts/2 {
		t.Errorf("%d of %d who stayed were read", stayed, contacts/2)
	}
	if l, code := readList(t, p, "workers", "in", "recipients"); code != 200 || len(l.contacts) != contacts/2 {
		t.Errorf("in the end there are %d recipients (answered %d)", len(l.contacts), code)
	}
	t.Logf("%d passes, %d requests", w.passes, w.requests)
}

// workers read a list together.
type workers struct {
	p *process

	mu               sync.Mutex
	out              map[string]bool   // who opted out, as answers say
	stayed           [8]map[string]int // of each slice, those who never opt out, by how often they were read
	passes, requests int
}

func (w *workers) left(contacts []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, contact := range contacts {
		w.out[contact] = true
	}
}

// pass reads a slice to its end. What came after the last cursor of a request that
// was cut off is not counted as read.
func (w *workers) pass(t *testing.T, slice int) {
	var all []string
	for cursor, ended, tries := "", false, 0; !ended; tries++ {
		if tries > 1000 {
			t.Errorf("slice %d does not end", slice)
			return
		}
		var done []string
		var err error
		if done, cursor, ended, err = w.request(t, slice, cursor); err != nil {
			t.Error(err)
			return
		}
		all = append(all, done...)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.passes++
	w.count(t, slice, all)
}

// count holds what a pass has read against the passes before.
func (w *workers) count(t *testing.T, slice int, all []string) {
	read := map[string]int{}
	for _, contact := range all {
		if stays(contact) {
			read[contact]++
		}
	}
	if before := w.stayed[slice-1]; before != nil && !maps.Equal(read, before) {
		t.Errorf("slice %d: %d who stayed were read, before that %d", slice, len(read), len(before))
	}
	for _, n := range read {
		if n != 1 {
			t.Errorf("slice %d: who stayed was read %d times", slice, n)
		}
	}
	w.stayed[slice-1] = read
}

// stays tells whether a contact is one of those that don't opt out: the even ones.
func stays(contact string) bool { return strings.ContainsAny(contact[len(contact)-1:], "02468") }

// request reads a part of the slice, from a cursor on.
func (w *workers) request(t *testing.T, slice int, cursor string) (done []string, next string, ended bool, err error) {
	w.mu.Lock()
	w.requests++
	cutAfter, out := 50+w.requests*7%300, maps.Clone(w.out)
	w.mu.Unlock()
	query := url.Values{"slice": {fmt.Sprint(slice, "/8")}, "cursor": {cursor}}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.p.url+"/v1/segments/in/recipients?"+query.Encode(), nil)
	if err != nil {
		return nil, cursor, false, err
	}
	request.Header.Set("Authorization", "Bearer "+operatorToken)
	request.Header.Set("Rollcall-Account", "workers")
	response, err := httpClient.Do(request)
	if err != nil {
		return nil, cursor, false, err
	}
	defer response.Body.Close()
	if response.StatusCode == http.StatusServiceUnavailable {
		time.Sleep(10 * time.Millisecond)
		return nil, cursor, false, nil // not fresh, for a moment
	}
	var pending []string
	for lines := json.NewDecoder(bufio.NewReader(response.Body)); len(done)+len(pending) < cutAfter; {
		var l struct {
			Contact, Cursor string
			End             *struct{}
		}
		if err := lines.Decode(&l); err == io.EOF {
			return done, cursor, false, nil
		} else if err != nil {
			return nil, cursor, false, fmt.Errorf("answered %s: %w", response.Status, err)
		}
		if l.End != nil {
			return done, cursor, true, nil
		}
		if out[l.Contact] {
			return nil, cursor, false, fmt.Errorf("a recipient had opted out before the request")
		}
		if pending = append(pending, l.Contact); l.Cursor != "" {
			done, pending, cursor = append(done, pending...), nil, l.Cursor
		}
	}
	return done, cursor, false, nil
}
