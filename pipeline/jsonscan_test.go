package pipeline

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"rollcall/consumers"
)

// objectSeeds are objects, and what is almost one.
var objectSeeds = []string{
	`{}`, ` { } `, "\t\r\n{\"id\" : \"a\" ,\"at\":null}\n", `{"id":"a","account":"acme","contact":"c-1","message":"m-1","at":"2026-01-01T00:00:00Z"}`,
	`{"member":true}`, `{"member":false,"member":true}`, `{"member":"true"}`, `{"id":true}`, `{"id":"a","id":null}`, `{"id":null,"id":"b"}`,
	`{"id":true,"id":"b"}`, `{"member":null}`, `{"id":"ζ"}`, "{\"id\":\"\xff\"}", "{\"id\":\"\x1f\"}", `{"id":"\n"}`, `{"id":"\ud800"}`,
	`{"\u0069d":"a"}`, `{"ID":"a"}`, `{"id":1}`, `{"x":-1.5e9}`, `{"x":[1,{"id":"b"}]}`, `{"x":{"id":"b"},"id":"a"}`, `{"id":"a",}`, `{,}`,
	`{"id"}`, `{"id":}`, `{"id":"a" "at":"b"}`, `{"id":"a"}}`, `{"id":"a"} x`, `{"id":tru}`, `{"id":truee}`, `{"id":"a`, `{"":"a"}`, `[]`, `null`,
	``, `"id"`, "\ufeff{}", "{\"id\":\"\u2028\x7f\"}", "{\u00a0}", "{\"id\":\"a\"\v}", `{"url":"a","url":null}`,
}

// checkScan holds scan against parse: what scan accepts, both read alike.
func checkScan(t interface{ Fatalf(string, ...any) }, data []byte) (scanned bool) {
	var plain, full, read object
	if !plain.scan(data) {
		return false
	}
	if !full.parse(data) {
		t.Fatalf("scan reads %q, which is no object", data)
	}
	if got, want := describe(&plain), describe(&full); got != want {
		t.Fatalf("%q is %s for scan, %s for parse", data, got, want)
	}
	for range 2 { // the second time, it is known where the fields are
		if !read.read(data) || describe(&read) != describe(&full) {
			t.Fatalf("%q is %s for read, %s for parse", data, describe(&read), describe(&full))
		}
	}
	return true
}

// describe is all of an object that a decoder looks at.
func describe(o *object) string {
	var b strings.Builder
	for f := range fieldCount {
		fmt.Fprintf(&b, "%t/%t/%t/%q ", o.long.has(f), o.present.has(f), o.wrong.has(f), o.string(f))
	}
	if o.present.has(fieldMember) && !o.wrong.has(fieldMember) {
		fmt.Fprint(&b, o.member)
	}
	return b.String()
}

func TestScanReadsWhatParseReads(t *testing.T) {
	for _, s := range objectSeeds {
		checkScan(t, []byte(s))
	}
	scanned := 0
	rapid.Check(t, func(t *rapid.T) {
		if checkScan(t, drawObject(t)) {
			scanned++
		}
	})
	if scanned == 0 {
		t.Error("nothing was scanned")
	}
}

// A field that a later null takes back is absent, however it was read.
func TestFieldTakenBack(t *testing.T) {
	long := strings.Repeat("a", maxTextBytes+1)
	for _, text := range []string{
		`{"account":"acme","contact":"c","message":"m","url":"` + long + `","url":null}`,
		`{"account":"acme","contact":"c","message":"m","url":"` + long + `","url":null,"read by":["parse"]}`,
	} {
		var d decoder
		var e event
		r := consumers.Record{TopicPartition: consumers.TopicPartition{Topic: TopicSent}, Time: earliest, Value: []byte(text)}
		if code := d.decode(&r, &e); code != "" {
			t.Fatal(code)
		}
		if code := d.details(&e); code != "" {
			t.Errorf("%.60s...: %s", text, code)
		}
	}
}

// Every value that the encoder writes without escapes or numbers is scanned,
// not parsed: that is what makes it fast.
func TestScanTakesThePlainCase(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		value := map[string]any{}
		for _, name := range rapid.SliceOfDistinct(rapid.SampledFrom(fieldNames[:]), rapid.ID).Draw(t, "names") {
			value[name] = rapid.SampledFrom([]any{"a", "", "ζ/1", "+1 (201) 555-0123", true, false, nil}).Draw(t, "value")
		}
		data, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		if !checkScan(t, data) {
			t.Fatalf("%s is not scanned", data)
		}
	})
}

// What was read before makes no difference to how an object is read: wherever
// fields are guessed to be, and however close to the end.
func TestScanGuesses(t *testing.T) {
	fields := []string{"x", "message_names", "account", "contact", "member", "at", "message_name"}
	guessed := 0
	rapid.Check(t, func(t *rapid.T) {
		var before, after object
		for range rapid.IntRange(2, 6).Draw(t, "objects") {
			var b strings.Builder
			sep := `{`
			for _, f := range rapid.SliceOfN(rapid.SampledFrom(fields), 1, 4).Draw(t, "fields") {
				colon := rapid.SampledFrom([]string{`:`, `:`, `:`, ` :`, `: `}).Draw(t, "colon")
				b.WriteString(sep + `"` + f + `"` + colon + drawValue(t, 0))
				sep = `,`
			}
			b.WriteByte('}')
			data := spoil(t, []byte(b.String()))
			after.reset()
			before = object{}
			if g := &after.after[fieldCount]; g.stands(data, 1) {
				guessed++
			}
			if was, is := before.scan(data), after.scan(data); was != is || is && describe(&before) != describe(&after) {
				t.Fatalf("%q is %t %s by itself, %t %s after others", data, was, describe(&before), is, describe(&after))
			}
		}
	})
	if guessed == 0 {
		t.Error("nothing was guessed")
	}
}

