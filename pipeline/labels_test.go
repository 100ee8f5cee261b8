package pipeline

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"rollcall/pipeline/catalog"
	"rollcall/pipeline/inputs"
	"rollcall/pipeline/naive"
)

// say writes a record of the account keeps, which keeps 3 days, at a time of its own.
func (w *world) say(topic, contact, clock string, f fields) {
	w.t.Helper()
	f["at"] = w.local(clock).Format(time.RFC3339)
	w.recordOf("keeps", topic, contact, f)
}

// today is the day on which the tables below take place, at noon.
const today = "2026-11-15 "

// labelRules are what the contract has of labels: what is written, and what is
// known then, in the words of differences.
var labelRules = []struct {
	name   string
	write  func(w *world)
	events []string
	titles map[naive.Titled]string
}{
	{"an opt-out names a message", func(w *world) {
		w.say(TopicOptedOut, "ann", today+"10:00", fields{"message": "m"})
	}, []string{`opted_out on 2026-11-15, message "m" by ann`}, nil},
	{"opt-outs that name none, and an opt-in", func(w *world) {
		w.say(TopicOptedOut, "ann", today+"10:00", fields{})
		w.say(TopicOptedOut, "ann", today+"10:01", fields{"message": ""})
		w.say(TopicOptedIn, "ann", today+"10:02", fields{"message": "m"})
	}, nil, nil},
	{"an opt-out that is not the last word", func(w *world) {
		w.say(TopicOptedIn, "ann", today+"11:00", fields{})
		w.say(TopicOptedOut, "ann", today+"10:00", fields{"message": "m"})
	}, []string{`opted_out on 2026-11-15, message "m" by ann`}, nil},
	{"an opt-out again, and of another message and day", func(w *world) {
		for range 2 {
			w.say(TopicOptedOut, "ann", today+"10:00", fields{"message": "m", "id": "1"})
			w.say(TopicOptedOut, "ann", today+"10:01", fields{"message": "m", "id": "2"})
		}
		w.say(TopicOptedOut, "ann", today+"10:00", fields{"message": "n"})
		w.say(TopicOptedOut, "ann", "2026-11-14 23:59", fields{"message": "m"})
	}, []string{`opted_out on 2026-11-14, message "m" by ann`, `opted_out on 2026-11-15, message "m" by ann`, `opted_out on 2026-11-15, message "n" by ann`}, nil},
	{"an opt-out at an impossible time", func(w *world) {
		w.recordOf("keeps", TopicOptedOut, "ann", fields{"message": "m", "at": "yesterday"})
	}, []string{`opted_out on 2026-11-15, message "m" by ann`}, nil},
	{"an opt-out of an impossible message", func(w *world) {
		w.say(TopicOptedOut, "ann", today+"10:00", fields{"message": strings.Repeat("m", 201)})
	}, nil, nil},
	{"why sending failed", func(w *world) {
		w.say(TopicFailed, "ann", today+"10:00", fields{"message": "m", "id": "1", "reason": "landline"})
		w.say(TopicFailed, "bob", today+"10:00", fields{"message": "m", "id": "1", "reason": ""})
		w.say(TopicFailed, "cy", today+"10:00", fields{"message": "m", "id": "1"})
		w.say(TopicClicked, "dan", today+"10:00", fields{"message": "m", "id": "1", "reason": "curious"})
	}, []string{`failed_for on 2026-11-15, message "m", reason "landline" by ann`}, nil},
	{"a repeat with another reason", func(w *world) {
		for _, reason := range []string{"landline", "landline", "", "switched off"} {
			w.say(TopicFailed, "ann", today+"10:00", fields{"message": "m", "id": "1", "reason": reason})
		}
	}, []string{`failed_for on 2026-11-15, message "m", reason "landline" by ann`, `failed_for on 2026-11-15, message "m", reason "switched off" by ann`}, nil},
	{"a long reason", func(w *world) {
		w.say(TopicFailed, "ann", today+"10:00", fields{"message": "m", "reason": strings.Repeat("r", 99) + "ζ"})
		w.say(TopicFailed, "ann", today+"10:00", fields{"message": "m", "reason": strings.Repeat("r", 98) + "ζζ"})
	}, []string{
		`failed_for on 2026-11-15, message "m", reason "` + strings.Repeat("r", 98) + `ζ" by ann`,
		`failed_for on 2026-11-15, message "m", reason "` + strings.Repeat("r", 99) + `" by ann`,
	}, nil},
	{"a reason with phone numbers", func(w *world) {
		w.say(TopicFailed, "ann", today+"10:00", fields{"message": "m", "reason": "30003: +1 (212) 555-0123/0124 is no mobile"})
		w.say(TopicFailed, "bob", today+"10:00", fields{"message": "m", "reason": "555-012, 2125550123."})
		w.say(TopicFailed, "cy", today+"10:00", fields{"message": "m", "reason": strings.Repeat("r", 96) + "2125550123"})
	}, []string{
		`failed_for on 2026-11-15, message "m", reason "30003: +# is no mobile" by ann`,
		`failed_for on 2026-11-15, message "m", reason "555-012, #." by bob`,
		`failed_for on 2026-11-15, message "m", reason "` + strings.Repeat("r", 96) + `#" by cy`,
	}, nil},
	{"a reason in a CloudEvent", func(w *world) {
		w.write(TopicSent, w.partitionOf("ann"), "keeps/ann", []byte(`{"message":"m","reason":"landline"}`), binaryHeaders(map[string]string{
			"type": TopicFailed, "source": "/s", "id": "1", "subject": "ann", "time": "2026-11-15T15:00:00Z"})...)
	}, []string{`failed_for on 2026-11-15, message "m", reason "landline" by ann`}, nil},
	{"the latest title by its time", func(w *world) {
		w.say(TopicSent, "ann", today+"10:00", fields{"message": "m", "id": "1", "message_name": "Spring"})
		w.say(TopicSent, "bob", today+"11:00", fields{"message": "m", "id": "1", "message_name": "Spring sale"})
		w.say(TopicSent, "cy", today+"09:00", fields{"message": "m", "id": "1", "message_name": "Zzz"})
		w.say(TopicSent, "ann", today+"11:30", fields{"message": "m", "id": "2", "message_name": ""})
		w.say(TopicSent, "ann", today+"11:30", fields{"message": "n", "id": "3"})
	}, append(slices.Repeat([]string{`sent on 2026-11-15, message "m"`}, 4), `sent on 2026-11-15, message "n"`), map[naive.Titled]string{{Name: "m"}: "Spring sale"}},
	{"of titles of one time the greater", func(w *world) {
		for _, title := range []string{"b", "c", "a"} {
			w.say(TopicSent, "ann", today+"10:00", fields{"message": "m", "id": title, "message_name": title})
		}
	}, slices.Repeat([]string{`sent on 2026-11-15, message "m"`}, 3), map[naive.Titled]string{{Name: "m"}: "c"}},
	{"the title of a repeat", func(w *world) {
		w.say(TopicSent, "ann", today+"10:00", fields{"message": "m", "id": "1"})
		w.say(TopicSent, "ann", today+"10:00", fields{"message": "m", "id": "1", "message_name": "Spring"})
	}, []string{`sent on 2026-11-15, message "m"`}, map[naive.Titled]string{{Name: "m"}: "Spring"}},
	{"a long title", func(w *world) {
		w.say(TopicSent, "ann", today+"10:00", fields{"message": "m", "message_name": strings.Repeat("t", 199) + "ζ"})
	}, []string{`sent on 2026-11-15, message "m"`}, map[naive.Titled]string{{Name: "m"}: strings.Repeat("t", 199)}},
	{"titles of other topics", func(w *world) {
		w.say(TopicClicked, "ann", today+"10:00", fields{"message": "m", "message_name": "Spring", "name": "Spring"})
	}, nil, nil},
	{"lists by kind", func(w *world) {
		w.say(TopicLists, "ann", today+"10:00", fields{"kind": "marketing", "list": "x", "member": true, "name": "News"})
		w.say(TopicLists, "ann", today+"10:00", fields{"kind": "form", "list": "x", "member": true, "name": "Contact us"})
		w.say(TopicLists, "ann", today+"10:00", fields{"kind": "webinar", "list": "x", "member": true})
	}, nil, map[naive.Titled]string{{Kind: "marketing", Name: "x"}: "News", {Kind: "form", Name: "x"}: "Contact us"}},
	{"the title of a list record that is not the last word", func(w *world) {
		w.say(TopicLists, "ann", today+"11:00", fields{"kind": "form", "list": "x", "member": true})
		w.say(TopicLists, "ann", today+"10:00", fields{"kind": "form", "list": "x", "member": false, "name": "Contact us"})
		w.say(TopicLists, "bob", "2026-11-01 10:00", fields{"kind": "form", "list": "x", "member": true, "name": "As of old"})
	}, nil, map[naive.Titled]string{{Kind: "form", Name: "x"}: "Contact us"}},
	{"records of the day of an erasure, and the next", func(w *world) {
		w.write(TopicContacts, 0, "keeps/ann", nil)
		w.now = w.now.Add(24 * time.Hour)
		for _, clock := range []string{today + "13:00", today + "23:59", "2026-11-16 00:00"} {
			w.say(TopicOptedOut, "ann", clock, fields{"message": "m " + clock})
			w.say(TopicFailed, "ann", clock, fields{"message": "m " + clock, "reason": "landline"})
			w.say(TopicSent, "ann", clock, fields{"message": "m", "message_name": "Spring " + clock})
			w.say(TopicLists, "ann", clock, fields{"kind": "form", "list": "x", "member": true, "name": "Form " + clock})
		}
		w.say(TopicLists, "ann", today+"11:59", fields{"kind": "form", "list": "y", "member": true, "name": "Erased"})
	}, []string{
		`failed_for on 2026-11-16, message "m 2026-11-16 00:00", reason "landline" by ann`,
		`opted_out on 2026-11-16, message "m 2026-11-16 00:00" by ann`, `sent on 2026-11-16, message "m"`,
	}, map[naive.Titled]string{{Name: "m"}: "Spring 2026-11-16 00:00", {Kind: "form", Name: "x"}: "Form 2026-11-16 00:00"}},
	{"what was erased since, but for titles", func(w *world) {
		for _, contact := range []string{"ann", "bob"} {
			w.say(TopicOptedOut, contact, today+"10:00", fields{"message": "m"})
			w.say(TopicFailed, contact, today+"10:00", fields{"message": "m", "reason": "landline"})
			w.say(TopicSent, contact, today+"10:00", fields{"message": "m", "message_name": "Of " + contact})
		}
		w.settle()
		w.follow()
		w.write(TopicContacts, 0, "keeps/bob", nil)
	}, []string{`failed_for on 2026-11-15, message "m", reason "landline" by ann`, `opted_out on 2026-11-15, message "m" by ann`, `sent on 2026-11-15, message "m"`},
		map[naive.Titled]string{{Name: "m"}: "Of bob"}},
	{"records beyond the kept days, and of the first", func(w *world) {
		for _, clock := range []string{"2026-11-11 23:59", "2026-11-12 00:00"} {
			w.say(TopicOptedOut, "ann", clock, fields{"message": "m"})
			w.say(TopicFailed, "ann", clock, fields{"message": "m", "reason": "landline " + clock[5:10]})
			w.say(TopicSent, "ann", clock, fields{"message": "m", "message_name": "Spring"})
			w.say(TopicSent, "ann", clock, fields{"message": "m " + clock, "message_name": "Spring"})
		}
	}, []string{
		`failed_for on 2026-11-12, message "m", reason "landline 11-12" by ann`, `opted_out on 2026-11-12, message "m" by ann`,
		`sent on 2026-11-12, message "m 2026-11-12 00:00"`, `sent on 2026-11-12, message "m"`,
	}, map[naive.Titled]string{{Name: "m"}: "Spring", {Name: "m 2026-11-12 00:00"}: "Spring"}},
	{"days that left, but for titles", func(w *world) {
		w.say(TopicOptedOut, "ann", "2026-11-12 10:00", fields{"message": "m"})
		w.say(TopicFailed, "ann", "2026-11-12 10:00", fields{"message": "m", "reason": "landline"})
		w.say(TopicSent, "ann", "2026-11-12 10:00", fields{"message": "m", "message_name": "Spring"})
		w.settle()
		w.now = w.now.Add(24 * time.Hour)
	}, nil, map[naive.Titled]string{{Name: "m"}: "Spring"}},
}

