package pipeline

import (
	"encoding/json"
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"rollcall/bitmaps"
)

// Changes are written as the standard library would, several into one buffer.
func TestChangesAsJSON(t *testing.T) {
	text := rapid.OneOf(rapid.String(), rapid.StringMatching(`[a-z"\\<>&/0-9]*`), rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return string(b) }))
	rapid.Check(t, func(t *rapid.T) {
		var buffer []byte
		var values, wants []string
		for range 3 {
			c := &Change{
				ID: text.Draw(t, "id"), Account: text.Draw(t, "account"), Segment: text.Draw(t, "segment"),
				Contact: text.Draw(t, "contact"), Change: "entered", Cause: "event",
			}
			m, after := (&publisher{}).message(c, buffer)
			buffer = after
			want, err := json.Marshal(c)
			if err != nil {
				t.Fatal(err)
			}
			values, wants = append(values, string(m.Key), string(m.Value)), append(wants, c.Account+"/"+c.Contact, string(want))
		}
		for i := range values {
			if values[i] != wants[i] {
				t.Fatalf("%q, the library writes %q", values[i], wants[i])
			}
		}
	})
}

// BenchmarkChange is what a change costs before it is written.
func BenchmarkChange(b *testing.B) {
	p, c := &publisher{}, &Change{
		ID: "0123456789abcdef-17/demo/engaged/51234", Account: "demo", Segment: "engaged", Contact: "c-00051234", Change: "entered", Cause: "definition",
	}
	var text []byte
	b.ReportAllocs()
	for i := range b.N {
		if i%publishAtOnce == 0 {
			text = text[:0]
		}
		_, text = p.message(c, text)
	}
}

// BenchmarkTake is what a task does, for each change, of a commit that has many.
func BenchmarkTake(b *testing.B) {
	const members = 20_000
	op := bitmaps.Op{Code: bitmaps.OpMembers, Name: "engaged", Cause: bitmaps.CauseDefinition}
	t := &Task{state: newState(nil, nil, 0)}
	a := newAccount(t.state, acme)
	for i := range uint32(members) {
		op.On = append(op.On, a.contacts.add(fmt.Sprintf("c-%d", i)))
	}
	b.ReportAllocs()
	for range b.N {
		p := &publisher{}
		t.state.collect(a, &op)
		p.take(1, "0123456789abcdef", t)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*members), "ns/change")
}
