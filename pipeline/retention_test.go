package pipeline

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"rollcall/bitmaps"
	"rollcall/consumers"
	"rollcall/pipeline/catalog"
	"rollcall/pipeline/naive"
	"rollcall/pipeline/segment"
)

// keeper is an account with few kept days and a segment of each kind of
// condition and frequency, over every period that reaches to the oldest of them.
func keeper(t *testing.T, id, zone string, retention int) naive.Account {
	t.Helper()
	a := naive.Account{ID: id, Timezone: zone, RetentionDays: retention, DefaultRegion: "US", Segments: map[string]segment.Definition{}}
	often := []string{`clicked %s`, `not clicked %s`, `clicked at least 2 times %s`, `clicked at most 1 times %s`,
		`clicked exactly 2 times %s`, `clicked on at least 2 days %s`, `clicked message "m-1" %s`,
		`clicked any of messages "m-1", "m-2" at least 3 times %s`, `clicked all of messages "m-1", "m-2" %s`,
		`clicked none of messages "m-1", "m-2" %s`, `clicked message "m-1" on at least 2 days %s`,
		`sent ever and not clicked %s`, `failed %[1]s or replied exactly 1 times %[1]s`}
	periods := []string{"ever", fmt.Sprintf("in last %d days", retention), fmt.Sprintf("between 1 and %d days ago", retention),
		"before 2026-11-14", "since 2026-11-12", "between 2026-11-11 and 2026-11-14", "on 2026-11-13"}
	for i, what := range often {
		for j, period := range periods {
			def, err := segment.Parse("all contacts where " + fmt.Sprintf(what, period))
			if err != nil {
				t.Fatal(err)
			}
			a.Segments[fmt.Sprintf("s%d-%d", i, j)] = def
		}
	}
	return a
}

// writeDays writes, for each of the days before now, events of a few contacts.
func (w *world) writeDays(a naive.Account, days int) {
	w.t.Helper()
	zone, err := time.LoadLocation(a.Timezone)
	w.must(err)
	today := w.now.In(zone)
	for c := range 5 {
		w.recordOf(a.ID, TopicContacts, fmt.Sprint("c", c), fields{"phone": "2015550123"})
	}
	for ago := range days {
		for c := range 5 {
			for n := range (ago + c) % 4 { // of some of the contacts none, of others several
				topic := []string{TopicClicked, TopicSent, TopicClicked, TopicFailed, TopicReplied}[(ago+c+n)%5]
				at := time.Date(today.Year(), today.Month(), today.Day()-ago, 0, 0, 0, 0, zone).Add(time.Duration(n) * time.Hour)
				w.recordOf(a.ID, topic, fmt.Sprint("c", c), fields{"id": fmt.Sprint(ago, "-", n), "message": fmt.Sprint("m-", (c+n)%3), "at": at.Format(time.RFC3339)})
			}
		}
	}
}

// recordOf writes a record of any account where a producer would.
func (w *world) recordOf(account, topic, contact string, f fields) {
	w.t.Helper()
	f["account"], f["contact"] = account, contact
	key := account + "/" + contact
	value, err := json.Marshal(f)
	w.must(err)
	w.write(topic, consumers.Partition([]byte(key), len(w.tasks)), key, value)
}

// said are the world's records, for the naive way.
func (w *world) said(accounts []naive.Account) naive.World {
	said := naive.World{Partitions: w.partitions, Accounts: accounts}
	for _, topic := range sourceTopics[:8] {
		for _, r := range w.written(topic) {
			said.Records = append(said.Records, plainRecord(&r))
		}
	}
	return said
}

// From day to day, what is older than the kept days has never been: members,
// sizes, previews and changes are the naive way's, in memory and after a restart.
// What is told of such a day again counts as little, and leaves no trace.
func TestDaysLeave(t *testing.T) {
	w := newWorld(t, 2)
	w.config.Limits = Limits{Changelog: 500, Flush: 200}
	accounts := []naive.Account{keeper(t, "two", "UTC", 2), keeper(t, "three", "Pacific/Kiritimati", 3), keeper(t, "five", "America/New_York", 5)}
	for _, a := range accounts {
		w.account(a)
		w.writeDays(a, 8)
	}
	for hours := 0; hours <= 8*24; hours += 12 {
		w.now = w.now.Add(12 * time.Hour)
		w.settle()
		w.follow()
		w.compare(accounts, naive.Fold(w.said(accounts), w.now), w.process)
		w.expectVerified(fmt.Sprint("after ", hours, " hours"))
		switch hours / 12 {
		case 5: // all of it again
			for _, a := range accounts {
				w.writeDays(a, 8)
			}
		case 8:
			w.reopen()
		}
		if t.Failed() {
			t.FailNow()
		}
	}
	for _, a := range accounts {
		for _, f := range append(w.fragments(a.ID, "d:"), w.fragments(a.ID, "e:")...) {
			t.Errorf("%s is left of %s", f, a.ID)
		}
	}
}

