package node

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"rollcall/consumers"
	"rollcall/pipeline"
)

// looked is the configuration of topics that is looked at.
var looked = []string{
	"cleanup.policy", "message.timestamp.type", "retention.ms", "retention.bytes", "min.insync.replicas",
	"max.message.bytes", "max.compaction.lag.ms", "segment.ms",
}

// topicCheck looks at topics, and says once what is wrong with several.
type topicCheck struct {
	*checkup
	found map[Finding][]string // the topics of a finding without them
	order []Finding
}

// note takes a finding of a topic. TOPIC in the remedy is filled in later.
func (c *topicCheck) note(level Level, topic, remedy, format string, args ...any) {
	f := Finding{level, "topics", fmt.Sprintf(format, args...), remedy}
	if c.found[f] == nil {
		c.order = append(c.order, f)
	}
	c.found[f] = append(c.found[f], topic)
}

// tell hands the findings on.
func (c *topicCheck) tell() {
	for _, f := range c.order {
		names := c.found[f]
		f.What = strings.Join(names, ", ") + ": " + f.What
		if len(names) > 1 && strings.Contains(f.Remedy, "TOPIC") {
			f.Remedy = "for each TOPIC of them: " + f.Remedy
		} else {
			f.Remedy = strings.ReplaceAll(f.Remedy, "TOPIC", names[0])
		}
		c.checkup.found = append(c.checkup.found, f)
	}
}

// alter is the command that mends a topic's configuration.
func (c *topicCheck) alter(setting, value string) string {
	return fmt.Sprintf("kafka-configs.sh --bootstrap-server %s --alter --entity-type topics --entity-name TOPIC --add-config %s=%s",
		c.cfg.Kafka.Brokers[0], setting, bracketed(value))
}

// bracketed is a list as kafka-configs.sh wants it.
func bracketed(value string) string {
	if strings.Contains(value, ",") {
		return "[" + value + "]"
	}
	return value
}

// topics looks at those that exist, and asks whether the others could be created.
func (c *checkup) topics(ctx context.Context, client *consumers.Client, reached map[string]bool) {
	wanted := specs(c.cfg.Partitions, c.cfg.Replication)
	var names []string
	for _, s := range wanted {
		names = append(names, s.Name)
	}
	mapped := slices.DeleteFunc(c.cfg.Inputs.Topics(), func(t string) bool { return slices.Contains(names, t) })
	found, err := client.Inspect(ctx, append(names, mapped...), looked)
	if err != nil {
		c.fail("topics", "see the brokers' logs", "%v", err)
		return
	}
	c.advertised(ctx, client, found.Brokers, reached)

	counts := map[string]int{}
	for name, t := range found.Topics {
		counts[name] = t.Partitions
	}
	partitions := c.cfg.Partitions
	if n := counts[pipeline.TopicInbox]; n > 0 {
		partitions = n
	} else if n := usual(counts); n > 0 {
		partitions = n
	}
	t := &topicCheck{checkup: c, found: map[Finding][]string{}}
	var missing []consumers.TopicSpec
	for _, s := range specs(partitions, c.cfg.Replication) {
		if look, ok := found.Topics[s.Name]; ok {
			t.known(s, look)
		} else {
			missing = append(missing, s)
		}
	}
	for _, name := range mapped {
		if look, ok := found.Topics[name]; ok {
			t.mapped(name, look)
		} else {
			t.note(Error, name, "whoever writes to it is to create it; or take it out of the --inputs file", "it is mapped, and does not exist")
		}
	}
	t.tell()
	c.missing(ctx, client, missing, partitions)
	if n := len(wanted) - len(missing); n > 0 {
		c.ok("topics", "%d of %d topics exist, the state has %d partitions", n, len(wanted), partitions)
	}
	c.dates(ctx, client, found.Topics)
	c.group(ctx, client, found)
}

