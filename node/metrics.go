package node

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"rollcall/pipeline"
)

// collector shows, at every scrape, what the node knows anyway. What all
// processes with the role API know of the state, each of them shows: take the
// largest, not the sum. No label names a contact, and an account is one only
// where the configuration names it.
type collector struct {
	node *Node

	fresh, age, lost, accounts, segments                                  *prometheus.Desc // of the state
	lag, records, deadLetters, ignored, replays, replayLeft               *prometheus.Desc
	members, sendable, leftOut                                            *prometheus.Desc // of chosen accounts
	owned, fetched, fetchErrors, produceErrors, groupErrors, offsetErrors *prometheus.Desc // of this process
	waiting, rebalances                                                   *prometheus.Desc
}

func newCollector(n *Node) *collector {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("rollcall_"+name, help, labels, nil)
	}
	return &collector{
		node: n,

		fresh:       desc("fresh", "1 if answers are fresh."),
		age:         desc("answer_age_seconds", "How long ago the moment is up to which everything written to Kafka is in the answers."),
		lost:        desc("data_lost", "1 if the log no longer holds what the state needs."),
		accounts:    desc("accounts", "Accounts that are defined."),
		segments:    desc("segments", "Segments that are defined."),
		lag:         desc("lag_records", "Records not yet applied.", "partition", "topic"),
		records:     desc("records_total", "Offsets consumed, by what became of them.", "outcome"),
		deadLetters: desc("dead_letters_total", "Dead letters by error code.", "code"),
		ignored:     desc("ignored_total", "Records of mapped topics that the configuration leaves out, by why.", "reason"),
		replays:     desc("replays", "Replays that have not ended."),
		replayLeft:  desc("replay_left_offsets", "Offsets that are still to be replayed, as far as is known."),

		members:  desc("segment_members", "Members of a segment, of the accounts of --size-metrics.", "account", "segment"),
		sendable: desc("segment_sendable", "Members that can be sent to.", "account", "segment"),
		leftOut:  desc("segments_left_out", "Segments of the accounts of --size-metrics whose sizes are not shown, as there are too many."),

		owned:         desc("partitions_owned", "Partitions that this process has."),
		fetched:       desc("fetched_records_total", "Records that this process fetched."),
		fetchErrors:   desc("fetch_errors_total", "Failed fetch requests of this process."),
		produceErrors: desc("produce_errors_total", "Failed produce requests of this process, retried ones included."),
		groupErrors:   desc("group_errors_total", "Attempts of this process to join the consumer group that failed."),
		offsetErrors:  desc("offset_commit_errors_total", "Commits of offsets, which only Kafka's tools look at, that failed."),
		waiting:       desc("fetch_waiting_bytes", "Record bytes fetched and not yet taken by their partitions."),
		rebalances:    desc("rebalances_total", "Rebalances that this process took part in."),
	}
}

// Describe implements prometheus.Collector.
func (c *collector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		c.fresh, c.age, c.lost, c.accounts, c.segments, c.lag, c.records, c.deadLetters, c.ignored, c.replays, c.replayLeft,
		c.members, c.sendable, c.leftOut,
		c.owned, c.fetched, c.fetchErrors, c.produceErrors, c.groupErrors, c.offsetErrors, c.waiting, c.rebalances,
	} {
		ch <- d
	}
}

// scrape is what one scrape is told.
type scrape chan<- prometheus.Metric

func (s scrape) gauge(d *prometheus.Desc, v float64, labels ...string) {
	s <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
}

func (s scrape) counter(d *prometheus.Desc, v int64, labels ...string) {
	s <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v), labels...)
}

// Collect implements prometheus.Collector.
func (c *collector) Collect(ch chan<- prometheus.Metric) {
	s := scrape(ch)
	if c.node.cfg.API {
		c.collectState(s)
		c.collectSizes(s)
	} else {
		s.gauge(c.lost, flag(len(c.node.lost()) > 0))
	}
	s.gauge(c.owned, float64(len(c.node.group.Tasks())))
	stats := &c.node.kafka.Client.Stats
	s.counter(c.fetched, stats.Records.Load())
	s.counter(c.fetchErrors, stats.FetchErrors.Load())
	s.counter(c.produceErrors, stats.ProduceErrors.Load())
	s.counter(c.groupErrors, stats.GroupErrors.Load())
	s.counter(c.offsetErrors, stats.CommitErrors.Load())
	s.counter(c.rebalances, stats.Rebalances.Load())
	s.gauge(c.waiting, float64(stats.Waiting.Load()))
}

// collectState shows what the View knows.
func (c *collector) collectState(s scrape) {
	now := status{c.node.view, c.node}.Status("")
	s.gauge(c.fresh, flag(now.Freshness.Fresh))
	if !now.Freshness.AsOf.IsZero() {
		s.gauge(c.age, time.Since(now.Freshness.AsOf).Seconds())
	}
	s.gauge(c.lost, flag(now.DataLost))
	segments := 0
	accounts := c.node.catalog.Accounts()
	for _, a := range accounts {
		segments += len(a.Segments)
	}
	s.gauge(c.accounts, float64(len(accounts)))
	s.gauge(c.segments, float64(segments))
	for _, p := range now.Partitions {
		for topic, lag := range p.Lag {
			s.gauge(c.lag, float64(lag), strconv.Itoa(p.Partition), topic)
		}
	}
	for outcome, n := range now.Outcomes {
		s.counter(c.records, n, outcome)
	}
	for _, code := range pipeline.Codes {
		s.counter(c.deadLetters, now.DeadLetters[string(code)], string(code))
	}
	for reason, n := range now.Ignored {
		s.counter(c.ignored, n, reason)
	}
	replays, left := c.node.replaysLeft()
	s.gauge(c.replays, float64(replays))
	s.gauge(c.replayLeft, float64(left))
}

// maxSizes bounds the segments whose sizes are shown.
const maxSizes = 1000

// collectSizes shows the sizes of segments of the accounts that are to be shown.
func (c *collector) collectSizes(s scrape) {
	if len(c.node.cfg.SizeMetrics) == 0 {
		return
	}
	shown, leftOut := 0, 0
	for _, account := range c.node.cfg.SizeMetrics {
		def := c.node.catalog.Account(account)
		if def == nil {
			continue // not yet, or no more
		}
		for _, segment := range def.Segments {
			if shown == maxSizes {
				leftOut++
				continue
			}
			shown++
			if size := c.node.view.Size(account, segment.ID); size.Ready {
				s.gauge(c.members, float64(size.Members), account, segment.ID)
				s.gauge(c.sendable, float64(size.Sendable), account, segment.ID)
			}
		}
	}
	s.gauge(c.leftOut, float64(leftOut))
}

// replaysLeft says how many replays go on, and how much is left of them.
func (n *Node) replaysLeft() (replays int, offsets int64) {
	for _, r := range n.view.Replays() {
		if r.EndedAt != nil {
			continue
		}
		replays++
		for _, p := range r.Progress {
			offsets += p.End - p.Next
		}
	}
	return replays, offsets
}

func flag(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
