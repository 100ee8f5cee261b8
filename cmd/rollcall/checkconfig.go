package main

import (
	"fmt"
	"strings"

	"rollcall/node"
)

// checkConfigCmd takes the flags of serve.
type checkConfigCmd struct{ serveCmd }

// Run prints a line for each thing that was looked at.
func (c *checkConfigCmd) Run(s *session) error {
	var failed int
	for _, f := range c.check(s) {
		if f.Level == node.Error {
			failed++
		}
		remedy := ""
		if f.Remedy != "" {
			remedy = " -> " + f.Remedy
		}
		s.printf("%-8s %-10s %s%s\n", f.Level, f.About, oneLine(f.What), oneLine(remedy))
	}
	if failed > 0 {
		return fmt.Errorf("%s", counted(failed, "error"))
	}
	return nil
}

func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// oneLine keeps what servers say from ending the line.
func oneLine(s string) string { return strings.ReplaceAll(s, "\n", " ") }

func (c *checkConfigCmd) check(s *session) (found []node.Finding) {
	wrong := func(what, remedy string) {
		found = append(found, node.Finding{Level: node.Error, About: "flags", What: what, Remedy: remedy})
	}
	c.Embedded = c.Embedded || c.Demo
	noRedis := c.Redis == ""
	switch {
	case c.Embedded && !c.OpenKafka && !isLoopback(c.EmbeddedKafka):
		wrong("the embedded Kafka asks nobody for a password, and "+c.EmbeddedKafka+" is not on loopback", "another --embedded-kafka, or --open-kafka")
	case !c.Embedded && len(c.Brokers) == 0:
		wrong("there are no brokers", "--brokers, or --embedded")
	}
	if noRedis {
		c.Redis = "redis://nowhere" // the other flags are looked at all the same
		if !c.Embedded {
			wrong("there is no Redis", "--redis, or --embedded")
		}
	}
	cfg, err := c.config()
	if all, ok := err.(interface{ Unwrap() []error }); ok {
		for _, err := range all.Unwrap() {
			wrong(err.Error(), "rollcall help serve says what is expected")
		}
	}
	if c.Embedded {
		cfg.Kafka.Brokers = nil // there are none before it runs
	}
	if c.Embedded || noRedis {
		cfg.Redis.Addrs = nil
	}
	return append(found, node.Check(s.ctx, cfg)...)
}