// TestLabels holds each rule as it is read, after a restart, and from fragments;
// and verify has nothing to say against it.
func TestLabels(t *testing.T) {
	for _, rule := range labelRules {
		for where, limits := range map[string]Limits{"in the changelog": {}, "in fragments": {Changelog: 1, Flush: 1 << 20}} {
			t.Run(rule.name+", "+where, func(t *testing.T) {
				w := keeping(t)
				w.config.Limits = limits
				rule.write(w)
				w.expectLabels("as it is read", rule.events, rule.titles)
				w.reopen()
				w.expectLabels("restarted", rule.events, rule.titles)
				w.view.replicas[0].loaded = false
				w.expectLabels("of a new replica", rule.events, rule.titles)
			})
		}
	}
}

// expectLabels holds what owners and replicas know against all events there are,
// in words, and against titles.
func (w *world) expectLabels(when string, want []string, titles map[naive.Titled]string) {
	w.t.Helper()
	w.settle()
	w.follow()
	w.expectVerified(when)
	expected := map[string]int{}
	for _, what := range want {
		expected[what]++
	}
	got, called, err := w.labels("keeps")
	w.must(err)
	if !maps.Equal(got, expected) {
		w.t.Errorf("%s: counts are %v, want %v", when, got, expected)
	}
	texts := map[naive.Titled]string{}
	for of, title := range called {
		if title.Text != "" {
			texts[of] = title.Text
		}
	}
	if !maps.Equal(texts, titles) {
		w.t.Errorf("%s: titles are %v, want %v", when, texts, titles)
	}
}

