package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"rollcall/api"
	"rollcall/demo"
	"rollcall/embedded"
	"rollcall/node"
	"rollcall/pipeline/inputs"
)

type serveCmd struct {
	configFlag

	Embedded      bool   `help:"Run Kafka and Redis inside this process too, for trying it out." group:"Embedded"`
	DataDir       string `default:"rollcall-data" help:"Where the embedded Kafka keeps its log." group:"Embedded"`
	EmbeddedKafka string `default:"127.0.0.1:9092" help:"Where the embedded Kafka listens." group:"Embedded"`
	OpenKafka     bool   `help:"Let the embedded Kafka listen outside loopback, where it lets everybody in." group:"Embedded"`
	Demo          bool   `help:"Make up a month of records for the account demo, and go on; implies --embedded." group:"Embedded"`

	Brokers []string `help:"Addresses of Kafka brokers." group:"Servers"`
	Redis   string   `help:"Redis, as redis://user:password@host:port/db; several hosts with commas are a cluster." group:"Servers"`
	kafkaFlags
	redisFlags
	Group           string `default:"rollcall" help:"Consumer group of all processes that share the work." group:"Servers"`
	RedisPrefix     string `default:"rollcall" help:"What the names of keys in Redis begin with." group:"Servers"`
	Partitions      int    `default:"8" help:"Partitions of the state, when it is created and no topic exists yet." group:"Servers"`
	Replication     int    `default:"-1" help:"Replication factor of topics that are created; -1: the brokers' default." group:"Servers"`
	AllowCreateTime bool   `help:"Accept contacts and consent topics that are dated by their producers." group:"Servers"`

	Inputs string `help:"A file that says what the records of other topics mean." group:"Servers"`

	Roles             []string      `default:"pipeline,api" enum:"pipeline,api" help:"What this process does." group:"Roles"`
	Listen            string        `default:"127.0.0.1:8080" help:"Where the API listens." group:"Roles"`
	OpsListen         string        `help:"Where /healthz, /readyz and /metrics are served besides, without a token; a process without the API has them nowhere else." group:"Roles"`
	SizeMetrics       []string      `help:"Accounts whose segments' sizes are among the metrics, up to 1,000 segments." group:"Roles"`
	MaxStaleness      time.Duration `default:"10s" help:"How old the knowledge of where the log ends may be for an answer to be fresh." group:"Roles"`
	OperatorToken     string        `help:"The operator's token." group:"Roles"`
	OperatorTokenFile string        `help:"A file with the operator's token." group:"Roles"`
	MaxStreams        int           `default:"1000" help:"How many live sizes and lists may be open at once." group:"Roles"`
	MaxAccountStreams int           `default:"200" help:"How many of them an account may have." group:"Roles"`
	ScrubEvery        time.Duration `default:"1h" help:"How often to look for what erased contacts left in rollcall's own topics." group:"Roles"`
	HistoryEvery      time.Duration `default:"1m" help:"How often to record the sizes of segments." group:"Roles"`
	PublishChanges    bool          `default:"true" negatable:"" help:"Write changed memberships to rollcall.segment-changes." group:"Roles"`
}

func (c *serveCmd) Run(s *session) error {
	c.Embedded = c.Embedded || c.Demo
	if !c.Embedded && (len(c.Brokers) == 0 || c.Redis == "") {
		return errors.New("serve needs --brokers and --redis, or --embedded")
	}
	if c.Embedded {
		servers, err := c.startEmbedded(s)
		if err != nil {
			return err
		}
		defer servers.Close()
	}
	cfg, err := c.config()
	if err != nil {
		return err
	}
	n, err := node.Open(s.ctx, cfg)
	if err != nil {
		return err
	}
	defer n.Close()
	g, ctx := errgroup.WithContext(s.ctx)
	g.Go(func() error { return n.Run(ctx) })
	if cfg.API {
		s.printf("API at http://%s, described at /openapi.json\n", n.Addr())
	}
	if cfg.OpsListen != "" {
		s.printf("Probes and metrics at http://%s\n", n.OpsAddr())
	}
	if c.Embedded {
		g.Go(func() error { return c.accompany(ctx, s, n) })
	}
	return g.Wait()
}

