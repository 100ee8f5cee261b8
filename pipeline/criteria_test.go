package pipeline

import (
	"fmt"
	"testing"
)

// people writes what is known of them:
//
//	ann  US phone, opted in, sent and clicked m-1, on the marketing list
//	bob  UK phone, opted out, sent m-1 long ago, m-2 failed, at the webinar
//	cat  no phone, no consent known, replied three times on two days, filled in the form
//	dan  Canadian phone, no consent known, clicked m-1 and m-2
//	eve  phone that is none, opted in and out at the same time, left the list
//	fay  does not exist: everything but a contact record
func people(w *world) {
	w.contact("ann", "(201) 555-0123")
	w.contact("bob", "+44 7400 123456")
	w.record(TopicContacts, "cat", nil)
	w.contact("dan", "+15062345678")
	w.contact("eve", "123")

	w.consent(TopicOptedIn, "ann", "2026-11-01 09:00")
	w.consent(TopicOptedOut, "ann", "2026-10-01 09:00") // older, though it comes later
	w.consent(TopicOptedIn, "bob", "2026-10-01 09:00")
	w.consent(TopicOptedOut, "bob", "2026-11-01 09:00")
	w.consent(TopicOptedOut, "eve", "2026-11-01 09:00")
	w.consent(TopicOptedIn, "eve", "2026-11-01 09:00") // ties
	w.consent(TopicOptedIn, "fay", "2026-11-01 09:00")

	w.behaviour(TopicSent, "ann", "m-1", "2026-11-12 10:00")
	w.behaviour(TopicClicked, "ann", "m-1", "2026-11-12 10:05")
	w.behaviour(TopicSent, "bob", "m-1", "2026-09-01 10:00")
	w.behaviour(TopicFailed, "bob", "m-2", "2026-11-14 10:00")
	w.behaviour(TopicReplied, "cat", "m-2", "2026-11-10 10:00")
	w.behaviour(TopicReplied, "cat", "m-2", "2026-11-10 23:59")
	w.behaviour(TopicReplied, "cat", "m-1", "2026-11-11 00:00")
	w.behaviour(TopicClicked, "dan", "m-1", "2026-10-16 00:00") // the first moment of 30 days ago
	w.behaviour(TopicClicked, "dan", "m-2", "2026-10-15 23:59") // and the last of 31 days ago
	w.behaviour(TopicClicked, "fay", "m-1", "2026-11-12 10:00")

	w.list("marketing", "spring-sale", "ann", true)
	w.list("marketing", "spring-sale", "eve", true)
	w.list("marketing", "spring-sale", "eve", false)
	w.list("form", "demo", "cat", true)
	w.list("webinar", "demo", "bob", true)
	w.list("marketing", "spring-sale", "fay", true)
}

