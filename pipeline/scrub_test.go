package pipeline

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"

	"rollcall/consumers"
	"rollcall/pipeline/catalog"
)

// scrub does a round in every partition, has Kafka compact, and tells how many
// records it took to do so.
func (w *world) scrub() (wrote int) {
	w.t.Helper()
	count := func() int { return len(w.written(TopicInbox)) + len(w.deadLetters()) }
	before := count()
	for p := range int32(len(w.tasks)) {
		w.must(newScrubber(&w.config, p, w.watermarks).round(w.t.Context()))
	}
	wrote = count() - before
	for _, topic := range scrubbedTopics {
		w.log.compact(topic)
	}
	return wrote
}

// traces are where rollcall's own topics name something.
func (w *world) traces(of string) (traces []string) {
	w.log.mu.Lock()
	defer w.log.mu.Unlock()
	for tp, records := range w.log.records {
		if !strings.HasPrefix(tp.Topic, "rollcall.") || tp.Topic == TopicSegmentChanges {
			continue
		}
		for _, r := range records {
			all := bytes.Join([][]byte{r.Key, r.Value}, []byte(" "))
			for _, h := range r.Headers() {
				all = append(append(all, ' '), h.Value...)
			}
			if bytes.Contains(all, []byte(of)) {
				traces = append(traces, fmt.Sprintf("%s %q", r.TopicPartition, all))
			}
		}
	}
	return traces
}

func (w *world) expectTraces(of string, want int) {
	w.t.Helper()
	if got := w.traces(of); len(got) != want {
		w.t.Errorf("%d traces of %s, want %d:\n%s", len(got), of, want, strings.Join(got, "\n"))
	}
}

const (
	gone  = "c-1f3a"
	stays = "c-1f3a7" // looks much the same
)

// unreadable are records that name a contact and can't be read.
func unreadable(contact string) []string {
	return []string{
		"\x00\xff" + contact + "\xfe",
		`{"account":"acme","contact":"` + contact,
		`{"account":"acme","contact":"` + contact + `","phone":"2015550123"`,
		`contact=` + contact + `&at=now`,
		`["acme","` + contact + `"]`,
		`{"account":"acme","contact":"` + contact + `"}`,
		`{"account":"acme","contact":"` + contact + `","message":7}`,
		`{"account":"acme","contact":"` + contact + `","message":"m","at":"soon"}`,
		`{"id":"1","subject":"` + contact + `","message":"m"}`,
		`{"contact":["` + contact + `"]}`,
	}
}

// An erased contact's records are taken out of the inbox and of the dead letters,
// whatever they look like; those of others stay.
func TestScrub(t *testing.T) {
	w := newWorld(t, 3)
	w.segment("s", "all contacts where not clicked in last 9 days")
	write := func() {
		for _, contact := range []string{gone, stays} {
			wrong := (w.partitionOf(contact) + 1) % 3
			plain := []byte(`{"account":"acme","contact":"` + contact + `","message":"m","phone":"2015550123","list":"l","kind":"form","member":true}`)
			for _, topic := range sourceTopics[:8] {
				w.write(topic, wrong, "astray", plain)
				w.write(topic, 0, "acme/"+contact, []byte("by its key"))
			}
			for i, value := range unreadable(contact) {
				w.write(TopicSent, int32(i%3), "", []byte(value))
			}
		}
		w.write(TopicSent, 0, "acme/other", []byte(`{"account":"acme","contact":"other","message":["`+gone+`"]}`))
		w.write(TopicSent, 0, "", []byte(`{"account":"nobody","contact":"`+gone+`","message":"m"}`))
		w.settle()
	}
	write()
	per := 8 + 8 + len(unreadable(gone)) // of each contact, in one write
	w.expectTraces(gone, 2*per+2)
	w.now = w.now.Add(time.Minute)
	w.write(TopicContacts, (w.partitionOf(gone)+1)%3, "acme/"+gone, nil) // misplaced, so it is forwarded too
	w.settle()
	w.expectTraces(gone, 2*per+3)
	if n := w.scrub(); n != per+1+2*3 {
		t.Errorf("%d records were written, want one for each that is taken out, and two in each partition", n)
	}
	w.expectTraces(`"`+gone+`"`, 2) // of others
	w.expectTraces(gone, per+2)
	if n := w.scrub(); n != 2*3 {
		t.Errorf("another round wrote %d records", n)
	}
	w.now = w.now.Add(closing)
	if n := w.scrub(); n != 0 {
		t.Errorf("two days later a round wrote %d records", n)
	}
	w.settle()
	w.published()
	w.expectVerified("scrubbed and compacted")
	for range 2 {
		w.expect("s", "")
		w.contact(gone, "2015550123") // it starts anew
		w.expect("s", gone)
		w.write(TopicContacts, w.partitionOf(gone), "acme/"+gone, nil)
		w.now = w.now.Add(time.Minute)
		w.expect("s", "")
		w.loseRedis()
	}
	before := len(w.traces(gone))
	w.now = w.now.AddDate(0, 0, 1)
	write() // newer than the erasure
	w.scrub()
	if n := len(w.traces(gone)) - before; n != 2*per+2 {
		t.Errorf("%d of %d newer records are left", n, 2*per+2)
	}
}