// missing asks whether the topics could be created as they are to be.
func (c *checkup) missing(ctx context.Context, client *consumers.Client, specs []consumers.TopicSpec, partitions int) {
	if len(specs) == 0 {
		return
	}
	err := client.TryCreate(ctx, specs)
	if err == nil {
		c.ok("topics", "%d topics do not exist, and will be created by serve, with %d partitions", len(specs), partitions)
		return
	}
	remedy := "mend --replication, or what Kafka says"
	if consumers.Forbidden(err) {
		remedy = "give the user the right Create, or create them as docs/configuration.md lists them"
	}
	c.fail("topics", remedy, "%d topics do not exist, and can't be created: %s", len(specs), strings.ReplaceAll(err.Error(), "\n", "; "))
}

// any looks at what is to be right of every topic, and tells whether there is
// more to look at.
func (c *topicCheck) any(name string, look consumers.TopicLook, writes bool) bool {
	if look.Err != nil {
		c.note(Error, name, "give the user the rights Describe, DescribeConfigs and Read, and Write where rollcall writes", "it can't be looked at: %v", look.Err)
		return false
	}
	if look.Leaderless > 0 {
		c.note(Error, name, "start the brokers that have it", "%d partitions have no leader", look.Leaderless)
	}
	if rights := look.Rights; rights.Known() && !rights.Read() {
		c.note(Error, name, "give the user the right Read", "the user may not read it")
	}
	if rights := look.Rights; writes && rights.Known() && !rights.Write() {
		c.note(Error, name, "give the user the right Write", "the user may not write to it")
	}
	if look.ConfigErr != nil {
		c.note(Error, name, "give the user the right DescribeConfigs", "its configuration can't be read")
		return false
	}
	return true
}

// known looks at a topic that has the name of one of ours, or of the contract.
func (c *topicCheck) known(s consumers.TopicSpec, look consumers.TopicLook) {
	own := strings.HasPrefix(s.Name, "rollcall.")
	if !c.any(s.Name, look, own || s.Name == pipeline.TopicContacts) {
		return
	}
	c.copies(s.Name, look)
	switch n := look.Partitions; {
	case n == s.Partitions:
	case !own:
		c.note(Warning, s.Name, "nothing, or create it anew with as many partitions as the state has",
			"it has %d partitions, and the state %d, so its records are written a second time, to %s", n, s.Partitions, pipeline.TopicInbox)
	case n < s.Partitions:
		c.note(Error, s.Name, fmt.Sprintf("kafka-topics.sh --bootstrap-server %s --alter --topic TOPIC --partitions %d", c.cfg.Kafka.Brokers[0], s.Partitions),
			"it has %d partitions, and needs %d like %s", n, s.Partitions, pipeline.TopicInbox)
	default:
		c.note(Warning, s.Name, "nothing, if nobody writes to the others", "it has %d partitions, of which only %d are used", n, s.Partitions)
	}
	if own {
		c.ownConfig(s, look.Config)
		return
	}
	c.producersConfig(s.Name, look.Config)
}

// copies looks at how many brokers may be lost.
func (c *topicCheck) copies(name string, look consumers.TopicLook) {
	least, _ := strconv.Atoi(look.Config["min.insync.replicas"])
	switch {
	case look.InSync < least:
		c.note(Error, name, "start the brokers that have its copies, or lower min.insync.replicas",
			"%d copies are in sync, and min.insync.replicas is %d: nothing can be written", look.InSync, least)
	case look.Replicas == 1:
		c.note(Warning, name, "have three copies of each topic (kafka-reassign-partitions.sh)", "there is one copy: a broker that is lost loses records")
	case least < 2:
		c.note(Warning, name, c.alter("min.insync.replicas", "2"), "min.insync.replicas is %d: a record may be written to one broker only, and be lost with it", least)
	case least == look.Replicas:
		c.note(Warning, name, "have a copy more, or lower min.insync.replicas by one", "all %d copies have to be in sync: nothing can be written while a broker is down", least)
	}
}