// An opt-out of an impossible message is a dead letter, and applies at its own
// time all the same.
func TestOptOutOfAnImpossibleMessage(t *testing.T) {
	w := newWorld(t, 1)
	w.segment("out", "all contacts where opted out")
	w.contact("ann", "")
	w.contact("bob", "")
	for _, contact := range []string{"ann", "bob"} {
		w.record(TopicOptedOut, contact, fields{"message": strings.Repeat("m", 201), "at": w.local(today + "10:00").Format(time.RFC3339)})
	}
	w.consent(TopicOptedIn, "bob", today+"11:00")
	w.expect("out", "ann")
	letters := w.deadLetters()
	if len(letters) != 2 || headersOf(&letters[0])[headerErrorCode] != string(BadName) {
		t.Errorf("dead letters %v", letters)
	}
	w.expectVerified("with a dead letter that applies")
}

// The labels of a mapped record are handed on.
func TestLabelsOfMappedRecords(t *testing.T) {
	w := keeping(t)
	set, err := inputs.Parse([]byte(`{"partner": {"topic": "sms.failed", "fields": {"account": "keeps", "contact": "/who", "message": "/what", "reason": "/code"}},
		"mailer": {"topic": "sms.sent", "fields": {"account": "keeps", "contact": "/who", "message": "/what", "message_name": "/title"}}}`))
	w.must(err)
	w.config.Inputs, w.log.mapped = set, map[string]bool{"partner": true, "mailer": true}
	w.write("partner", 0, "x", []byte(`{"who":"ann","what":"m","code":30003}`))
	w.write("mailer", 0, "x", []byte(`{"who":"ann","what":"m","title":"Spring"}`))
	w.expectLabels("mapped", []string{`failed_for on 2026-11-15, message "m", reason "30003" by ann`, `sent on 2026-11-15, message "m"`},
		map[naive.Titled]string{{Name: "m"}: "Spring"})
}

