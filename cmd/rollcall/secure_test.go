package main

import (
	"bytes"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestLoopback(t *testing.T) {
	lookup := func(host string) ([]net.IP, error) {
		switch host {
		case "here":
			return []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback}, nil
		case "elsewhere":
			return []net.IP{net.IPv4(10, 0, 0, 1)}, nil
		case "both":
			return []net.IP{net.IPv4(127, 0, 0, 1), net.IPv4(10, 0, 0, 1)}, nil
		case "nowhere":
			return nil, nil
		}
		return net.LookupIP(host)
	}
	for address, want := range map[string]bool{
		"127.0.0.1:80": true, "127.8.8.8:80": true, "[::1]:80": true, "[::ffff:127.0.0.1]:80": true, "here:80": true,
		"0.0.0.0:80": false, "[::]:80": false, ":80": false, "": false, "80": false, "10.0.0.1:80": false, "0:80": false,
		"[::ffff:0.0.0.0]:80": false, "elsewhere:80": false, "both:80": false, "nowhere:80": false, "name.invalid:80": false,
	} {
		if got := resolvesToLoopback(address, lookup); got != want {
			t.Errorf("%q: %v", address, got)
		}
	}
}

// serveFails runs "rollcall serve", which is to refuse.
func serveFails(t *testing.T, want string, args ...string) {
	t.Helper()
	var out, errs bytes.Buffer
	code := run(t.Context(), append([]string{"serve"}, args...), &out, &errs)
	if code == 0 || !strings.Contains(errs.String(), want) {
		t.Errorf("%q: exit %d, %q; want %q", args, code, &errs, want)
	}
	if strings.Contains(errs.String(), "s3cret") {
		t.Errorf("%q: it tells the secret: %s", args, &errs)
	}
}

func TestNothingOpenToTheNetwork(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	for _, host := range []string{"0.0.0.0:0", "[::]:0", ":0", "name.invalid:0"} {
		serveFails(t, "--open-kafka", "--embedded", "--data-dir", data, "--embedded-kafka", host)
		serveFails(t, "operator's token", "--embedded", "--data-dir", data, "--embedded-kafka", "127.0.0.1:0", "--listen", host)
		serveFails(t, "operator's token", "--brokers", "127.0.0.1:1", "--redis", "redis://127.0.0.1:1", "--listen", host)
	}
	serveFails(t, "operator's token", "--brokers", "127.0.0.1:1", "--redis", "redis://127.0.0.1:1") // loopback, but not embedded
}

func TestServersFlags(t *testing.T) {
	dir := t.TempDir()
	empty, secret := filepath.Join(dir, "empty"), filepath.Join(dir, "secret")
	for path, content := range map[string]string{empty: " \n", secret: "s3cret\n"} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		want string
		args []string
	}{
		{"is empty", []string{"--kafka-sasl", "PLAIN", "--kafka-user", "u", "--kafka-password-file", empty}},
		{"no such file", []string{"--kafka-password-file", filepath.Join(dir, "none")}},
		{"needs --kafka-sasl", []string{"--kafka-user", "u", "--kafka-password-file", secret}},
		{"needs --kafka-user", []string{"--kafka-sasl", "PLAIN", "--kafka-password-file", secret}},
		{"must be one of", []string{"--kafka-sasl", "GSSAPI"}},
		{"holds no certificate", []string{"--kafka-ca-file", secret}},
		{"needs its key", []string{"--kafka-cert-file", secret}},
		{"holds no certificate", []string{"--redis", "rediss://h", "--redis-ca-file", secret}},
		{"rediss://", []string{"--redis", "redis://h", "--redis-ca-file", secret}},
		{"all of a cluster", []string{"--redis", "rediss://h,redis://i"}},
		{"expected an address", []string{"--redis", "redis://u:s3cret%zz@h"}},
		{"expected an address", []string{"--redis", "redis://u:s3cret@h:port"}},
		{"is empty", []string{"--redis-password-file", empty}},
	} {
		serveFails(t, c.want, append([]string{"--brokers", "127.0.0.1:1", "--redis", "redis://h", "--operator-token", "x", "--listen", "127.0.0.1:0"}, c.args...)...)
	}
}

func TestRedisAddresses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(path, []byte("s3cret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	o, err := (&redisFlags{RedisUser: "u", RedisPasswordFile: path}).options("rediss://a:1,rediss://b:2,c:3")
	if err != nil {
		t.Fatal(err)
	}
	if strings.Join(o.Addrs, " ") != "a:1 b:2 c:3" || o.Username != "u" || o.Password != "s3cret" {
		t.Errorf("%+v", o)
	}
	if o.TLSConfig == nil || o.TLSConfig.ServerName != "" {
		t.Error("the nodes of a cluster have certificates of their own names")
	}
	if o, err = (&redisFlags{RedisUser: "u", RedisPassword: "p"}).options("redis://v:q@a:1/3"); err != nil || o.Username != "v" || o.Password != "q" || o.DB != 3 || o.TLSConfig != nil {
		t.Errorf("%+v %v", o, err)
	}
}
