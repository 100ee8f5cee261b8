package imports

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"rollcall/consumers"
	"rollcall/pipeline/catalog"
)

// memory keeps what is written to it, until it fails.
type memory struct {
	messages []consumers.Message
	writes   int
	failAt   int // the write that fails; 0: none does
}

var errDown = errors.New("kafka is down")

func (m *memory) Write(_ context.Context, messages []consumers.Message) ([]int64, error) {
	if m.writes++; m.writes == m.failAt {
		return nil, errDown
	}
	m.messages = append(m.messages, slices.Clone(messages)...)
	return make([]int64, len(messages)), nil
}

var now = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

func options(t testing.TB, what, zone string) Options {
	t.Helper()
	location, err := time.LoadLocation(zone)
	if err != nil {
		t.Fatal(err)
	}
	return Options{What: what, Account: &catalog.Account{ID: "acme", Zone: location}, Now: func() time.Time { return now }}
}

// lines are the records as kcat would show them.
func (m *memory) lines() []string {
	var out []string
	for _, r := range m.messages {
		out = append(out, fmt.Sprintf("%s %s %s", r.Topic, r.Key, r.Value))
	}
	return out
}

func TestRecords(t *testing.T) {
	const in, out = "sms.opted_in acme/", "sms.opted_out acme/"
	tests := []struct {
		name, what, file string
		want             []string // records, without the id of consents
		wrong            string   // errors
	}{
		{"contacts", Contacts, "contact,phone,region\nc-1,212-555-0123,us\nc-2,,\n",
			[]string{
				`contacts acme/c-1 {"account":"acme","contact":"c-1","phone":"212-555-0123","region":"US"}`,
				`contacts acme/c-2 {"account":"acme","contact":"c-2"}`,
			}, "[]"},
		{"a spreadsheet's: BOM, CRLF, semicolons, quotes, capitals, spaces, empty rows, other columns", Contacts,
			"\xef\xbb\xbf\"Phone\";Name; CONTACT \r\n\"+1 212;555\";\"O\"\"Neil;\nX\"; c-1\r\n;;\r\n\r\n+44;;c-2;;\r\n",
			[]string{
				`contacts acme/c-1 {"account":"acme","contact":"c-1","phone":"+1 212;555"}`,
				`contacts acme/c-2 {"account":"acme","contact":"c-2","phone":"+44"}`,
			}, "[]"},
		{"tabs", Contacts, "contact\tphone\nc,1\t+44\n", []string{`contacts acme/c,1 {"account":"acme","contact":"c,1","phone":"+44"}`}, "[]"},
		{"the later row of a contact counts", Contacts, "contact,phone\nc-1,1\nc-2,2\nc-1,3",
			[]string{`contacts acme/c-1 {"account":"acme","contact":"c-1","phone":"3"}`, `contacts acme/c-2 {"account":"acme","contact":"c-2","phone":"2"}`}, "[]"},
		{"wrong contacts", Contacts,
			"contact,phone,region\n,1,\nc-1,1.21255E+10,\nc-2,1,USA\nc-3,+1,2,x\n" + strings.Repeat("x", 201) + ",1\nc-\xff,1\nc-4,\"1\"2\nc-5,\"1\n2\"3\nc-6," + strings.Repeat("1", 1001) + "\nc-7,1",
			[]string{`contacts acme/c-7 {"account":"acme","contact":"c-7","phone":"1"}`},
			`[{2 contact a contact's id has 1 to 200 bytes} ` +
				`{3 phone a spreadsheet has rounded the number; format the column as text, and fill it in again} ` +
				`{4 region not an ISO 3166-1 alpha-2 country code such as US} ` +
				`{5 region not an ISO 3166-1 alpha-2 country code such as US} ` +
				`{6 contact a contact's id has 1 to 200 bytes} ` +
				`{7  the row is not UTF-8; save the file as CSV in UTF-8} ` +
				`{8  a quoted field is not closed, or something follows its closing quote} ` +
				`{9  a quoted field is not closed, or something follows its closing quote; the lines up to 10 were taken for part of it} ` +
				`{11 phone over 1000 bytes}]`},
		{"more fields than names", Contacts, "contact,phone\nc-1,1,\nc-2,1,2\n",
			[]string{`contacts acme/c-1 {"account":"acme","contact":"c-1","phone":"1"}`}, "[{3  the row has more fields than the header has names}]"},
		{"consent", Consent,
			"contact,consent,at,source,message\na,opted_in,2026-11-01,web,m-1\nb,OUT,2026-11-01 09:30,,\nc,no,,STOP,\nd,yes,2026-11-01T09:30:00+02:00\n",
			[]string{
				in + `a {"account":"acme","contact":"a","at":"2026-11-01T04:00:00.000Z","source":"web","message":"m-1"}`,
				out + `b {"account":"acme","contact":"b","at":"2026-11-01T14:30:00.000Z","source":"import"}`,
				out + `c {"account":"acme","contact":"c","source":"STOP"}`,
				in + `d {"account":"acme","contact":"d","at":"2026-11-01T07:30:00.000Z","source":"import"}`,
			}, "[]"},
		{"wrong consent", Consent,
			"contact,consent,at\na,in,\nb,maybe,2026-11-01\nc,out,1/2/2026\nd,in,2026-11-21\ne,in,1999-12-31\nf,in,2026-02-30\n", nil,
			`[{2 at an opt-in needs its time, or it would count against an opt-out that came after it} ` +
				`{3 consent expected opted_in or opted_out} {4 at ` + expected + `} ` +
				`{5 at the time is in the future} {6 at the time is before the year 2000} {7 at ` + expected + `}]`},
		{"a list", List, "contact,member,at,list,kind,name\na,,,,,\nb,no,2026-11-01,,,\nc,TRUE,,other,Form,Other\n",
			[]string{
				`lists acme/a {"account":"acme","contact":"a","list":"spring","kind":"marketing","name":"Spring","member":true}`,
				`lists acme/b {"account":"acme","contact":"b","list":"spring","kind":"marketing","name":"Spring","member":false,"at":"2026-11-01T04:00:00.000Z"}`,
				`lists acme/c {"account":"acme","contact":"c","list":"other","kind":"form","name":"Other","member":true}`,
			}, "[]"},
		{"a wrong list", List, "contact,member,kind\na,perhaps,\nb,,sms\n", nil,
			"[{2 member expected true or false} {3 kind expected marketing, form or webinar}]"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := options(t, tt.what, "America/New_York")
			if tt.what == List {
				o.List, o.Name = "spring", "Spring"
			}
			var kafka memory
			r, err := Import(t.Context(), o, strings.NewReader(tt.file), &kafka)
			got := kafka.lines()
			for i, line := range got { // {"id":"import-<32>",
				if at := strings.Index(line, `"id":"import-`); at > 0 {
					got[i] = line[:at] + line[at+len(`"id":"import-",`)+32:]
				}
			}
			if err != nil || !slices.Equal(got, tt.want) {
				t.Errorf("%v\n%s\nwant\n%s", err, strings.Join(got, "\n"), strings.Join(tt.want, "\n"))
			}
			if fmt.Sprint(r.Errors) != tt.wrong {
				t.Errorf("errors\n%v\nwant\n%v", r.Errors, tt.wrong)
			}
			if r.Rows != r.Written+int64(len(r.Errors)) {
				t.Errorf("%d rows, %d written", r.Rows, r.Written)
			}
		})
	}
}