// Sent events of more messages than are counted are read when they are asked for,
// and counted again in memory where a contact was erased.
func TestCountsOfManyMessages(t *testing.T) {
	w := keeping(t)
	w.config.Committed = w.view.Committed // every commit is handed over
	want := []string{}
	for i := range maxCounted + 10 {
		message := fmt.Sprint("m-", i)
		w.say(TopicSent, "ann", today+"10:00", fields{"message": message})
		want = append(want, fmt.Sprintf(`sent on 2026-11-15, message %q`, message))
		if i == maxCounted-1 {
			w.expectLabels("as many as are counted", want, nil)
			w.expectCounted(true)
		}
	}
	w.expectLabels("more", want, nil)
	w.expectCounted(false)
	w.say(TopicSent, "bob", today+"10:00", fields{"message": "m-0"})
	w.settle()
	w.write(TopicContacts, 0, "keeps/ann", nil)
	w.settle()
	w.follow()
	w.expectCounted(false)
	w.expectLabels("erased", []string{`sent on 2026-11-15, message "m-0"`}, nil)
	w.expectCounted(true)
	w.view.replicas[0].loaded = false
	w.follow()
	w.expectCounted(true)
}

// expectCounted wants the replica to know the day's counts without reading, or not to.
func (w *world) expectCounted(want bool) {
	w.t.Helper()
	d := w.view.replicas[0].state.accounts["keeps"].pieces[0].days[sentSeries][w.day(today+"10:00")]
	if is := d.counts.Load() != nil; is != want {
		w.t.Errorf("the day is counted: %t, want %t", is, want)
	}
}

// The titles of a batch are told once each, however many records say them, and a
// record that says what is known already allocates nothing for it.
func TestTitlesAreToldOnce(t *testing.T) {
	w := newWorld(t, 1)
	w.put(catalog.PutAccount{Account: "keeps", Timezone: "UTC", RetentionDays: 3})
	w.settle()
	a := w.task(0).state.account([]byte("keeps"))
	e := event{title: []byte("Spring sale")}
	a.titleMessage(7, &e)
	allocated := testing.AllocsPerRun(100, func() {
		e.at++
		a.titleMessage(7, &e)
	})
	if allocated > 0 || len(a.messageTitles.changed) != 1 || a.messageTitles.at(7).At != e.at {
		t.Errorf("%.0f allocations, changed are %v, %+v", allocated, a.messageTitles.changed, a.messageTitles.at(7))
	}
}
