package naive

import (
	"fmt"
	"strings"
	"testing"
)

func TestMurmur2(t *testing.T) { // the vectors of Kafka's own UtilsTest
	for text, want := range map[string]int32{
		"21": -973932308, "foobar": -790332482, "a-little-bit-long-string": -985981536,
		"a-little-bit-longer-string":                       -1486304829,
		"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971, "abc": 479470107,
	} {
		expect(t, text, int32(murmur2([]byte(text))), want)
	}
}

func TestTimes(t *testing.T) {
	tests := []struct {
		at   any
		code Code
		want string // the settled time
	}{
		{nil, "", "2026-06-15T16:00:00.000Z"},
		{"2026-06-15T15:59:59.9999Z", "", "2026-06-15T15:59:59.999Z"},
		{"2026-06-15T16:05:00.000Z", "", "2026-06-15T16:00:00.000Z"},
		{"2026-06-15T16:05:00.0009Z", "", "2026-06-15T16:00:00.000Z"},
		{"2026-06-15T16:05:00.001Z", ImpossibleTime, ""},
		{"2000-01-01T00:00:00Z", "", "2000-01-01T00:00:00.000Z"},
		{"1999-12-31T23:59:59.9999Z", ImpossibleTime, ""},
		{"2026-06-15T16:00:00", BadTime, ""},
		{"2026-06-15 16:00:00Z", BadTime, ""},
		{"2026-06-15T16:00:00,5Z", BadTime, ""},
		{"2026-06-15T16:00:00.Z", BadTime, ""},
		{"2026-06-15T6:00:00Z", BadTime, ""},
		{"2026-06-15T06:00:00+24:00", BadTime, ""},
		{"2026-06-15t06:00:00.5z", "", "2026-06-15T06:00:00.500Z"},
		{"2026-02-29T16:00:00Z", BadTime, ""},
		{"", BadTime, ""},
		{1781539200000, WrongType, ""},
	}
	for _, test := range tests {
		l := newLog("UTC")
		rec := l.add("sms.sent", "a", noon, fields{"message": "m", "at": test.at})
		c, code := Fold(l.world, noon).read(rec)
		expect(t, fmt.Sprint(test.at), code, test.code)
		if test.want != "" {
			expect(t, fmt.Sprint(test.at), moment(c.at), test.want)
		}
	}
}

func TestDeadLetters(t *testing.T) {
	long := strings.Repeat("x", 1001)
	tests := []struct {
		topic, value string
		want         Code
	}{
		{"sms.sent", `{"account":"acme","contact":"a","message":"m","x":1e999,"Message":5}`, ""},
		{"sms.sent", `{"message":5,"account":"acme","contact":"a","message":"m"}`, ""},
		{"contacts", `{"account":"acme","contact":"a","at":"whenever"}`, ""},
		{"sms.sent", `{"account":"acme"`, NotJSON},
		{"sms.sent", `{} {}`, NotJSON},
		{"sms.sent", `[]`, NotJSON},
		{"sms.sent", `null`, NotJSON},
		{"sms.sent", "{\"account\":\"\xff\"}", NotJSON},
		{"sms.sent", `{"account":"acme","contact":"a","Message":"m"}`, MissingField},
		{"sms.sent", `{"account":"acme","contact":"a","message":null}`, MissingField},
		{"sms.sent", `{"account":"acme","message":"m"}`, MissingField},
		{"lists", `{"account":"acme","contact":"a","list":"x","kind":"form"}`, MissingField},
		{"lists", `{"account":"acme","contact":"a","list":"x","kind":"form","member":"true"}`, WrongType},
		{"sms.sent", `{"account":"acme","contact":1}`, WrongType}, // before what is missing
		{"sms.sent", `{"account":"acme","contact":"","message":"m"}`, BadContact},
		{"sms.sent", `{"account":"acme","contact":"` + long[:201] + `","message":"m"}`, BadContact},
		{"sms.sent", `{"account":"Acme","contact":"a","message":"m"}`, BadAccount},
		{"sms.sent", `{"account":"-acme","contact":"a","message":"m"}`, BadAccount},
		{"sms.sent", `{"account":"acme\n","contact":"a","message":"m"}`, BadAccount},
		{"sms.sent", `{"account":"other","contact":"a","message":""}`, UnknownAccount}, // before the names
		{"sms.sent", `{"account":"acme","contact":"a","message":"","at":"x"}`, BadName},
		{"sms.sent", `{"account":"acme","contact":"a","message":"` + long[:201] + `"}`, BadName},
		{"lists", `{"account":"acme","contact":"a","list":"","kind":"form","member":true}`, BadName},
		{"lists", `{"account":"acme","contact":"a","list":"x","kind":"Form","member":true}`, BadKind},
		{"sms.sent", `{"account":"acme","contact":"a","message":"m","id":"` + long + `"}`, TooLarge},
		{"sms.sent", strings.Repeat(" ", 1<<20+1), TooLarge},
		{"sms.seen", `{}`, UnknownTopic},
		{topicInbox, `{"account":"acme","contact":"a","message":"m"}`, BadHeaders},
	}
	for _, test := range tests {
		l := newLog("UTC")
		rec := l.append(record(test.topic, "a", noon, []byte(test.value)))
		got := Fold(l.world, noon).Outcomes[0]
		want := Outcome{Code: test.want}
		if test.want != "" {
			want.Verdict = DeadLettered
		}
		expect(t, test.topic+" "+test.value[:min(len(test.value), 80)], got, want)
		if test.want != "" { // wherever it stands
			l.append(misplaced(rec, "x"))
			expect(t, "misplaced", Fold(l.world, noon).Outcomes[1], want)
		}
	}
}

func TestTombstoneKeys(t *testing.T) {
	for key, want := range map[string]Code{
		"acme/a": "", "acme/a/b": "", "acme": BadContact, "acme/": BadContact, "": BadContact, "/a": BadAccount,
		"other/a": UnknownAccount, "acme/\xff": BadContact,
	} {
		rec := Record{Topic: "contacts", Key: []byte(key), Partition: Partition([]byte(key), partitions)}
		w := newLog("UTC").world
		w.Records = []Record{rec}
		expect(t, key, Fold(w, noon).Outcomes[0].Code, want)
	}
}

func TestInboxHeaders(t *testing.T) {
	good := map[string]string{"rollcall-topic": "sms.sent", "rollcall-partition": "1", "rollcall-offset": "2", "rollcall-time": "3"}
	spoil := map[string]Code{"rollcall-topic": UnknownTopic, "rollcall-partition": BadHeaders, "rollcall-offset": BadHeaders, "rollcall-time": BadHeaders}
	for name, want := range spoil {
		rec := record(topicInbox, "a", noon, []byte(`{"account":"acme","contact":"a","message":"m"}`))
		rec.Headers = map[string]string{}
		for k, v := range good {
			rec.Headers[k] = v
		}
		rec.Headers[name] = "x"
		w := newLog("UTC").world
		w.Records = []Record{rec}
		expect(t, name, Fold(w, noon).Outcomes[0], Outcome{DeadLettered, want})
	}
}
