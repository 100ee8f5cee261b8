package main

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"
)

// parsed is what a command line makes of the flags, with a configuration file.
func parsed(t *testing.T, file string, args ...string) (*cli, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "rollcall.yaml")
	if err := os.WriteFile(path, []byte(file), 0o600); err != nil {
		t.Fatal(err)
	}
	c := &cli{}
	parser := kong.Must(c, kong.Name("rollcall"), kong.DefaultEnvars("ROLLCALL"), withConfigFile(),
		kong.Exit(func(int) { t.Error("it ends at once") }))
	if !slices.Contains(args, "--no-config") {
		args = append(args, "--config", path)
	} else {
		args = slices.DeleteFunc(args, func(a string) bool { return a == "--no-config" })
		t.Setenv("ROLLCALL_CONFIG", path)
	}
	_, err := parser.Parse(args)
	return c, err
}

const configuration = `# what serve takes
brokers: [b1:9092, "b2:9092"]
redis: redis://r1:6379
kafka-tls: true
partitions: 16
publish-changes: false
history-every: 5m
roles:
  - api
group: one
redis-prefix: one
`

func TestConfigFile(t *testing.T) {
	for _, command := range []string{"serve", "check-config"} {
		c, err := parsed(t, configuration, command)
		if err != nil {
			t.Fatal(err)
		}
		s := c.Serve
		if command == "check-config" {
			s = c.CheckConfig.serveCmd
		}
		if !slices.Equal(s.Brokers, []string{"b1:9092", "b2:9092"}) || s.Redis != "redis://r1:6379" || !s.KafkaTLS || s.Partitions != 16 ||
			s.PublishChanges || s.HistoryEvery != 5*time.Minute || !slices.Equal(s.Roles, []string{"api"}) {
			t.Errorf("%s: %+v", command, s)
		}
		if s.Listen != "127.0.0.1:8080" || s.MaxStreams != 1000 {
			t.Errorf("%s: what the file leaves out is not the default: %+v", command, s)
		}
	}
}

// Each setting is in one place more than the one before, and taken from there.
func TestConfigPrecedence(t *testing.T) {
	t.Setenv("ROLLCALL_GROUP", "two")
	t.Setenv("ROLLCALL_REDIS_PREFIX", "two")
	t.Setenv("ROLLCALL_ROLES", "pipeline")
	t.Setenv("ROLLCALL_PUBLISH_CHANGES", "true")
	c, err := parsed(t, configuration, "serve", "--redis-prefix", "three", "--partitions", "24", "--brokers", "b3:9092")
	if err != nil {
		t.Fatal(err)
	}
	s := c.Serve
	if s.RedisPrefix != "three" || s.Partitions != 24 || !slices.Equal(s.Brokers, []string{"b3:9092"}) {
		t.Errorf("a flag is not taken before the file: %+v", s)
	}
	if s.Group != "two" || !slices.Equal(s.Roles, []string{"pipeline"}) || !s.PublishChanges {
		t.Errorf("the environment is not taken before the file: %+v", s)
	}
	if s.Redis != "redis://r1:6379" {
		t.Errorf("the file is not taken before the default: %+v", s)
	}
}

func TestConfigFromTheEnvironment(t *testing.T) {
	c, err := parsed(t, configuration, "serve", "--no-config")
	if err != nil || c.Serve.Group != "one" {
		t.Errorf("%+v %v", c.Serve, err)
	}
	t.Setenv("ROLLCALL_CONFIG", "/nowhere")
	if code := run(t.Context(), []string{"version"}, new(bytes.Buffer), new(bytes.Buffer)); code != 0 {
		t.Errorf("a command that takes no file ends with %d, for want of it", code)
	}
}

// One file serves all commands: each takes what it has a flag for.
func TestConfigFileOfOtherCommands(t *testing.T) {
	c, err := parsed(t, configuration, "state", "export", "dir")
	if err != nil || c.State.Export.Redis != "redis://r1:6379" || c.State.Export.RedisPrefix != "one" || len(c.State.Export.Brokers) != 2 {
		t.Errorf("%+v %v", c.State.Export, err)
	}
	c, err = parsed(t, configuration, "generate")
	if err != nil || len(c.Generate.Brokers) != 2 || !c.Generate.KafkaTLS {
		t.Errorf("%+v %v", c.Generate, err)
	}
	if _, err := parsed(t, "replace: true\n", "state", "import", "dir"); err == nil || !strings.Contains(err.Error(), "unknown key") {
		t.Errorf("what is decided each time can be left in a file: %v", err)
	}
}

func TestConfigFileEmpty(t *testing.T) {
	for _, file := range []string{"", "# nothing\n", "---\n"} {
		if c, err := parsed(t, file, "serve"); err != nil || c.Serve.Group != "rollcall" {
			t.Errorf("%q: %v", file, err)
		}
	}
}

func TestConfigFileRefused(t *testing.T) {
	for _, c := range []struct{ file, want string }{
		{"group: a\nbrokerz: b\n", `rollcall.yaml:2: unknown key "brokerz"`},
		{"config: other.yaml\n", `rollcall.yaml:1: unknown key "config"`},
		{"token: abc\n", `rollcall.yaml:1: unknown key "token"`},
		{"group: a\n\ngroup: b\n", "rollcall.yaml:3: group is there twice"},
		{"group: a\nroles:\n", "rollcall.yaml:2: roles: expected a value"},
		{"roles: [[api]]\n", "rollcall.yaml:1: roles: a list in a list"},
		{"group: {a: b}\n", "rollcall.yaml:1: group: expected a value"},
		{"- group\n", "rollcall.yaml:1: expected keys and values"},
		{"group\n", "rollcall.yaml:1: expected keys and values"},
		{"group: a\n  roles: [api]\n", "line 2"},
		{"group: a\n---\ngroup: b\n", "more than one document"},
		{"partitions: many\n", "--partitions"},
		{"history-every: 5\n", "--history-every"},
		{"roles: [cook]\n", "must be one of"},
		{"kafka-sasl: GSSAPI\n", "must be one of"},
	} {
		if _, err := parsed(t, c.file, "serve"); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: %v; want %s", c.file, err, c.want)
		}
	}
	serveFails(t, "no such file", "--config", filepath.Join(t.TempDir(), "none"))
}

// A secret in the file works, and is not told when it is wrong.
func TestConfigFileSecrets(t *testing.T) {
	path := filepath.Join(t.TempDir(), "rollcall.yaml")
	if err := os.WriteFile(path, []byte("redis: redis://h\nkafka-password: s3cret\noperator-token: s3cret\nbrokers: 127.0.0.1:1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	serveFails(t, "needs --kafka-sasl", "--config", path)
}
