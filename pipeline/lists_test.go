package pipeline

import (
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"rollcall/bitmaps"
)

// TestListRegisters holds the registers of a list against a map.
func TestListRegisters(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var l listRegisters
		want := map[uint32]listRegister{}
		for range rapid.IntRange(0, 100).Draw(t, "changes") {
			contact := rapid.Uint32Range(0, 5).Draw(t, "chunk")*listChunk + rapid.Uint32Range(0, 12).Draw(t, "contact")*93%listChunk
			if rapid.IntRange(0, 3).Draw(t, "remove") == 0 {
				l.remove(contact)
				delete(want, contact)
				continue
			}
			r := listRegister{at: rapid.Int64().Draw(t, "at"), member: rapid.Bool().Draw(t, "member")}
			l.set(contact, r)
			want[contact] = r
		}
		if got := maps.Collect(l.all()); !maps.Equal(got, want) {
			t.Fatalf("%v, not %v", got, want)
		}
		for contact := range uint32(7 * listChunk) {
			r, known := l.get(contact)
			if is, ok := want[contact]; known != ok || r != is {
				t.Fatalf("contact %d: %v, %t, not %v, %t", contact, r, known, is, ok)
			}
		}
		sum := 0
		for number := range uint32(7) {
			chunk := l.flush(number)
			sum += len(chunk)
			if !slices.IsSortedFunc(chunk, func(a, b bitmaps.ListRegister) int { return int(a.Contact) - int(b.Contact) }) {
				t.Fatalf("chunk %d is not sorted: %v", number, chunk)
			}
			for _, r := range chunk {
				if r.Contact/listChunk != number {
					t.Fatalf("contact %d is in chunk %d", r.Contact, number)
				}
			}
		}
		if sum != len(want) {
			t.Fatalf("%d in chunks, %d in all", sum, len(want))
		}
	})
}
