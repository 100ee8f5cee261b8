package segment

import (
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// A caret in the text of a case marks the place of the fault.
func TestParseErrors(t *testing.T) {
	long := strings.Repeat("é", 101)
	for _, c := range []struct{ text, want string }{
		{`^`, `expected an origin: "all contacts", "list", "form", "webinar" or "segment", found the end`},
		{`^lst "x"`, `"lst"; did you mean "list"?`},
		{`all ^contact`, `expected "contacts", found "contact"; did you mean "contacts"?`},
		{`list ^spring-sale`, `expected a name in double quotes, found "spring-sale"`},
		{`list ^“x”`, `found "“"`},
		{`list ^""`, `expected a name of 1 to 200 bytes, found an empty one`},
		{`list ^"` + long + `"`, `of 202 bytes`},
		{`list "x^`, `expected a closing "`},
		{`list "x^` + "\n" + `"`, `found '\n'`},
		{`list "^\x"`, `expected an escape of JSON`},
		{`list "^\ud83d"`, `expected a pair of surrogates, found \ud83d alone`},
		{`list "^\ude00\ud83d"`, `expected a pair of surrogates, found \ude00 alone`},
		{`list "^\u12"`, `expected an escape of JSON`},
		{"list \"a^\xff\"", `expected text in UTF-8, found byte 0xff`},
		{`all contacts ^were opted in`, `expected "where" or the end, found "were"; did you mean "where"?`},
		{`list "x" ^"y"`, `found the name "y"`},
		{where(`^`), `expected a condition`},
		{where(`^clickd`), `did you mean "clicked"?`},
		{where(`^opted-in`), `did you mean "opted in"?`},
		{where(`opted ^on`), `expected "in" or "out"`},
		{where(`valid ^phnoe`), `did you mean "phone"?`},
		{where(`opted in ^opted out`), `expected "and", "or" or the end, found "opted"`},
		{where(`opted in ^adn sent`), `did you mean "and"?`},
		{where(`opted in and^`), `found the end`},
		{where(`(opted in^`), `expected "and", "or" or ")", found the end`},
		{where(`opted in^)`), `expected "and", "or" or the end, found ")"`},
		{where(`(^)`), `expected a condition`},
		{where(`not^`), `expected a condition`},
		{where(`phone in^`), `expected an ISO 3166-1 alpha-2 country code such as US, found the end`},
		{where(`phone in US,^`), `found the end`},
		{where(`phone in US, ^UK`), `country code such as US, found "UK"; did you mean "GB"?`},
		{where(`phone in ^"US"`), `found the name "US"`},
		{where(`in ^lists "x"`), `did you mean "list"?`},
		{where(`sent any messages "x"`), `expected "of", found "messages"`},
		{where(`sent any of ^message "x"`), `expected "messages"`},
		{where(`sent any of messages^`), `expected a name in double quotes`},
		{where(`sent message "a" ^any of messages "b"`), `sent has its messages already`},
		{where(`sent at least 1 times ^at most 2 times`), `sent has its frequency already`},
		{where(`sent in last 2 days ^since 2026-01-01`), `sent has its period already), found "since"`},
		{where(`sent ever ^ever`), `sent has its period already`},
		{where(`sent in last 2 days ^exactly 2 times`), `messages, frequency and period follow in this order`},
		{where(`sent in last 2 days ^on at least 2 days`), `in this order`},
		{where(`sent none of messages "a" ^at least 1 times`), `"none of" takes no frequency`},
		{where(`sent ^in list "x"`), `expected "and", "or" or the end, found "in"`},
		{where(`sent ^sinc 2026-01-01`), `did you mean "since"?`},
		{where(`sent at ^lest 2 times`), `expected "least" or "most", found "lest"; did you mean "least"?`},
		{where(`sent at least ^0 times`), `expected a number of times from 1 to 10,000, found "0"`},
		{where(`sent at least ^10001 times`), `found "10001"`},
		{where(`sent at least ^99999999999999999999 times`), `from 1 to 10,000`},
		{where(`sent at least ^-1 times`), `from 1 to 10,000`},
		{where(`sent at least ^two times`), `found "two"`},
		{where(`sent at least 2 ^days`), `expected "times" or "time", found "days"`},
		{where(`sent on at least 2 ^times`), `expected "days" or "day"`},
		{where(`sent in last 10^,000 days`), `expected "days" or "day", found ","`},
		{where(`sent in last ^0 days`), `expected a number of days from 1 to 10,000, found "0"`},
		{where(`sent in last ^days`), `a number of days`},
		{where(`sent between 60 and ^60 days ago`), `expected a number of days greater than 60, found "60"`},
		{where(`sent between 30 and 60 days^`), `expected "ago"`},
		{where(`sent between ^0 and 60 days ago`), `from 1 to 10,000`},
		{where(`sent between ^`), `expected a number of days or a date`},
		{where(`sent between 30 ^or 60 days ago`), `expected "and"`},
		{where(`sent between 2026-02-01 and ^2026-01-31`), `expected a date not before 2026-02-01, found "2026-01-31"`},
		{where(`sent on ^2026-02-30`), `expected a date such as 2026-01-31, found "2026-02-30"`},
		{where(`sent on ^26-1-1`), `a date`},
		{where("opted in\nand sent message \"é\" ^€"), `found "€"`},
		{where(strings.Repeat("(", 64) + "^(" + "sent" + strings.Repeat(")", 65)), `at most 64 conditions inside one another`},
		{where(strings.Repeat("not ", 64) + "^not sent"), `at most 64 conditions`},
		{where(strings.Repeat("(sent or sent and ", 40) + "sent" + strings.Repeat(")", 40)), `at most 64 conditions`},
		{"^all contacts" + strings.Repeat(" ", MaxTextBytes), `at most 64 KiB, found 65,548 bytes`},
	} {
		text := strings.Replace(c.text, "^", "", 1)
		_, err := Parse(text)
		e := asError(t, text, err)
		if at := strings.Index(c.text, "^"); at >= 0 && e.Offset != at {
			t.Errorf("%.200s\n at %d: %v\nwant it at %d", text, e.Offset, e, at)
		}
		if !strings.Contains(e.Error(), c.want) {
			t.Errorf("%.200s\n got %v\nwant %s", text, e, c.want)
		}
	}
}

func TestErrorPlaceInText(t *testing.T) {
	_, err := Parse("list \"é\"\nwhere in form \"é€\" adn sent")
	const want = `line 2, column 20: expected "and", "or" or the end, found "adn"; did you mean "and"?`
	if err == nil || err.Error() != want {
		t.Errorf("got %v\nwant %s", err, want)
	}
}

func TestParseJSONErrors(t *testing.T) {
	in := func(condition string) string { return whereJSON(condition) }
	for _, c := range []struct{ data, path, want string }{
		{`{}`, "from", `expected an origin: {"all_contacts":true}`},
		{`[]`, "", `expected an object of "from" and "where", found an array`},
		{`{"from":{}}`, "from", "found an empty object"},
		{`{"from":"all"}`, "from", `found the string "all"`},
		{`{"from":{"all_contacts":false}}`, "from.all_contacts", "expected true, found false"},
		{`{"from":{"all contacts":true}}`, `from["all contacts"]`, `did you mean "all_contacts"?`},
		{`{"from":{"lst":"x"}}`, "from.lst", `did you mean "list"?`},
		{`{"from":{"list":""}}`, "from.list", "a name of 1 to 200 bytes"},
		{`{"from":{"list":1}}`, "from.list", "expected a name, found 1"},
		{`{"from":{"list":"a","form":"b"}}`, "from.form", `expected only one field here, found "form" beside "list"`},
		{`{"from":{"list":"\ud800"}}`, "from.list", `expected a pair of surrogates, found \ud800 alone`},
		{`{"from":{"list":"a","list":"b"}}`, "from.list", `expected each field once, found a second "list"`},
		{`{"from":{"list":"a"},"\u0066rom":{"list":"b"}}`, "from", `a second "from"`},
		{`{"from":{"list":"a"},"wher":{"sent":{}}}`, "wher", `expected "from" or "where", found "wher"; did you mean "where"?`},
		{`{"from":{"list":"a"},"id":"b"}`, "id", `found "id"`},
		{in(`null`), "where", "expected a condition"},
		{in(`{}`), "where", "found an empty object"},
		{in(`{"all":[]}`), "where.all", "expected an array of conditions, found an empty array"},
		{in(`{"any":{"sent":{}}}`), "where.any", "found an object"},
		{in(`{"not":[{"sent":{}}]}`), "where.not", "found an array"},
		{in(`{"opted_in":"yes"}`), "where.opted_in", `expected true or false, found the string "yes"`},
		{in(`{"opted-in":true}`), `where["opted-in"]`, `did you mean "opted_in"?`},
		{in(`{"sent":{},"clicked":{}}`), "where.clicked", "expected only one field here"},
		{in(`{"phone_in":[]}`), "where.phone_in", "an empty array"},
		{in(`{"phone_in":"US"}`), "where.phone_in", "expected an array of country codes"},
		{in(`{"phone_in":["US","UK"]}`), "where.phone_in[1]", `found "UK"; did you mean "GB"?`},
		{in(`{"in_segment":""}`), "where.in_segment", "an empty one"},
		{in(`{"sent":null}`), "where.sent", "found null"},
		{in(`{"sent":true}`), "where.sent", "expected an object, {} for at least once ever"},
		{in(`{"all":[{"sent":{}},{"clicked":{"last_days":0}}]}`), "where.all[1].clicked.last_days",
			"expected a number of days from 1 to 10,000, found \"0\""},
		{in(`{"sent":{"last_days":30.0}}`), "where.sent.last_days", `found "30.0"`},
		{in(`{"sent":{"last_days":1e2}}`), "where.sent.last_days", `found "1e2"`},
		{in(`{"sent":{"last_days":"30"}}`), "where.sent.last_days", `found the string "30"`},
		{in(`{"sent":{"last_day":30}}`), "where.sent.last_day", `did you mean "last_days"?`},
		{in(`{"sent":{"ever":true}}`), "where.sent.ever", `found "ever"`},
		{in(`{"sent":{"at_least":10001}}`), "where.sent.at_least", "a number of times"},
		{in(`{"sent":{"at_least":2,"at_most":3}}`), "where.sent.at_most", `expected one frequency, found "at_most" beside "at_least"`},
		{in(`{"sent":{"on":"2026-01-01","last_days":3}}`), "where.sent.last_days", `expected one period, found "last_days" beside "on"`},
		{in(`{"sent":{"days_ago":[60,30]}}`), "where.sent.days_ago[1]", "a number of days greater than 60"},
		{in(`{"sent":{"days_ago":[0,30]}}`), "where.sent.days_ago[0]", "from 1 to 10,000"},
		{in(`{"sent":{"days_ago":[1,2,3]}}`), "where.sent.days_ago", "found an array of 3"},
		{in(`{"sent":{"days_ago":30}}`), "where.sent.days_ago", "two numbers of days, such as [30,60], found 30"},
		{in(`{"sent":{"between":["2026-01-02","2026-01-01"]}}`), "where.sent.between[1]", "a date not before 2026-01-02"},
		{in(`{"sent":{"between":["2026-01-02","2026-13-01"]}}`), "where.sent.between[1]", `found "2026-13-01"`},
		{in(`{"sent":{"since":20260101}}`), "where.sent.since", "expected a date"},
		{in(`{"sent":{"messages":["a"]}}`), "where.sent.messages", `an object of "any", "all" or "none"`},
		{in(`{"sent":{"messages":{}}}`), "where.sent.messages", "an empty object"},
		{in(`{"sent":{"messages":{"any":[]}}}`), "where.sent.messages.any", "an empty array"},
		{in(`{"sent":{"messages":{"any":["a"],"none":["b"]}}}`), "where.sent.messages.none", "only one field"},
		{in(`{"sent":{"messages":{"any":["a",""]}}}`), "where.sent.messages.any[1]", "an empty one"},
		{in(`{"sent":{"messages":{"some":["a"]}}}`), "where.sent.messages.some", `expected "any", "all" or "none"`},
		{in(`{"sent":{"at_least":1,"messages":{"none":["a"]}}}`), "where.sent.at_least", `no frequency beside "none"`},
		{in(strings.Repeat(`{"not":`, 64) + `{"sent":{}}` + strings.Repeat(`}`, 64)),
			"where" + strings.Repeat(".not", 64), "at most 64 conditions inside one another"},
		{in(strings.Repeat(`{"all":[{"not":`, 31) + `{"not":{"opted_in":false}}` + strings.Repeat(`}]}`, 31)),
			"where" + strings.Repeat(".all[0].not", 31) + ".not.opted_in", "at most 64 conditions"},
		{in(strings.Repeat("[", 5000) + strings.Repeat("]", 5000)), "where" + strings.Repeat("[0]", 135), "at most 64 conditions"},
		{in(`{"sent":{"messages":{"any":[` + strings.Repeat(" ", MaxJSONBytes) + `"a"]}}}`), "", "at most 512 KiB"},
		{in(`{"any":[` + strings.Repeat(`{"not":{"opted_out":true}},`, 4000) + `{"sent":{}}]}`), "where", "at most 64 KiB"},
	} {
		_, err := ParseJSON([]byte(c.data))
		e := asError(t, c.data, err)
		if e.Path != c.path || !strings.Contains(e.Error(), c.want) {
			t.Errorf("%.200s\n got %v\nwant %s: %s", c.data, e, c.path, c.want)
		}
	}
}

func TestMalformedJSON(t *testing.T) {
	for _, c := range []struct {
		data   string
		offset int
		want   string
	}{
		{`{"from":{"list":"a"}} x`, 22, "after top-level value"},
		{`{"from":{"list":"a"}}{}`, 21, "after top-level value"},
		{`{"from":{"list":"a"}`, 20, "unexpected end"},
		{`{"from":{"list":"a",}}`, 20, "invalid character '}'"},
		{`{from:1}`, 1, "invalid character 'f'"},
		{``, 0, "unexpected end"},
		{"{\"from\":{\"list\":\"\xc0\"}}", 17, "expected text in UTF-8, found byte 0xc0"},
		{"\ufeff{}", 0, "malformed JSON"},
	} {
		_, err := ParseJSON([]byte(c.data))
		e := asError(t, c.data, err)
		if e.Offset != c.offset || e.Line != 1 || !strings.Contains(e.Error(), c.want) {
			t.Errorf("%s\n got %v at %d\nwant %s at %d", c.data, e, e.Offset, c.want, c.offset)
		}
	}
}

func TestRetention(t *testing.T) {
	account := Limits{RetentionDays: 730}
	const clause = "sent in last 731 days: the account keeps 730 days"

	text := where("clicked and sent in last 731 days")
	_, err := account.Parse(text)
	if e := asError(t, text, err); !strings.HasSuffix(e.Error(), clause) || e.Offset != strings.Index(text, "731") {
		t.Errorf("%v at %d", e, e.Offset)
	}
	data := whereJSON(`{"all":[{"clicked":{}},{"sent":{"last_days":731}}]}`)
	const want = "where.all[1].sent.last_days: " + clause
	if _, err := account.ParseJSON([]byte(data)); err == nil || err.Error() != want {
		t.Errorf("ParseJSON: %v", err)
	}
	if err := Check(mustParse(t, text), account); err == nil || err.Error() != want {
		t.Errorf("Check: %v", err)
	}

	ago := mustParse(t, where("sent between 1 and 731 days ago"))
	const wantAgo = "where.sent.days_ago[1]: sent between 1 and 731 days ago: the account keeps 730 days"
	if err := Check(ago, account); err == nil || err.Error() != wantAgo {
		t.Errorf("Check: %v", err)
	}
	for _, kept := range []string{"sent in last 730 days", "sent between 1 and 730 days ago", "sent since 2001-01-01", "sent"} {
		if d, err := account.Parse(where(kept)); err != nil || Check(d, account) != nil {
			t.Errorf("%s is refused: %v", kept, err)
		}
	}
}

func TestCheckOfWhatWasMadeInGo(t *testing.T) {
	for path, d := range map[string]Definition{
		"from":                       {From: Origin{Name: "x"}},
		"from ":                      {From: Origin{Kind: List}},
		"from  ":                     {From: Origin{Kind: 9, Name: "x"}},
		"where.all":                  {Where: All{}},
		"where.not.any":              {Where: Not{Of: Any{}}},
		"where.all[1].not":           {Where: All{OptedIn{}, Not{}}},
		"where.all[0]":               {Where: All{nil, OptedIn{}}},
		"where":                      {Where: In{Name: "x"}},
		"where ":                     {Where: In{Kind: List, Name: "\xff"}},
		"where  ":                    {Where: &OptedIn{}},
		"where.phone_in":             {Where: PhoneIn{}},
		"where.phone_in[1]":          {Where: PhoneIn{Countries: []string{"us", "UK"}}},
		`where["behaviour 9"]`:       {Where: Did{Behaviour: 9}},
		"where.sent":                 {Where: Did{Period: Period{Kind: 99}}},
		"where.sent ":                {Where: Did{Frequency: Frequency{Kind: 99}}},
		"where.sent.at_least":        {Where: Did{Frequency: Frequency{Kind: AtLeast}}},
		"where.sent.at_most":         {Where: Did{Frequency: Frequency{AtMost, 3}, Messages: Messages{NoneOf, []string{"m"}}}},
		"where.sent.messages":        {Where: Did{Messages: Messages{Names: []string{"m"}}}},
		"where.sent.messages ":       {Where: Did{Messages: Messages{Mode: 9}}},
		"where.sent.messages.all":    {Where: Did{Messages: Messages{Mode: AllOf}}},
		"where.sent.messages.any[0]": {Where: Did{Messages: Messages{AnyOf, []string{""}}}},
		"where.sent.last_days":       {Where: Did{Period: Period{Kind: LastDays, N: 10_001}}},
		"where.sent.days_ago[1]":     {Where: Did{Period: Period{Kind: DaysAgo, N: 3, M: 3}}},
		"where.sent.between[1]":      {Where: Did{Period: Period{Kind: Between, From: 3, To: 2}}},
		"where.sent.since":           {Where: Did{Period: Period{Kind: Since, From: MaxDate + 1}}},
		"where.sent.before":          {Where: Did{Period: Period{Kind: Before, To: minDate - 1}}},
	} {
		e := asError(t, path, Check(d, Limits{}))
		if e.Path != strings.TrimRight(path, " ") {
			t.Errorf("%#v\n got %v\nwant it at %s", d, e, path)
		}
		if _, err := d.MarshalJSON(); err == nil {
			t.Errorf("%#v was marshalled", d)
		}
	}
}

func asError(t rapid.TB, input string, err error) *Error {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) {
		t.Fatalf("%.200s\nis not refused with an *Error: %v", input, err)
	}
	return e
}
