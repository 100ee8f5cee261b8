package pipeline

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"rollcall/consumers"
	"rollcall/pipeline/naive"
)

// structuredHeader is what a CloudEvent in structured mode has.
var structuredHeader = header("content-type", "application/cloudevents+json; charset=UTF-8")

// binaryHeaders are those of a CloudEvent in binary mode.
func binaryHeaders(attributes map[string]string) []consumers.Header {
	headers := []consumers.Header{header("content-type", "application/json"), header("ce_specversion", "1.0")}
	for _, name := range slices.Sorted(maps.Keys(attributes)) {
		headers = append(headers, header("ce_"+name, attributes[name]))
	}
	return headers
}

// A CloudEvent means its type, in whatever topic and partition it stands, and
// the same event from the inbox, or in the other mode, is a repeat.
func TestCloudEventsCount(t *testing.T) {
	w := newWorld(t, 3)
	w.segment("clicked", `all contacts where clicked message "m-1" exactly 2 times`)
	w.segment("out", `all contacts where opted out`)
	w.contact("ann", "2015550123")
	owner := w.partitionOf("ann")
	astray := (owner + 1) % 3
	attributes := map[string]string{
		"type": TopicClicked, "source": "/clicks", "id": "7", "subject": "ann", "account": acme, "time": "2026-11-15T12:00:00Z",
	}
	whole := map[string]any{"specversion": "1.0", "data": map[string]string{"message": "m-1"}}
	for name, v := range attributes {
		whole[name] = v
	}
	value, err := json.Marshal(whole)
	w.must(err)
	data := []byte(`{"message":"m-1"}`)
	w.write(TopicClicked, owner, "acme/ann", data, binaryHeaders(attributes)...)
	w.write(TopicSent, astray, "some key", data, binaryHeaders(attributes)...) // among others, in a wrong partition
	w.write(TopicReplied, owner, "acme/ann", value, structuredHeader)
	w.expect("clicked", "")
	delete(attributes, "account") // the key says it
	attributes["source"] = "/other"
	w.write(TopicLists, astray, "acme/whatever", data, binaryHeaders(attributes)...)
	w.expect("clicked", "ann")
	w.write(TopicClicked, astray, "acme/", nil, binaryHeaders(map[string]string{
		"type": TopicOptedOut, "source": "/s", "id": "8", "subject": "ann",
	})...)
	w.expect("out", "ann")
	if letters := w.deadLetters(); len(letters) != 0 {
		t.Errorf("%d dead letters, the first because of %v", len(letters), headersOf(&letters[0]))
	}
	if n := len(w.written(TopicInbox)); n != 3 {
		t.Errorf("%d records were forwarded, want 3", n)
	}
}

// What is no CloudEvent that can be read is a dead letter, with a stable code.
func TestBadCloudEvents(t *testing.T) {
	event := func(change string, to any) []byte {
		whole := map[string]any{"specversion": "1.0", "type": TopicSent, "source": "/s", "id": "1", "subject": "c", "account": acme,
			"data": map[string]any{"message": "m"}}
		if whole[change] = to; to == nil {
			delete(whole, change)
		}
		value, _ := json.Marshal(whole)
		return value
	}
	for _, test := range []struct {
		value       []byte
		contentType string
		want        Code
	}{
		{event("x", "y"), "application/cloudevents+json", ""},
		{event("data", nil), "application/cloudevents+json", MissingField},
		{event("x", 1), "APPLICATION/CloudEvents+json ; charset=utf-8", ""},
		{event("specversion", "0.3"), "application/cloudevents+json", BadCloudEvent},
		{event("specversion", 1.0), "application/cloudevents+json", BadCloudEvent},
		{event("type", nil), "application/cloudevents+json", BadCloudEvent},
		{event("source", ""), "application/cloudevents+json", BadCloudEvent},
		{event("id", nil), "application/cloudevents+json", BadCloudEvent},
		{event("subject", 17), "application/cloudevents+json", BadCloudEvent},
		{event("subject", nil), "application/cloudevents+json", MissingField},
		{event("account", "ACME"), "application/cloudevents+json", BadAccount},
		{event("type", "com.example.sent"), "application/cloudevents+json", UnknownType},
		{event("data", "text"), "application/cloudevents+json", NotJSON},
		{event("data_base64", "e30="), "application/cloudevents+json", BadCloudEvent},
		{event("time", "yesterday"), "application/cloudevents+json", BadTime},
		{[]byte("{"), "application/cloudevents+json", NotJSON},
		{event("x", "y"), "application/cloudevents+protobuf", BadCloudEvent},
		{event("x", "y"), "application/cloudevents-batch+json", BadCloudEvent},
	} {
		r := consumers.Record{TopicPartition: consumers.TopicPartition{Topic: TopicSent}, Time: fuzzNow.UnixMilli(), Value: test.value}
		r = r.WithHeaders(header("content-type", test.contentType))
		if _, code := judged(&r); code != test.want {
			t.Errorf("%s as %s: %q, want %q", test.value, test.contentType, code, test.want)
		}
	}
}

