package segment

import (
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestBothFormsAreLossless(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := definitions(t)
		normal := d.Normalise()
		if err := Check(d, Limits{}); err != nil {
			t.Fatalf("%#v is refused: %v", d, err)
		}
		text := d.Text()
		parsed, err := Parse(text)
		if err != nil {
			t.Fatalf("%s\n%v", text, err)
		}
		if !reflect.DeepEqual(parsed, normal) {
			t.Fatalf("%s\n got %#v\nwant %#v", text, parsed, normal)
		}
		data, err := d.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		if parsed, err = ParseJSON(data); err != nil || !reflect.DeepEqual(parsed, normal) {
			t.Fatalf("%s\n got %#v, %v\nwant %#v", data, parsed, err, normal)
		}
	})
}

func TestNormaliseKeepsTheMeaning(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := definitions(t)
		normal := d.Normalise()
		if again := normal.Normalise(); !reflect.DeepEqual(again, normal) {
			t.Fatalf("normalised twice\n got %#v\nwant %#v", again, normal)
		}
		if d.Where == nil {
			return
		}
		truth := map[string]bool{}
		walk(normal.Where, func(c Condition) {
			if len(parts(c)) == 0 && !has(truth, Text(c)) {
				truth[Text(c)] = rapid.Bool().Draw(t, Text(c))
			}
		})
		if holds(d.Where, truth) != holds(normal.Where, truth) {
			t.Fatalf("%#v\nand its normal form %v differ for %v", d, normal, truth)
		}
		parsed, err := Parse(normal.Text())
		if err != nil || holds(parsed.Where, truth) != holds(d.Where, truth) {
			t.Fatalf("%#v\nand its text %v differ for %v (%v)", d, normal, truth, err)
		}
	})
}

func has(truth map[string]bool, c string) bool { _, ok := truth[c]; return ok }

// holds evaluates c, given which criteria are true.
func holds(c Condition, truth map[string]bool) bool {
	switch c := c.(type) {
	case All:
		for _, inner := range c {
			if !holds(inner, truth) {
				return false
			}
		}
		return true
	case Any:
		for _, inner := range c {
			if holds(inner, truth) {
				return true
			}
		}
		return false
	case Not:
		return !holds(c.Of, truth)
	default:
		return truth[Text(c)]
	}
}

// However the text is spaced and its keywords are capitalised, it means the same.
func TestSpaceAndCaseAreFree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := definitions(t)
		var b strings.Builder
		for _, token := range lex(d.Text()) {
			b.WriteString(rapid.StringOfN(rapid.SampledFrom([]rune(" \t\r\n\u00a0")), 1, 3, -1).Draw(t, "space"))
			switch {
			case token.kind == nameToken:
				b.Write(appendQuoted(nil, token.text))
			case rapid.Bool().Draw(t, "upper"):
				b.WriteString(strings.ToUpper(token.text))
			default:
				b.WriteString(token.text)
			}
		}
		parsed, err := Parse(b.String())
		if err != nil || !reflect.DeepEqual(parsed, d.Normalise()) {
			t.Fatalf("%s\n got %#v, %v\nwant %#v", b.String(), parsed, err, d.Normalise())
		}
	})
}

// A definition that lost or gained a piece is refused or still lossless, never worse.
func TestDamagedText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := definitions(t).Text()
		from := rapid.IntRange(0, len(text)).Draw(t, "from")
		to := rapid.IntRange(from, min(len(text), from+8)).Draw(t, "to")
		piece := rapid.SampledFrom([]string{"", " ", "(", ")", " not ", " and ", ",", `"`, "0", "in"}).Draw(t, "piece")
		checkText(t, text[:from]+piece+text[to:])
	})
}

// checkText is what must hold for any text whatever.
func checkText(t rapid.TB, text string) {
	d, err := Parse(text)
	if err != nil {
		e := asError(t, text, err)
		if e.Offset > len(text) || e.Line < 1 || e.Column < 1 || e.Expected == "" || e.Found == "" {
			t.Fatalf("%q\nis refused by %#v", text, e)
		}
		return
	}
	checkLossless(t, d)
}

// checkJSON is what must hold for any bytes whatever.
func checkJSON(t rapid.TB, data []byte) {
	d, err := ParseJSON(data)
	if err != nil {
		e := asError(t, string(data), err)
		if e.Offset > len(data) || e.Expected == "" || e.Found == "" {
			t.Fatalf("%q\nis refused by %#v", data, e)
		}
		return
	}
	checkLossless(t, d)
}

// checkLossless asks of a parsed definition that both forms read back as it.
func checkLossless(t rapid.TB, d Definition) {
	t.Helper()
	fromText, err := Parse(d.Text())
	if err != nil || !reflect.DeepEqual(fromText, d) {
		t.Fatalf("%s\nreads back as %v, %v", d, fromText, err)
	}
	data, err := d.MarshalJSON()
	if err != nil {
		t.Fatalf("%s\n%v", d, err)
	}
	fromJSON, err := ParseJSON(data)
	if err != nil || !reflect.DeepEqual(fromJSON, d) {
		t.Fatalf("%s\nreads back as %v, %v", data, fromJSON, err)
	}
}
