package integration

import (
	"bytes"
	"fmt"
	"net"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"rollcall/integration/servers"
)

// findings are the lines that rollcall check-config printed.
type findings struct {
	t     *testing.T
	code  int
	lines []string
}

func checkConfig(t *testing.T, args ...string) findings {
	t.Helper()
	var out, errs bytes.Buffer
	cmd := exec.CommandContext(t.Context(), binary, append([]string{"check-config", "--listen", "127.0.0.1:0"}, args...)...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	cmd.Env = append(cleanEnvironment(), "ROLLCALL_OPERATOR_TOKEN="+operatorToken)
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	t.Logf("check-config %s\n%s%s", strings.Join(args, " "), &out, &errs)
	return findings{t, cmd.ProcessState.ExitCode(), strings.Split(strings.TrimSpace(out.String()), "\n")}
}

// has expects a line of that level with all of the words.
func (f findings) has(level string, words ...string) {
	f.t.Helper()
	if !slices.ContainsFunc(f.lines, func(line string) bool {
		return strings.HasPrefix(line, level+" ") && !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(line, w) })
	}) {
		f.t.Errorf("no %s says %q", level, words)
	}
	if level == "error" && f.code != 1 {
		f.t.Errorf("there is an error, and it exits with %d", f.code)
	}
	if level != "ok" && !slices.ContainsFunc(f.lines, func(line string) bool { return strings.HasPrefix(line, level) && strings.Contains(line, " -> ") }) {
		f.t.Errorf("no %s has a remedy", level)
	}
}

// passes expects no error.
func (f findings) passes() {
	f.t.Helper()
	if f.code != 0 || slices.ContainsFunc(f.lines, func(line string) bool { return strings.HasPrefix(line, "error") }) {
		f.t.Errorf("exit %d, although all is well", f.code)
	}
}

// servers are the flags that lead to the cluster.
func (c *cluster) servers(more ...string) []string {
	return append([]string{"--brokers", c.kafka.Addr(), "--redis", "redis://" + c.redis.Addr}, more...)
}

// everything is what there is in Kafka, its own topics included, and in Redis.
func (c *cluster) everything() (topics []string, keys int64) {
	c.t.Helper()
	res, err := kmsg.NewPtrMetadataRequest().RequestWith(c.t.Context(), c.kgoClient())
	must(c.t, err)
	for _, topic := range res.Topics {
		topics = append(topics, *topic.Topic)
	}
	keys, err = c.redisClient().DBSize(c.t.Context()).Result()
	must(c.t, err)
	return topics, keys
}

func TestCheckConfig(t *testing.T) {
	c := newCluster(t)
	f := checkConfig(t, c.servers("--partitions", "4")...)
	f.passes()
	f.has("ok", "topics", "16 topics do not exist", "4 partitions")
	f.has("ok", "kafka", "speaks")
	f.has("ok", "kafka", c.kafka.Addr())
	f.has("ok", "redis", "may do all that is needed")
	f.has("ok", "clocks", c.redis.Addr, "agrees")
	f.has("ok", "group", "was not asked for")
	if topics, keys := c.everything(); len(topics) > 0 || keys > 0 {
		t.Errorf("checking created the topics %q, and %d keys", topics, keys)
	}
	checkConfig(t, c.servers("--replication", "3")...).has("error", "topics", "can't be created", "replication")

	p := c.serve("--partitions", "4").ready()
	c.fill(p, "acme", 20)
	t.Run("while it runs", func(t *testing.T) {
		f := checkConfig(t, c.servers("--listen", strings.TrimPrefix(p.url, "http://"))...)
		f.passes()
		f.has("ok", "listen", "a rollcall listens")
		f.has("ok", "topics", "16 of 16", "4 partitions")
		f.has("ok", "group", "can be joined", "1 members")
		f.has("warning", "topics", "rollcall.inbox", "one copy")
		if slices.ContainsFunc(f.lines, func(line string) bool { return strings.Contains(line, "is to be") }) {
			t.Error("topics are not as rollcall itself makes them")
		}
	})
	p.stop()

	_, before := c.everything()
	ends := c.ends("contacts", "sms.opted_in", "rollcall.inbox", "rollcall.progress", "rollcall.definitions", "rollcall.sizes")
	t.Run("topics", func(t *testing.T) { testCheckTopics(t, c.with(t)) })
	t.Run("Redis", func(t *testing.T) { testCheckRedis(t, c.with(t)) })
	t.Run("flags", func(t *testing.T) { testCheckFlags(t, c.with(t)) })
	if _, keys := c.everything(); keys != before {
		t.Errorf("there were %d keys, there are %d", before, keys)
	}
	for topic, end := range c.ends("contacts", "sms.opted_in", "rollcall.inbox", "rollcall.progress", "rollcall.definitions", "rollcall.sizes") {
		if end != ends[topic] {
			t.Errorf("%s ended at %d, and ends at %d", topic, ends[topic], end)
		}
	}
}

