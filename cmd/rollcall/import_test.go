package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"rollcall/consumers"
)

// fakeRecords counts what is written, until it fails.
type fakeRecords struct {
	written int
	failAt  int // the record at which it fails; 0: none
}

func (f *fakeRecords) Write(_ context.Context, messages []consumers.Message) ([]int64, error) {
	if f.failAt > 0 && f.written+len(messages) >= f.failAt {
		return nil, errors.New("down")
	}
	f.written += len(messages)
	return make([]int64, len(messages)), nil
}

// file writes a file and returns its name.
func file(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "x.csv")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestImport(t *testing.T) {
	b := newBench(t)
	right := file(t, "contact,phone\nc-1,212-555-0123\nc-2,\n")
	b.expect("2 rows, 2 written, 0 wrong", "import", "contacts", right)
	b.expect("2 rows, 2 to be written, 0 wrong", "import", "contacts", right, "--dry-run")
	b.expect(`"written":2`, "import", "list", right, "--list", "spring", "--json")
	if b.kafka.written != 4 {
		t.Errorf("%d records are written", b.kafka.written)
	}
	wrong := file(t, "contact;consent;at;note\nc-1;in;;\nc-2;out;;\n")
	code, out, errs := b.run("import", "consent", wrong)
	if code != 1 || !strings.Contains(out, "2 rows, 1 written, 1 wrong\nthe column note means nothing here\nROW  COLUMN  ERROR\n2    at      an opt-in needs") || errs != "rollcall: 1 rows are wrong\n" {
		t.Errorf("exit %d\n%s%s", code, out, errs)
	}
	if code, out, _ := b.run("import", "consent", wrong, "--json"); code != 1 || !strings.Contains(out, `"row":2`) {
		t.Errorf("exit %d\n%s", code, out)
	}
	b.expectError("name the list", "import", "list", right)
	b.expectError("no such file", "import", "contacts", right+"x")
}

func TestImportInVain(t *testing.T) {
	b := newBench(t)
	b.kafka.failAt = 3000
	code, out, errs := b.run("import", "contacts", file(t, "contact,phone\n"+manyContacts(4000)))
	if code != 1 || !strings.Contains(errs, "all right rows up to row 2001 are written") || !strings.Contains(out, "2000 written") {
		t.Errorf("exit %d\n%s%s", code, out, errs)
	}
}

func manyContacts(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "c-%d,1\n", i)
	}
	return b.String()
}
