package pipeline

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"testing"

	"rollcall/consumers"
)

// headersOf are a record's headers by name.
func headersOf(r *consumers.Record) map[string]string {
	m := map[string]string{}
	for _, h := range r.Headers() {
		m[h.Key] = string(h.Value)
	}
	return m
}

// A topic may have more partitions than the topic of dead letters.
func TestDeadLetterOfAWiderTopic(t *testing.T) {
	w := newWorld(t, 3)
	w.write(TopicSent, 5, "key", []byte("garbage"))
	w.settle()
	letters := w.deadLetters()
	if len(letters) != 1 || letters[0].Partition != 2 || headersOf(&letters[0])["rollcall-error-partition"] != "5" {
		t.Errorf("dead letters: %+v", letters)
	}
}

// A dead letter has the record's bytes and headers, and says where it stood and why.
func TestDeadLetter(t *testing.T) {
	w := newWorld(t, 3)
	own := consumers.Header{Key: "trace", Value: []byte("\x00\xff")}
	for offset, value := range [][]byte{[]byte("{\"a\":\xff\x00"), nil, {}} {
		w.write(TopicSent, 2, "key\xff", value, own)
		w.settle()
		letters := w.deadLetters()
		if len(letters) != offset+1 {
			t.Fatalf("%d dead letters of %d records", len(letters), offset+1)
		}
		got := letters[offset]
		if string(got.Key) != fmt.Sprint("sms.sent/2/", offset) || string(got.Value) != string(value) || got.Value == nil || got.Partition != 2 {
			t.Errorf("%q became %q: %q in partition %d", value, got.Key, got.Value, got.Partition)
		}
		want := map[string]string{
			"trace": "\x00\xff", "rollcall-error-code": "not-json", "rollcall-error-topic": TopicSent, "rollcall-error-partition": "2",
			"rollcall-error-offset": strconv.Itoa(offset), "rollcall-error-time": strconv.FormatInt(w.now.UnixMilli(), 10),
			"rollcall-error-key": "key\xff",

			"__connect.errors.topic": TopicSent, "__connect.errors.partition": "2", "__connect.errors.offset": strconv.Itoa(offset),
			"__connect.errors.connector.name": "rollcall", "__connect.errors.task.id": "2", "__connect.errors.stage": "VALUE_CONVERTER",
			"__connect.errors.class.name": "rollcall/pipeline.Task", "__connect.errors.exception.class.name": "rollcall/pipeline.Code",
			"__connect.errors.exception.message": "not-json: not one JSON object, or not UTF-8",
		}
		if value == nil {
			want["rollcall-error-null"] = "true"
		}
		if headers := headersOf(&got); !maps.Equal(headers, want) {
			t.Errorf("headers %v", headers)
		}
	}
}

// A record that is forwarded, even by way of a wrong inbox, says where it first
// stood, and is applied once, as of then.
func TestForwardedTwice(t *testing.T) {
	w := newWorld(t, 3)
	w.segment("s", `all contacts where clicked exactly 1 time`)
	w.contact("ann", "2015550123")
	w.settle()
	owner := w.partitionOf("ann")
	wrong := (owner + 1) % 3
	at := w.now.UnixMilli()
	value := []byte(`{"account":"acme","contact":"ann","message":"m-1"}`) // no id: where it stood tells it from others
	w.write(TopicClicked, wrong, "CRC32 put me here", value)
	w.now = w.now.AddDate(0, 0, 1) // forwarded a day later
	w.settle()
	want := map[string]string{
		"rollcall-topic": TopicClicked, "rollcall-partition": strconv.Itoa(int(wrong)), "rollcall-offset": "0",
		"rollcall-time": strconv.FormatInt(at, 10), "rollcall-key": "acme/ann",
	}
	keys := map[string]bool{}
	checkInbox := func(n int) consumers.Record {
		t.Helper()
		inbox := w.log.of(consumers.TopicPartition{Topic: TopicInbox, Partition: owner})
		if len(inbox) != n {
			t.Fatalf("%d records in the inbox, want %d", len(inbox), n)
		}
		last := inbox[n-1]
		if string(last.Value) != string(value) || !maps.Equal(headersOf(&last), want) {
			t.Errorf("forwarded: %q with %v", last.Value, headersOf(&last))
		}
		if keys[string(last.Key)] = true; len(keys) != n || bytes.Contains(last.Key, []byte("ann")) {
			t.Errorf("keys %v of %d forwarded records: compaction would take one for another", keys, n)
		}
		return last
	}
	first := checkInbox(1)
	w.expect("s", "ann")
	other := 3 - owner - wrong
	w.write(TopicInbox, other, "astray", first.Value, append(first.Headers(), consumers.Header{Key: headerKey, Value: []byte("astray")})...)
	w.settle()
	checkInbox(2)
	w.expect("s", "ann") // it was a repeat
	if days := w.task(owner).state.accounts[acme].pieces[0].days[1]; len(days) != 1 || days[w.day("2026-11-15 12:00")] == nil {
		t.Errorf("clicks on days %v", days)
	}
	w.loseRedis()
	w.settle()
	checkInbox(2)
	w.expect("s", "ann")
}

// failingLog fails writes to some topics.
type failingLog struct {
	Log
	fail map[string]bool
}

var errBroker = errors.New("the broker is gone")

func (l *failingLog) Write(ctx context.Context, messages []consumers.Message) ([]int64, error) {
	for _, m := range messages {
		if l.fail[m.Topic] {
			return nil, errBroker
		}
	}
	return l.Log.Write(ctx, messages)
}

