package main

import (
	"cmp"
	"time"

	"rollcall/consumers"
	"rollcall/demo"
	"rollcall/generate"
)

type generateCmd struct {
	Contacts int      `default:"100000" help:"How many contacts."`
	Days     int      `default:"30" help:"How many days of history; 0: none but contacts, consent and lists."`
	Rate     float64  `default:"1000" help:"Records per second after the history; 0: none."`
	Seed     uint64   `default:"1" help:"Another seed, another population."`
	Brokers  []string `default:"127.0.0.1:9092" help:"Addresses of Kafka brokers."`
	kafkaFlags
	configFlag
}

// Run writes records straight to Kafka, as producers do.
func (c *generateCmd) Run(s *session) error {
	cfg, err := c.kafkaFlags.config(c.Brokers)
	if err != nil {
		return err
	}
	cfg.ClientID = "rollcall-generate"
	client, err := consumers.Open(cfg)
	if err != nil {
		return err
	}
	defer client.Close()
	g, err := generate.New(generate.Config{
		Account: cmp.Or(s.Account, "demo"), Contacts: c.Contacts, Days: c.Days, Rate: c.Rate, Seed: c.Seed,
	})
	if err != nil {
		return err
	}
	producer := client.Producer(consumers.ProducerConfig{})
	begun := time.Now()
	n, err := demo.WriteAll(s.ctx, producer, g.History())
	if err != nil {
		return err
	}
	s.printf("%d records of %d days in %v\n", n, c.Days, time.Since(begun).Round(time.Millisecond))
	if c.Rate == 0 {
		return nil
	}
	return demo.WriteLive(s.ctx, producer, g.Live())
}
