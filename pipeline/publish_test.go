package pipeline

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"rollcall/bitmaps"
	"rollcall/consumers"
)

// Changes are written as the standard library would, several into one buffer.
func TestChangesAsJSON(t *testing.T) {
	text := rapid.OneOf(rapid.String(), rapid.StringMatching(`[a-z"\\<>&/0-9]*`), rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return string(b) }))
	rapid.Check(t, func(t *rapid.T) {
		w := changeWriter{partition: 3}
		var got []consumers.Message
		var want []Change
		for range 3 {
			r := changeRun{Change: Change{
				ID: text.Draw(t, "id"), Account: text.Draw(t, "account"), Segment: text.Draw(t, "segment"), Change: "entered", Cause: "event",
			}}
			for range rapid.IntRange(0, 3).Draw(t, "contacts") {
				number, c := rapid.Uint32().Draw(t, "number"), r.Change
				c.ID, c.Contact = fmt.Sprint(c.ID, number), text.Draw(t, "contact")
				r.add(number, []byte(c.Contact))
				want = append(want, c)
			}
			whole := r.Change
			whole.Contact = text.Draw(t, "contact")
			want = append(want, whole)
			for _, r := range []changeRun{r, runOf(whole)} {
				w.begin(&r)
				for i := range r.len() {
					got = append(got, w.message(i))
				}
			}
		}
		if len(got) != len(want) {
			t.Fatalf("%d messages of %d changes", len(got), len(want))
		}
		for i, c := range want {
			value, err := json.Marshal(c)
			if err != nil {
				t.Fatal(err)
			}
			m := got[i]
			if string(m.Key) != c.Account+"/"+c.Contact || string(m.Value) != string(value) || m.Partition != 3 || m.Topic != TopicSegmentChanges {
				t.Fatalf("%q: %q, the library writes %q", m.Key, m.Value, value)
			}
		}
	})
}

// What was told ahead is left out of a run, and nobody else.
func TestRunWithout(t *testing.T) {
	r := changeRun{Change: Change{ID: "w-1/acme/us/", Account: "acme", Segment: "us", Change: "exited", Cause: "window"}}
	for i, contact := range []string{"ann", "", "bob", "cy"} {
		r.add(uint32(i), []byte(contact))
	}
	kept := r.without(func(w whom) bool { return w == whom{"acme", "us", "bob"} || w == whom{"acme", "us", ""} })
	if kept.Change != r.Change || !slices.Equal(kept.numbers, []uint32{0, 3}) || string(kept.contact(0))+" "+string(kept.contact(1)) != "ann cy" {
		t.Errorf("%+v", kept)
	}
}

// BenchmarkChange is what a change costs before it is written.
func BenchmarkChange(b *testing.B) {
	r := changeRun{Change: Change{ID: "0123456789abcdef-17/demo/engaged/", Account: "demo", Segment: "engaged", Change: "entered", Cause: "definition"}}
	for i := range uint32(publishAtOnce) {
		r.add(i, []byte("c-00051234"))
	}
	var w changeWriter
	w.begin(&r)
	b.ReportAllocs()
	for i := range b.N {
		if i%publishAtOnce == 0 {
			w.text = w.text[:0]
		}
		w.message(i % publishAtOnce)
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
