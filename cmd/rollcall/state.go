package main

import (
	"fmt"

	"rollcall/node"
)

type stateCmd struct {
	Export stateExportCmd `cmd:"" help:"Write the state of all partitions to files, while servers run or not."`
	Import stateImportCmd `cmd:"" help:"Put an export in the place of the state. The servers, if any run, go on with it."`
}

// stateServers is how to get to the state itself: there may be no server to ask.
type stateServers struct {
	configFlag
	Brokers []string `required:"" help:"Addresses of Kafka brokers." group:"Servers"`
	Redis   string   `required:"" help:"Redis, as redis://user:password@host:port/db; several hosts with commas are a cluster." group:"Servers"`
	kafkaFlags
	redisFlags
	RedisPrefix string `default:"rollcall" help:"What the names of keys in Redis begin with." group:"Servers"`
}

func (c *stateServers) attach(s *session) (*node.Node, error) {
	kafka, err := c.kafkaFlags.config(c.Brokers)
	if err != nil {
		return nil, err
	}
	redis, err := c.redisFlags.options(c.Redis)
	if err != nil {
		return nil, err
	}
	kafka.ClientID = "rollcall-state"
	return node.Attach(s.ctx, node.Config{Kafka: kafka, Redis: *redis, Prefix: c.RedisPrefix, Version: buildVersion()})
}

type stateExportCmd struct {
	Dir string `arg:"" help:"Where to write it: a directory that is empty, or not there yet."`
	stateServers
}

func (c *stateExportCmd) Run(s *session) error {
	n, err := c.attach(s)
	if err != nil {
		return err
	}
	defer n.Close()
	err = n.Export(s.ctx, c.Dir, func(partition int32, contacts, bytes, unpublished int64) {
		fmt.Fprintf(s.stderr, "partition %d: %d contacts, %d bytes\n", partition, contacts, bytes)
		if unpublished > 0 {
			fmt.Fprintf(s.stderr, "partition %d: %d changes are not in rollcall.segment-changes yet: an import does not tell of them\n", partition, unpublished)
		}
	})
	if err != nil {
		return fmt.Errorf("%w (%s is no export)", err, c.Dir)
	}
	s.printf("exported to %s\n", c.Dir)
	return nil
}

type stateImportCmd struct {
	Dir      string `arg:"" help:"Where the export is."`
	Replace  bool   `help:"Replace a state that is healthy, or ahead of the export."`
	AllowGap bool   `help:"Import although the log has lost records since the export. They are named as lost, and wait to be accepted."`
	stateServers
}

func (c *stateImportCmd) Run(s *session) error {
	n, err := c.attach(s)
	if err != nil {
		return err
	}
	defer n.Close()
	err = n.Import(s.ctx, node.ImportConfig{Dir: c.Dir, Replace: c.Replace, AllowGap: c.AllowGap, Done: func(partition int32) {
		fmt.Fprintf(s.stderr, "partition %d: imported\n", partition)
	}})
	if err != nil {
		return err
	}
	s.printf("imported from %s\n", c.Dir)
	return nil
}
