package pipeline

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"rollcall/consumers"
	"rollcall/pipeline/naive"
	"rollcall/pipeline/segment"
)

// fuzzTopics are the topics that records are decoded of.
var fuzzTopics = []string{TopicSent, TopicClicked, TopicFailed, TopicReplied, TopicOptedIn, TopicOptedOut, TopicContacts, TopicLists}

// fuzzNow is the Kafka time of fuzzed records, 2026-11-15T12:00:00Z, and today.
var fuzzNow = time.Date(2026, 11, 15, 12, 0, 0, 0, time.UTC)

const fuzzRetention = 3650 // days

// FuzzRecord holds what the decoder makes of a record against package naive,
// which shares no code with it: the same code where it is a dead letter, and
// otherwise an event that naive lets happen to the same contact.
func FuzzRecord(f *testing.F) {
	for i, topic := range fuzzTopics {
		for _, fields := range []string{
			`"id":"e-1","message":"m-1","at":"2026-11-15T11:59:59.5+01:00"`,
			`"kind":"form","list":"l-1","member":true,"at":"2026-11-01T00:00:00Z"`,
			`"phone":"(201) 555-0123","region":"us"`,
			`"message":"m-1","message_name":"Spring","reason":"landline"`,
			`"message":"m-1","message_name":5`,
			`"message":"` + strings.Repeat("m", 201) + `","at":"2026-11-14T12:00:00Z"`,
			`"message":"m-1","at":"1999-12-31T23:59:59Z","id":null`,
			`"message":"m-1","url":1e999,"\u0061t":"2026-11-15t12:04:59z"`,
		} {
			f.Add(uint8(i), []byte(acme+"/c"), []byte(`{"account":"acme","contact":"c",`+fields+`}`), false, "", "", "", "")
		}
		f.Add(uint8(i), []byte(acme+"/c"), []byte(nil), true, topic, "3", "7", "1794744000000")
	}
	for _, first := range [][3]string{{"4294967295", "7", "1794744000000"}, {"0", "7", "-1"}, {"+3", "7", "0"}, {"-1", "0", "0"}, {"", "", ""}} {
		f.Add(uint8(0), []byte(acme+"/c"), []byte(`{"account":"acme","contact":"c","message":"m"}`), false, TopicSent, first[0], first[1], first[2])
	}
	for _, s := range objectSeeds {
		f.Add(uint8(0), []byte(nil), []byte(s), false, "", "", "", "")
	}
	f.Fuzz(func(t *testing.T, which uint8, key, value []byte, null bool, topic, partition, offset, at string) {
		if strings.Contains(partition+offset+at, "+") {
			return // nobody writes these with a sign
		}
		if null {
			value = nil
		} else if value == nil {
			value = []byte{}
		}
		tp := consumers.TopicPartition{Topic: fuzzTopics[int(which)%len(fuzzTopics)]}
		r := consumers.Record{TopicPartition: tp, Offset: 5, Time: fuzzNow.UnixMilli(), Key: key, Value: value}
		headers := map[string]string{}
		if topic != "" { // forwarded
			r.Topic = TopicInbox
			headers = map[string]string{headerTopic: topic, headerPartition: partition, headerOffset: offset, headerTime: at}
			r = r.WithHeaders(header(headerTopic, topic), header(headerPartition, partition), header(headerOffset, offset), header(headerTime, at))
		}
		e, code := judged(&r)
		seen := naiveRecord(&r, headers)
		want := naive.Fold(naive.World{Partitions: 1, Accounts: []naive.Account{fuzzAccount}, Records: []naive.Record{seen}}, fuzzNow)
		if got := want.Outcomes[0].Code; !sameCode(code, got) {
			t.Fatalf("%s of %q with %v: %q, naive says %q", r.TopicPartition, value, headers, code, got)
		}
		late := e.appliesDespite(code)
		if code == "" || late {
			checkHappened(t, &e, seen)
		}
	})
}

var fuzzAccount = naive.Account{ID: acme, RetentionDays: fuzzRetention, DefaultRegion: "US"}

// judged decodes a record, as a task that knows acme alone.
func judged(r *consumers.Record) (event, Code) {
	var d decoder
	var e event
	code := d.decode(r, &e)
	if code == "" && string(e.account) != acme {
		code = UnknownAccount
	}
	if code == "" {
		code = d.details(&e)
	}
	return e, code
}

func naiveRecord(r *consumers.Record, headers map[string]string) naive.Record {
	return naive.Record{
		Topic: r.Topic, Partition: r.Partition, Offset: r.Offset, Time: r.Time, Key: r.Key, Value: r.Value, Headers: headers,
	}
}

// sameCode compares codes. Of a record with several faults in its names and
// texts either may name another one.
func sameCode(code Code, want naive.Code) bool {
	oneStep := []string{string(TooLarge), string(BadName), string(BadKind)}
	if want == naive.UnknownTopic {
		return code == BadHeaders
	}
	return string(code) == string(want) || slices.Contains(oneStep, string(code)) && slices.Contains(oneStep, string(want))
}

// checkHappened asks naive whether an event is true of its contact, who exists
// since the beginning of what is kept.
func checkHappened(t *testing.T, e *event, r naive.Record) {
	t.Helper()
	begin := fuzzNow.AddDate(0, 0, -fuzzRetention)
	exists := naive.Record{Topic: TopicContacts, Time: begin.UnixMilli(), Key: []byte(acme + "/" + string(e.contact))}
	var err error
	if exists.Value, err = json.Marshal(map[string]string{"account": acme, "contact": string(e.contact)}); err != nil {
		t.Fatal(err)
	}
	result := naive.Fold(naive.World{Partitions: 1, Accounts: []naive.Account{fuzzAccount}, Records: []naive.Record{exists, r}}, fuzzNow)
	is := func(where segment.Condition) bool {
		return slices.Contains(result.Matching(acme, segment.Definition{Where: where}), string(e.contact))
	}
	var got, want any
	switch e.kind {
	case behaviourRecord:
		day := segment.DateOf(time.UnixMilli(e.at).UTC())
		messages := segment.Messages{Mode: segment.AnyOf, Names: []string{string(e.message)}}
		got = is(segment.Did{Behaviour: e.behaviour, Messages: messages, Period: segment.Period{Kind: segment.On, From: day}})
		want = day >= segment.DateOf(begin)
	case consentRecord:
		got, want = [2]bool{is(segment.OptedIn{}), is(segment.OptedOut{})}, [2]bool{!e.optOut, e.optOut}
	case listRecord:
		got, want = is(segment.In{Kind: e.listKind, Name: string(e.list)}), e.member
	case contactRecord:
		region := fuzzAccount.DefaultRegion
		if e.hasRegion {
			region = strings.ToUpper(string(e.region))
		}
		valid, in := new(phones).facts(e.phone, region)
		inIt := is(segment.PhoneIn{Countries: []string{in.String()}})
		got, want = [2]bool{is(segment.ValidPhone{}), inIt}, [2]bool{valid, in != 0}
		if e.origin.time <= begin.UnixMilli() {
			return // an older record changes nothing
		}
	case eraseRecord:
		got, want = is(nil), e.origin.time < begin.UnixMilli()
	}
	if got != want {
		t.Fatalf("%+v of %q: naive has %v, want %v\n%s", e, r.Value, got, want, result.Dump(acme, string(e.contact)))
	}
}