// keeping is a world of one partition with an account that keeps 3 days, and
// whose fragments are written at once.
func keeping(t *testing.T, contacts ...string) *world {
	w := newWorld(t, 1)
	w.config.Limits = Limits{Changelog: 1, Flush: 1 << 20}
	w.put(catalog.PutAccount{Account: "keeps", Timezone: "America/New_York", RetentionDays: 3, DefaultRegion: "US"})
	for _, c := range contacts {
		w.recordOf("keeps", TopicContacts, c, fields{"phone": "2015550123"})
	}
	return w
}

func (w *world) clickOf(contact, message, clock string) {
	w.t.Helper()
	w.recordOf("keeps", TopicClicked, contact, fields{"id": contact + clock, "message": message, "at": w.local(clock).Format(time.RFC3339)})
}

// A record of a day that has left is applied and has no effect, however often:
// neither its contact nor its message is remembered.
func TestRecordsOfDaysThatLeft(t *testing.T) {
	w := keeping(t, "ann")
	w.clickOf("ann", "m-1", "2026-11-12 00:00")
	w.settle()
	w.now = w.local("2026-11-16 00:00")
	w.settle()
	before := w.task(0).Outcomes()
	w.clickOf("ann", "m-1", "2026-11-12 00:00")
	w.clickOf("bob", "m-2", "2026-11-12 23:59")
	w.clickOf("bob", "m-2", "2026-11-12 23:59")
	w.settle()
	after, a := w.task(0).Outcomes(), w.task(0).state.accounts["keeps"]
	if n := after[bitmaps.Applied] - before[bitmaps.Applied]; n != 3 || after[bitmaps.Repeated] != before[bitmaps.Repeated] {
		t.Errorf("outcomes were %v, and are %v", before, after)
	}
	contacts, messages := a.contacts.chunk(0, 9), a.messages.chunk(0, 9)
	if !slices.Equal(contacts, []string{"ann"}) || !slices.Equal(messages, []string{"m-1"}) {
		t.Errorf("contacts %v, messages %v", contacts, messages)
	}
	w.clickOf("bob", "m-2", "2026-11-13 00:00") // the first day that counts
	w.clickOf("bob", "m-2", "2026-11-13 00:00")
	w.settle()
	if n := w.task(0).Outcomes()[bitmaps.Repeated]; n != before[bitmaps.Repeated]+1 {
		t.Errorf("%d repeats", n)
	}
	w.expectVerified("with records of days that left")
}

// Of an account that is still to be composed, an event of the day that is about
// to leave counts until then: the state is as of the day that it says.
func TestEventOfTheDayThatIsLeaving(t *testing.T) {
	w := keeping(t, "ann")
	def, err := segment.Parse("all contacts where clicked exactly 1 times")
	w.must(err)
	w.put(catalog.PutSegment{Account: "keeps", ID: "once", Name: "once", Definition: def})
	w.put(catalog.PutAccount{Account: "aaa", Timezone: "America/New_York", RetentionDays: 3, DefaultRegion: "US"})
	w.recordOf("aaa", TopicContacts, "zoe", fields{})
	w.settle()
	task := w.task(0)
	task.Limits.Compose = 1
	w.now = w.local("2026-11-16 00:00")
	_, err = task.Compose(t.Context()) // the first account
	w.must(err)
	w.clickOf("ann", "m-1", "2026-11-12 12:00")
	w.clickOf("bob", "m-1", "2026-11-12 12:00")
	w.processAll(task)
	if got := w.members("keeps", "once"); !slices.Equal(got, []string{"ann"}) {
		t.Errorf("clicked once: %v", got)
	}
	w.expectVerified("in between")
	w.settle()
	if got := w.members("keeps", "once"); len(got) > 0 {
		t.Errorf("clicked once, a day later: %v", got)
	}
	w.expectVerified("a day later")
}

// The events of a day that left are let go of in memory, also if they were
// loaded to find repeats.
func TestTablesOfDaysThatLeftAreLetGo(t *testing.T) {
	w := keeping(t, "ann", "bob")
	w.clickOf("ann", "m-1", "2026-11-12 12:00")
	w.settle()
	for range 2 {
		w.clickOf("ann", "m-1", "2026-11-12 12:00")
		w.clickOf("bob", "m-1", "2026-11-14 12:00")
	}
	w.settle()
	s := w.task(0).state
	if len(s.tables) != 2 || s.loaded != 2 {
		t.Fatalf("%d tables with %d events are loaded, want 2", len(s.tables), s.loaded)
	}
	w.now = w.local("2026-11-16 00:00")
	w.settle()
	if len(s.tables) != 1 || s.loaded != 1 {
		t.Errorf("%d tables with %d events are loaded, want 1", len(s.tables), s.loaded)
	}
}

