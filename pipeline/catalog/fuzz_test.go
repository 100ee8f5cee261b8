package catalog

import (
	"bytes"
	"errors"
	"reflect"
	"slices"
	"testing"
)

// FuzzFold folds any lines as the entries of the definitions. Every entry is
// accepted or refused, and a refused one changes nothing; an accepted one reads
// back as what is written of it; whoever folds the same comes to the same; and
// what is defined hangs together at the end.
func FuzzFold(f *testing.F) {
	lines := func(entries ...string) []byte {
		var b []byte
		for _, e := range entries {
			b = append(append(b, e...), '\n')
		}
		return b
	}
	f.Add(lines(account("acme"), seg("base", everybody), seg("sub", on("base")), seg("base", on("sub")), `{"type":"account.delete","account":"acme"}`))
	f.Add(lines(account("acme"), seg("a", on("a")), seg("a", `{"from":{"list":"x"},"where":{"not":{"in_segment":"a"}}}`), account("acme")))
	f.Add(lines(account("acme"), seg("a", everybody), `{"type":"segment.delete","account":"acme","id":"a","if_version":1}`))
	f.Add(lines(account("b"), `{"type":"token.put","account":"b","id":"t","scope":"read","sha256":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="}`,
		`{"type":"token.revoke","account":"b","id":"t"}`, `{"type":"settings","erasure_key":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="}`))
	f.Add(lines(`{"type":"replay.start","topics":[{"name":"sms.sent"}],"from":1,"to":2}`, `{"type":"replay.report","replay":0,"of":2}`,
		`{"type":"replay.cancel","replay":0}`, `{"type":"replay.report","replay":0,"partition":1,"of":2,"failure":"x"}`))
	f.Add(lines(account("acme"), seg("a", everybody), frozen("a", 1), ended(2, whole), frozen("a", 1), ended(4, `,"failure":"x"`), unfrozen))
	f.Add(lines(`{}`, `null`, `{"type":"account.put"}`, `{"type":"segment.put","account":1}`))
	f.Fuzz(func(t *testing.T, log []byte) {
		a, b := New(), New()
		for i, line := range bytes.Split(log, []byte("\n")) {
			if i == 64 {
				return
			}
			before := seen(a)
			err := a.Fold(int64(i), int64(i), line)
			if again := b.Fold(int64(i), int64(i), line); !reflect.DeepEqual(again, err) {
				t.Fatalf("%s: %v, and another time %v", line, err, again)
			}
			checkFold(t, a, line, err, before)
		}
		if !reflect.DeepEqual(seen(a), seen(b)) {
			t.Fatal("two folds differ")
		}
		for _, account := range a.Accounts() {
			checkAccount(t, account)
		}
	})
}

// seen is all that can be asked of a catalog.
func seen(c *Catalog) map[string]any {
	all := map[string]any{"": []any{c.ErasureKey(), c.Replays()}}
	for _, a := range c.Accounts() {
		all[a.ID] = []any{a, c.Tokens(a.ID), c.Snapshots(a.ID)}
	}
	return all
}

func checkFold(t *testing.T, c *Catalog, line []byte, err error, before map[string]any) {
	t.Helper()
	if err != nil {
		if _, ok := errors.AsType[*Refusal](err); !ok {
			t.Fatalf("%s: %v is no refusal", line, err)
		}
		if !reflect.DeepEqual(seen(c), before) {
			t.Fatalf("%s is refused, %v, and changes something", line, err)
		}
		return
	}
	_, entry, err := decode(line)
	if err != nil {
		t.Fatalf("%s is accepted, and can't be read: %v", line, err)
	}
	written, err := encode("id", entry)
	if err != nil {
		t.Fatalf("%s is accepted, and can't be written: %v", line, err)
	}
	if id, back, err := decode(written); err != nil || id != "id" || !reflect.DeepEqual(back, entry) {
		t.Fatalf("%s comes back as %s %+v, %v", line, id, back, err)
	}
}

// checkAccount asks that parents exist and stand before their children, so that
// there is no circle, and that every definition would be accepted now.
func checkAccount(t *testing.T, a *Account) {
	t.Helper()
	var known []string
	for _, s := range a.Segments {
		for _, parent := range s.Parents {
			if !slices.Contains(known, parent) {
				t.Fatalf("%s/%s stands on %s, which is not before it", a.ID, s.ID, parent)
			}
		}
		if err := a.Check(s.ID, s.Definition); err != nil {
			t.Fatalf("%s/%s: %v", a.ID, s.ID, err)
		}
		if a.Segment(s.ID) != s {
			t.Fatalf("%s/%s is another by its id", a.ID, s.ID)
		}
		known = append(known, s.ID)
	}
}
