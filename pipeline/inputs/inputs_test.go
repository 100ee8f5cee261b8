package inputs

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"rollcall/consumers"
)

// parsed is the input of a file with one table.
func parsed(t testing.TB, table string) *Input {
	t.Helper()
	set, err := Parse([]byte(`{"t": ` + table + `}`))
	if err != nil {
		t.Fatal(err)
	}
	return set["t"]
}

// record is one without headers.
func record(value string) *consumers.Record { return &consumers.Record{Value: []byte(value)} }

// structured is a CloudEvent in structured mode.
func structured(value string) *consumers.Record {
	r := record(value).WithHeaders(consumers.Header{Key: "content-type", Value: []byte("application/cloudevents+json")})
	return &r
}

func expect(t *testing.T, name string, got Translation, topic, problem string, ignored bool, fields map[string]any) {
	t.Helper()
	if got.Topic != topic || got.Problem != problem || got.Ignored != ignored {
		t.Errorf("%s: means %q, problem %q, ignored %t; want %q, %q, %t", name, got.Topic, got.Problem, got.Ignored, topic, problem, ignored)
		return
	}
	if problem != "" {
		return
	}
	var value map[string]any
	if err := json.Unmarshal(got.Value, &value); err != nil || !reflect.DeepEqual(value, fields) {
		t.Errorf("%s: got %s, want %v", name, got.Value, fields)
	}
}

const twilioTable = `{"preset": "twilio", "fields": {"account": "acme"}}`

// The fields are those of Twilio's schemas Messaging.MessageStatus/7,
// Messaging.InboundMessageV1/6 and DapTbt.LinkClicked/3.
func TestTwilio(t *testing.T) {
	in := parsed(t, twilioTable)
	event := func(kind, data string) *consumers.Record {
		return structured(`{"specversion":"1.0","type":"com.twilio.` + kind + `","source":"/2010-04-01/Accounts/AC1/Messages/SM1.json","id":"EZ1",` +
			`"dataschema":"https://events-schemas.twilio.com/X/1","datacontenttype":"application/json","time":"2026-11-15T12:00:00.000Z","data":` + data + `}`)
	}
	const status = `"messageSid":"SM1","timestamp":"2026-11-15T11:59:59.000Z","accountSid":"AC1","apiVersion":"2010-04-01",` +
		`"from":"+15005550006","to":"+12015550123","messagingServiceSid":"MG1","body":"20% off","numberOfSegments":1`
	id := `["/2010-04-01/Accounts/AC1/Messages/SM1.json","EZ1"]`
	inbound := `"messageSid":"SM2","timestamp":"2026-11-15T11:59:59.000Z","accountSid":"AC1","from":"+12015550123","to":"+15005550006","numMedia":0,"body":`
	said := func(f map[string]any) map[string]any {
		all := map[string]any{"account": "acme", "contact": "c-1", "id": id, "at": "2026-11-15T11:59:59.000Z", "source": "twilio"}
		maps.Copy(all, f)
		return all
	}
	tagged := `{` + status + `,"tags":{"contact":"c-1","message":"m-1"}}`
	for _, test := range []struct {
		name, kind, data string
		topic, problem   string
		fields           map[string]any
	}{
		{"sent", "messaging.message.sent", tagged, "sms.sent", "", said(map[string]any{"message": "m-1"})},
		{"no message tag", "messaging.message.sent", `{` + status + `,"tags":{"contact":"c-1"}}`, "sms.sent", "", said(map[string]any{"message": "MG1"})},
		{"failed", "messaging.message.failed", `{` + status + `,"errorCode":30007,"tags":{"contact":"c-1"}}`, "sms.failed", "",
			said(map[string]any{"message": "MG1", "reason": "30007"})},
		{"undelivered", "messaging.message.undelivered", tagged, "sms.failed", "", said(map[string]any{"message": "m-1"})},
		{"delivered", "messaging.message.delivered", tagged, "", "ignored-type", nil},
		{"queued", "messaging.message.queued", tagged, "", "ignored-type", nil},
		{"read", "messaging.message.read", tagged, "", "ignored-type", nil},
		{"no tags", "messaging.message.sent", `{` + status + `}`, "", "unmapped", nil},
		{"another product", "taskrouter.task.created", `{}`, "", "unknown-type", nil},
		{"clicked", "daptbt.link-shortening.link-clicked", `{"message_sid":"SM1","account_sid":"AC1","messaging_service_sid":"MG1","to":"+12015550123",
			"from":"+15005550006","link":"https://shop.example/sale?x=1&contact=c-1","shortened_link":"https://s.example/0000000001",
			"link_create_time":"2026-11-15T11:00:00.000Z","click_time":"2026-11-15T11:59:59.000Z","user_agent":"x"}`, "sms.clicked", "",
			said(map[string]any{"message": "MG1"})},
		{"clicked by nobody", "daptbt.link-shortening.link-clicked", `{"link":"https://shop.example/sale","click_time":"2026-11-15T11:59:59.000Z"}`,
			"", "unmapped", nil},
		{"clicked by bytes", "daptbt.link-shortening.link-clicked", `{"link":"https://shop.example/?contact=%ff"}`, "", "unmapped", nil},
		{"inbound", "messaging.inbound-message.received", `{` + inbound + `"STOP","optOutType":"STOP"}`, "", "unmapped", nil},
	} {
		expect(t, test.name, in.Translate(event(test.kind, test.data)), test.topic, test.problem, test.problem != "", test.fields)
	}

	known := parsed(t, `{"preset": "twilio", "fields": {"account": "acme", "contact": "/data/contact"}}`)
	for text, topic := range map[string]string{
		`"STOP"`: optedOut, `"stop"`: optedOut, `" Stop.\n"`: optedOut, `"STOPALL"`: optedOut, `"unsubscribe!"`: optedOut, `"Cancel"`: optedOut,
		`"END"`: optedOut, `"quit"`: optedOut, `"REVOKE"`: optedOut, `"OptOut"`: optedOut, `"START"`: optedIn, `"yes"`: optedIn, `"UNSTOP"`: optedIn,
		`"please stop"`: "sms.replied", `"YES please"`: "sms.replied", `""`: "sms.replied", `"HELP","optOutType":"HELP"`: "sms.replied",
		`"Arret","optOutType":"STOP"`: optedOut, `"STOP","optOutType":"START"`: optedOut, `"Hola","optOutType":"START"`: optedIn, `null`: "sms.replied",
	} {
		got := known.Translate(event("messaging.inbound-message.received", `{`+inbound+text+`,"contact":"c-1"}`))
		expect(t, text, got, topic, "", false, said(map[string]any{"message": "inbound"}))
	}
}

