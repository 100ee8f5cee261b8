package integration

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"rollcall/consumers"
	"rollcall/integration/proxy"
	"rollcall/integration/servers"
	"rollcall/integration/soak"
)

// startServers starts three brokers and a Redis, and proxies before them for
// rollcall. The tests' own clients go without.
func (s *soaking) startServers(t *testing.T) {
	t.Helper()
	keepLogs(t)
	s.keeping = newKeeping(t)
	s.cluster = &cluster{t: t, patience: recoverWithin, kcatPath: servers.Kcat(t), redis: servers.StartRedis(t, s.keeping.args()...)}
	s.kafka = servers.StartKafka(t, servers.Brokers(3), servers.HeapMiB(256), servers.Quick(), servers.Property("min.insync.replicas", "2"),
		servers.Advertise(func(target string) (string, error) {
			s.toKafka = append(s.toKafka, startProxy(t, target))
			return s.toKafka[len(s.toKafka)-1].Addr(), nil
		}))
	s.toRedis = startProxy(t, s.redis.Addr)
	brokers := strings.Split(s.kafka.Addr(), ",")
	var err error
	s.client, err = consumers.Open(consumers.Config{Brokers: brokers, ClientID: "rollcall-tests"})
	must(t, err)
	t.Cleanup(s.client.Close)
	s.writer, err = soak.NewWriter(s.ledger, brokers...)
	must(t, err)
	t.Cleanup(s.writer.Close)
}

func startProxy(t *testing.T, target string) *proxy.Proxy {
	t.Helper()
	p, err := proxy.New(target, *soakSeed)
	must(t, err)
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

// startProcess starts a rollcall behind the proxies.
func (s *soaking) startProcess() *process {
	s.t.Helper()
	var brokers []string
	for _, p := range s.toKafka {
		brokers = append(brokers, p.Addr())
	}
	on := []string{"--brokers", strings.Join(brokers, ","), "--redis", "redis://" + s.toRedis.Addr(), "--max-staleness", "2s"}
	return start(s.t, append(on, notScrubbing...)...)
}

// inSync waits until another broker may be killed.
func (s *soaking) inSync() {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), recoverWithin)
	defer cancel()
	must(s.t, s.kafka.InSync(ctx))
}

// keeping is the part of Redis' configuration that says what outlives a kill.
type keeping struct{ dir, config string }

func newKeeping(t *testing.T) keeping {
	t.Helper()
	k := keeping{dir: t.TempDir(), config: filepath.Join(t.TempDir(), "keeping.conf")}
	must(t, os.WriteFile(k.config, nil, 0o600))
	return k
}

func (k keeping) args() []string { return []string{"--dir", k.dir, "--include", k.config} }

// keep has Redis keep its data so from now on.
func (s *soaking) keep(what soak.Keeping) {
	s.t.Helper()
	ctx, client := s.t.Context(), s.redisClient()
	settings := map[string]string{"appendonly": "no", "appendfsync": "everysec"}
	must(s.t, os.RemoveAll(filepath.Join(s.keeping.dir, "dump.rdb")))
	switch what {
	case soak.Snapshot:
		must(s.t, client.Save(ctx).Err())
	case soak.Always:
		settings["appendonly"], settings["appendfsync"] = "yes", "always"
	case soak.EverySec:
		settings["appendonly"] = "yes"
	}
	var file strings.Builder
	for name, value := range settings {
		must(s.t, client.ConfigSet(ctx, name, value).Err())
		fmt.Fprintf(&file, "%s %s\n", name, value)
	}
	must(s.t, os.WriteFile(s.keeping.config, []byte(file.String()), 0o600))
	s.appends(client, settings["appendonly"] == "yes")
}

// appends waits until the file that Redis appends to has all that came before.
func (s *soaking) appends(client *redis.Client, want bool) {
	s.t.Helper()
	eventually(s.t, time.Minute, "Redis appends to its file", func() error {
		info, err := client.Info(s.t.Context(), "persistence").Result()
		if err != nil {
			return err
		}
		if want && (!strings.Contains(info, "aof_enabled:1") || !strings.Contains(info, "aof_rewrite_in_progress:0") ||
			!strings.Contains(info, "aof_rewrite_scheduled:0")) {
			return fmt.Errorf("not yet: %q", info)
		}
		return nil
	})
}

// keepLogs keeps what processes and servers wrote where the test fails.
func keepLogs(t *testing.T) {
	t.Helper()
	from := filepath.Dir(t.TempDir())
	t.Cleanup(func() {
		if !t.Failed() {
			return
		}
		to, err := os.MkdirTemp("", fmt.Sprintf("rollcall-soak-%d-", *soakSeed)) //nolint:usetesting // it is to outlive the test
		if err == nil {
			err = copyLogs(from, to)
		}
		t.Logf("seed %d; the logs of all processes are in %s (%v)", *soakSeed, to, err)
	})
}

// copyLogs copies what is named as logs are.
func copyLogs(from, to string) error {
	return filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || d.Name() != "output" && d.Name() != "log" {
			return err
		}
		name, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, strings.ReplaceAll(name, string(filepath.Separator), "-")), b, 0o600)
	})
}
