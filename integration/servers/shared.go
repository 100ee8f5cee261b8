package servers

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"testing"
)

// shared are the servers that all tests of a binary use together.
var shared struct {
	sync.Mutex
	dir    string
	kafka  *KafkaCluster
	redis  *Server
	failed map[string]error // a start that failed is not tried again
}

// SharedKafka returns the bootstrap address of a broker that all tests of the
// binary share: the first call starts it, Main stops it. Tests keep apart by
// the names of their topics and groups.
func SharedKafka(t testing.TB) string {
	t.Helper()
	shared.Lock()
	defer shared.Unlock()
	if shared.kafka == nil {
		shared.kafka = startShared(t, "kafka", func(dir string) (*KafkaCluster, error) { return NewKafka(dir) })
	}
	return shared.kafka.Addr()
}

// SharedRedis is SharedKafka for Redis. Tests keep apart by their keys.
func SharedRedis(t testing.TB) string {
	t.Helper()
	shared.Lock()
	defer shared.Unlock()
	if shared.redis == nil {
		shared.redis = startShared(t, "redis", func(dir string) (*Server, error) { return NewRedis(dir) })
	}
	return shared.redis.Addr
}

func startShared[S any](t testing.TB, kind string, start func(dir string) (S, error)) S {
	t.Helper()
	if err := shared.failed[kind]; err != nil {
		unavailable(t, err)
	}
	dir, err := sharedDir(kind)
	if err != nil {
		t.Fatal(err)
	}
	s, err := start(dir)
	if err != nil {
		if shared.failed == nil {
			shared.failed = map[string]error{}
		}
		shared.failed[kind] = err
		unavailable(t, err)
	}
	return s
}

func sharedDir(kind string) (string, error) {
	var err error
	if shared.dir == "" {
		if shared.dir, err = os.MkdirTemp("", "rollcall-servers-"); err != nil {
			return "", err
		}
	}
	dir := shared.dir + string(os.PathSeparator) + kind
	return dir, os.Mkdir(dir, 0o755)
}

// Main runs the tests of a package that shares servers, stops those, and ends
// the process:
//
//	func TestMain(m *testing.M) { servers.Main(m) }
func Main(m *testing.M) {
	code := m.Run()
	if err := stopShared(); err != nil {
		fmt.Fprintln(os.Stderr, "integration:", err)
		code = max(code, 1)
	}
	os.Exit(code)
}

func stopShared() error {
	shared.Lock()
	defer shared.Unlock()
	var errs []error
	if shared.kafka != nil {
		errs = append(errs, shared.kafka.Close())
	}
	if shared.redis != nil {
		errs = append(errs, shared.redis.Close())
	}
	if shared.dir != "" {
		errs = append(errs, os.RemoveAll(shared.dir))
	}
	shared.kafka, shared.redis, shared.dir = nil, nil, ""
	return errors.Join(errs...)
}