// JSON of another shape.
func TestOtherShapes(t *testing.T) {
	in := parsed(t, `{
		"type": ["/event/name", "/kind"],
		"types": {
			"out": "sms.sent",
			"bounce": {"topic": "sms.failed", "fields": {"reason": "/errors/0/text"}},
			"answer": {"topic": "sms.replied", "keywords": "/text"},
			"member": {"topic": "lists", "fields": {"list": "vip", "kind": "marketing", "member": true}},
			"noise": "ignore", "5": "sms.clicked"
		},
		"fields": {"account": "/shop~1id", "contact": ["/person/id", "/person/ref"], "message": "/campaign", "id": "/nr", "at": "/when"},
		"time": "unix", "stop": ["NO MORE"]}`)
	ignoring := parsed(t, `{"types": {"a": "sms.opted_out"}, "fields": {"account": "acme", "contact": "/c"}, "unknown": "ignore"}`)
	base := map[string]any{"account": "acme", "contact": "17", "message": "m", "id": "9007199254740993", "at": "2023-11-14T22:13:20.000Z"}
	with := func(name string, v any) map[string]any {
		m := maps.Clone(base)
		if m[name] = v; v == nil {
			delete(m, name)
		}
		return m
	}
	const rest = `"shop/id":"acme","person":{"id":17},"campaign":"m","nr":9007199254740993,"when":1700000000}`
	lists := with("list", "vip")
	maps.Copy(lists, map[string]any{"kind": "marketing", "member": true})
	for _, test := range []struct {
		in                    *Input
		value, topic, problem string
		ignored               bool
		fields                map[string]any
	}{
		{in, `{"kind":"out",` + rest, "sms.sent", "", false, base},
		{in, `{"event":{"name":"out"},"kind":"noise",` + rest, "sms.sent", "", false, base},
		{in, `{"kind":5,` + rest, "sms.clicked", "", false, base},
		{in, `{"kind":"bounce","errors":[{"text":"off"}],` + rest, "sms.failed", "", false, with("reason", "off")},
		{in, `{"kind":"answer","text":"no more",` + rest, optedOut, "", false, base},
		{in, `{"kind":"answer","text":"STOP",` + rest, "sms.replied", "", false, base},
		{in, `{"kind":"member",` + rest, "lists", "", false, lists},
		{in, `{"kind":"noise"}`, "", "ignored-type", true, nil},
		{in, `{"kind":"new",` + rest, "", "unknown-type", false, nil},
		{in, `{}`, "", "unknown-type", false, nil},
		{in, `{"kind":"out","shop/id":"acme","person":{"id":null,"ref":""}}`, "", "unmapped", false, nil},
		{in, `{"kind":"out","person":{"ref":"r"}}`, "", "unmapped", false, nil},
		{in, `{"kind":"out","shop/id":"acme","person":{"ref":"r"},"when":"1700000000.5"}`, "sms.sent", "", false,
			map[string]any{"account": "acme", "contact": "r", "at": "2023-11-14T22:13:20.500Z"}},
		{in, `{"kind":"out","shop/id":"acme","person":{"ref":"r"},"when":"now"}`, "sms.sent", "", false,
			map[string]any{"account": "acme", "contact": "r", "at": "now"}},
		{in, `{"kind":"out","shop/id":"acme","person":{"ref":"r"},"when":1e300}`, "sms.sent", "", false,
			map[string]any{"account": "acme", "contact": "r", "at": "1e300"}},
		{in, `[]`, "", "not-json", false, nil},
		{in, `{"kind":"noise"}}`, "", "not-json", false, nil},
		{in, "{\"kind\":\"\xff\"}", "", "not-json", false, nil},
		{in, ``, "", "not-json", false, nil},
		{ignoring, `{"type":"b"}`, "", "unknown-type", true, nil},
		{ignoring, `{"type":"a"}`, "", "unmapped", false, nil},
		{ignoring, `{"type":"a","c":"x","source":"s","id":"1"}`, optedOut, "", false, map[string]any{"account": "acme", "contact": "x"}},
	} {
		expect(t, test.value, test.in.Translate(record(test.value)), test.topic, test.problem, test.ignored, test.fields)
	}
}

