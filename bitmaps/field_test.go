package bitmaps

import (
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

var kinds = []Kind{Meta, IDs, Registers, MessageNames, ListNames, Reasons, MessageTitles, ListTitles, Fact, Day, Events, ListMembers, ListRegisters, Members,
	Composed, Erasures}

func TestFieldNamesAreInverse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := Field{Kind: rapid.SampledFrom(kinds).Draw(t, "kind")}
		if f.Kind.named() { // an ISO code, a fact or a segment's id
			f.Name = rapid.StringMatching(`[A-Za-z0-9-]{1,64}`).Draw(t, "name")
		}
		for i := range f.Kind.numbers() {
			f.N[i] = rapid.Uint32().Draw(t, "n")
		}
		back, err := ParseField(f.String())
		if err != nil || back != f {
			t.Fatalf("%+v is %q, which is %+v, %v", f, f, back, err)
		}
	})
}

func TestFieldNames(t *testing.T) {
	for want, f := range map[string]Field{
		"m":               {Kind: Meta},
		"f:US:3":          {Kind: Fact, Name: "US", N: [4]uint32{3}},
		"d:20000:1":       {Kind: Day, N: [4]uint32{20000, 1}},
		"e:1:20000:0:7":   {Kind: Events, N: [4]uint32{1, 20000, 0, 7}},
		"s:engaged-us:12": {Kind: Members, Name: "engaged-us", N: [4]uint32{12}},
	} {
		if got := f.String(); got != want {
			t.Errorf("%+v: %q, want %q", f, got, want)
		}
	}
}

func TestParseFieldRefuses(t *testing.T) {
	for _, s := range []string{
		"", ":", "m:", "m:1", "mm", "i", "i:", "i:1:2", "i:x", "i:-1", "i:4294967296", "f", "f:US", "f:US:1:2", "z:1", "é:1",
		"d:1", "d:1:2:3", "e:1:2:3", "e:1:2:3:4:5", "l:1", "s:a:b:1", "x:+0", strings.Repeat("d:", 1000),
	} {
		if f, err := ParseField(s); !errors.Is(err, ErrDamaged) {
			t.Errorf("%q is read as %+v, %v", s, f, err)
		}
	}
}

// What ParseField takes is what String writes, but for leading zeros.
func FuzzParseField(f *testing.F) {
	for _, s := range []string{"m", "i:1", "f:US:3", "d:20000:0", "e:1:2:3:4", "s:engaged:0", "x:0", "d:01:2", "s::0"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		field, err := ParseField(s)
		if err != nil {
			return
		}
		if again, err := ParseField(field.String()); err != nil || again != field {
			t.Errorf("%q is %+v, printed %q, which is %+v, %v", s, field, field, again, err)
		}
	})
}
