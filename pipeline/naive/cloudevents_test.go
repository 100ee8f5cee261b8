package naive

import (
	"maps"
	"testing"

	"rollcall/pipeline/segment"
)

func TestCloudEvents(t *testing.T) {
	structured := map[string]string{"content-type": "application/cloudevents+json; charset=UTF-8"}
	binary := map[string]string{
		"ce_specversion": "1.0", "ce_type": "sms.clicked", "ce_source": "/s", "ce_id": "1", "ce_subject": "a",
		"ce_time": "2026-06-15T10:00:00Z", "content-type": "application/json",
	}
	envelope := `{"specversion":"1.0","type":"sms.clicked","source":"/s","id":"1","subject":"a","time":"2026-06-15T10:00:00Z"`
	short := `{"specversion":"1.0","type":"sms.clicked","source":"/s"`
	with := func(name, value string) map[string]string {
		h := maps.Clone(binary)
		h[name] = value
		return h
	}
	tests := []struct {
		name    string
		headers map[string]string
		value   string
		want    Outcome
	}{
		{"binary", binary, `{"message":"m"}`, Outcome{}},
		{"structured", structured, envelope + `,"data":{"message":"m"}}`, Outcome{Verdict: Repeated}},
		{"account", structured, envelope + `,"account":"other","data":{"message":"m"}}`, Outcome{DeadLettered, UnknownAccount}},
		{"no data", structured, envelope + `}`, Outcome{DeadLettered, MissingField}},
		{"odd data", structured, envelope + `,"data":1}`, Outcome{DeadLettered, NotJSON}},
		{"type", structured, `{"specversion":"1.0","type":"com.example","source":"/s","id":"1","subject":"a"}`, Outcome{DeadLettered, UnknownType}},
		{"version", structured, `{"specversion":"0.3","type":"sms.clicked","source":"/s","id":"1","subject":"a"}`, Outcome{DeadLettered, BadCloudEvent}},
		{"no id", structured, short + `,"subject":"a","data":{"message":"m"}}`, Outcome{DeadLettered, BadCloudEvent}},
		{"empty id", with("ce_id", ""), `{"message":"m"}`, Outcome{DeadLettered, BadCloudEvent}},
		{"number as id", structured, short + `,"id":1,"subject":"a"}`, Outcome{DeadLettered, BadCloudEvent}},
		{"number as subject", structured, short + `,"id":"1","subject":1}`, Outcome{DeadLettered, BadCloudEvent}},
		{"null as subject", structured, short + `,"id":"1","subject":null}`, Outcome{DeadLettered, MissingField}},
		{"upper case", map[string]string{"content-type": "Application/CloudEvents+JSON"}, envelope + `,"data":{"message":"m"}}`, Outcome{Verdict: Repeated}},
		{"other format", map[string]string{"content-type": "application/cloudevents+avro"}, `x`, Outcome{DeadLettered, BadCloudEvent}},
		{"batch", map[string]string{"content-type": "application/cloudevents-batch+json"}, `[]`, Outcome{DeadLettered, BadCloudEvent}},
		{"base64", structured, envelope + `,"data_base64":"eyJtZXNzYWdlIjoibSJ9"}`, Outcome{Verdict: Repeated}},
		{"bad base64", structured, envelope + `,"data_base64":"!"}`, Outcome{DeadLettered, BadCloudEvent}},
		{"data twice", structured, envelope + `,"data":{},"data_base64":""}`, Outcome{DeadLettered, BadCloudEvent}},
		{"not UTF-8", with("ce_subject", "\xff"), `{"message":"m"}`, Outcome{DeadLettered, BadCloudEvent}},
		{"opt-out among clicks", with("ce_type", "sms.opted_out"), ``, Outcome{}},
		{"plain", nil, `{"account":"acme","contact":"a","message":"m","id":"1","at":"2026-06-15T10:00:00Z"}`, Outcome{}},
	}
	l := newLog("UTC")
	for _, test := range tests {
		rec := record("sms.clicked", "a", noon, []byte(test.value))
		rec.Headers = test.headers
		l.append(rec)
	}
	r := Fold(l.world, noon)
	for i, test := range tests {
		expect(t, test.name, r.Outcomes[i], test.want)
	}
	l.exists("a")
	twice := segment.Frequency{Kind: segment.Exactly, K: 2} // a source is part of an identity
	expect(t, "clicked", l.where(segment.Did{Behaviour: segment.Clicked, Frequency: twice}), "a")
}

func BenchmarkFold(b *testing.B) {
	l := newLog("America/New_York")
	contacts := []string{"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"}
	for i, c := range contacts {
		l.add("contacts", c, noon, fields{"phone": "+12015550123"})
		for range 9 {
			l.add("sms.sent", contacts[i], noon, fields{"message": "m", "at": "2026-06-15T10:00:00Z"})
		}
	}
	l.world.Accounts[0].Segments = map[string]segment.Definition{}
	for _, id := range contacts {
		l.world.Accounts[0].Segments[id] = segment.Definition{Where: segment.All{
			segment.ValidPhone{}, segment.Did{Period: segment.Period{Kind: segment.LastDays, N: 30}},
		}}
	}
	for b.Loop() {
		r := Fold(l.world, noon)
		for _, id := range contacts {
			r.Members("acme", id)
		}
	}
}