func FuzzScan(f *testing.F) {
	for _, s := range objectSeeds {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) { checkScan(t, data) })
}

// Every field is found by its name, and by no other.
func TestKnownFieldsHaveNames(t *testing.T) {
	for f, name := range fieldNames {
		if got, ok := knownField([]byte(name)); !ok || got != field(f) {
			t.Errorf("%s: %d, %t", name, got, ok)
		}
		for _, other := range []string{name + "x", name[:len(name)-1], strings.ToUpper(name), "\x00" + name, name + "\x00"} {
			if got, ok := knownField([]byte(other)); ok && fieldNames[got] != other {
				t.Errorf("%q is taken for %s", other, fieldNames[got])
			}
		}
	}
}

// plainTextEnd is textEnd in the plainest way.
func plainTextEnd(data []byte, from int) int {
	for at := from; at < len(data); at++ {
		switch c := data[at]; {
		case c == '"' && utf8.Valid(data[from:at]):
			return at
		case c == '"' || c < ' ' || c == '\\':
			return -1
		}
	}
	return -1
}

// Every two bytes in every place among others, before every end of the data.
func TestTextEnd(t *testing.T) {
	for size := range 20 {
		for place := range max(size-1, 0) {
			for pair := range 1 << 16 {
				if pair%7 != place%7 && pair>>8 != '"' && pair&0xff != '"' {
					continue // a seventh of the others will do
				}
				data := bytes.Repeat([]byte{'a'}, size)
				data[place], data[place+1] = byte(pair), byte(pair>>8)
				if size%3 == 0 {
					data[size-1] = '"'
				}
				for _, from := range []int{0, min(1, size)} {
					if got, want := textEnd(data, from), plainTextEnd(data, from); got != want {
						t.Fatalf("%q ends at %d from %d, not %d", data, want, from, got)
					}
				}
			}
		}
	}
}

// drawObject writes an object as nobody's encoder would: odd spaces, escapes,
// doubled names, nested values, and now and then a byte that is wrong.
func drawObject(t *rapid.T) []byte {
	var b strings.Builder
	space := func() { b.WriteString(rapid.SampledFrom([]string{"", "", "", " ", "\t\n", "\r \n"}).Draw(t, "space")) }
	space()
	b.WriteByte('{')
	for i := range rapid.IntRange(0, 6).Draw(t, "fields") {
		if i > 0 {
			b.WriteByte(',')
		}
		space()
		b.WriteString(drawName(t))
		space()
		b.WriteByte(':')
		space()
		b.WriteString(drawValue(t, 2))
		space()
	}
	b.WriteByte('}')
	space()
	return spoil(t, []byte(b.String()))
}

func drawName(t *rapid.T) string {
	name := rapid.SampledFrom(append([]string{"x", "Id", "", "message_", "message_nam", "message_name_"}, fieldNames[:]...)).Draw(t, "name")
	if rapid.IntRange(0, 9).Draw(t, "escaped") == 0 && name != "" {
		return fmt.Sprintf(`"\u%04x%s"`, name[0], name[1:])
	}
	return `"` + name + `"`
}

func drawValue(t *rapid.T, depth int) string {
	kind := rapid.IntRange(0, 12).Draw(t, "kind")
	switch {
	case kind < 6:
		return rapid.SampledFrom([]string{`""`, `"a"`, `"ζ"`, `"a b"`, `"{}:,"`, `"2026-01-01T00:00:00Z"`, "\"\x7f\"", `"seven b"`, `"eight by"`, `"nine byte"`, `"fifteen bytes ζ"`}).Draw(t, "plain")
	case kind == 6:
		return rapid.SampledFrom([]string{`"\""`, `"\u03b6"`, `"\ud83d\ude00"`, `"\ud800"`, `"\\"`, `"\/"`}).Draw(t, "escaped")
	case kind < 10:
		return rapid.SampledFrom([]string{"true", "false", "null"}).Draw(t, "word")
	case kind == 10 || depth == 0:
		return rapid.SampledFrom([]string{"0", "-1", "1.5", "1e999", "12345678901234567890"}).Draw(t, "number")
	case kind == 11:
		return "[" + drawValue(t, depth-1) + " , " + drawValue(t, depth-1) + "]"
	}
	return "{" + drawName(t) + ":" + drawValue(t, depth-1) + "}"
}

// spoil overwrites a byte in one of four.
func spoil(t *rapid.T, data []byte) []byte {
	if rapid.IntRange(0, 3).Draw(t, "spoil") == 0 {
		at := rapid.IntRange(0, len(data)-1).Draw(t, "at")
		data[at] = rapid.SampledFrom([]byte("\xff\x00\x1f\\\"{}[]:, 1tn\xc3")).Draw(t, "by")
	}
	return data
}
