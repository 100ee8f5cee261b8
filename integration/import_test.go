package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// testImport brings in what a customer's spreadsheets say, twice.
func testImport(t *testing.T, c *cluster, p *process) {
	a := tenant{"import", "America/New_York", "US", 730, map[string]string{
		"reachable": "all contacts where valid phone and opted in", "out": "all contacts where opted out", "spring": `list "spring"`,
	}}
	a.create(t, p)
	a.define(t, p, "ros")
	var contacts, consent, list strings.Builder
	contacts.WriteString("Contact;Phone\r\n")
	consent.WriteString("contact,consent,at\n")
	list.WriteString("contact\n")
	for i := range 300 {
		fmt.Fprintf(&contacts, "c-%d;(212) 555-0%03d\r\n", i, i)
		if i < 200 {
			fmt.Fprintf(&consent, "c-%d,opted_in,2026-01-15\n", i)
		}
		if i >= 150 && i < 250 {
			fmt.Fprintf(&consent, "c-%d,opted_out,2026-01-15 09:00\n", i) // later that day
		}
		if i%3 == 0 {
			fmt.Fprintf(&list, "c-%d\n", i)
		}
	}
	consent.WriteString("c-1,opted_in,\n")
	dir := t.TempDir()
	run := func(file string, wantCode int, want string, args ...string) {
		t.Helper()
		name := filepath.Join(dir, "file.csv")
		must(t, os.WriteFile(name, []byte(file), 0o600))
		args = append([]string{"--account", "import", "import"}, append(args, name)...)
		if code, out, errs := rollcall(t, p, operatorToken, args...); code != wantCode || !strings.Contains(out+errs, want) {
			t.Errorf("rollcall %q: exit %d, want %d and %q:\n%s%s", args, code, wantCode, want, out, errs)
		}
	}
	for range 2 {
		run(contacts.String(), 0, "300 rows, 300 written, 0 wrong", "contacts")
		run(consent.String(), 1, "302  at ", "consent")
		run(list.String(), 0, "100 rows, 100 written", "list", "--list", "spring")
		c.settled(p)
		for id, want := range map[string]int{"reachable": 150, "out": 100, "spring": 100} {
			if got := members(t, p, "import", id); len(got) != want {
				t.Errorf("%s has %d members, want %d", id, len(got), want)
			}
		}
	}
}