// A task that can't write a dead letter, or its progress, commits nothing. What
// was sent before it crashed may be sent twice, but is never lost.
func TestNothingIsLostBetweenSendAndCommit(t *testing.T) {
	for failing, letters := range map[string]int{TopicDeadLetters: 1, TopicProgress: 2} {
		t.Run(failing, func(t *testing.T) {
			w := newWorld(t, 1)
			log := &failingLog{Log: w.log}
			w.config.Log = log
			w.segment("s", "all contacts")
			w.settle()
			before := w.task(0).Offsets()
			w.contact("ann", "2015550123")
			w.write(TopicSent, 0, "acme/ann", []byte("no json"))
			log.fail = map[string]bool{failing: true}
			if err := w.task(0).Process(t.Context(), w.unread(w.task(0))); !errors.Is(err, errBroker) {
				t.Fatalf("the batch ended with %v", err)
			}
			log.fail = nil
			w.reopen()
			if after := w.task(0).Offsets(); !maps.Equal(after, before) {
				t.Errorf("committed up to %v", after)
			}
			w.expect("s", "ann")
			if n := len(w.deadLetters()); n != letters {
				t.Errorf("%d dead letters, want %d", n, letters)
			}
			if n := w.task(0).Reasons()[string(NotJSON)]; n != 1 {
				t.Errorf("%d dead letters are counted", n)
			}
		})
	}
}

// A task that crashes after it sent, and before its commit, sends nothing again:
// Kafka remembers how far it was.
func TestCrashBetweenSendAndCommit(t *testing.T) {
	w := newWorld(t, 3)
	w.segment("s", "all contacts")
	w.contact("ann", "2015550123")
	w.write(TopicSent, w.partitionOf("ann"), "acme/ann", []byte("no json"))
	w.write(TopicContacts, (w.partitionOf("bob")+1)%3, "astray", []byte(`{"account":"acme","contact":"bob"}`))
	for p := range int32(3) {
		task := w.task(p)
		task.begin()
		for _, r := range w.unread(task).Records {
			w.must(task.take(t.Context(), &r))
		}
		w.must(task.out.send(t.Context(), w.log, p))
		w.kill(p)
	}
	if len(w.deadLetters()) != 1 || len(w.written(TopicInbox)) != 1 {
		t.Fatalf("sent were %d dead letters, %d to the inbox", len(w.deadLetters()), len(w.written(TopicInbox)))
	}
	w.expect("s", "ann bob")
	if len(w.deadLetters()) != 1 || len(w.written(TopicInbox)) != 1 {
		t.Errorf("after the crash %d dead letters, %d to the inbox", len(w.deadLetters()), len(w.written(TopicInbox)))
	}
}

// A state that is folded anew from an empty Redis writes nothing to Kafka again.
func TestRefoldWritesNothing(t *testing.T) {
	w := newWorld(t, 3)
	define(w)
	people(w)
	w.write(TopicSent, 0, "key", []byte("no json"))
	w.write(TopicContacts, (w.partitionOf("bob")+1)%3, "astray", []byte(`{"account":"acme","contact":"bob","phone":"+447400123456"}`))
	w.settle()
	w.now = w.now.Add(1e9)
	w.write(TopicContacts, w.partitionOf("ann"), acme+"/ann", nil) // erased
	w.settle()
	count := func() map[string]int {
		w.published()
		counts := map[string]int{}
		for _, topic := range []string{TopicDeadLetters, TopicInbox, TopicErasures, TopicSegmentChanges} {
			counts[topic] = len(w.written(topic))
		}
		return counts
	}
	before := count()
	for topic, n := range before {
		if n == 0 {
			t.Errorf("nothing is in %s", topic)
		}
	}
	for range 2 {
		w.loseRedis()
		w.settle()
		if after := count(); !maps.Equal(after, before) {
			t.Errorf("written were %v, after Redis was lost %v", before, after)
		}
	}
}

// Changes that nobody publishes stay in the changelog, whatever is flushed
// meanwhile, and are told when somebody does.
func TestUnpublishedChangesAreKept(t *testing.T) {
	w := newWorld(t, 1)
	w.flushAll()
	w.segment("s", "all contacts")
	log := &failingLog{Log: w.log, fail: map[string]bool{TopicSegmentChanges: true}}
	w.config.Log = log
	w.settle()
	want := map[string]bool{}
	for _, contact := range []string{"ann", "bob", "cat", "dan"} {
		w.contact(contact, "2015550123")
		w.processAll(w.task(0))
		want[contact] = true
	}
	w.reopen() // nobody was told
	if n := len(w.written(TopicSegmentChanges)); n != 0 {
		t.Fatalf("%d changes were published", n)
	}
	w.config.Log = w.log
	w.settle()
	got := map[string]bool{}
	for _, c := range w.published() {
		if got[c.Contact] || c.Change != "entered" || c.Segment != "s" || c.Cause != "event" {
			t.Errorf("%+v", c)
		}
		got[c.Contact] = true
	}
	if !maps.Equal(got, want) {
		t.Errorf("told of %v", got)
	}
	entries, err := w.store.Changelog(t.Context(), 0, 0, 100, 0)
	w.must(err)
	w.contact("eve", "2015550123")
	w.settle()
	w.published()
	w.contact("fay", "2015550123")
	w.settle()
	after, err := w.store.Changelog(t.Context(), 0, 0, 100, 0)
	w.must(err)
	if after[0].Seq <= entries[0].Seq {
		t.Errorf("published changes are kept on: the changelog begins at %d, then %d", entries[0].Seq, after[0].Seq)
	}
}
