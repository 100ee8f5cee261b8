package segment

import (
	"reflect"
	"runtime"
	"strings"
	"testing"
)

func FuzzParse(f *testing.F) {
	for _, form := range forms {
		f.Add(form.text)
	}
	f.Add("list \"\\ud83d\\ude00\" where not (not ((sent)) or phone in us) and sent ever")
	f.Fuzz(func(t *testing.T, text string) { checkText(t, text) })
}

func FuzzParseJSON(f *testing.F) {
	for _, form := range forms {
		f.Add([]byte(form.json))
	}
	f.Add([]byte(whereJSON(`{"all":[{"any":[{"opted_in":false}]},{"phone_in":["us"]}]}`)))
	f.Fuzz(func(t *testing.T, data []byte) { checkJSON(t, data) })
}

// FuzzLimits asks that all ways to a definition judge it alike under the limits
// of an account: its text, its JSON, and a check of what was read without them.
func FuzzLimits(f *testing.F) {
	for i, form := range forms {
		f.Add(form.text, uint16(i*10))
	}
	f.Add("all contacts where not (sent in last 31 days or clicked between 1 and 30 days ago)", uint16(30))
	f.Fuzz(func(t *testing.T, text string, days uint16) {
		limits := Limits{RetentionDays: int(days)}
		free, freeErr := Parse(text)
		limited, err := limits.Parse(text)
		if freeErr != nil {
			if err == nil {
				t.Fatalf("%q is read under limits only: %v", text, freeErr)
			}
			return
		}
		if checked := Check(free, limits); (checked == nil) != (err == nil) {
			t.Fatalf("%q with %d days: read with %v, checked with %v", text, days, err, checked)
		}
		data, marshalErr := free.MarshalJSON()
		if marshalErr != nil {
			t.Fatal(marshalErr)
		}
		fromJSON, jsonErr := limits.ParseJSON(data)
		if (jsonErr == nil) != (err == nil) || err == nil && !reflect.DeepEqual(fromJSON, limited) {
			t.Fatalf("%q with %d days: read with %v, as JSON with %v", text, days, err, jsonErr)
		}
		if err != nil && asError(t, text, err).Line == 0 || jsonErr != nil && asError(t, string(data), jsonErr).Path == "" {
			t.Fatalf("%q with %d days: no place in %v, or in %v", text, days, err, jsonErr)
		}
	})
}

// workPerByte is how many bytes of memory reading a definition may take for one
// of its own. It stands for time: what nests must not cost more the deeper it is.
const workPerByte = 3000

// FuzzNesting repeats pieces of a definition inside one another, up to the
// longest one there may be: it is read, or refused, with work in proportion, and
// is nested no deeper than allowed.
func FuzzNesting(f *testing.F) {
	f.Add("all contacts where ", "(", "sent", ")", uint16(64))
	f.Add("all contacts where ", "not (sent and ", "clicked", ")", uint16(31))
	f.Add("all contacts where ", "not ", "sent", "", uint16(65))
	f.Add("all contacts where ", "sent or ", "sent", " and sent", uint16(9000))
	f.Add(`{"from":{"all_contacts":true},"where":`, `{"not":`, `{"sent":{}}`, `}`, uint16(64))
	f.Add(`{"from":{"all_contacts":true},"where":`, `{"all":[{"sent":{}},`, `{"sent":{}}`, `]}`, uint16(63))
	f.Add(``, `[`, ``, `]`, uint16(60000))
	f.Add(`{"from":`, `{"a":`, `1`, `}`, uint16(9999))
	f.Fuzz(func(t *testing.T, head, open, middle, shut string, n uint16) {
		if times := MaxTextBytes / max(1, len(open)+len(shut)); int(n) > times {
			n = uint16(times)
		}
		nested := head + strings.Repeat(open, int(n)) + middle + strings.Repeat(shut, int(n))
		if len(nested) > 2*MaxTextBytes {
			return
		}
		for form, parse := range map[string]func() (Definition, error){
			"text": func() (Definition, error) { return Parse(nested) },
			"JSON": func() (Definition, error) { return ParseJSON([]byte(nested)) },
		} {
			var d Definition
			var err error
			if work := allocated(func() { d, err = parse() }); work > 1<<16+workPerByte*uint64(len(nested)) {
				t.Errorf("%.100q..., %d bytes as %s took %d bytes of memory, %v", nested, len(nested), form, work, err)
			}
			if err == nil && depth(d.Where) > MaxDepth {
				t.Errorf("%.100q... as %s is %d deep", nested, form, depth(d.Where))
			}
		}
	})
}

// allocated is how many bytes of memory fn takes.
func allocated(fn func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	fn()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// FuzzDate holds dates against the calendar: what is read is what is printed.
func FuzzDate(f *testing.F) {
	f.Add("2026-01-31")
	f.Add("0000-02-29")
	f.Add("9999-12-31")
	f.Add("2026-02-30")
	f.Fuzz(func(t *testing.T, s string) {
		d, err := ParseDate(s)
		if err == nil && (d.String() != s || checkDate(d) != nil) {
			t.Fatalf("%q is %d, printed %v, %v", s, d, d, checkDate(d))
		}
	})
}
