package naive

import (
	"strings"
	"testing"

	"rollcall/pipeline/segment"
)

func TestDump(t *testing.T) {
	l := newLog("UTC")
	l.world.Accounts[0].Segments = map[string]segment.Definition{"all": {}}
	l.add("contacts", "a", noon, fields{"phone": "+12015550123"})
	l.add("sms.opted_in", "a", noon, nil)
	l.add("sms.sent", "a", noon, fields{"message": "m"})
	l.add("lists", "a", noon, fields{"list": "x", "kind": "form", "member": true})
	l.add("sms.sent", "stranger", noon, fields{"message": "m"})
	l.world.Erasures = []Erasure{{"acme", "a", noon.AddDate(0, 0, -1).UnixMilli()}}
	r := Fold(l.world, noon)
	dump := r.Dump("acme", "a")
	for _, want := range []string{
		"today 2026-06-15", "erased up to 2026-06-14T16:00:00.000Z", `phone valid true, country "US", consent opted in`,
		`list form "x": true`, `counts: 2026-06-15 sms.sent "m"`, "said: sms.opted_in at 2026-06-15T16:00:00.000Z",
		"segment all: true",
	} {
		if !strings.Contains(dump, want) {
			t.Errorf("no %q in\n%s", want, dump)
		}
	}
	if strings.Contains(dump, "5550123") {
		t.Errorf("a phone number in\n%s", dump)
	}
	expect(t, "stranger", strings.Contains(r.Dump("acme", "stranger"), "does not exist"), true)
	expect(t, "nobody", r.Dump("acme", "nobody"), "never seen\n")
}