func testCheckTopics(t *testing.T, c *cluster) {
	c.configure("sms.opted_out", "message.timestamp.type", "CreateTime")
	c.configure("sms.sent", "retention.ms", "604800000")
	c.configure("sms.clicked", "cleanup.policy", "compact")
	c.configure("rollcall.definitions", "retention.ms", "1000000000")
	c.configure("rollcall.erasures", "min.insync.replicas", "2")
	c.morePartitions("sms.failed", 6)
	f := checkConfig(t, c.servers()...)
	f.has("error", "sms.opted_out", "dated by its producers (CreateTime)", "--bootstrap-server "+c.kafka.Addr(), "--entity-name sms.opted_out --add-config message.timestamp.type=LogAppendTime")
	f.has("warning", "sms.sent", "7 days", "retention.ms=-1", "rollcall state export")
	f.has("error", "sms.clicked", "compacted", "cleanup.policy=delete")
	f.has("error", "rollcall.definitions", "retention.ms is 1000000000", "retention.ms=-1")
	f.has("error", "rollcall.erasures", "nothing can be written")
	f.has("warning", "sms.failed", "6 partitions", "the state 4")
	checkConfig(t, c.servers("--allow-create-time")...).has("warning", "sms.opted_out", "CreateTime")

	c.morePartitions("rollcall.inbox", 5)
	checkConfig(t, c.servers()...).has("error", "rollcall.progress", "it has 4 partitions, and needs 5 like rollcall.inbox", "--alter --topic", "--partitions 5")

	f = checkConfig(t, c.servers("--brokers", "127.0.0.1:1")...) // besides
	f.has("warning", "broker 127.0.0.1:1", "refused", "mend --brokers")
	f.has("ok", "kafka", "speaks") // by the other
	checkConfig(t, "--brokers", "127.0.0.1:1", "--redis", "redis://"+c.redis.Addr).has("error", "broker 127.0.0.1:1", "refused", "mend --brokers")
}

func (c *cluster) morePartitions(topic string, n int32) {
	c.t.Helper()
	req := kmsg.NewPtrCreatePartitionsRequest()
	change := kmsg.NewCreatePartitionsRequestTopic()
	change.Topic, change.Count = topic, n
	req.Topics, req.TimeoutMillis = append(req.Topics, change), 10_000
	res, err := req.RequestWith(c.t.Context(), c.kgoClient())
	must(c.t, err)
	must(c.t, kerr.ErrorForCode(res.Topics[0].ErrorCode))
	eventually(c.t, 20*time.Second, "the brokers know of the partitions", func() error {
		counts, err := c.client.PartitionCounts(c.t.Context(), []string{topic})
		if err == nil && counts[topic] != int(n) {
			err = fmt.Errorf("there are %d", counts[topic])
		}
		return err
	})
}

func testCheckRedis(t *testing.T, c *cluster) {
	admin := c.redisClient()
	ctx := t.Context()
	as := func(user string) []string {
		return []string{"--redis", "redis://" + user + ":" + redisPassword + "@" + c.redis.Addr}
	}
	must(t, admin.Do(ctx, readmeACL(t)...).Err())
	f := checkConfig(t, append(c.servers(), as("rollcall")...)...)
	f.has("ok", "redis", "may do all that is needed")
	f.has("ok", "redis", "noeviction")
	f.has("ok", "clocks", "can't be looked at with this user")

	must(t, admin.Do(ctx, append(readmeACL(t), "-xtrim", "-exec", "-evalsha")...).Err())
	checkConfig(t, append(c.servers(), as("rollcall")...)...).has("error", "redis", "may not evalsha, exec, xtrim", "+evalsha +exec +xtrim")
	must(t, admin.Do(ctx, append(readmeACL(t), "resetkeys", "~other:*")...).Err())
	checkConfig(t, append(c.servers(), as("rollcall")...)...).has("error", "redis", "may not use keys", "~rollcall:*")
	checkConfig(t, append(c.servers(), as("nobody")...)...).has("error", "redis", "WRONGPASS", "--redis-password-file")

	must(t, admin.ConfigSet(ctx, "maxmemory-policy", "allkeys-lru").Err())
	checkConfig(t, c.servers()...).has("error", "redis", "allkeys-lru", "CONFIG SET maxmemory-policy noeviction")
	must(t, admin.ConfigSet(ctx, "maxmemory-policy", "noeviction").Err())
	must(t, admin.ConfigSet(ctx, "maxmemory", "1mb").Err())
	f = checkConfig(t, c.servers()...)
	f.has("error", "redis", "it is full", "raise maxmemory")
	f.has("warning", "redis", "of 1 MiB are used")
	must(t, admin.ConfigSet(ctx, "maxmemory", "0").Err())

	cluster := servers.StartRedisCluster(t, 3)
	first, _, _ := strings.Cut(cluster.Addr(), ",")
	checkConfig(t, c.servers("--redis", "redis://"+first)...).has("error", "redis", "node of a cluster", "name several")
	f = checkConfig(t, c.servers("--redis", "redis://"+cluster.Addr())...)
	if n := strings.Count(strings.Join(f.lines, "\n"), ": the user may do all that is needed"); n != 3 {
		t.Errorf("%d nodes of 3 masters are looked at", n)
	}
	checkConfig(t, c.servers("--redis", "redis://"+c.redis.Addr+","+c.redis.Addr)...).has("error", "redis", "cluster support disabled", "name one address")
}