// A CloudEvent is the same in every mode and encoding of its data.
func TestModes(t *testing.T) {
	in := parsed(t, `{"types": {"click": "sms.clicked"}, "fields": {"account": "/tenant", "contact": "/subject", "message": "/data/m", "at": "/time"}}`)
	want := map[string]any{"account": "acme", "contact": "c", "message": "m", "at": "2026-11-15T12:00:00Z", "id": `["/s","1"]`}
	attributes := `"specversion":"1.0","type":"click","source":"/s","id":"1","subject":"c","time":"2026-11-15T12:00:00Z","tenant":"acme"`
	binary := consumers.Record{Value: []byte(`{"m":"m"}`)}.WithHeaders(
		header("content-type", "application/json"), header("ce_specversion", "1.0"), header("ce_type", "click"), header("ce_source", "/s"),
		header("ce_id", "1"), header("ce_subject", "c"), header("ce_time", "2026-11-15T12:00:00Z"), header("ce_tenant", "acme"))
	for name, r := range map[string]*consumers.Record{
		"binary": &binary, "structured": structured(`{` + attributes + `,"data":{"m":"m"}}`),
		"base64": structured(`{` + attributes + `,"data_base64":"eyJtIjoibSJ9"}`), "without its header": record(`{` + attributes + `,"data":{"m":"m"}}`),
	} {
		expect(t, name, in.Translate(r), "sms.clicked", "", false, want)
	}
	expect(t, "version", in.Translate(structured(`{"specversion":"0.3","type":"click"}`)), "", "bad-cloudevent", false, nil)
}

func header(key, value string) consumers.Header {
	return consumers.Header{Key: key, Value: []byte(value)}
}

