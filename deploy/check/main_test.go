// Package check_test checks what is in deploy, as far as that can be done
// without a cluster and without a Docker engine: the chart and the Compose file
// against the schemas and types of those who read them, what they set against
// the binary, and the image by taking the Dockerfile's steps by hand.
//
// It is a module of its own, so that the product's needs none of its libraries.
package check_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// repository is where the product is.
const repository = "../.."

// binary is the product.
var binary string

func TestMain(m *testing.M) {
	slog.SetLogLoggerLevel(slog.LevelWarn) // Helm tells of each symbolic link in a chart
	dir, err := os.MkdirTemp("", "rollcall-deploy")
	if err != nil {
		panic(err)
	}
	binary = filepath.Join(dir, "rollcall")
	build := exec.Command("go", "build", "-o", binary, "./cmd/rollcall")
	build.Dir = repository
	if out, err := build.CombinedOutput(); err != nil {
		panic(fmt.Sprintf("%v\n%s", err, out))
	}
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

var variable = regexp.MustCompile(`\$(ROLLCALL_\w+)`)

// variables are those that a command takes instead of flags.
func variables(t *testing.T, command string) map[string]bool {
	t.Helper()
	help, err := exec.Command(binary, "help", command).Output()
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for _, found := range variable.FindAllSubmatch(help, -1) {
		known[string(found[1])] = true
	}
	if !known["ROLLCALL_BROKERS"] {
		t.Fatalf("this finds no variables:\n%s", help)
	}
	return known
}

// nowhere is an address at which nobody listens.
const nowhere = "127.0.0.1:1"

// expectTheBinaryTakes runs a command with Kafka nowhere. That is all that it
// may complain of: what else it was given made sense to it.
func expectTheBinaryTakes(t *testing.T, args []string, env map[string]string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, binary, args...)
	cmd.Env = []string{}
	for name, value := range env {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	cmd.Env = append(cmd.Env, "ROLLCALL_BROKERS="+nowhere)
	out, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(out), nowhere) || !strings.Contains(string(out), "refused") {
		t.Errorf("%q with %v: %v\n%s", args, env, err, out)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
