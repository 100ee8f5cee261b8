package node

import (
	"context"
	"fmt"
	"strings"
	"time"

	"rollcall/consumers"
	"rollcall/pipeline"
)

// kafka looks at the brokers, and if one answers at the topics and the group.
func (c *checkup) kafka(ctx context.Context) {
	client, err := consumers.Open(c.cfg.Kafka)
	if err != nil {
		c.fail("kafka", "see rollcall serve --help", "%v", err)
		return
	}
	defer client.Close()
	if sasl := c.cfg.Kafka.SASL; sasl != nil && sasl.Mechanism == "PLAIN" && c.cfg.Kafka.TLS == nil {
		c.warn("kafka", "--kafka-tls, or --kafka-sasl SCRAM-SHA-512", "the password for Kafka is sent unencrypted")
	}
	reached := map[string]bool{}
	var failed []Finding
	for _, broker := range c.cfg.Kafka.Brokers {
		if err := c.reach(ctx, client, broker); err != nil {
			failed = append(failed, Finding{Warning, "kafka", fmt.Sprintf("broker %s: %v", broker, err), reachRemedy(err)})
			continue
		}
		reached[broker] = true
	}
	for _, f := range failed {
		if len(reached) == 0 {
			f.Level = Error // nobody to begin with
		}
		c.found = append(c.found, f)
	}
	if len(reached) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, checkWait)
	defer cancel()
	if missing, err := client.Unspoken(ctx); err != nil {
		c.fail("kafka", "see the brokers' logs", "%v", err)
	} else if len(missing) > 0 {
		c.fail("kafka", "take a Kafka that rollcall is tested with: 4.1", "this Kafka does not speak what rollcall does: %s", strings.Join(missing, ", "))
	} else {
		c.ok("kafka", "it speaks the versions of the protocol that rollcall does")
	}
	c.topics(ctx, client, reached)
}

func (c *checkup) reach(ctx context.Context, client *consumers.Client, broker string) error {
	ctx, cancel := context.WithTimeout(ctx, checkWait)
	defer cancel()
	return client.ReachBroker(ctx, broker)
}

// advertised looks at the brokers that the first one names: everything but the
// first question goes there.
func (c *checkup) advertised(ctx context.Context, client *consumers.Client, brokers []string, reached map[string]bool) {
	var there []string
	for _, broker := range brokers {
		if !reached[broker] {
			if err := c.reach(ctx, client, broker); err != nil {
				c.fail("kafka", "mend the brokers' advertised.listeners, or open the way there",
					"a broker is advertised as %s, and can't be reached there: %v", broker, err)
				continue
			}
		}
		there = append(there, broker)
	}
	if len(there) == len(brokers) {
		c.ok("kafka", "the brokers are reached: %s", strings.Join(there, ", "))
	}
	if c.cfg.Kafka.TLS != nil {
		c.certificates(ctx, "kafka", c.cfg.Kafka.TLS, there)
	}
}

func reachRemedy(err error) string {
	if consumers.LockedOut(err) {
		return "give what it asks for: --kafka-tls, --kafka-ca-file, --kafka-cert-file, --kafka-sasl, --kafka-user, --kafka-password-file"
	}
	return "start it, open the way to it, or mend --brokers"
}

// dates looks for records of the future. How late the brokers' clocks are can't
// be found out without writing.
func (c *checkup) dates(ctx context.Context, client *consumers.Client, topics map[string]consumers.TopicLook) {
	var tps []consumers.TopicPartition
	for name, t := range topics {
		if t.Err != nil || t.Leaderless > 0 || t.Config["message.timestamp.type"] != "LogAppendTime" || t.Rights.Known() && !t.Rights.Describe() {
			continue
		}
		for p := range int32(t.Partitions) {
			tps = append(tps, consumers.TopicPartition{Topic: name, Partition: p})
		}
	}
	const more = "Kafka does not tell its time, so brokers that are late aren't found"
	if len(tps) == 0 {
		c.ok("clocks", "nothing is known of the brokers' clocks: %s", more)
		return
	}
	offsets, err := client.OffsetsAt(ctx, tps, time.Now().Add(skewed))
	if err != nil {
		c.warn("clocks", "see the brokers' logs", "records of the future could not be looked for: %v", err)
		return
	}
	for _, tp := range tps {
		if offsets[tp] >= 0 {
			c.warn("clocks", "have NTP set the clocks of the brokers and of this machine",
				"%s has records over %v in the future: a broker's clock is ahead of this machine's", tp, skewed)
			return
		}
	}
	c.ok("clocks", "no record is dated by a broker over %v in the future; %s", skewed, more)
}

// group asks for the right to join, if that creates nothing.
func (c *checkup) group(ctx context.Context, client *consumers.Client, found *consumers.Inspection) {
	if !c.cfg.Pipeline {
		return
	}
	id := c.cfg.Group
	if found.Topics[pipeline.TopicInbox].Partitions == 0 && !found.Grouped {
		c.ok("group", "the right to join %s was not asked for: Kafka would create its own topic for groups, and has none yet", id)
		return
	}
	remedy := "give the user the rights Describe and Read for the group " + id
	switch look, err := client.InspectGroup(ctx, id); {
	case consumers.Forbidden(err):
		c.fail("group", remedy, "the user may not look at the consumer group %s", id)
	case err != nil:
		c.warn("group", "see the brokers' logs", "the consumer group %s can't be looked at: %v", id, err)
	case look.Rights.Known() && !look.Rights.Read():
		c.fail("group", remedy, "the user may not join the consumer group %s", id)
	default:
		c.ok("group", "the consumer group %s can be joined, and has %d members", id, look.Members)
	}
}