func TestFilesThatAreNone(t *testing.T) {
	for _, tt := range []struct{ what, file, says string }{
		{Contacts, "", "empty"},
		{Contacts, "\xef\xbb\xbf\r\n\r\n", "empty"},
		{Contacts, "\xff\xfec\x00", "UTF-16"},
		{Contacts, "c-1,+12125550123\nc-2,1\n", `none is called "contact"`},
		{Contacts, "contact\nc-1", `none is called "phone"`}, // else all phones would be taken away
		{Contacts, "contact,phone,Contact\n", "twice"},
		{Contacts, "contact,\"phone\n", "header can't be read"},
		{Contacts, "cont\xffact,phone\n", "header can't be read"},
		{Consent, "contact,at\nc-1,2026-01-01", `none is called "consent"`},
		{List, "contact\nc-1", "name the list"},
		{"people", "contact", "expected contacts"},
		{Contacts, "contact,phone\nc-1,\"" + strings.Repeat("x,y\n", maxRow/3), "not closed"},
	} {
		var kafka memory
		r, err := Import(t.Context(), options(t, tt.what, "UTC"), strings.NewReader(tt.file), &kafka)
		_, ours := errors.AsType[*FileError](err)
		if !ours || !strings.Contains(err.Error(), tt.says) || len(kafka.messages) > 0 || r.Written > 0 {
			t.Errorf("%.30q: %v, %d written", tt.file, err, r.Written)
		}
		if err != nil && (strings.Contains(err.Error(), "c-1") || strings.Contains(err.Error(), "1212")) {
			t.Errorf("a contact in an error: %v", err)
		}
	}
}

// many is a file of n contacts.
func many(n int) io.Reader {
	var b strings.Builder
	b.WriteString("contact,phone\n")
	for i := range n {
		fmt.Fprintf(&b, "c-%d,+1\n", i)
	}
	return strings.NewReader(b.String())
}

