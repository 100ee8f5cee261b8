package segment

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
)

// forms are definitions as they print in both forms.
var forms = []struct{ text, json string }{
	{`all contacts`, `{"from":{"all_contacts":true}}`},
	{`list "x"`, `{"from":{"list":"x"}}`},
	{`form "x"`, `{"from":{"form":"x"}}`},
	{`webinar "x"`, `{"from":{"webinar":"x"}}`},
	{`segment "x"`, `{"from":{"segment":"x"}}`},

	{`all contacts where opted in and phone in US and clicked in last 30 days`,
		`{"from":{"all_contacts":true},"where":{"all":[{"opted_in":true},{"phone_in":["US"]},{"clicked":{"last_days":30}}]}}`},
	{`all contacts where not opted in and not opted out`,
		`{"from":{"all_contacts":true},"where":{"all":[{"not":{"opted_in":true}},{"not":{"opted_out":true}}]}}`},
	{`list "spring-sale" where sent in last 7 days and not clicked in last 7 days`,
		`{"from":{"list":"spring-sale"},"where":{"all":[{"sent":{"last_days":7}},{"not":{"clicked":{"last_days":7}}}]}}`},
	{`segment "engaged" where replied on at least 3 days since 2026-01-01 or clicked any of messages "m-8", "m-9" at least 2 times`,
		`{"from":{"segment":"engaged"},"where":{"any":[{"replied":{"at_least_days":3,"since":"2026-01-01"}},{"clicked":{"messages":{"any":["m-8","m-9"]},"at_least":2}}]}}`},

	{where("opted out"), whereJSON(`{"opted_out":true}`)},
	{where("valid phone"), whereJSON(`{"valid_phone":true}`)},
	{where("phone in US, CA"), whereJSON(`{"phone_in":["US","CA"]}`)},
	{where(`in list "x"`), whereJSON(`{"in_list":"x"}`)},
	{where(`in form "x"`), whereJSON(`{"in_form":"x"}`)},
	{where(`in webinar "x"`), whereJSON(`{"in_webinar":"x"}`)},
	{where(`in segment "x"`), whereJSON(`{"in_segment":"x"}`)},

	{where("sent"), whereJSON(`{"sent":{}}`)},
	{where("clicked"), whereJSON(`{"clicked":{}}`)},
	{where("failed"), whereJSON(`{"failed":{}}`)},
	{where("replied"), whereJSON(`{"replied":{}}`)},
	{where(`sent message "m"`), whereJSON(`{"sent":{"messages":{"any":["m"]}}}`)},
	{where(`sent any of messages "m", "n"`), whereJSON(`{"sent":{"messages":{"any":["m","n"]}}}`)},
	{where(`sent all of messages "m"`), whereJSON(`{"sent":{"messages":{"all":["m"]}}}`)},
	{where(`sent none of messages "m", "n"`), whereJSON(`{"sent":{"messages":{"none":["m","n"]}}}`)},
	{where(`clicked none of messages "a" in last 7 days`), whereJSON(`{"clicked":{"messages":{"none":["a"]},"last_days":7}}`)},
	{where("sent at least 3 times"), whereJSON(`{"sent":{"at_least":3}}`)},
	{where("sent at most 3 times"), whereJSON(`{"sent":{"at_most":3}}`)},
	{where("sent at most 1 time"), whereJSON(`{"sent":{"at_most":1}}`)},
	{where("sent exactly 10000 times"), whereJSON(`{"sent":{"exactly":10000}}`)},
	{where("sent on at least 3 days"), whereJSON(`{"sent":{"at_least_days":3}}`)},
	{where("sent in last 1 day"), whereJSON(`{"sent":{"last_days":1}}`)},
	{where("sent between 30 and 60 days ago"), whereJSON(`{"sent":{"days_ago":[30,60]}}`)},
	{where("sent on 2024-02-29"), whereJSON(`{"sent":{"on":"2024-02-29"}}`)},
	{where("sent between 2026-01-01 and 2026-01-01"), whereJSON(`{"sent":{"between":["2026-01-01","2026-01-01"]}}`)},
	{where("sent before 2026-01-01"), whereJSON(`{"sent":{"before":"2026-01-01"}}`)},
	{where("sent since 2026-01-01"), whereJSON(`{"sent":{"since":"2026-01-01"}}`)},
	{where(`sent all of messages "m" on at least 2 days on 2026-01-01`),
		whereJSON(`{"sent":{"messages":{"all":["m"]},"at_least_days":2,"on":"2026-01-01"}}`)},

	{where("sent between 30 and 60 days ago and opted in"),
		whereJSON(`{"all":[{"sent":{"days_ago":[30,60]}},{"opted_in":true}]}`)},
	{where("sent between 2026-01-01 and 2026-02-01 and clicked between 1 and 2 days ago and opted in"),
		whereJSON(`{"all":[{"sent":{"between":["2026-01-01","2026-02-01"]}},{"clicked":{"days_ago":[1,2]}},{"opted_in":true}]}`)},
	{where("phone in US, CA and sent"), whereJSON(`{"all":[{"phone_in":["US","CA"]},{"sent":{}}]}`)},

	{where("sent or clicked and not failed"), whereJSON(`{"any":[{"sent":{}},{"all":[{"clicked":{}},{"not":{"failed":{}}}]}]}`)},
	{where("(sent or clicked) and failed"), whereJSON(`{"all":[{"any":[{"sent":{}},{"clicked":{}}]},{"failed":{}}]}`)},
	{where("not (sent and clicked) or failed"), whereJSON(`{"any":[{"not":{"all":[{"sent":{}},{"clicked":{}}]}},{"failed":{}}]}`)},
	{where("not (sent or clicked)"), whereJSON(`{"not":{"any":[{"sent":{}},{"clicked":{}}]}}`)},

	{`list "a \"quoted\" \\ name\n\u0000\u202e é 😀"`, `{"from":{"list":"a \"quoted\" \\ name\n\u0000\u202e é 😀"}}`},
}

