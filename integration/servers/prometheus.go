package servers

import (
	"context"
	"fmt"
	"net/http"
	"os/exec"
	"testing"
)

// StartPrometheus starts the Prometheus of this machine with a configuration
// file. It lives as long as the test.
func StartPrometheus(t testing.TB, config string) *Server {
	t.Helper()
	path, err := exec.LookPath("prometheus")
	if err != nil {
		unavailable(t, fmt.Errorf("prometheus: not in PATH: %w", errUnavailable))
	}
	port, err := freePort()
	if err != nil {
		t.Fatal(err)
	}
	dir, addr := t.TempDir(), loopback(port)
	s := &Server{Addr: addr, name: "Prometheus", from: path, ready: answersHTTP, host: &process{dir: dir, argv: []string{
		path, "--config.file=" + config, "--storage.tsdb.path=" + dir, "--web.listen-address=" + addr, "--log.level=warn",
	}}}
	if err := startAll([]*Server{s}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closing(t, s) })
	t.Log(s.describe())
	return s
}

func answersHTTP(ctx context.Context, addr string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+"/-/ready", nil)
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("answered %s", res.Status)
	}
	return nil
}

// Promtool returns the path of the program of that name, which tests rules.
func Promtool(t testing.TB) string {
	t.Helper()
	return program(t, "promtool")
}