// criteria are segments and who of the people is in them.
var criteria = []struct{ text, members string }{
	{"all contacts", "ann bob cat dan eve"},

	// Behaviours: yes and no.
	{"all contacts where sent", "ann bob"},
	{"all contacts where not sent", "cat dan eve"},
	{"all contacts where clicked", "ann dan"},
	{"all contacts where not clicked", "bob cat eve"},
	{"all contacts where failed", "bob"},
	{"all contacts where not failed", "ann cat dan eve"},
	{"all contacts where replied", "cat"},
	{"all contacts where not replied", "ann bob dan eve"},

	// Metadata: yes and no. Unknown is a third state of consent.
	{"all contacts where valid phone", "ann bob dan"},
	{"all contacts where not valid phone", "cat eve"},
	{"all contacts where opted in", "ann"},
	{"all contacts where not opted in", "bob cat dan eve"},
	{"all contacts where opted out", "bob eve"},
	{"all contacts where not opted out", "ann cat dan"},
	{"all contacts where phone in US", "ann"},
	{"all contacts where phone in GB, CA", "bob dan"},
	{"all contacts where not phone in US", "bob cat dan eve"},
	{"all contacts where not phone in US, GB, CA", "cat eve"},

	// Origins.
	{`list "spring-sale"`, "ann"},
	{`form "demo"`, "cat"},
	{`webinar "demo"`, "bob"},
	{`list "demo"`, ""}, // a list is kind and name
	{`segment "engaged"`, "ann"},
	{`segment "opportunities" where clicked in last 30 days`, "dan"},
	{`segment "opportunities" where not clicked in last 30 days`, "cat"}, // not is relative to the origin
	{`all contacts where in list "spring-sale" or in form "demo" or in webinar "demo"`, "ann bob cat"},
	{`all contacts where not in segment "opportunities"`, "ann bob eve"},

	// Periods, in days of the account's zone.
	{"all contacts where sent in last 30 days", "ann"},
	{"all contacts where sent in last 2 days", ""},
	{"all contacts where sent in last 3 days", "ann"},
	{"all contacts where clicked in last 30 days", "ann dan"},
	{"all contacts where clicked in last 29 days", "ann"},
	{"all contacts where clicked between 30 and 31 days ago", "dan"},
	{"all contacts where clicked between 4 and 29 days ago", ""},
	{"all contacts where clicked on 2026-11-12", "ann"},
	{"all contacts where clicked between 2026-10-15 and 2026-10-16", "dan"},
	{"all contacts where clicked before 2026-10-15", ""},
	{"all contacts where clicked before 2026-10-16", "dan"},
	{"all contacts where clicked since 2026-11-12", "ann"},
	{"all contacts where clicked since 2026-11-13", ""},

	// Frequencies. At most includes zero.
	{"all contacts where replied at least 3 times", "cat"},
	{"all contacts where replied at least 4 times", ""},
	{"all contacts where replied on at least 2 days", "cat"},
	{"all contacts where replied on at least 3 days", ""},
	{"all contacts where replied exactly 3 times", "cat"},
	{"all contacts where replied exactly 2 times on 2026-11-10", "cat"},
	{"all contacts where replied at most 2 times", "ann bob dan eve"},
	{"all contacts where replied at most 3 times", "ann bob cat dan eve"},
	{"all contacts where clicked at most 1 time", "ann bob cat eve"},
	{"all contacts where clicked at most 1 time in last 30 days", "ann bob cat dan eve"},

	// Messages: counted together, each by itself, and none.
	{`all contacts where clicked message "m-1"`, "ann dan"},
	{`all contacts where clicked any of messages "m-1", "m-2" at least 2 times`, "dan"},
	{`all contacts where clicked all of messages "m-1", "m-2"`, "dan"},
	{`all contacts where clicked all of messages "m-1", "m-2" in last 30 days`, ""},
	{`all contacts where clicked none of messages "m-2"`, "ann bob cat eve"},
	{`all contacts where clicked none of messages "m-2" in last 30 days`, "ann bob cat dan eve"},
	{`all contacts where replied any of messages "m-2" on at least 2 days`, ""},
	{`all contacts where replied any of messages "m-1", "m-2" on at least 2 days`, "cat"},
	{`all contacts where clicked message "never-sent"`, ""},

	// Logic.
	{"all contacts where opted in and phone in US or replied", "ann cat"},
	{"all contacts where opted in and (phone in GB or replied)", ""},
	{"all contacts where not (sent or clicked)", "cat eve"},
}

// The two examples of the contract: "Engaged SMS recipients" and "SMS
// opportunities".
func examples(w *world) {
	w.segment("engaged", "all contacts where opted in and phone in US and clicked in last 30 days")
	w.segment("opportunities", "all contacts where not opted in and not opted out")
}

func define(w *world) {
	examples(w)
	for i, c := range criteria {
		w.segment(fmt.Sprintf("s%d", i), c.text)
	}
}

func checkCriteria(w *world) {
	w.t.Helper()
	w.expect("engaged", "ann")
	w.expect("opportunities", "cat dan")
	for i, c := range criteria {
		id := fmt.Sprintf("s%d", i)
		w.expect(id, c.members)
		if w.t.Failed() {
			w.t.Fatalf("%s is %s", id, c.text)
		}
	}
}