// A preview of a replica that has not heard that a day left does not count
// without that day's events: it follows first.
func TestPreviewWhileADayLeaves(t *testing.T) {
	w := keeping(t, "ann")
	w.config.Committed = nil // the replica reads
	w.clickOf("ann", "m-1", "2026-11-12 12:00")
	w.clickOf("ann", "m-1", "2026-11-13 12:00")
	w.settle()
	w.must(w.view.replicas[0].follow(t.Context(), 0))
	yesterday := w.now
	w.now = w.local("2026-11-16 00:00")
	for worked := true; worked; {
		var err error
		worked, err = w.task(0).Compose(t.Context())
		w.must(err)
	}
	w.now = yesterday // this process' clock is a little behind
	def, err := segment.Parse(`all contacts where clicked message "m-1" at least 2 times`)
	w.must(err)
	if p, _, err := w.view.Preview(t.Context(), "keeps", def, ""); err == nil && p.Size != 1 {
		t.Errorf("%d have clicked twice, on the day before", p.Size)
	}
	w.now = w.local("2026-11-16 00:00")
	w.must(w.view.replicas[0].follow(t.Context(), 0))
	p, _, err := w.view.Preview(t.Context(), "keeps", def, "")
	if w.must(err); p.Size != 0 {
		t.Errorf("%d have clicked twice, on the day itself", p.Size)
	}
}

// composedBy counts the pieces that each commit composes while fn runs.
func (w *world) composedBy(fn func()) (byCommit []int) {
	w.t.Helper()
	w.config.Committed = func(_ int32, e *bitmaps.Entry, _ string) {
		n := 0
		w.must(bitmaps.EachOp(e.Ops, func(op *bitmaps.Op) error {
			if op.Code == bitmaps.OpComposed {
				n++
			}
			return nil
		}))
		byCommit = append(byCommit, n)
	}
	w.reopen()
	fn()
	return byCommit
}

// A process that was off for longer than days are kept has them leave a bounded
// number of fragments at a time, each commit as of a day, and live records in
// between.
func TestManyDaysLeaveAFewAtATime(t *testing.T) {
	w := newWorld(t, 1)
	w.config.Limits = Limits{Changelog: 1, Flush: 1 << 20}
	const retention = 200
	a := naive.Account{ID: "keeps", Timezone: "America/New_York", RetentionDays: retention, DefaultRegion: "US", Segments: map[string]segment.Definition{}}
	def, err := segment.Parse("all contacts where clicked at least 100 times")
	w.must(err)
	a.Segments["often"] = def
	w.account(a)
	w.recordOf("keeps", TopicContacts, "ann", fields{})
	for ago := range retention {
		w.clickOf("ann", "m-1", w.now.AddDate(0, 0, -ago).Format("2006-01-02 15:04"))
	}
	w.settle()
	fragments := func() int { return len(w.fragments("keeps", "d:")) + len(w.fragments("keeps", "e:")) }
	if fragments() != 2*retention {
		t.Fatalf("there are %d fragments of days", fragments())
	}
	w.now = w.now.AddDate(0, 0, 350)
	w.config.Limits.Compose = 20 * fragmentWork
	w.reopen()
	w.task(0)
	commits := 0
	for more, before := true, fragments(); more; commits++ {
		more, err = w.task(0).Compose(t.Context())
		w.must(err)
		if left := before - fragments(); left > 20 {
			t.Fatalf("commit %d deletes %d fragments", commits, left)
		}
		if commits == 5 {
			w.expectVerified("some of the way")
			w.reopen()
		}
		w.clickOf("ann", "m-1", w.now.Format("2006-01-02 15:04"))
		w.processAll(w.task(0))
		before = fragments()
	}
	if commits < 2*retention/20 || commits > retention {
		t.Errorf("it took %d commits", commits)
	}
	w.settle()
	w.follow()
	w.compare([]naive.Account{a}, naive.Fold(w.said([]naive.Account{a}), w.now), w.process)
	w.expectVerified("when all have left")
}

// Of many small accounts, a bounded number is composed with one commit, also if
// nobody's memberships change.
func TestSmallAccountsAreComposedAFewAtATime(t *testing.T) {
	w := newWorld(t, 1)
	const accounts = 60
	for i := range accounts {
		id := fmt.Sprint("a", i)
		w.put(catalog.PutAccount{Account: id, Timezone: "UTC", RetentionDays: 3, DefaultRegion: "US"})
		w.recordOf(id, TopicContacts, "ann", fields{})
	}
	w.config.Limits.Compose = 10
	w.settle()
	w.now = w.now.AddDate(0, 0, 1)
	byCommit := w.composedBy(w.settle)
	if all := fmt.Sprint(byCommit); slices.Max(byCommit) > 10 || !strings.Contains(all, "10") {
		t.Errorf("pieces composed by commit: %v", byCommit)
	}
}