// drawCloudEvent makes up a CloudEvent, with oddities.
func drawCloudEvent(t *rapid.T) consumers.Record {
	odd := func(what string) bool { return rapid.IntRange(0, 29).Draw(t, what) == 0 }
	attributes := map[string]any{"specversion": "1.0", "source": rapid.SampledFrom([]string{"/s", "s", "ζ"}).Draw(t, "source"),
		"id": rapid.SampledFrom([]string{"1", "/s1", "e"}).Draw(t, "id"), "type": rapid.SampledFrom(append([]string{"com.example"}, fuzzTopics...)).Draw(t, "type"),
		"subject": "c", "account": acme, "time": "2026-11-15T11:00:00Z"}
	for _, name := range slices.Sorted(maps.Keys(attributes)) {
		if odd(name) {
			attributes[name] = rapid.SampledFrom([]any{"", "x", "1.0", "ACME", "\xff", nil, 5, map[string]any{"a": "b"}, "com.example"}).Draw(t, "odd")
		}
		if odd("without " + name) {
			delete(attributes, name)
		}
	}
	data := map[string]any{"message": "m", "kind": "form", "list": "l", "member": true, "phone": "+12015550123"}
	for _, name := range slices.Sorted(maps.Keys(data)) {
		if odd("odd " + name) {
			data[name] = rapid.SampledFrom([]any{nil, 1, "", "x", true}).Draw(t, "data")
		}
	}
	r := consumers.Record{TopicPartition: consumers.TopicPartition{Topic: rapid.SampledFrom(fuzzTopics).Draw(t, "topic")},
		Offset: 5, Time: fuzzNow.UnixMilli(), Key: []byte(rapid.SampledFrom([]string{"acme/c", "other/c", "c", ""}).Draw(t, "key"))}
	if rapid.Bool().Draw(t, "binary") {
		return drawBinary(t, r, attributes, data)
	}
	return drawStructured(t, r, attributes, data)
}

func drawBinary(t *rapid.T, r consumers.Record, attributes, data map[string]any) consumers.Record {
	headers := []consumers.Header{header("content-type", rapid.SampledFrom([]string{"application/json", "", "application/avro"}).Draw(t, "content type"))}
	for _, name := range slices.Sorted(maps.Keys(attributes)) {
		switch v := attributes[name].(type) {
		case nil:
			headers = append(headers, consumers.Header{Key: "ce_" + name})
		default:
			headers = append(headers, header("ce_"+name, fmt.Sprint(v)))
		}
	}
	r.Value = rapid.SampledFrom([][]byte{mustMarshal(data), mustMarshal(data), mustMarshal(data), nil, {}, []byte("null"), []byte("[")}).Draw(t, "value")
	return r.WithHeaders(headers...)
}

