package servers_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"rollcall/integration/servers"
)

func TestPostgresComesAndGoes(t *testing.T) {
	p, err := servers.NewPostgres("work_mem=7MB")
	if servers.Missing(err) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(p.Client, "-X", "-t", "-A", "-h", p.Addr, "-U", servers.PostgresUser, "-c", "SHOW work_mem", "postgres").CombinedOutput()
	if got := strings.TrimSpace(string(out)); err != nil || got != "7MB" {
		t.Errorf("work_mem is %q, %v; it was set to 7MB", got, err)
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(p.Addr); !os.IsNotExist(err) {
		t.Errorf("its directory is still there: %v", err)
	}
}

func TestServersTellTheirCPUTime(t *testing.T) {
	s := servers.StartRedis(t)
	before, err := s.CPU()
	if err != nil {
		t.Skip(err) // it runs in a container
	}
	c := goredis.NewClient(&goredis.Options{Addr: s.Addr})
	defer c.Close()
	for deadline := time.Now().Add(20 * time.Second); ; {
		for range 1000 {
			if err := c.Ping(t.Context()).Err(); err != nil {
				t.Fatal(err)
			}
		}
		after, err := s.CPU()
		if err != nil || time.Now().After(deadline) {
			t.Fatalf("%v of CPU after a start with %v, %v", after, before, err)
		}
		if after > before {
			return
		}
	}
}
