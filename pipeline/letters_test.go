package pipeline

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"rollcall/consumers"
	"rollcall/pipeline/catalog"
)

func (w *world) letters() *Letters { return NewLetters(w.log, w.watermarks, int32(len(w.tasks))) }

// listed are the reasons of the dead letters by where their records first stood.
func (w *world) listed(f LetterFilter) map[string]string {
	w.t.Helper()
	page, err := w.letters().List(w.t.Context(), f, "", 100)
	w.must(err)
	listed := map[string]string{}
	for _, d := range page.Letters {
		listed[fmt.Sprintf("%s/%d/%d", d.Topic, d.Partition, d.Offset)] = d.Reason
	}
	if len(listed) != len(page.Letters) || page.Count != len(listed) {
		w.t.Errorf("a record is listed twice: %+v", page)
	}
	return listed
}

func (w *world) retry(f LetterFilter, want int) {
	w.t.Helper()
	done, err := w.letters().RetryAll(w.t.Context(), f, "", 100)
	w.must(err)
	if done != (Retried{Retried: want}) {
		w.t.Errorf("%+v, want %d retried", done, want)
	}
	w.settle()
}

// A retried record is applied once, as of where it first stood, and its letter
// is gone. One that still can't be read is still listed, and not as another.
func TestRetry(t *testing.T) {
	w := newWorld(t, 3)
	w.segment("once", "all contacts where clicked exactly 1 time")
	w.contact("ann", "2015550123")
	at := w.partitionOf("ann")
	later := []byte(`{"account":"later","contact":"ann","message":"m"}`)
	owner := consumers.Partition([]byte("later/ann"), 3)
	w.write(TopicClicked, owner, "later/ann", later)
	w.write(TopicClicked, (owner+1)%3, "astray", []byte(`{"account":"later","contact":"ann","message":"m"}`))
	w.write(TopicSent, at, "acme/ann", []byte("no json"))
	w.write(TopicSent, at, "acme/ann", nil)
	w.settle()
	clicked := fmt.Sprintf("sms.clicked/%d/0", owner)
	astray := fmt.Sprintf("sms.clicked/%d/0", (owner+1)%3)
	sent := fmt.Sprintf("sms.sent/%d/", at)
	want := map[string]string{clicked: "unknown-account", astray: "unknown-account", sent + "0": "not-json", sent + "1": "not-json"}
	check := func(when string) {
		t.Helper()
		if got := w.listed(LetterFilter{}); !equal(got, want) {
			t.Errorf("%s: %v, want %v", when, got, want)
		}
	}
	check("at first")
	w.retry(LetterFilter{}, 4)
	check("retried in vain")
	w.expectVerified("retried in vain")

	w.put(catalog.PutAccount{Account: "later", Timezone: "UTC", RetentionDays: 730})
	def := w.defined.Account(acme).Segments[0].Definition
	w.put(catalog.PutSegment{Account: "later", ID: "once", Name: "once", Definition: def})
	w.write(TopicContacts, owner, "later/ann", []byte(`{"account":"later","contact":"ann"}`))
	w.now = w.now.AddDate(0, 0, 3)
	w.settle()
	w.expectVerified("with records from before the account, copied in vain")
	w.retry(LetterFilter{Reason: "unknown-account", Topic: TopicClicked, Account: "later"}, 2)
	delete(want, clicked)
	delete(want, astray)
	check("after the account was created")
	w.expectVerified("after the account was created")
	w.log.compact(TopicDeadLetters)
	w.expectVerified("compacted")
	for range 2 {
		if got := w.members("later", "once"); len(got) != 0 { // twice: the two records have no id, and stood apart
			t.Errorf("clicked once: %v", got)
		}
		a := w.task(owner).state.accounts["later"]
		if days := a.pieces[0].days[1]; len(days) != 1 || days[a.zone.day(w.now.AddDate(0, 0, -3).UnixMilli())] == nil {
			t.Errorf("clicks on days %v", days)
		}
		w.loseRedis()
		w.settle()
		w.expectVerified("made anew")
	}
	w.retry(LetterFilter{Reason: "not-json"}, 2)
	check("retried again")
	for _, r := range w.deadLetters() {
		if d, ok := letterOf(&r); ok && d.Reason == "not-json" {
			if _, null := r.Header(headerErrorNull); null != (d.Offset == 1) || !null && string(r.Value) != "no json" {
				t.Errorf("%v became %q with %v", d, r.Value, headersOf(&r))
			}
		}
	}
}

func equal(a, b map[string]string) bool { return fmt.Sprint(a) == fmt.Sprint(b) }

