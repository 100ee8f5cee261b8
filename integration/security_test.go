package integration

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"rollcall/integration/servers"
)

const (
	kafkaPassword = "kafkas password"
	redisPassword = "redis-password"
)

// fortress is a Kafka and a Redis that let nobody in without a certificate, a
// user and a password.
type fortress struct {
	*cluster
	ca, strangers *servers.Authority
	client        servers.Pair
}

func newFortress(t *testing.T, redisArgs ...string) *fortress {
	ca := servers.NewAuthority(t)
	f := &fortress{ca: ca, strangers: servers.NewAuthority(t), client: ca.Issue(t, "client")}
	f.cluster = newClusterOf(t,
		servers.StartSecureRedis(t, ca, redisArgs...),
		servers.StartKafka(t, servers.Secured(servers.Secure{CA: ca, Pair: ca.Issue(t, "kafka"), User: "rollcall", Password: kafkaPassword})))
	return f
}

// flags let a process in; more of them may say otherwise.
func (f *fortress) flags(t *testing.T, more ...string) []string {
	return append([]string{
		"--brokers", f.kafka.Brokers[0].SecureAddr, "--kafka-sasl", "SCRAM-SHA-512", "--kafka-user", "rollcall",
		"--kafka-password-file", fileWith(t, kafkaPassword), "--kafka-ca-file", f.ca.File,
		"--kafka-cert-file", f.client.CertFile, "--kafka-key-file", f.client.KeyFile,
		"--redis", "rediss://rollcall@" + f.redis.SecureAddr, "--redis-password-file", fileWith(t, redisPassword),
		"--redis-ca-file", f.ca.File, "--redis-cert-file", f.client.CertFile, "--redis-key-file", f.client.KeyFile,
	}, more...)
}

func fileWith(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "secret")
	must(t, os.WriteFile(path, []byte(content+"\n"), 0o600))
	return path
}

// readmeACL is the user that README tells to make in Redis.
func readmeACL(t *testing.T) (user []any) {
	t.Helper()
	readme, err := os.ReadFile("../README.md")
	must(t, err)
	for line := range strings.Lines(strings.ReplaceAll(string(readme), "\\\n", " ")) {
		if words := strings.Fields(line); len(words) > 3 && words[0] == "ACL" && words[1] == "SETUSER" {
			for _, word := range words {
				user = append(user, strings.ReplaceAll(word, "PASSWORD", redisPassword))
			}
			return user
		}
	}
	t.Fatal("README.md has no ACL SETUSER")
	return nil
}

// TestSecureServers runs rollcall against servers that ask for certificates,
// users and passwords, with no more rights in Redis than README names.
func TestSecureServers(t *testing.T) {
	f := newFortress(t)
	admin := f.redisClient()
	must(t, admin.Do(t.Context(), readmeACL(t)...).Err())

	p := start(t, f.flags(t)...)
	others := []*process{
		start(t, f.flags(t, "--kafka-sasl", "PLAIN")...),
		start(t, f.flags(t, "--kafka-sasl", "SCRAM-SHA-256", "--redis", "rediss://"+f.redis.SecureAddr, "--redis-user", "rollcall")...),
	}
	for _, p := range append(others, p) {
		p.ready()
	}
	f.fill(p, "acme", 50)
	expectMember(t, p, "acme", "in", "c-7", true)
	for _, entry := range admin.ACLLog(t.Context(), 100).Val() {
		t.Errorf("Redis refused %s %s: README's rights are not enough", entry.Reason, entry.Object)
	}
	t.Run("rights in Redis", func(t *testing.T) { testRedisRights(t, f) })
	t.Run("refused", func(t *testing.T) { testRefusedByServers(t, f) })
}

func testRedisRights(t *testing.T, f *fortress) {
	client := redis.NewClient(&redis.Options{Addr: f.redis.Addr, Username: "rollcall", Password: redisPassword, MaxRetries: -1})
	defer client.Close()
	for _, command := range [][]any{
		{"SET", "others", "1"}, {"GET", "others"}, {"FLUSHALL"}, {"KEYS", "*"}, {"CONFIG", "SET", "maxmemory", "0"},
		{"ACL", "LIST"}, {"EVAL", "return redis.call('GET', KEYS[1])", "1", "others"},
	} {
		if err := client.Do(t.Context(), command...).Err(); err == nil || !strings.Contains(err.Error(), "NOPERM") && !strings.Contains(err.Error(), "ACL failure") {
			t.Errorf("%v: %v", command, err)
		}
	}
}

// testRefusedByServers expects that what is wrong is named, with the server,
// and soon.
func testRefusedByServers(t *testing.T, f *fortress) {
	kafka, redis := f.kafka.Brokers[0].SecureAddr, f.redis.SecureAddr
	wrong := fileWith(t, "wrong")
	for name, c := range map[string]struct {
		args []string
		want []string
	}{
		"Kafka's password":       {[]string{"--kafka-password-file", wrong}, []string{"kafka", kafka, "password"}},
		"Kafka's plain password": {[]string{"--kafka-sasl", "PLAIN", "--kafka-password-file", wrong}, []string{"kafka", kafka, "password"}},
		"Kafka's authority":      {[]string{"--kafka-ca-file", f.strangers.File}, []string{"kafka", kafka, "certificate", "authority"}},
		"no TLS to Kafka":        {[]string{"--kafka-ca-file=", "--kafka-cert-file=", "--kafka-key-file="}, []string{"kafka", kafka, "TLS"}},
		"no password for Kafka":  {[]string{"--kafka-sasl=", "--kafka-user=", "--kafka-password-file="}, []string{"kafka", kafka, "password"}},
		"no certificate":         {[]string{"--kafka-cert-file=", "--kafka-key-file="}, []string{"kafka", kafka, "certificate"}},
		"Redis' password":        {[]string{"--redis-password-file", wrong}, []string{"redis", redis, "password"}},
		"Redis' authority":       {[]string{"--redis-ca-file", f.strangers.File}, []string{"redis", redis, "certificate", "authority"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			expectRefused(t, 10*time.Second, c.want, f.flags(t, c.args...)...)
		})
	}
}

// expectRefused runs a server that is to end by itself, and say why.
func expectRefused(t *testing.T, within time.Duration, want []string, args ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	var out bytes.Buffer
	cmd := exec.CommandContext(ctx, binary, append([]string{"serve", "--listen", "127.0.0.1:0"}, args...)...)
	cmd.Env = append(cleanEnvironment(), "ROLLCALL_OPERATOR_TOKEN="+operatorToken)
	cmd.Stdout, cmd.Stderr = &out, &out
	began := time.Now()
	if err := cmd.Run(); ctx.Err() != nil || !errors.As(err, new(*exec.ExitError)) {
		t.Errorf("it did not end by itself within %v: %v\n%s", within, err, &out)
	}
	t.Logf("after %v: %s", time.Since(began).Round(time.Millisecond), &out)
	for _, word := range want {
		if !strings.Contains(strings.ToLower(out.String()), strings.ToLower(word)) {
			t.Errorf("it does not say %q:\n%s", word, &out)
		}
	}
	for _, secret := range []string{kafkaPassword, redisPassword, operatorToken} {
		if strings.Contains(out.String(), secret) {
			t.Errorf("it tells a password:\n%s", &out)
		}
	}
}