func TestKafkaFailsInTheMiddle(t *testing.T) {
	kafka := memory{failAt: 3}
	r, err := Import(t.Context(), options(t, Contacts, "UTC"), many(2*batchRows+500), &kafka)
	if !errors.Is(err, errDown) || r.Written != 2*batchRows || r.Through != 2*batchRows+1 || len(kafka.messages) != 2*batchRows {
		t.Errorf("%v, %d written through row %d", err, r.Written, r.Through)
	}
}

func TestFileBreaksOff(t *testing.T) {
	gone := errors.New("gone")
	var kafka memory
	r, err := Import(t.Context(), options(t, Contacts, "UTC"), io.MultiReader(many(20_001), &broken{gone}), &kafka)
	if !errors.Is(err, gone) || r.Written != 20_001 || r.Through != 20_002 || len(kafka.messages) != 20_001 {
		t.Errorf("%v, %d written through row %d", err, r.Written, r.Through)
	}
}

type broken struct{ err error }

func (b *broken) Read([]byte) (int, error) { return 0, b.err }

func TestErrorsAreBounded(t *testing.T) {
	var kafka memory
	file := "contact,phone\n" + strings.Repeat(",1\n", maxErrors+5) + "c-1,1\n"
	r, err := Import(t.Context(), options(t, Contacts, "UTC"), strings.NewReader(file), &kafka)
	if err != nil || len(r.Errors) != maxErrors || r.MoreErrors != 5 || r.Written != 1 || r.Rows != maxErrors+6 {
		t.Errorf("%v: %d errors and %d more, %d of %d written", err, len(r.Errors), r.MoreErrors, r.Written, r.Rows)
	}
}

func TestDryRun(t *testing.T) {
	o := options(t, Contacts, "UTC")
	o.DryRun = true
	var kafka memory
	r, err := Import(t.Context(), o, many(3), &kafka)
	if err != nil || kafka.writes > 0 || r.Written != 3 || !r.DryRun {
		t.Errorf("%v, %d writes, %+v", err, kafka.writes, r)
	}
}

// TestImportedTwice expects the very same records.
func TestImportedTwice(t *testing.T) {
	const file = "contact,consent,at\na,in,2026-01-01\na,out,2026-01-01\nb,in,2026-01-01\nb,in,2026-01-02\n"
	var first, second memory
	for _, kafka := range []*memory{&first, &second} {
		if _, err := Import(t.Context(), options(t, Consent, "UTC"), strings.NewReader(file), kafka); err != nil {
			t.Fatal(err)
		}
	}
	if !slices.Equal(first.lines(), second.lines()) {
		t.Errorf("%q and %q", first.lines(), second.lines())
	}
	ids := map[string]bool{}
	for _, line := range first.lines() {
		ids[line[strings.Index(line, `"id"`):strings.Index(line, `,"account"`)]] = true
	}
	if len(ids) != 4 {
		t.Errorf("4 rows have the ids %v", ids)
	}
}

func TestTimes(t *testing.T) {
	for _, tt := range []struct{ zone, text, want string }{
		{"America/New_York", "2026-07-01", "2026-07-01T04:00:00.000Z"},
		{"America/New_York", "2026-01-01", "2026-01-01T05:00:00.000Z"},
		{"Asia/Kolkata", "2026-01-01", "2025-12-31T18:30:00.000Z"},
		{"America/Sao_Paulo", "2018-11-04", "2018-11-04T03:00:00.000Z"}, // there is no midnight
		{"Africa/Cairo", "2025-04-25", "2025-04-24T22:00:00.000Z"},      // likewise
		{"UTC", "2026-01-01T10:00:00.123456Z", "2026-01-01T10:00:00.123Z"},
		{"UTC", "2026-01-01 10:00:00+01:00", "2026-01-01T09:00:00.000Z"},
		{"Europe/Berlin", "2026-01-01 10:00", "2026-01-01T09:00:00.000Z"},
		{"Europe/Berlin", "2026-01-01T10:00:01", "2026-01-01T09:00:01.000Z"},
		{"Europe/Berlin", "2026-01-01 10:00:01.5", "2026-01-01T09:00:01.500Z"},
		{"UTC", "2026-11-20 12:05", "2026-11-20T12:05:00.000Z"}, // five minutes ahead
	} {
		o := options(t, Consent, tt.zone)
		if got, reason := timestamp(tt.text, &o); got != tt.want {
			t.Errorf("%s in %s: %s %s, want %s", tt.text, tt.zone, got, reason, tt.want)
		}
	}
	o := options(t, Consent, "UTC")
	for _, text := range []string{"2026-11-20 12:06", "01.02.2026", "20260101", "44927", "2026-1-1", "now", "2026-01-01T10", "0001-01-01"} {
		if got, reason := timestamp(text, &o); got != "" || reason == "" {
			t.Errorf("%s: %s", text, got)
		}
	}
}
