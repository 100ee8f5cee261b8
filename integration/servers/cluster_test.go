package servers_test

import (
	"context"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"

	"rollcall/integration/servers"
)

// TestAdvertised bootstraps from a listener that names another address, as a
// proxy's would be.
func TestAdvertised(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a broker of its own")
	}
	var target string
	c := servers.StartKafka(t, servers.Advertise(func(at string) (string, error) {
		target = at
		return "127.0.0.1:1", nil
	}))
	for bootstrap, want := range map[string]string{c.Addr(): c.Addr(), target: "127.0.0.1:1"} {
		conn, err := kafka.DialContext(t.Context(), "tcp", bootstrap)
		if err != nil {
			t.Fatal(err)
		}
		brokers, err := conn.Brokers()
		conn.Close()
		if err != nil || len(brokers) != 1 {
			t.Fatalf("%s names %d brokers, %v", bootstrap, len(brokers), err)
		}
		if got := net.JoinHostPort(brokers[0].Host, fmt.Sprint(brokers[0].Port)); got != want {
			t.Errorf("%s says that the broker is at %s, want %s", bootstrap, got, want)
		}
	}
}

func TestRedisClusterOutlivesAMaster(t *testing.T) {
	if testing.Short() {
		t.Skip("starts six servers")
	}
	c := servers.StartRedisCluster(t, 3)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if err := c.Nodes[0].Kill(); err != nil {
		t.Fatal(err)
	}
	replica := c.Client(3)
	defer replica.Close()
	for role := ""; !strings.Contains(role, "role:master"); time.Sleep(50 * time.Millisecond) {
		var err error
		if role, err = replica.Info(ctx, "replication").Result(); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Healthy(ctx); err != nil {
		t.Error(err)
	}
}