// Numbers and words that happen to be the id of a contact, also of another
// account, do not take the opt-outs of others out.
func TestScrubOthers(t *testing.T) {
	w := newWorld(t, 1)
	w.put(catalog.PutAccount{Account: "beta", Timezone: "UTC", RetentionDays: 730})
	for _, value := range []string{
		`{"account":"later","contact":"17"}`, // whose account is yet to come
		`{"account":"acme","contact":"bob","at":"2026-11-15T17:15:09Z"`,
		`{"type":"inbound","body":"STOP","segments":"17","from":"+12015550123"}`,
		`{"type":"stop","parts":17}`,
	} {
		w.write(TopicOptedOut, 0, "", []byte(value))
	}
	w.settle()
	w.now = w.now.Add(time.Minute)
	for _, contact := range []string{"acme/17", "beta/17", "beta/STOP", "acme/stop"} {
		w.write(TopicContacts, 0, contact, nil)
	}
	w.settle()
	w.scrub()
	if got := w.listed(LetterFilter{}); len(got) != 4 {
		t.Errorf("left are %v", got)
	}
}

// The subject of a CloudEvent is its contact, whatever else is called so in it.
func TestScrubCloudEvents(t *testing.T) {
	w := newWorld(t, 1)
	headers := []consumers.Header{header("ce_specversion", "1.0"), header("ce_type", TopicClicked), header("ce_source", "/x"), header("ce_id", "1"),
		header("ce_subject", "7"), header("ce_account", acme), header("ce_time", "soon")}
	w.write(TopicClicked, 0, "k", []byte(`{"message":"m","contact":"support@acme"}`), headers...)
	w.settle()
	w.now = w.now.Add(time.Minute)
	w.write(TopicContacts, 0, "acme/7", nil)
	w.settle()
	w.scrub()
	if got := w.listed(LetterFilter{}); len(got) != 0 {
		t.Errorf("left are %v", got)
	}
}

// A round that ends before it is remembered leaves it to the next to have Kafka
// compact.
func TestScrubCloses(t *testing.T) {
	w := newWorld(t, 1)
	w.write(TopicSent, 0, "acme/"+gone, []byte("no json"))
	w.write(TopicContacts, 0, "acme/"+gone, nil)
	w.settle()
	config := w.config
	config.Log = &failingLog{Log: w.log, fail: map[string]bool{TopicProgress: true}}
	if err := newScrubber(&config, 0, w.watermarks).round(t.Context()); err == nil {
		t.Fatal("a round that can't be remembered succeeded")
	}
	s := newScrubber(&w.config, 0, w.watermarks)
	w.must(s.round(t.Context()))
	done, _, err := s.recall(t.Context())
	w.must(err)
	if done.Until <= w.now.UnixMilli() {
		t.Errorf("nothing closes the segment: %+v", done)
	}
}

// What is older than an erasure and comes to the inbox or the dead letters only
// after it is taken out by a round that knows of no new erasure.
func TestScrubLate(t *testing.T) {
	w := newWorld(t, 2)
	old := w.now.Add(-time.Hour)
	w.contact(gone, "2015550123")
	w.write(TopicContacts, w.partitionOf(gone), "acme/"+gone, nil)
	w.settle()
	w.scrub()
	w.record(TopicSent, gone, fields{"message": "m", "at": old.Format(time.RFC3339)})
	w.write(TopicSent, 1-w.partitionOf(gone), "astray", []byte(`{"account":"acme","contact":"`+gone+`","message":"m","at":"`+old.Format(time.RFC3339)+`"}`))
	w.now = w.now.Add(-time.Minute) // a partition that is read late
	w.write(TopicSent, 0, "", []byte("\x00"+gone))
	w.now = w.now.Add(time.Minute)
	w.settle()
	w.expectTraces(gone, 2)
	w.scrub()
	w.expectTraces(gone, 0)
}