func (c *serveCmd) startEmbedded(s *session) (*embedded.Servers, error) {
	if !c.OpenKafka && !isLoopback(c.EmbeddedKafka) {
		return nil, fmt.Errorf("the embedded Kafka asks nobody for a password, and %s is not on loopback: --open-kafka allows it", c.EmbeddedKafka)
	}
	servers, err := embedded.Start(embedded.Config{DataDir: c.DataDir, Kafka: c.EmbeddedKafka, Partitions: c.Partitions})
	if err != nil {
		return nil, err
	}
	c.Brokers, c.Redis, c.Replication = []string{servers.Kafka()}, "redis://"+servers.Redis(), 1
	s.printf("Kafka at %s, its log in %s\n", servers.Kafka(), c.DataDir)
	return servers, nil
}

// accompany sees to the account that an embedded server has for everybody.
func (c *serveCmd) accompany(ctx context.Context, s *session, n *node.Node) error {
	err := demo.Account(ctx, n)
	if err == nil && c.Demo {
		err = demo.Run(ctx, n, c.Brokers[0], s.stdout)
	}
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// config is what the flags say. It is as whole as it can be with the errors that
// are joined in the one returned: what is wrong is left out.
func (c *serveCmd) config() (node.Config, error) {
	var errs []error
	note := func(err error) {
		if err != nil {
			errs = append(errs, err)
		}
	}
	cfg := node.Config{
		Prefix: c.RedisPrefix, Group: c.Group,
		Partitions: c.Partitions, Replication: c.Replication, AllowCreateTime: c.AllowCreateTime,
		Pipeline: slices.Contains(c.Roles, "pipeline"), API: slices.Contains(c.Roles, "api"), Publish: c.PublishChanges,
		ScrubEvery: c.ScrubEvery, HistoryEvery: c.HistoryEvery, Listen: c.Listen, OpsListen: c.OpsListen, MaxStaleness: c.MaxStaleness,
		SizeMetrics: c.SizeMetrics, Streams: api.Limit{All: c.MaxStreams, PerAccount: c.MaxAccountStreams}, Version: buildVersion(),
	}
	token, tokenErr := secret(c.OperatorToken, c.OperatorTokenFile)
	if tokenErr != nil {
		note(fmt.Errorf("operator's token: %w", tokenErr))
	}
	if kafka, err := c.kafkaFlags.config(c.Brokers); err != nil {
		note(err)
	} else {
		cfg.Kafka = kafka
	}
	if redis, err := c.redisFlags.options(c.Redis); err != nil {
		note(err)
	} else {
		cfg.Redis = *redis
	}
	if c.HistoryEvery < time.Second || c.HistoryEvery > time.Hour {
		note(errors.New("--history-every is to be between 1s and 1h"))
	}
	var err error
	cfg.Inputs, err = readInputs(c.Inputs)
	note(err)
	cfg.OperatorToken, cfg.Tokenless = token, c.Embedded && token == "" && isLoopback(c.Listen)
	if cfg.API && token == "" && !cfg.Tokenless && tokenErr == nil {
		note(errors.New("serve needs an operator's token (ROLLCALL_OPERATOR_TOKEN, or --operator-token-file): " +
			"without one, only an embedded server on loopback is open"))
	}
	return cfg, errors.Join(errs...)
}

// readInputs reads the file of mapped topics, if there is one.
func readInputs(file string) (inputs.Set, error) {
	if file == "" {
		return nil, nil
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("inputs: %w", err)
	}
	set, err := inputs.Parse(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return set, nil
}

// isLoopback tells whether listening on an address is open to this machine only.
func isLoopback(address string) bool { return resolvesToLoopback(address, net.LookupIP) }

// resolvesToLoopback wants a host that is nowhere else; no host at all is every
// interface.
func resolvesToLoopback(address string, lookup func(host string) ([]net.IP, error)) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil || host == "" {
		return false
	}
	ips, err := lookup(host) // of a literal: itself
	elsewhere := func(ip net.IP) bool { return !ip.IsLoopback() }
	return err == nil && len(ips) > 0 && !slices.ContainsFunc(ips, elsewhere)
}