func drawStructured(t *rapid.T, r consumers.Record, attributes, data map[string]any) consumers.Record {
	switch rapid.IntRange(0, 9).Draw(t, "how") {
	case 0:
		attributes["data_base64"] = base64.StdEncoding.EncodeToString(mustMarshal(data))
	case 1:
		attributes["data"], attributes["data_base64"] = data, rapid.SampledFrom([]any{nil, "", "e30=", 1}).Draw(t, "base64")
	case 2:
		attributes["data"] = rapid.SampledFrom([]any{nil, 1, "text", []string{"a"}}).Draw(t, "no object")
	default:
		attributes["data"] = data
	}
	r.Value = mustMarshal(attributes)
	types := []string{"application/cloudevents+json", "application/cloudevents+json;charset=utf-8", "Application/CloudEvents+JSON",
		"application/cloudevents", "application/cloudevents+avro"}
	return r.WithHeaders(header("ce_specversion", "0.3"), header("content-type", rapid.SampledFrom(types).Draw(t, "format")))
}

func mustMarshal(v any) []byte {
	data, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return data
}

// The decoder and the naive way agree on every CloudEvent: on its code, and on
// what it makes true.
func TestCloudEventsLikeNaive(t *testing.T) {
	codes := map[Code]int{}
	rapid.Check(t, func(rt *rapid.T) {
		r := drawCloudEvent(rt)
		e, code := judged(&r)
		codes[code]++
		seen := plainRecord(&r)
		seen.Time = r.Time
		want := naive.Fold(naive.World{Partitions: 1, Accounts: []naive.Account{fuzzAccount}, Records: []naive.Record{seen}}, fuzzNow)
		if got := want.Outcomes[0].Code; !sameCode(code, got) {
			rt.Fatalf("%q with %v: %q, naive says %q", r.Value, seen.Headers, code, got)
		}
		if code == "" {
			checkHappened(t, &e, seen)
		}
	})
	for _, code := range []Code{"", BadCloudEvent, UnknownType, NotJSON} {
		if codes[code] == 0 {
			t.Errorf("no record with code %q: %v", code, codes)
		}
	}
}

// Source and id together are the identity, and no two pairs are alike.
func TestIdentityOfCloudEvents(t *testing.T) {
	seen := map[uint64]string{}
	for _, pair := range [][2]string{{"ab", "c"}, {"a", "bc"}, {"", "abc"}, {"abc", ""}} {
		id := identity(&event{source: []byte(pair[0]), id: []byte(pair[1])})
		if other, ok := seen[id]; ok {
			t.Errorf("%q is like %s", pair, other)
		}
		seen[id] = fmt.Sprint(pair)
	}
	if _, ok := seen[identity(&event{id: []byte("abc")})]; ok {
		t.Error("an id without a source is like one with a source")
	}
}

// Plain records are decoded without allocating, also where topics are mapped.
func TestPlainRecordsDoNotAllocate(t *testing.T) {
	d := decoder{inputs: partnerInputs}
	var e event
	value := []byte(`{"id":"e-1","account":"acme","contact":"c-1","message":"m-1","at":"2026-11-15T11:00:00Z"}`)
	r := consumers.Record{TopicPartition: consumers.TopicPartition{Topic: TopicSent}, Time: fuzzNow.UnixMilli(), Key: []byte("acme/c-1"), Value: value}
	traced := r.WithHeaders(header("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"), header("content-type", "application/json"))
	for name, r := range map[string]*consumers.Record{"bare": &r, "with headers": &traced} {
		if n := testing.AllocsPerRun(1000, func() {
			if d.decode(r, &e) != "" || d.details(&e) != "" {
				t.Fatal("it can't be read")
			}
		}); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

func BenchmarkDecode(b *testing.B) {
	value := []byte(`{"id":"e-1","account":"acme","contact":"c-1","message":"m-1","at":"2026-11-15T11:00:00Z"}`)
	plain := consumers.Record{TopicPartition: consumers.TopicPartition{Topic: TopicSent}, Time: fuzzNow.UnixMilli(), Key: []byte("acme/c-1"), Value: value}
	binary := plain.WithHeaders(binaryHeaders(map[string]string{"type": TopicSent, "source": "/s", "id": "1", "subject": "c-1", "account": acme})...)
	for name, r := range map[string]*consumers.Record{"plain": &plain, "cloudevent": &binary} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			var d decoder
			var e event
			for b.Loop() {
				if d.decode(r, &e) != "" {
					b.Fatal("it can't be read")
				}
			}
		})
	}
}