// ownConfig holds one of our own topics against how it is created.
func (c *topicCheck) ownConfig(s consumers.TopicSpec, config map[string]string) {
	for _, setting := range slices.Sorted(maps.Keys(s.Config)) {
		want, is := s.Config[setting], config[setting]
		if samePolicy(want, is) {
			continue
		}
		level := Warning
		if setting == "cleanup.policy" || strings.HasPrefix(setting, "retention.") && want == forever {
			level = Error // what is to be kept goes
		}
		c.note(level, s.Name, c.alter(setting, want), "%s is %s, and is to be %s", setting, is, want)
	}
	if _, said := s.Config["cleanup.policy"]; !said && config["cleanup.policy"] != "delete" {
		c.note(Error, s.Name, c.alter("cleanup.policy", "delete"), "cleanup.policy is %s: records that are needed are compacted away", config["cleanup.policy"])
	}
}

func samePolicy(a, b string) bool {
	sorted := func(s string) []string { return slices.Sorted(strings.SplitSeq(s, ",")) }
	return slices.Equal(sorted(a), sorted(b))
}

// producersConfig looks at what becomes of records of the contract.
func (c *topicCheck) producersConfig(name string, config map[string]string) {
	if slices.Contains(timed, name) {
		c.dated(name, config)
	}
	compacts := strings.Contains(config["cleanup.policy"], "compact")
	deletes := strings.Contains(config["cleanup.policy"], "delete")
	switch {
	case compacts && name != pipeline.TopicContacts:
		c.note(Error, name, c.alter("cleanup.policy", "delete"), "it is compacted, which deletes all but the newest event of a contact")
	case !compacts && name == pipeline.TopicContacts:
		c.note(Warning, name, c.alter("cleanup.policy", "compact"), "it is not compacted: contacts are kept for its retention, or it grows without end")
	}
	if deletes {
		c.reaches(name, config)
	}
}

// reaches says how far back a rebuild can go.
func (c *topicCheck) reaches(name string, config map[string]string) {
	const remedy = "; or rollcall state export more often than that"
	if ms, _ := strconv.ParseInt(config["retention.ms"], 10, 64); ms >= 0 {
		c.note(Warning, name, c.alter("retention.ms", forever)+remedy,
			"records are kept for %s: a lost Redis is rebuilt from no more than that", days(time.Duration(ms)*time.Millisecond))
	}
	if bytes := config["retention.bytes"]; bytes != forever {
		c.note(Warning, name, c.alter("retention.bytes", forever)+remedy,
			"%s bytes are kept of each partition: a lost Redis is rebuilt from no more than that", bytes)
	}
}

func days(d time.Duration) string {
	if d >= 48*time.Hour {
		return fmt.Sprintf("%d days", d/(24*time.Hour))
	}
	return d.String()
}

// dated wants the brokers' time where it decides what is true.
func (c *topicCheck) dated(name string, config map[string]string) {
	kind := config["message.timestamp.type"]
	if kind == "LogAppendTime" {
		return
	}
	level, remedy := Error, c.alter("message.timestamp.type", "LogAppendTime")+"; or --allow-create-time"
	if c.cfg.AllowCreateTime {
		level = Warning
	}
	c.note(level, name, remedy, "it is dated by its producers (%s): one whose clock is wrong can undo an opt-out", kind)
}

// mapped looks at a topic of another shape.
func (c *topicCheck) mapped(name string, look consumers.TopicLook) {
	if !c.any(name, look, false) {
		return
	}
	if c.cfg.Inputs[name].Means(timed...) {
		c.dated(name, look.Config)
	}
	if strings.Contains(look.Config["cleanup.policy"], "compact") {
		c.note(Warning, name, c.alter("cleanup.policy", "delete"), "it is compacted: of records with the same key only the newest is read for certain")
	}
}