// TestCriteria holds every kind of condition against its members, however the
// state came about.
func TestCriteria(t *testing.T) {
	for name, prepare := range map[string]func(w *world){
		"defined first":  func(w *world) { define(w); w.settle(); people(w) },
		"defined later":  func(w *world) { people(w); w.settle(); define(w) },
		"read again":     func(w *world) { define(w); people(w); w.settle(); w.reopen() },
		"without Redis":  func(w *world) { people(w); define(w); w.settle(); w.loseRedis() },
		"across crashes": func(w *world) { define(w); people(w); w.settle() },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, 3)
			prepare(w)
			checkCriteria(w)
		})
	}
}

// Everything that happens twice, in any order, changes nothing.
func TestRepeatsChangeNothing(t *testing.T) {
	w := newWorld(t, 3)
	define(w)
	people(w)
	w.settle()
	w.events = 0 // the same ids
	people(w)
	checkCriteria(w)
}

// What a contact is in lapses and changes with what comes.
func TestContactThroughTime(t *testing.T) {
	w := newWorld(t, 3)
	examples(w)
	w.segment("us", "all contacts where phone in US")
	w.segment("elsewhere", "all contacts where not phone in US")
	w.contact("ann", "(201) 555-0123")
	w.expect("opportunities", "ann")
	w.consent(TopicOptedIn, "ann", "2026-11-15 12:00")
	w.behaviour(TopicClicked, "ann", "m-1", "2026-11-15 12:00")
	w.expect("opportunities", "")
	w.expect("engaged", "ann")

	w.consent(TopicOptedOut, "ann", "2026-11-15 12:00") // a tie
	w.expect("engaged", "")
	w.expect("opportunities", "")
	w.consent(TopicOptedIn, "ann", "2026-11-15 12:00")
	w.expect("engaged", "")
	w.now = w.now.Add(1e9)
	w.record(TopicOptedIn, "ann", nil)
	w.expect("engaged", "ann")

	w.contact("ann", "+44 7400 123456") // she moved
	w.expect("us", "")
	w.expect("elsewhere", "ann")
	w.record(TopicContacts, "ann", nil)
	w.expect("elsewhere", "ann")
	w.contact("ann", "2015550123")
	w.expect("us", "ann")

	w.now = w.now.Add(1e9)
	w.write(TopicContacts, w.partitionOf("ann"), acme+"/ann", nil) // erased
	w.expect("us", "")
	w.expect("engaged", "")
	w.now = w.now.Add(1e9)
	w.contact("ann", "2015550123") // and here again, with nothing known of her
	w.expect("us", "ann")
	w.expect("engaged", "")
	w.expect("opportunities", "ann")
}

// Midnight moves a contact out of a period, and into others, without an event.
func TestMidnight(t *testing.T) {
	w := newWorld(t, 2)
	w.contact("ann", "(201) 555-0123")
	w.behaviour(TopicClicked, "ann", "m-1", "2026-10-16 08:00") // 30 days ago
	w.segment("recent", "all contacts where clicked in last 30 days")
	w.segment("lapsed", "all contacts where not clicked in last 30 days")
	w.segment("window", "all contacts where clicked between 31 and 40 days ago")
	w.segment("counted", "all contacts where clicked at least 1 times in last 30 days and clicked exactly 1 time in last 30 days")
	w.segment("child", `segment "recent" where valid phone`)
	w.now = w.local("2026-11-15 23:59")
	for id, members := range map[string]string{"recent": "ann", "lapsed": "", "window": "", "counted": "ann", "child": "ann"} {
		w.expect(id, members)
	}
	w.now = w.local("2026-11-16 00:00")
	for p := range w.tasks {
		for worked := true; worked; {
			var err error
			worked, err = w.task(int32(p)).Compose(t.Context())
			w.must(err)
		}
	}
	for id, members := range map[string]string{"recent": "", "lapsed": "ann", "window": "ann", "counted": "", "child": ""} {
		w.expect(id, members)
	}
	for _, c := range w.published() {
		if entered := c.Change == "entered"; c.Cause == "window" && entered != (c.Segment == "lapsed" || c.Segment == "window") {
			t.Errorf("%+v", c)
		}
	}
	w.now = w.local("2026-11-26 00:00")
	w.expect("window", "")
	w.now = w.local("2028-10-15 12:00")
	w.segment("ever", "all contacts where clicked")
	w.expect("ever", "ann") // the last of 730 kept days
	w.now = w.local("2028-10-16 00:00")
	w.expect("ever", "")
}
