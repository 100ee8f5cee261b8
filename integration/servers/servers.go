// Package servers starts real servers for tests and benchmarks: Apache Kafka,
// Redis and the kcat client. Each listens on loopback, keeps its data in a
// directory of its own, and is gone, with all its processes, when the test ends.
//
// A server is taken from this machine if it can be (Kafka from Maven jars,
// Redis from PATH), else from a container engine. Where neither is there the
// test is skipped, or fails if ROLLCALL_REQUIRE_SERVERS=1 is set.
package servers

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"
)

const (
	startTimeout = 90 * time.Second // a JVM on a busy two-core machine
	stopTimeout  = 20 * time.Second // after which a server that was asked to stop is killed
)

// Server is a server with an address and data of its own, which both outlive
// Kill, Stop and Restart. Its methods are not safe for concurrent use.
type Server struct {
	Addr string // host:port
	// SecureAddr takes TLS and a password; empty without Secure.
	SecureAddr string

	name  string // for messages, such as "Kafka 4.1.0"
	from  string // and where it comes from, such as "Maven jars"
	host  host
	ready func(ctx context.Context, addr string) error // one attempt
}

// host is where a server runs: a process of this machine, or a container.
type host interface {
	start(ctx context.Context) error
	alive() error // why it is no longer running, nil if it is
	kill() error
	stop(ctx context.Context) error
	freeze(on bool) error
	remove() error // kills it and gives everything back
	log() string   // the last lines that it wrote
}

// Kill ends the server as a crash would (SIGKILL): nothing is flushed.
func (s *Server) Kill() error { return wrap("kill", s.name, s.host.kill()) }

// Stop asks the server to end, and kills it if it takes too long.
func (s *Server) Stop() error {
	ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	return wrap("stop", s.name, s.host.stop(ctx))
}

// Freeze has the server take connections and answer nothing, until Thaw or Kill.
func (s *Server) Freeze() error { return wrap("freeze", s.name, s.host.freeze(true)) }

// Thaw ends Freeze.
func (s *Server) Thaw() error { return wrap("thaw", s.name, s.host.freeze(false)) }

// Restart starts a server that was killed or stopped, at the same address and
// with the data that it left, and returns when it answers.
func (s *Server) Restart() error {
	if s.host.alive() == nil {
		if err := s.Stop(); err != nil {
			return err
		}
	}
	return startAll([]*Server{s})
}

// Close kills the server and removes what it left outside its data directory.
func (s *Server) Close() error { return wrap("close", s.name, s.host.remove()) }

func (s *Server) describe() string {
	return fmt.Sprintf("integration: %s from %s at %s", s.name, s.from, s.Addr)
}

func closing(t testing.TB, s *Server) {
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// startAll starts the servers together and returns when each answers: the
// nodes of a cluster may need each other to come up.
func startAll(all []*Server) error {
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	for _, s := range all {
		if err := s.host.start(ctx); err != nil {
			return errors.Join(wrap("start", s.name, err), closeAll(all))
		}
	}
	for _, s := range all {
		if err := s.await(ctx); err != nil {
			err = fmt.Errorf("start %s: %w\n%s", s.name, err, s.host.log())
			return errors.Join(err, closeAll(all))
		}
		announce(s.name+" from "+s.from, " at "+s.Addr)
	}
	return nil
}

func closeAll(all []*Server) error {
	var errs []error
	for _, s := range all {
		errs = append(errs, s.Close())
	}
	return errors.Join(errs...)
}

// await asks until the server answers, has ended, or ctx is over.
func (s *Server) await(ctx context.Context) error {
	for {
		err := s.ready(ctx, s.Addr)
		if err == nil {
			return nil
		}
		if gone := s.host.alive(); gone != nil {
			return gone
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("no answer at %s: %w", s.Addr, err)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func wrap(doing, name string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s %s: %w", doing, name, err)
}

// errUnavailable marks what is missing on this machine, as against broken.
var errUnavailable = errors.New("not available")

// unavailable skips the test, or fails it where servers are required or where
// err says more than that something is missing.
func unavailable(t testing.TB, err error) {
	t.Helper()
	if !errors.Is(err, errUnavailable) {
		t.Fatalf("integration: %v", err)
	}
	if os.Getenv("ROLLCALL_REQUIRE_SERVERS") == "1" {
		t.Fatalf("integration: %v, and ROLLCALL_REQUIRE_SERVERS=1", err)
	}
	announce("tests skipped: "+err.Error(), "")
	t.Skipf("integration: %v", err)
}

var announced sync.Map

// announce says once which servers a test binary has, or misses: on stderr, and
// in the file that ROLLCALL_SERVERS_LOG names, because go test shows nothing of
// what a passing test prints.
func announce(kind, where string) {
	if _, known := announced.LoadOrStore(kind, true); known {
		return
	}
	fmt.Fprintln(os.Stderr, "integration:", kind+where)
	if path := os.Getenv("ROLLCALL_SERVERS_LOG"); path != "" {
		if err := appendLine(path, "integration: "+kind); err != nil {
			fmt.Fprintln(os.Stderr, "integration:", err)
		}
	}
}

// appendLine adds a line in one write, so that several test binaries can.
func appendLine(path, line string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = f.WriteString(line + "\n")
	return errors.Join(err, f.Close())
}
