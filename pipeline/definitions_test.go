package pipeline

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/alicebob/miniredis/v2"

	"rollcall/consumers"
	"rollcall/pipeline/catalog"
)

// fragments are the names of an account's fragments in Redis that begin with prefix.
func (w *world) fragments(account, prefix string) (names []string) {
	w.t.Helper()
	server := w.redis.(*miniredis.Miniredis)
	for p := range w.tasks {
		fields, _ := server.HKeys(fmt.Sprintf("rollcall:{p%d}:a:%s", p, account)) // none of an account that is not there
		for _, field := range fields {
			if strings.HasPrefix(field, prefix) {
				names = append(names, field)
			}
		}
	}
	return names
}

// flushAll has every commit fold all of the changelog into fragments.
func (w *world) flushAll() { w.config.Limits = Limits{Changelog: 1, Flush: 1 << 20} }

// A new segment has the history of before, and an edited one forgets its old
// definition; both are right as soon as they are composed.
func TestDefinitionsAreRightAtOnce(t *testing.T) {
	w := newWorld(t, 3)
	people(w)
	w.settle()
	w.segment("s", "all contacts where replied on at least 2 days since 2026-11-10")
	w.expect("s", "cat")
	w.segment("s", `list "spring-sale"`)
	w.expect("s", "ann")
	w.segment("s", `all contacts where not clicked message "m-1" in last 40 days`)
	w.expect("s", "bob cat eve")
	w.segment("s", "all contacts")
	w.expect("s", "ann bob cat dan eve")
	w.reopen()
	w.expect("s", "ann bob cat dan eve")
	for _, c := range w.published() {
		if c.Cause != "definition" {
			t.Errorf("%+v", c)
		}
	}
}

// Contacts may be there before any segment is. What is said of them afterwards
// takes them out of segments, too, that were composed for all of them at once.
func TestContactsFromBeforeTheirSegments(t *testing.T) {
	for _, apart := range []int{1, 200} {
		w := newWorld(t, 1)
		w.config.Limits.Apart = apart
		w.contact("ann", "2015550123")
		w.contact("bob", "")
		w.settle()
		w.segment("unknown", "all contacts where not opted in and not opted out")
		w.segment("everybody", "all contacts")
		w.expect("unknown", "ann bob")
		w.consent(TopicOptedIn, "ann", "2026-11-15 11:00")
		w.expect("unknown", "bob")
		w.expect("everybody", "ann bob")
	}
}

// Until every partition has composed it, a segment has no size and no members.
func TestNoPartialAnswers(t *testing.T) {
	w := newWorld(t, 3)
	people(w)
	w.settle()
	w.segment("s", "all contacts")
	for p := range w.tasks {
		w.follow()
		if size := w.view.Size(acme, "s"); size.Ready || size.Members != 0 || size.Composed != p || size.Partitions != 3 {
			t.Errorf("%d of 3 partitions have composed it: %+v", p, size)
		}
		if _, _, err := w.view.Check(t.Context(), acme, "s", []string{"ann"}); err != ErrNotComposed {
			t.Errorf("%d of 3 partitions have composed it: check says %v", p, err)
		}
		for worked := true; worked; {
			var err error
			worked, err = w.task(int32(p)).Compose(t.Context())
			w.must(err)
		}
	}
	w.expect("s", "ann bob cat dan eve")
}

// What a parent gains and loses, its subsegments do.
func TestParentsReachTheirSubsegments(t *testing.T) {
	w := newWorld(t, 3)
	people(w)
	w.segment("a", "all contacts where valid phone")
	w.segment("b", `segment "a" where not opted out`)
	w.segment("c", `segment "b" where clicked`)
	w.segment("d", `all contacts where not in segment "c"`)
	expect := func(a, b, c, d string) {
		t.Helper()
		for id, members := range map[string]string{"a": a, "b": b, "c": c, "d": d} {
			w.expect(id, members)
		}
	}
	expect("ann bob dan", "ann dan", "ann dan", "bob cat eve")
	w.segment("a", "all contacts where phone in US")
	expect("ann", "ann", "ann", "bob cat dan eve")
	w.segment("a", "all contacts")
	expect("ann bob cat dan eve", "ann cat dan", "ann dan", "bob cat eve")
	w.consent(TopicOptedOut, "dan", "2026-11-15 12:00") // an event of a parent's condition alone
	expect("ann bob cat dan eve", "ann cat", "ann", "bob cat dan eve")
	w.segment("b", `all contacts where opted out`)
	expect("ann bob cat dan eve", "bob dan eve", "dan", "ann bob cat eve")
}

