// Package integration tests rollcall from outside: the real binary, Apache
// Kafka and redis-server, written to with kcat and asked over HTTP. What it
// answers is held against package naive, which recomputes it from the records
// as they lie in Kafka.
//
// The servers that a test uses are printed with -v, and what is missing on this
// machine is skipped, or fails with ROLLCALL_REQUIRE_SERVERS=1.
package integration

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

var (
	records    = flag.Int("records", 1_000_000, "how many records TestMillion writes; -short: a tenth")
	long       = flag.Bool("long", false, "run the tests that take minutes, too")
	raceBinary = flag.Bool("race-binary", false, "build rollcall itself with the race detector, which slows it down")
)

// binary is the program under test.
var binary string

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(run(m))
}

// takesLong skips a test unless it is asked for.
func takesLong(t *testing.T) {
	t.Helper()
	if !*long {
		t.Skip("takes minutes: make long")
	}
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "rollcall-integration-")
	if err != nil {
		fmt.Fprintln(os.Stderr, "integration:", err)
		return 1
	}
	defer os.RemoveAll(dir)
	binary = filepath.Join(dir, "rollcall")
	args := []string{"build", "-o", binary}
	if *raceBinary {
		args = append(args, "-race")
	}
	if out, err := exec.Command("go", append(args, "rollcall/cmd/rollcall")...).CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "integration: build rollcall: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}