func where(condition string) string { return "all contacts where " + condition }

func whereJSON(condition string) string {
	return `{"from":{"all_contacts":true},"where":` + condition + `}`
}

func TestForms(t *testing.T) {
	for _, f := range forms {
		fromText, fromJSON := mustParse(t, f.text), mustParseJSON(t, f.json)
		if !reflect.DeepEqual(fromText, fromJSON) {
			t.Errorf("%s\n means %#v\n but %s\n means %#v", f.text, fromText, f.json, fromJSON)
		}
		if got := fromJSON.Text(); got != f.text {
			t.Errorf("text of %s\n got %s\nwant %s", f.json, got, f.text)
		}
		if got := mustMarshal(t, fromText); got != f.json {
			t.Errorf("JSON of %s\n got %s\nwant %s", f.text, got, f.json)
		}
	}
}

func TestParseIsTheTree(t *testing.T) {
	got := mustParse(t, `list "l" where sent none of messages "m" between 30 and 60 days ago and (opted out or not in form "f")`)
	want := Definition{
		From: Origin{Kind: List, Name: "l"},
		Where: All{
			Did{
				Behaviour: Sent,
				Messages:  Messages{Mode: NoneOf, Names: []string{"m"}},
				Period:    Period{Kind: DaysAgo, N: 30, M: 60},
			},
			Any{OptedOut{}, Not{Of: In{Kind: Form, Name: "f"}}},
		},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %#v\nwant %#v", got, want)
	}
}