// A deleted segment leaves nothing in Redis, and its id begins anew.
func TestDeletedSegment(t *testing.T) {
	w := newWorld(t, 3)
	w.flushAll()
	people(w)
	w.segment("gone", "all contacts")
	w.segment("kept", "all contacts where valid phone")
	w.expect("gone", "ann bob cat dan eve")
	w.record(TopicSent, "ann", fields{"message": "m-1"}) // another commit
	w.settle()
	if len(w.fragments(acme, "s:gone:")) == 0 || len(w.fragments(acme, "s:kept:")) == 0 {
		t.Fatalf("nothing is flushed: %v", w.fragments(acme, ""))
	}
	w.put(catalog.DeleteSegment{Account: acme, ID: "gone"})
	w.settle()
	w.follow()
	if left := w.fragments(acme, "s:gone:"); len(left) > 0 {
		t.Errorf("left are %v", left)
	}
	w.expect("kept", "ann bob dan")
	if _, _, err := w.view.Check(t.Context(), acme, "gone", []string{"ann"}); err != ErrNotComposed {
		t.Errorf("a deleted segment answers, %v", err)
	}
	w.segment("gone", "all contacts where opted in")
	w.expect("gone", "ann")
	if size := w.view.Size(acme, "gone"); size.Entered != 1 || size.Exited != 0 {
		t.Errorf("a segment with the id of a deleted one begins with %+v", size)
	}
	w.reopen()
	w.expect("gone", "ann")
	w.expect("kept", "ann bob dan")
}

// A deleted account leaves nothing in Redis, and its records become dead letters.
func TestDeletedAccount(t *testing.T) {
	w := newWorld(t, 3)
	w.flushAll()
	w.put(catalog.PutAccount{Account: "globex", Timezone: "UTC", RetentionDays: 30})
	people(w)
	w.record(TopicContacts, "ann", fields{"account": "globex"}) // keyed for acme: forwarded
	w.segment("kept", "all contacts")
	w.settle()
	if len(w.fragments("globex", "")) == 0 {
		t.Fatal("nothing is flushed")
	}
	w.put(catalog.DeleteAccount{Account: acme})
	w.settle()
	if left := w.fragments(acme, ""); len(left) > 0 {
		t.Errorf("left are %v", left)
	}
	for p := range w.tasks {
		accounts, err := w.store.Accounts(t.Context(), int32(p))
		w.must(err)
		if slices.Contains(accounts, acme) {
			t.Errorf("partition %d still lists it", p)
		}
	}
	w.contact("ann", "2015550123")
	w.settle()
	if n := len(w.deadLetters()); n != 1 {
		t.Errorf("%d dead letters", n)
	}
	if len(w.fragments("globex", "")) == 0 {
		t.Error("the other account is gone too")
	}
}

// deadLetters are all records of the dead-letter topic.
func (w *world) deadLetters() (records []consumers.Record) { return w.written(TopicDeadLetters) }

// written are all records of a topic, by partition.
func (w *world) written(topic string) (records []consumers.Record) {
	for p := range w.tasks {
		records = append(records, w.log.of(consumers.TopicPartition{Topic: topic, Partition: int32(p)})...)
	}
	return records
}

// A tiny account costs one key in every partition that has a contact of it,
// whatever happens and however long.
func TestTinyAccountsAreOneKey(t *testing.T) {
	w := newWorld(t, 4)
	w.flushAll()
	define(w)
	begin := w.now
	for day := range 10 {
		w.now = begin.AddDate(0, 0, day)
		clock := w.now.Format("2006-01-02 15:04")
		for _, c := range []string{"ann", "bob", "cat"} {
			w.contact(c, fmt.Sprintf("20155501%02d", day))
			w.consent([]string{TopicOptedIn, TopicOptedOut}[day%2], c, clock)
			for _, topic := range []string{TopicSent, TopicClicked, TopicFailed, TopicReplied} {
				w.behaviour(topic, c, fmt.Sprint("m-", day), clock)
			}
			for _, kind := range []string{"marketing", "form", "webinar"} {
				w.list(kind, fmt.Sprint("list-", day), c, day%3 > 0)
			}
		}
		w.settle()
	}
	w.now = w.now.AddDate(0, 0, 1)
	w.write(TopicContacts, w.partitionOf("cat"), acme+"/cat", nil)
	w.settle()
	want := map[string]bool{}
	for p := range w.tasks {
		for _, suffix := range []string{"", ":log"} { // a partition's own
			want[fmt.Sprintf("rollcall:{p%d}%s", p, suffix)] = true
		}
	}
	for _, c := range []string{"ann", "bob", "cat"} {
		for _, suffix := range []string{":accounts", ":a:" + acme} {
			want[fmt.Sprintf("rollcall:{p%d}%s", w.partitionOf(c), suffix)] = true
		}
	}
	if got := w.redis.(*miniredis.Miniredis).Keys(); !slices.Equal(got, slices.Sorted(maps.Keys(want))) {
		t.Errorf("keys %v", got)
	}
}
