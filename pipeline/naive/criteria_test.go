package naive

import (
	"testing"
	"time"

	"rollcall/pipeline/segment"
)

var topicOf = map[segment.Behaviour]string{
	segment.Sent: "sms.sent", segment.Clicked: "sms.clicked", segment.Failed: "sms.failed", segment.Replied: "sms.replied",
}

func TestBehaviours(t *testing.T) {
	for behaviour, topic := range topicOf {
		l := newLog("America/New_York")
		l.exists("yes", "other", "nothing")
		l.add(topic, "yes", noon, fields{"message": "m"})
		l.add(topic, "stranger", noon, fields{"message": "m"})
		l.add(topicOf[(behaviour+1)%segment.Behaviours], "other", noon, fields{"message": "m"})
		did := segment.Did{Behaviour: behaviour}
		expect(t, topic, l.where(did), "yes")
		expect(t, "not "+topic, l.where(segment.Not{Of: did}), "nothing other")
	}
}

func TestMetadata(t *testing.T) {
	l := newLog("America/New_York")
	l.add("contacts", "us", noon, fields{"phone": "(201) 555-0123"})
	l.add("contacts", "ca", noon, fields{"phone": "+15062345678"})
	l.add("contacts", "gb", noon, fields{"phone": "07400 123456", "region": "gb"})
	l.add("contacts", "bad", noon, fields{"phone": "123"})
	l.add("contacts", "empty", noon, fields{"phone": ""})
	l.add("contacts", "null", noon, fields{"phone": nil, "region": nil})
	l.add("sms.opted_in", "us", noon, nil)
	l.add("sms.opted_out", "ca", noon, nil)
	l.add("lists", "gb", noon, fields{"list": "x", "kind": "form", "member": true})
	tests := []struct {
		name    string
		cond    segment.Condition
		yes, no string
	}{
		{"valid phone", segment.ValidPhone{}, "ca gb us", "bad empty null"},
		{"opted in", segment.OptedIn{}, "us", "bad ca empty gb null"},
		{"opted out", segment.OptedOut{}, "ca", "bad empty gb null us"},
		{"phone in US, GB", segment.PhoneIn{Countries: []string{"US", "GB"}}, "gb us", "bad ca empty null"},
		{"in form x", segment.In{Kind: segment.Form, Name: "x"}, "gb", "bad ca empty null us"},
		{"in list x", segment.In{Kind: segment.List, Name: "x"}, "", "bad ca empty gb null us"},
		{"in webinar x", segment.In{Kind: segment.Webinar, Name: "x"}, "", "bad ca empty gb null us"},
	}
	for _, test := range tests {
		expect(t, test.name, l.where(test.cond), test.yes)
		expect(t, "not "+test.name, l.where(segment.Not{Of: test.cond}), test.no)
	}
}

func TestDefaultRegion(t *testing.T) {
	l := newLog("UTC")
	l.world.Accounts[0].DefaultRegion = ""
	l.add("contacts", "national", noon, fields{"phone": "(201) 555-0123"})
	l.add("contacts", "international", noon, fields{"phone": "+1 201 555 0123"})
	l.add("contacts", "own", noon, fields{"phone": "(201) 555-0123", "region": "US"})
	expect(t, "without default region", l.where(segment.ValidPhone{}), "international own")
}

func TestOrigins(t *testing.T) {
	l := newLog("UTC")
	l.exists("a", "b", "c", "d")
	for contact, kind := range map[string]string{"a": "marketing", "b": "form", "c": "webinar", "stranger": "form"} {
		l.add("lists", contact, noon, fields{"list": "x", "kind": kind, "member": true})
	}
	l.add("lists", "d", noon, fields{"list": "x", "kind": "form", "member": false})
	l.world.Accounts[0].Segments = map[string]segment.Definition{
		"parent": {Where: segment.Not{Of: segment.In{Kind: segment.List, Name: "x"}}},
		"child":  {From: segment.Origin{Kind: segment.Segment, Name: "parent"}, Where: segment.Not{Of: segment.In{Kind: segment.Form, Name: "x"}}},
	}
	tests := []struct {
		origin segment.Origin
		want   string
	}{
		{segment.Origin{Kind: segment.AllContacts}, "a b c d"},
		{segment.Origin{Kind: segment.List, Name: "x"}, "a"},
		{segment.Origin{Kind: segment.Form, Name: "x"}, "b"},
		{segment.Origin{Kind: segment.Webinar, Name: "x"}, "c"},
		{segment.Origin{Kind: segment.Segment, Name: "parent"}, "b c d"},
		{segment.Origin{Kind: segment.Segment, Name: "child"}, "c d"},
		{segment.Origin{Kind: segment.Segment, Name: "none"}, ""},
		{segment.Origin{Kind: segment.List, Name: "none"}, ""},
	}
	for _, test := range tests {
		expect(t, test.origin.Name, l.matching(segment.Definition{From: test.origin}), test.want)
	}
	expect(t, "in segment", l.where(segment.In{Kind: segment.Segment, Name: "child"}), "c d")
}

