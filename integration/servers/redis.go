package servers

import (
	"context"
	"fmt"
	"net"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"
)

const redisImage = "redis:7.2-alpine"

// AOF are arguments for a Redis that keeps its data over Kill and Restart.
var AOF = []string{"--appendonly", "yes"}

// Redis starts a Redis server that lives as long as the test and returns its
// address. It saves nothing and evicts nothing, unless args, which are given to
// redis-server last, say so.
func Redis(t testing.TB, args ...string) string {
	t.Helper()
	return StartRedis(t, args...).Addr
}

// StartRedis is Redis for tests that kill the server or stop and restart it.
func StartRedis(t testing.TB, args ...string) *Server {
	t.Helper()
	s, err := NewRedis(t.TempDir(), args...)
	if err != nil {
		unavailable(t, err)
	}
	t.Cleanup(func() { closing(t, s) })
	t.Log(s.describe())
	return s
}

// NewRedis is StartRedis for programs that are not tests: its data goes to the
// directory dir, and the caller closes it.
func NewRedis(dir string, args ...string) (*Server, error) {
	s, err := placeRedis(dir, args)
	if err != nil {
		return nil, err
	}
	return s, startAll([]*Server{s})
}

func placeRedis(dir string, args []string) (*Server, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	s := &Server{Addr: loopback(port), ready: pingRedis}
	if path, err := exec.LookPath("redis-server"); err == nil {
		s.name, s.from = redisVersion(path), path
		s.host = &process{dir: dir, argv: append([]string{path, "--dir", dir}, redisArgs("127.0.0.1", port, args)...)}
		return s, nil
	}
	if err := dockerHealthy(); err != nil {
		return nil, fmt.Errorf("Redis: no redis-server in PATH, and %w", err)
	}
	s.name, s.from = "Redis", "image "+redisImage
	s.host = &container{image: redisImage, port: port, cmd: append([]string{"redis-server"}, redisArgs("0.0.0.0", port, args)...)}
	return s, nil
}

func redisArgs(bind string, port int, args []string) []string {
	return append([]string{
		"--bind", bind, "--port", strconv.Itoa(port), "--protected-mode", "no",
		"--save", "", "--appendonly", "no", "--maxmemory-policy", "noeviction",
	}, args...)
}

// redisVersion turns "Redis server v=7.0.15 sha=..." into "Redis 7.0.15".
func redisVersion(path string) string {
	out, _ := exec.Command(path, "--version").Output()
	for _, field := range strings.Fields(string(out)) {
		if v, ok := strings.CutPrefix(field, "v="); ok {
			return "Redis " + v
		}
	}
	return "Redis"
}

// StartSecureRedis is StartRedis with a second address, which takes TLS and a
// certificate of the authority. Args may add users; the first address lets
// everybody in.
func StartSecureRedis(t testing.TB, ca *Authority, args ...string) *Server {
	t.Helper()
	port, err := freePort()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := exec.LookPath("redis-server"); err != nil {
		unavailable(t, fmt.Errorf("redis-server with TLS: not in PATH: %w", errUnavailable))
	}
	pair := ca.Issue(t, "redis")
	s := StartRedis(t, append([]string{
		"--tls-port", strconv.Itoa(port), "--tls-auth-clients", "yes",
		"--tls-ca-cert-file", ca.File, "--tls-cert-file", pair.CertFile, "--tls-key-file", pair.KeyFile,
	}, args...)...)
	s.SecureAddr = loopback(port)
	return s
}

// pingRedis fails too while Redis still loads its data.
func pingRedis(ctx context.Context, addr string) error {
	conn, err := (&net.Dialer{Timeout: time.Second}).DialContext(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(time.Second))
	if _, err := conn.Write([]byte("PING\r\n")); err != nil {
		return err
	}
	answer := make([]byte, 64)
	n, err := conn.Read(answer)
	if err == nil && !strings.HasPrefix(string(answer[:n]), "+PONG") {
		err = fmt.Errorf("PING was answered %q", answer[:n])
	}
	return err
}