func TestNormalise(t *testing.T) {
	for text, want := range map[string]string{
		"ALL Contacts WHERE Opted IN":                      "all contacts where opted in",
		"all\n\tcontacts\r\nwhere(sent)and(clicked)":       where("sent and clicked"),
		where("sent and (clicked and (failed))"):           where("sent and clicked and failed"),
		where("sent or (clicked or failed and (replied))"): where("sent or clicked or failed and replied"),
		where("((sent))"):                                  where("sent"),
		where("not not sent"):                              where("sent"),
		where("not (not not sent)"):                        where("not sent"),
		where("sent and not not (clicked and failed)"):     where("sent and clicked and failed"),
		where("phone in us, CA, Us"):                       where("phone in US, CA"),
		where(`sent any of messages "m"`):                  where(`sent message "m"`),
		where(`sent any of messages "n", "m", "n"`):        where(`sent any of messages "n", "m"`),
		where(`sent message "\u006d\/\ud83d\ude00"`):       where(`sent message "m/😀"`),
		where("sent at least 1 times"):                     where("sent"),
		where("sent on at least 1 days"):                   where("sent"),
		where("sent exactly 1 times in last 1 days"):       where("sent exactly 1 time in last 1 day"),
		where("sent ever"):                                 where("sent"),
		where("sent in last 030 days"):                     where("sent in last 30 days"),
	} {
		if got := mustParse(t, text).Text(); got != want {
			t.Errorf("%s\n got %s\nwant %s", text, got, want)
		}
	}
	for data, want := range map[string]string{
		whereJSON(`{"opted_in":false}`):                             where("not opted in"),
		whereJSON(`{"not":{"valid_phone":false}}`):                  where("valid phone"),
		whereJSON(`{"all":[{"sent":{}}]}`):                          where("sent"),
		whereJSON(`{"any":[{"any":[{"sent":{}},{"failed":{}}]}]}`):  where("sent or failed"),
		whereJSON(`{"sent":{"at_least":1}}`):                        where("sent"),
		whereJSON(`{"sent":{"at_least_days":1}}`):                   where("sent"),
		whereJSON(`{"phone_in":["us","US"]}`):                       where("phone in US"),
		"{\"where\": {\"sent\":{}},\n \"from\": {\"form\":\"x\"} }": `form "x" where sent`,
	} {
		if got := mustParseJSON(t, data).Text(); got != want {
			t.Errorf("%s\n got %s\nwant %s", data, got, want)
		}
	}
}

func TestNormaliseLeavesItsInputAlone(t *testing.T) {
	inner := All{OptedIn{}, PhoneIn{Countries: []string{"us", "us"}}}
	d := Definition{Where: All{inner, Not{Of: Not{Of: OptedOut{}}}}}
	d.Normalise()
	if inner[1].(PhoneIn).Countries[0] != "us" || len(d.Where.(All)) != 2 {
		t.Errorf("changed to %#v", d)
	}
}

func TestDefinitionInsideJSON(t *testing.T) {
	var body struct{ Definition Definition }
	data := `{"Definition":` + forms[5].json + `}`
	if err := json.Unmarshal([]byte(data), &body); err != nil {
		t.Fatal(err)
	}
	if body.Definition.String() != forms[5].text {
		t.Errorf("got %s", body.Definition)
	}
	if got, err := json.Marshal(body); err != nil || string(got) != data {
		t.Errorf("got %s, %v", got, err)
	}
	if err := json.Unmarshal([]byte(`{"Definition":null}`), &body); err == nil {
		t.Error("null was taken for a definition")
	}
}

func TestFieldsBeside(t *testing.T) {
	data := []byte(`{"id":"a","name":"A","from":{"list":"l"}}`)
	if d, err := ParseJSON(data, "id", "name"); err != nil || d.Text() != `list "l"` {
		t.Errorf("got %v, %v", d, err)
	}
	_, err := ParseJSON(data, "id")
	if e, ok := errors.AsType[*Error](err); !ok || e.Path != "name" {
		t.Errorf("got %v", err)
	}
}

func TestCountries(t *testing.T) {
	if n := len(strings.Fields(countries)); n != 249 {
		t.Errorf("%d codes, ISO 3166-1 has 249", n)
	}
}

func TestWords(t *testing.T) {
	for got, want := range map[string]string{
		Clicked.String():              "clicked",
		Behaviour(9).String():         "behaviour 9",
		AllContacts.String():          "all contacts",
		Webinar.String():              "webinar",
		Kind(9).String():              "kind 9",
		Period{}.String():             "ever",
		Frequency{}.String():          "at least 1 time",
		Messages{}.String():           "any message",
		Text(Not{Of: Any{OptedIn{}}}): "not opted in",
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func mustParse(t testing.TB, text string) Definition {
	t.Helper()
	d, err := Parse(text)
	if err != nil {
		t.Fatalf("%s\n%v", text, err)
	}
	return d
}

func mustParseJSON(t testing.TB, data string) Definition {
	t.Helper()
	d, err := ParseJSON([]byte(data))
	if err != nil {
		t.Fatalf("%s\n%v", data, err)
	}
	return d
}

func mustMarshal(t testing.TB, d Definition) string {
	t.Helper()
	data, err := d.MarshalJSON()
	if err != nil {
		t.Fatalf("%v\n%v", d, err)
	}
	return string(data)
}
