package pipeline

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"rollcall/consumers"
	"rollcall/pipeline/catalog"
	"rollcall/pipeline/segment"
)

// acme is the account of tests that write their records by hand. Its days are
// New York's.
const acme = "acme"

// world is a harness with an account, in which a test says what happens.
type world struct {
	*harness
	events int // numbered so far
}

// newWorld begins at noon of 2026-11-15 in New York. It runs the scripts.
func newWorld(t *testing.T, partitions int32) *world {
	w := &world{harness: newHarness(t, partitions, realScripts)}
	w.now = w.local("2026-11-15 12:00")
	w.put(catalog.PutAccount{Account: acme, Timezone: "America/New_York", RetentionDays: 730, DefaultRegion: "US"})
	return w
}

// local is a moment on New York's clocks.
func (w *world) local(clock string) time.Time {
	w.t.Helper()
	zone, err := time.LoadLocation("America/New_York")
	w.must(err)
	at, err := time.ParseInLocation("2006-01-02 15:04", clock, zone)
	w.must(err)
	return at
}

// segment puts a definition.
func (w *world) segment(id, text string) {
	w.t.Helper()
	def, err := segment.Parse(text)
	w.must(err)
	w.put(catalog.PutSegment{Account: acme, ID: id, Name: id, Definition: def})
}

// fields are those of a record, beside account and contact.
type fields map[string]any

// record writes a record where a producer would.
func (w *world) record(topic, contact string, f fields) {
	w.t.Helper()
	value := map[string]any{"account": acme, "contact": contact}
	for name, v := range f {
		value[name] = v
	}
	data, err := json.Marshal(value)
	w.must(err)
	w.write(topic, consumers.Partition([]byte(acme+"/"+contact), len(w.tasks)), acme+"/"+contact, data)
}

// write writes any bytes, at the moment that it is now.
func (w *world) write(topic string, partition int32, key string, value []byte, headers ...consumers.Header) {
	w.t.Helper()
	w.log.mu.Lock()
	w.log.now = w.now.UnixMilli()
	w.log.mu.Unlock()
	_, err := w.log.Write(w.t.Context(), []consumers.Message{
		{Topic: topic, Partition: partition, Key: []byte(key), Value: value, Headers: headers},
	})
	w.must(err)
}

func (w *world) contact(contact, phone string) {
	w.t.Helper()
	w.record(TopicContacts, contact, fields{"phone": phone})
}

// behaviour is an event with an id of its own; clock is New York's.
func (w *world) behaviour(topic, contact, message, clock string) {
	w.t.Helper()
	w.events++
	w.record(topic, contact, fields{"id": fmt.Sprint("e", w.events), "message": message, "at": w.local(clock).Format(time.RFC3339)})
}

func (w *world) consent(topic, contact, clock string) {
	w.t.Helper()
	w.record(topic, contact, fields{"at": w.local(clock).Format(time.RFC3339)})
}

func (w *world) list(kind, list, contact string, member bool) {
	w.t.Helper()
	w.record(TopicLists, contact, fields{"kind": kind, "list": list, "member": member})
}

// expect settles, and holds a segment's members, its size and the view's answer
// against names separated by spaces.
func (w *world) expect(id, members string) {
	w.t.Helper()
	w.settle()
	w.follow()
	want := strings.Fields(members)
	slices.Sort(want)
	if got := w.members(acme, id); !slices.Equal(got, want) {
		w.t.Errorf("%s has %v, want %v", id, got, want)
	}
	if got := w.streamed(acme, id); !slices.Equal(got, want) {
		w.t.Errorf("the view says that %s has %v, want %v", id, got, want)
	}
	size := w.view.Size(acme, id)
	if !size.Ready || size.Members != int64(len(want)) || size.Entered-size.Exited != size.Members {
		w.t.Errorf("the size of %s is %+v, want %d", id, size, len(want))
	}
}

// reopen lets go of everything in memory, as a restart does.
func (w *world) reopen() {
	for p := range w.tasks {
		w.kill(int32(p))
	}
}

func (w *world) partitionOf(contact string) int32 {
	return consumers.Partition([]byte(acme+"/"+contact), len(w.tasks))
}

// published waits for the publishers, and returns every change that was told.
func (w *world) published() (changes []Change) {
	w.t.Helper()
	for p := range w.tasks {
		task := w.task(int32(p))
		w.must(task.changes.step(w.t.Context()))
		for _, r := range w.log.of(consumers.TopicPartition{Topic: TopicSegmentChanges, Partition: int32(p)}) {
			var c Change
			w.must(json.Unmarshal(r.Value, &c))
			changes = append(changes, c)
		}
	}
	return changes
}

// day is the account's day of a moment on New York's clocks.
func (w *world) day(clock string) segment.Date { return segment.DateOf(w.local(clock)) }