// An opt-out at an impossible time is applied, and stays a dead letter.
func TestRetriedOptOut(t *testing.T) {
	w := newWorld(t, 3)
	w.segment("out", "all contacts where opted out")
	w.contact("ann", "2015550123")
	for i, partition := range []int32{w.partitionOf("ann"), (w.partitionOf("ann") + 1) % 3} {
		for j, bad := range []string{`"at":"someday"`, fmt.Sprintf(`"message":%q`, strings.Repeat("m", 201))} {
			w.write(TopicOptedOut, partition, "acme/ann", []byte(`{"account":"acme","contact":"ann",`+bad+`}`))
			w.expect("out", "ann")
			w.retry(LetterFilter{}, 2*i+j+1)
			if got := w.listed(LetterFilter{Reason: []string{"bad-time", "bad-name"}[j]}); len(got) != i+1 {
				t.Errorf("after a retry: %v", got)
			}
			w.expect("out", "ann")
		}
	}
}

func TestLetterPages(t *testing.T) {
	w := newWorld(t, 2)
	begin := w.now
	for i := range 10 {
		w.now = w.now.Add(time.Minute)
		w.write(TopicSent, int32(i%2), "acme/c-"+strconv.Itoa(i), []byte("no json"))
		w.settle()
	}
	l := w.letters()
	walk := func(f LetterFilter) (offsets []int64, failed []time.Time) {
		for after := ""; ; {
			page, err := l.List(t.Context(), f, after, 3)
			w.must(err)
			for _, d := range page.Letters {
				offsets, failed = append(offsets, d.Offset), append(failed, d.Failed)
			}
			if after = page.Next; after == "" {
				return offsets, failed
			}
		}
	}
	offsets, failed := walk(LetterFilter{})
	if !slices.Equal(offsets, []int64{4, 4, 3, 3, 2, 2, 1, 1, 0, 0}) || !slices.IsSortedFunc(failed, func(a, b time.Time) int { return b.Compare(a) }) {
		t.Errorf("listed %v, failed %v", offsets, failed)
	}
	if offsets, _ := walk(LetterFilter{Account: acme, From: begin.Add(9 * time.Minute)}); !slices.Equal(offsets, []int64{4, 4}) {
		t.Errorf("since then %v", offsets)
	}
	for _, f := range []LetterFilter{{Reason: "x"}, {Topic: "x"}, {Account: "x"}} {
		if offsets, _ := walk(f); offsets != nil {
			t.Errorf("%+v has %v", f, offsets)
		}
	}
	if _, err := l.List(t.Context(), LetterFilter{}, "x", 1); !errors.Is(err, ErrBadCursor) {
		t.Errorf("a wrong cursor: %v", err)
	}
}

// The index is bounded; older letters are listed once newer ones are gone.
func TestLettersAreBounded(t *testing.T) {
	w := newWorld(t, 1)
	l := w.letters()
	l.most, l.again = 8, 0
	for i := range 20 {
		w.now = w.now.Add(time.Second)
		w.write(TopicSent, 0, "acme/c", fmt.Append(nil, "no json ", i))
	}
	w.settle()
	page, err := l.List(t.Context(), LetterFilter{}, "", 100)
	w.must(err)
	if n := len(page.Letters); n < 8 || n > 9 || !page.Older || page.Letters[0].Offset != 19 {
		t.Errorf("%d are listed, more %t", n, page.Older)
	}
	for _, d := range page.Letters {
		w.write(TopicDeadLetters, 0, string(letterKey(&origin{consumers.TopicPartition{Topic: d.Topic}, d.Offset, 0})), nil)
	}
	_, err = l.List(t.Context(), LetterFilter{}, "", 100)
	w.must(err)
	w.log.compact(TopicDeadLetters)
	page, err = l.List(t.Context(), LetterFilter{}, "", 100)
	w.must(err)
	if n := len(page.Letters); n < 8 || page.Letters[0].Offset > 12 {
		t.Errorf("then %d are listed, the newest is of %d", n, page.Letters[0].Offset)
	}
}

func TestShowAndRetryByID(t *testing.T) {
	w := newWorld(t, 2)
	w.write(TopicSent, 1, "key\xff", []byte("\xffbytes"), consumers.Header{Key: "own", Value: []byte("x")})
	w.write(TopicSent, 1, "key", make([]byte, maxValueBytes+1))
	w.settle()
	l := w.letters()
	d, err := l.Show(t.Context(), "1-0")
	w.must(err)
	if string(d.Key) != "key\xff" || string(d.Value) != "\xffbytes" || d.Reason != "not-json" || d.Headers[0].Key != "own" {
		t.Errorf("shown as %+v", d)
	}
	for _, id := range []string{"", "x", "1", "1-", "-1-0", "2-0", "1-2", "0-0", "1-99999999999999999999"} {
		if _, err := l.Show(t.Context(), id); !errors.Is(err, ErrNoLetter) {
			t.Errorf("%q: %v", id, err)
		}
	}
	done, err := l.Retry(t.Context(), []string{"1-0", "1-1", "1-2", "x", "1-0"})
	if w.must(err); done != (Retried{Retried: 1, TooLarge: 1, Missing: 2}) {
		t.Errorf("%+v", done)
	}
}