// The first examples of the contract, and who may be sent to.
func TestExamples(t *testing.T) {
	l := newLog("America/New_York")
	for _, c := range []string{"engaged", "idle", "out", "unknown"} {
		l.add("contacts", c, noon, fields{"phone": "+12015550123"})
	}
	l.add("contacts", "unreachable", noon, nil)
	l.add("contacts", "silent", noon, nil)
	l.add("sms.opted_in", "silent", noon, nil)
	l.add("sms.opted_in", "engaged", noon, nil)
	l.add("sms.opted_in", "idle", noon, nil)
	l.add("sms.opted_out", "out", noon, nil)
	for contact, days := range map[string]int{"engaged": 30, "idle": 31, "out": 1, "unknown": 1, "unreachable": 1} {
		l.add("sms.clicked", contact, noon.AddDate(0, 0, -days), fields{"message": "m"})
	}
	l.world.Accounts[0].Segments = map[string]segment.Definition{
		"engaged": {Where: segment.All{
			segment.OptedIn{},
			segment.PhoneIn{Countries: []string{"US"}},
			segment.Did{Behaviour: segment.Clicked, Period: segment.Period{Kind: segment.LastDays, N: 30}},
		}},
		"unasked": {Where: segment.All{segment.Not{Of: segment.OptedIn{}}, segment.Not{Of: segment.OptedOut{}}}},
		"anybody": {Where: segment.Any{segment.OptedIn{}, segment.OptedOut{}}},
	}
	r := Fold(l.world, noon)
	expect(t, "engaged", join(r.Members("acme", "engaged")), "engaged")
	expect(t, "unasked", join(r.Members("acme", "unasked")), "unknown unreachable")
	expect(t, "anybody", join(r.Members("acme", "anybody")), "engaged idle out silent")
	expect(t, "sendable anybody", join(r.Sendable("acme", "anybody")), "engaged idle")
	expect(t, "sendable unasked", join(r.Sendable("acme", "unasked")), "")
	expect(t, "other account", join(r.Members("nobody", "engaged")), "")
}

func TestMessagesAndFrequency(t *testing.T) {
	l := newLog("UTC")
	l.exists("none", "a", "aab", "ab", "c")
	send := func(contact, message string, day int) {
		l.add("sms.sent", contact, noon.AddDate(0, 0, -day), fields{"message": message})
	}
	send("a", "a", 0)
	send("aab", "a", 0)
	send("aab", "a", 0)
	send("aab", "b", 1)
	send("ab", "a", 0)
	send("ab", "b", 0)
	send("c", "c", 0)
	anyOf := segment.Messages{Mode: segment.AnyOf, Names: []string{"a", "b"}}
	allOf := segment.Messages{Mode: segment.AllOf, Names: []string{"a", "b"}}
	noneOf := segment.Messages{Mode: segment.NoneOf, Names: []string{"a", "b"}}
	tests := []struct {
		name string
		did  segment.Did
		want string
	}{
		{"sent", segment.Did{}, "a aab ab c"},
		{"any of", segment.Did{Messages: anyOf}, "a aab ab"},
		{"all of", segment.Did{Messages: allOf}, "aab ab"},
		{"none of", segment.Did{Messages: noneOf}, "c none"},
		{"at least 2", segment.Did{Frequency: segment.Frequency{Kind: segment.AtLeast, K: 2}}, "aab ab"},
		{"at least 3", segment.Did{Frequency: segment.Frequency{Kind: segment.AtLeast, K: 3}}, "aab"},
		{"at most 1 includes zero", segment.Did{Frequency: segment.Frequency{Kind: segment.AtMost, K: 1}}, "a c none"},
		{"exactly 2", segment.Did{Frequency: segment.Frequency{Kind: segment.Exactly, K: 2}}, "ab"},
		{"2 days", segment.Did{Frequency: segment.Frequency{Kind: segment.AtLeastDays, K: 2}}, "aab"},
		{"any of, 3 together", segment.Did{Messages: anyOf, Frequency: segment.Frequency{Kind: segment.AtLeast, K: 3}}, "aab"},
		{"all of, each once", segment.Did{Messages: allOf, Frequency: segment.Frequency{Kind: segment.Exactly, K: 1}}, "ab"},
		{"all of, each at most once", segment.Did{Messages: allOf, Frequency: segment.Frequency{Kind: segment.AtMost, K: 1}}, "a ab c none"},
		{"all of, each today", segment.Did{Messages: allOf, Period: segment.Period{Kind: segment.On, From: on("2026-06-15")}}, "ab"},
		{"none of, yesterday", segment.Did{Messages: noneOf, Period: segment.Period{Kind: segment.On, From: on("2026-06-14")}}, "a ab c none"},
	}
	for _, test := range tests {
		expect(t, test.name, l.where(test.did), test.want)
	}
}