func TestParseRefuses(t *testing.T) {
	fields := `"fields": {"account": "a", "contact": "/c", "message": "/m"}`
	for file, want := range map[string]string{
		`[]`:                            "cannot unmarshal",
		`{} {}`:                         "more than one",
		`{"sms.sent": {}}`:              "not one to be mapped",
		`{"rollcall.inbox": {}}`:        "not one to be mapped",
		`{"t": {}}`:                     "topic",
		`{"t": {"topic": "sms.read"}}`:  "no topic",
		`{"t": {"topic": "ignored"}}`:   "no topic",
		`{"t": {"preset": "x"}}`:        "no preset",
		`{"t": {"preset": "twilio"}}`:   "account",
		`{"t": {"topics": "sms.sent"}}`: "unknown field",
		`{"t": {"topic": "sms.sent", "fields": {"account": "a", "contact": "/c"}}}`:   "message",
		`{"t": {"types": {"a": {"topic": "sms.sent", "field": {}}}, ` + fields + `}}`: "unknown field",
		`{"t": {"types": {"a": "sms.sent"}, "fields": {"who": "/c"}}}`:                "no field",
		`{"t": {"topic": "lists", ` + fields + `}}`:                                   `"list"`,
		`{"t": {"topic": "sms.sent", "types": {}, ` + fields + `}}`:                   "not both",
		`{"t": {"topic": "sms.sent", "time": "iso"}}`:                                 "time is",
		`{"t": {"topic": "sms.sent", "unknown": "skip"}}`:                             "unknown is",
		`{"t": {"topic": "sms.sent", "unmapped": "skip"}}`:                            "unmapped is",
		`{"t": {"topic": "sms.sent", "fields": {"account": 5}}}`:                      "a source is",
		`{"t": {"topic": "sms.sent", "fields": {"account": ["a", ""]}}}`:              "a source is",
	} {
		if set, err := Parse([]byte(file)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, %v; want %q", file, set, err, want)
		}
	}
}

func TestMeans(t *testing.T) {
	for table, want := range map[string]bool{
		twilioTable:             true, // by a keyword
		`{"topic": "sms.sent"}`: true, // a CloudEvent may be anything
		`{"topic": "sms.sent", "fields": {"account": "a", "contact": "/c", "message": "/m"}}`:           false,
		`{"types": {"a": "sms.opted_out", "b": "ignore"}, "fields": {"account": "a", "contact": "/c"}}`: true,
		`{"types": {"a": "contacts"}, "fields": {"account": "a", "contact": "/c"}}`:                     false,
		`{"types": {"a": "sms.clicked"}, "fields": {"account": "a", "contact": "/c", "message": "/m"}}`: false,
		`{"topic": "sms.opted_in", "fields": {"account": "a", "contact": "/c"}, "time": "unix_ms"}`:     false,
	} {
		if got := parsed(t, table).Means(optedOut); got != want {
			t.Errorf("%s: %t", table, got)
		}
	}
}

// FuzzTranslate looks for a record that makes the mapper panic, or hand on what
// is no object of the contract.
func FuzzTranslate(f *testing.F) {
	tables := []*Input{parsed(f, twilioTable), parsed(f, `{"type": "/a/0?b", "types": {"x": {"topic": "lists", "keywords": ["/a", "/b?c"]}},
		"fields": {"account": "/a", "contact": "/b", "list": "/c/1/d", "kind": "form", "member": ["/m", false], "at": "/t"}, "time": "unix_ms"}`)}
	f.Add(uint8(0), "application/cloudevents+json", []byte(`{"specversion":"1.0","type":"com.twilio.messaging.message.sent","source":"s","id":"1","data":{"tags":{"contact":"c"}}}`))
	f.Add(uint8(0), "", []byte(`{"type":"com.twilio.daptbt.link-shortening.link-clicked","data":{"link":"https://x.example/?contact=%ff"}}`))
	f.Add(uint8(1), "", []byte(`{"a":["https://x.example/?b=x"],"b":"https://x.example?c=STOP","c":["",{"d":1e999}],"m":true,"t":1e12}`))
	f.Fuzz(func(t *testing.T, which uint8, contentType string, value []byte) {
		r := consumers.Record{Value: value}
		if contentType != "" {
			r = r.WithHeaders(header("content-type", contentType), header("ce_specversion", "1.0"), header("ce_type", "x"), header("ce_source", contentType),
				header("ce_id", "1"))
		}
		got := tables[int(which)%len(tables)].Translate(&r)
		if got.Problem != "" {
			if got.Topic != "" || got.Value != nil {
				t.Fatalf("a problem, and yet %+v", got)
			}
			return
		}
		fields, problem := object(got.Value)
		if problem != "" || required[got.Topic] == nil {
			t.Fatalf("%q means %q in %q", value, got.Value, got.Topic)
		}
		for name := range fields {
			if !slices.Contains(known, name) {
				t.Fatalf("%q has the field %q", got.Value, name)
			}
		}
	})
}
