package node

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"time"
)

// Level is how bad a finding is.
type Level int

const (
	OK      Level = iota
	Warning       // it works, until something else happens
	Error         // it does not work, or records or answers are lost
)

func (l Level) String() string { return [...]string{"ok", "warning", "error"}[l] }

// Finding is what a check found.
type Finding struct {
	Level  Level
	About  string // what was looked at, in one word
	What   string // in a sentence
	Remedy string // what to do; empty if nothing is wrong
}

// checkup gathers findings.
type checkup struct {
	cfg   Config
	found []Finding
}

func (c *checkup) ok(about, format string, args ...any) {
	c.found = append(c.found, Finding{OK, about, fmt.Sprintf(format, args...), ""})
}

func (c *checkup) warn(about, remedy, format string, args ...any) {
	c.found = append(c.found, Finding{Warning, about, fmt.Sprintf(format, args...), remedy})
}

func (c *checkup) fail(about, remedy, format string, args ...any) {
	c.found = append(c.found, Finding{Error, about, fmt.Sprintf(format, args...), remedy})
}

const (
	// checkWait bounds what is asked of one server.
	checkWait = 20 * time.Second
	// skewed is how far clocks may be apart: well below what a segment's days,
	// and the staleness of an answer, are measured in.
	skewed = 2 * time.Second
)

// Check looks at all that a node with this configuration would use, as far as
// that can be done without changing anything: no topic is created and no record
// or key written. What of cfg is missing (brokers, Redis' addresses, places to
// listen) is not looked at.
func Check(ctx context.Context, cfg Config) []Finding {
	cfg = cfg.withDefaults()
	c := &checkup{cfg: cfg}
	c.operator()
	if cfg.API && cfg.Listen != "" {
		c.listen(ctx, "listen", cfg.Listen)
	}
	if cfg.OpsListen != "" {
		c.listen(ctx, "ops-listen", cfg.OpsListen)
	}
	if n := len(cfg.Inputs); n > 0 {
		c.ok("inputs", "%d topics are mapped", n)
	}
	if len(cfg.Kafka.Brokers) > 0 {
		c.kafka(ctx)
	}
	if len(cfg.Redis.Addrs) > 0 {
		c.redis(ctx)
	}
	return c.found
}

// shortToken is what somebody might find out by trying.
const shortToken = 16

func (c *checkup) operator() {
	switch n := len(c.cfg.OperatorToken); {
	case !c.cfg.API, c.cfg.Tokenless, n == 0: // without one nothing is started that needs it
	case n < shortToken:
		c.warn("token", "make one with: openssl rand -hex 24", "the operator's token has %d bytes, which is short", n)
	default:
		c.ok("token", "the operator's token has %d bytes", n)
	}
}

// listen tries to. That a rollcall has the address is as it should be.
func (c *checkup) listen(ctx context.Context, about, address string) {
	listener, err := net.Listen("tcp", address)
	if err == nil {
		_ = listener.Close()
		c.ok(about, "%s is free", address)
		return
	}
	if rollcallAt(ctx, address) {
		c.ok(about, "a rollcall listens on %s", address)
		return
	}
	c.fail(about, "end what listens there, or choose another --"+about, "can't listen on %s: %v", address, err)
}

// rollcallAt tells whether an address has probes like ours.
func rollcallAt(ctx context.Context, address string) bool {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+net.JoinHostPort(host, port)+"/readyz", nil)
	if err != nil {
		return false
	}
	response, err := (&http.Client{Timeout: 5 * time.Second}).Do(request)
	if err != nil {
		return false
	}
	defer response.Body.Close()
	var answer struct{ Ready *bool }
	return json.NewDecoder(response.Body).Decode(&answer) == nil && answer.Ready != nil
}