func TestPeriods(t *testing.T) {
	l := newLog("America/New_York")
	today := on("2026-06-15")
	days := map[string]int{"tomorrow": -1, "today": 0, "d29": 29, "d30": 30, "d31": 31, "d59": 59, "d60": 60, "d61": 61}
	for contact, ago := range days {
		l.exists(contact)
		l.add("sms.sent", contact, noon.AddDate(0, 0, -ago), fields{"message": "m"})
	}
	tests := []struct {
		name   string
		period segment.Period
		want   string
	}{
		{"ever", segment.Period{}, "d29 d30 d31 d59 d60 d61 today tomorrow"},
		{"in last 30", segment.Period{Kind: segment.LastDays, N: 30}, "d29 d30 today tomorrow"},
		{"30 to 60 ago", segment.Period{Kind: segment.DaysAgo, N: 30, M: 60}, "d30 d31 d59 d60"},
		{"on today", segment.Period{Kind: segment.On, From: today}, "today"},
		{"on tomorrow", segment.Period{Kind: segment.On, From: today + 1}, "tomorrow"},
		{"between", segment.Period{Kind: segment.Between, From: today - 31, To: today - 29}, "d29 d30 d31"},
		{"before", segment.Period{Kind: segment.Before, To: today - 59}, "d60 d61"},
		{"since", segment.Period{Kind: segment.Since, From: today - 29}, "d29 today tomorrow"},
	}
	for _, test := range tests {
		expect(t, test.name, l.where(segment.Did{Period: test.period}), test.want)
	}
}

// A day of 23 or 25 hours ends at the account's midnight like any other.
func TestDaysAcrossClockChanges(t *testing.T) {
	tests := []struct{ zone, at, day string }{
		{"America/New_York", "2026-03-08T04:59:59.999Z", "2026-03-07"},
		{"America/New_York", "2026-03-08T05:00:00Z", "2026-03-08"},
		{"America/New_York", "2026-03-09T03:59:59.999Z", "2026-03-08"},
		{"America/New_York", "2026-03-09T04:00:00Z", "2026-03-09"},
		{"America/New_York", "2026-11-02T04:59:59.999Z", "2026-11-01"},
		{"America/New_York", "2026-11-02T05:00:00Z", "2026-11-02"},
		{"Australia/Sydney", "2026-04-04T13:00:00Z", "2026-04-05"},
		{"Australia/Sydney", "2026-04-05T13:59:59.999Z", "2026-04-05"},
		{"Australia/Sydney", "2026-04-05T14:00:00Z", "2026-04-06"},
		{"Asia/Kathmandu", "2026-06-15T18:14:59.999Z", "2026-06-15"},
		{"Asia/Kathmandu", "2026-06-15T18:15:00Z", "2026-06-16"},
		{"America/St_Johns", "2026-06-16T02:29:59.999Z", "2026-06-15"},
		{"America/St_Johns", "2026-06-16T02:30:00Z", "2026-06-16"},
		{"", "2026-06-15T23:59:59.999Z", "2026-06-15"},
	}
	for _, test := range tests {
		l := newLog(test.zone)
		l.exists("a")
		l.add("sms.sent", "a", instant(test.at), fields{"message": "m"})
		got := l.where(segment.Did{Period: segment.Period{Kind: segment.On, From: on(test.day)}})
		expect(t, test.zone+" "+test.at, got, "a")
	}
}

func TestRetention(t *testing.T) {
	l := newLog("America/New_York")
	l.world.Accounts[0].RetentionDays = 5
	l.exists("kept", "gone")
	l.add("sms.sent", "kept", instant("2026-06-10T00:00:00-04:00"), fields{"message": "m"})
	l.add("sms.sent", "gone", instant("2026-06-09T23:59:59.999-04:00"), fields{"message": "m"})
	expect(t, "ever", l.where(segment.Did{}), "kept")
	later := Fold(l.world, instant("2026-06-16T00:00:00-04:00"))
	expect(t, "a day later", join(later.Matching("acme", segment.Definition{Where: segment.Did{}})), "")
	l.world.Accounts[0].RetentionDays = 0
	expect(t, "two years", join(Fold(l.world, noon.Add(700*24*time.Hour)).Matching("acme",
		segment.Definition{Where: segment.Did{}})), "gone kept")
}