func testCheckFlags(t *testing.T, c *cluster) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer taken.Close()
	go func() { // hangs up on whoever calls
		for conn, err := taken.Accept(); err == nil; conn, err = taken.Accept() {
			_ = conn.Close()
		}
	}()
	f := checkConfig(t, c.servers("--ops-listen", taken.Addr().String(), "--inputs", fileWith(t, "{"), "--operator-token", "short", "--kafka-user", "u")...)
	f.has("error", "ops-listen", taken.Addr().String(), "another --ops-listen")
	f.has("error", "flags", "inputs")
	f.has("error", "flags", "--kafka-sasl")
	f.has("warning", "token", "5 bytes", "openssl rand")
	f.has("ok", "redis", "may do all") // what is right is looked at all the same
}

// TestCheckConfigOfAStranger takes from the user of Kafka all rights, and gives
// them back one by one.
func TestCheckConfigOfAStranger(t *testing.T) {
	ca := servers.NewAuthority(t)
	c := newClusterOf(t, servers.StartRedis(t), servers.StartKafka(t,
		servers.Secured(servers.Secure{CA: ca, Pair: ca.Issue(t, "kafka"), User: "rollcall", Password: kafkaPassword}),
		servers.Property("authorizer.class.name", "org.apache.kafka.metadata.authorizer.StandardAuthorizer"),
		servers.Property("super.users", "User:ANONYMOUS"))) // at the address without TLS
	client := ca.Issue(t, "client")
	args := []string{
		"--brokers", c.kafka.Brokers[0].SecureAddr, "--kafka-sasl", "SCRAM-SHA-512", "--kafka-user", "rollcall",
		"--kafka-password-file", fileWith(t, kafkaPassword), "--kafka-ca-file", ca.File,
		"--kafka-cert-file", client.CertFile, "--kafka-key-file", client.KeyFile, "--redis", "redis://" + c.redis.Addr,
	}
	checkConfig(t, args...).has("error", "topics", "rollcall.inbox", "can't be looked at", "Describe")
	checkConfig(t, append(slices.Clone(args), "--kafka-password-file", fileWith(t, "wrong"))...).has("error", "kafka", "password", "--kafka-password-file")

	topics := []kmsg.ACLOperation{kmsg.ACLOperationDescribe, kmsg.ACLOperationDescribeConfigs, kmsg.ACLOperationRead}
	for _, op := range topics {
		c.allow(kmsg.ACLResourceTypeTopic, "*", op)
	}
	checkConfig(t, args...).has("error", "topics", "can't be created", "the right Create")
	p := c.serve().ready() // as ANONYMOUS
	p.stop()
	f := checkConfig(t, args...)
	f.has("error", "topics", "rollcall.inbox", "contacts", "may not write", "the right Write")
	f.has("error", "group", "may not look at", "rights Describe and Read for the group rollcall")
	f.has("warning", "kafka", "certificate", "expires on") // the test's last a day
	c.allow(kmsg.ACLResourceTypeTopic, "*", kmsg.ACLOperationWrite)
	c.allow(kmsg.ACLResourceTypeGroup, "rollcall", kmsg.ACLOperationDescribe)
	checkConfig(t, args...).has("error", "group", "may not join")
	c.allow(kmsg.ACLResourceTypeGroup, "rollcall", kmsg.ACLOperationRead)
	f = checkConfig(t, args...)
	f.passes()
	f.has("ok", "group", "can be joined")
}

// allow gives the user rollcall a right in Kafka.
func (c *cluster) allow(kind kmsg.ACLResourceType, name string, op kmsg.ACLOperation) {
	c.t.Helper()
	acl := kmsg.NewCreateACLsRequestCreation()
	acl.ResourceType, acl.ResourceName, acl.ResourcePatternType = kind, name, kmsg.ACLResourcePatternTypeLiteral
	acl.Principal, acl.Host, acl.Operation, acl.PermissionType = "User:rollcall", "*", op, kmsg.ACLPermissionTypeAllow
	req := kmsg.NewPtrCreateACLsRequest()
	req.Creations = append(req.Creations, acl)
	res, err := req.RequestWith(c.t.Context(), c.kgoClient())
	must(c.t, err)
	must(c.t, kerr.ErrorForCode(res.Results[0].ErrorCode))
}
