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
	for _, name := range []string{"kcat", "kafkacat"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	unavailable(t, fmt.Errorf("kcat: not in PATH: %w", errUnavailable))
	return ""
}
