package servers

import (
	"fmt"
	"os/exec"
	"testing"
)

// Kcat returns the path of the kcat client, which writes and reads Kafka with
// librdkafka, a client of other habits than ours.
func Kcat(t testing.TB) string {
	t.Helper()
	return program(t, "kcat", "kafkacat")
}

// Schemathesis returns the path of the program of that name (PyPI), which makes
// requests up from an OpenAPI document and holds the answers against it.
func Schemathesis(t testing.TB) string {
	t.Helper()
	return program(t, "schemathesis")
}

// Valgrind returns the path of the program of that name, which counts instructions.
func Valgrind(t testing.TB) string {
	t.Helper()
	return program(t, "valgrind")
}

// program looks for a program that may have several names.
func program(t testing.TB, names ...string) string {
	t.Helper()
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	unavailable(t, fmt.Errorf("%s: not in PATH: %w", names[0], errUnavailable))
	return ""
}

// Python returns the path of a Python that has a module.
func Python(t testing.TB, module string) string {
	t.Helper()
	path := program(t, "python3")
	if err := exec.CommandContext(t.Context(), path, "-c", "import "+module).Run(); err != nil {
		unavailable(t, fmt.Errorf("python3 without %s: %w", module, errUnavailable))
	}
	return path
}