// A contact's records stay until its exits are told: they may have to be told
// anew from what they were told from.
func TestScrubWaitsForChanges(t *testing.T) {
	w := newWorld(t, 1)
	w.segment("s", "all contacts")
	w.write(TopicContacts, 0, "astray", []byte(`{"account":"acme","contact":"`+gone+`"}`))
	w.settle()
	w.write(TopicContacts, 0, "acme/"+gone, nil)
	w.processAll(w.task(0)) // and nobody publishes
	w.scrub()
	w.expectTraces(gone, 1)
	w.settle()
	w.scrub()
	w.expectTraces(gone, 0)
}

// A round that ends in the middle is done again.
func TestScrubInterrupted(t *testing.T) {
	for _, topic := range []string{TopicInbox, TopicDeadLetters, TopicProgress} {
		w := newWorld(t, 1)
		w.write(TopicSent, 0, "acme/"+gone, []byte("no json"))
		w.write(TopicContacts, 0, "astray", []byte(`{"account":"acme","contact":"`+gone+`"}`))
		w.write(TopicContacts, 0, "acme/"+gone, nil)
		w.settle()
		config := w.config
		config.Log = &failingLog{Log: w.log, fail: map[string]bool{topic: true}}
		if err := newScrubber(&config, 0, w.watermarks).round(t.Context()); err == nil {
			t.Error("a round that can't write succeeded")
		}
		w.scrub()
		w.expectTraces(gone, 0)
	}
}

// An erased contact leaves Redis soon, also where nothing else is written.
func TestErasedLeavesRedis(t *testing.T) {
	for _, publish := range []bool{true, false} {
		w := newWorld(t, 1)
		w.config.Publish = publish
		w.config.Limits = Limits{}
		w.segment("s", "all contacts")
		w.contact(gone, "2015550123")
		w.contact("bob", "2015550123")
		redis := func() string { return w.redis.(*miniredis.Miniredis).Dump() }
		settle := func() {
			for range 50 {
				_, err := w.task(0).step(t.Context(), feed{w.harness, w.task(0)})
				w.must(err)
				if publish {
					w.must(w.task(0).changes.step(t.Context()))
				}
			}
		}
		for _, restart := range []bool{false, true} {
			settle()
			w.write(TopicContacts, 0, "acme/"+gone, nil)
			settle()
			if !strings.Contains(redis(), gone) {
				t.Fatal("it is gone at once: this test shows nothing")
			}
			if restart {
				w.reopen()
				settle()
			}
			w.now = w.now.Add(erasedStay * time.Millisecond)
			settle()
			if strings.Contains(redis(), gone) || !strings.Contains(redis(), "bob") {
				t.Errorf("publishing %t, restarted %t:\n%s", publish, restart, redis())
			}
			w.now = w.now.Add(time.Minute)
			w.contact(gone, "2015550123") // anew
		}
	}
}

// An event that comes with the erasure of another contact of that day is kept.
func TestErasedBesideOthers(t *testing.T) {
	w := newWorld(t, 1)
	w.config.Limits = Limits{}
	w.segment("clicked", "all contacts where clicked")
	w.contact(gone, "2015550123")
	w.contact("bob", "2015550123")
	w.behaviour(TopicClicked, gone, "m", "2026-11-12 10:00")
	w.expect("clicked", gone)
	w.behaviour(TopicClicked, "bob", "m", "2026-11-12 10:00")
	w.write(TopicContacts, 0, "acme/"+gone, nil)
	batch := w.unread(w.task(0))
	slices.SortFunc(batch.Records, func(a, b consumers.Record) int { return strings.Compare(b.Topic, a.Topic) }) // the erasure last
	w.must(w.task(0).Process(t.Context(), batch))
	w.reopen()
	w.expect("clicked", "bob")
	w.expectVerified("after the erasure")
}