// A letter that was taken out long ago is not listed, though nothing is left that
// says so.
func TestLettersOfLongAgo(t *testing.T) {
	w := newWorld(t, 1)
	w.write(TopicClicked, 0, "later/ann", []byte(`{"account":"later","contact":"ann","message":"m"}`))
	w.settle()
	l := w.letters()
	l.sure = 0
	for _, want := range []int{1, 0} {
		page, err := l.List(t.Context(), LetterFilter{}, "", 10)
		w.must(err)
		if page.Count != want {
			t.Errorf("%d are listed, want %d: %+v", page.Count, want, page.Letters)
		}
		if want == 0 {
			return
		}
		w.put(catalog.PutAccount{Account: "later", Timezone: "UTC", RetentionDays: 730})
		w.retry(LetterFilter{}, 1)
		w.write(TopicDeadLetters, 0, scrubKey, nil)
		w.log.compact(TopicDeadLetters)
	}
}

// A letter of an archive's record does not take the place of another's that
// stands at its offset in the topic itself.
func TestLetterOfArchive(t *testing.T) {
	w := newWorld(t, 1)
	w.write(TopicOptedOut, 0, "later/ann", []byte(`{"account":"later","contact":"ann"}`))
	w.settle()
	w.write("old", 0, "later/bob", []byte(`{"account":"later","contact":"bob"}`))
	w.replayed(w.startReplay("old=" + TopicOptedOut))
	if page, err := w.letters().List(t.Context(), LetterFilter{}, "", 10); err != nil || page.Count != 2 {
		t.Fatalf("listed are %+v, %v", page, err)
	}
	w.put(catalog.PutAccount{Account: "later", Timezone: "UTC", RetentionDays: 730})
	w.retry(LetterFilter{}, 2)
	w.settle()
	if got := w.listed(LetterFilter{}); len(got) != 0 {
		t.Errorf("after they were retried, listed are %v", got)
	}
}

// inboxLog refuses what is too large for the inbox, as a broker does.
type inboxLog struct{ Log }

func (l inboxLog) Write(ctx context.Context, messages []consumers.Message) ([]int64, error) {
	for i := range messages {
		if m := &messages[i]; m.Topic == TopicInbox && sizeOf(m) > 2<<20 {
			return nil, &consumers.TooLargeError{Topic: m.Topic, Size: sizeOf(m)}
		}
	}
	return l.Log.Write(ctx, messages)
}

// A record with headers that don't fit into the inbox is a dead letter that can't
// be retried, and stops neither its partition nor the retry of others.
func TestLargeHeaders(t *testing.T) {
	w := newWorld(t, 1)
	w.config.Log = inboxLog{w.log}
	large := header("large", string(make([]byte, 3<<20)))
	w.write(TopicSent, 0, "astray", []byte(`{"account":"acme","contact":"bob","message":"m"}`), large)
	w.write(TopicContacts, 0, "acme/bob", nil, large)
	w.write(TopicSent, 0, "acme/bob", []byte("no json"))
	w.must(w.task(0).Process(t.Context(), w.unread(w.task(0))))
	if got := w.listed(LetterFilter{Reason: string(TooLarge)}); len(got) != 2 {
		t.Fatalf("listed are %v", got)
	}
	done, err := NewLetters(w.config.Log, w.watermarks, 1).RetryAll(t.Context(), LetterFilter{}, "", 100)
	if err != nil || done.TooLarge != 2 || done.Retried != 1 {
		t.Errorf("%+v, %v", done, err)
	}
}

// What a producer's headers say of dead letters is not believed.
func TestLetterHeadersOfProducers(t *testing.T) {
	w := newWorld(t, 1)
	w.segment("all", "all contacts")
	w.contact("ann", "2015550123")
	w.expect("all", "ann")
	w.now = w.now.Add(time.Minute)
	w.write(TopicContacts, 0, "acme/ann", []byte(`{"account":"acme","contact":"ann","phone":7}`), header(headerErrorNull, "true"))
	w.settle()
	w.retry(LetterFilter{}, 1)
	w.expect("all", "ann")
}
