package pipeline

import (
	"errors"
	"testing"
)

// FuzzCursor reads cursors of streams as clients send them: what is no cursor is
// refused as one that is gone, and what is one is the same after printing.
func FuzzCursor(f *testing.F) {
	f.Add("")
	f.Add(cursor{partition: 3, number: 70_000, lineage: "GXQ3TFPOFAG6ZNZAIYTQ"}.String())
	f.Add(cursor{number: 1<<32 - 1}.String())
	f.Add("LTEuMS54") // -1.1.x
	f.Add("MS4xLngueA")
	f.Fuzz(func(t *testing.T, s string) {
		c, err := parseCursor(s)
		if err != nil {
			if !errors.Is(err, ErrCursorGone) {
				t.Fatalf("%q: %v", s, err)
			}
			return
		}
		if again, err := parseCursor(c.String()); err != nil || again != c || c.partition < 0 {
			t.Fatalf("%q is %+v, printed %q, which is %+v, %v", s, c, c, again, err)
		}
	})
}
