package node

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
)

// collector shows, at every scrape, what the node knows anyway.
type collector struct {
	node *Node

	fresh, lag, records, deadLetters, owned, ignored, lost *prometheus.Desc
	replays, replayLeft                                    *prometheus.Desc
	fetched, fetchErrors, produceErrors, rebalances        *prometheus.Desc
}

func newCollector(n *Node) *collector {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("rollcall_"+name, help, labels, nil)
	}
	return &collector{
		node:          n,
		fresh:         desc("fresh", "1 if answers are fresh, of processes that answer."),
		lag:           desc("lag_records", "Records not yet applied.", "partition", "topic"),
		records:       desc("records_total", "Offsets consumed, by what became of them.", "outcome"),
		deadLetters:   desc("dead_letters_total", "Dead letters by error code.", "code"),
		ignored:       desc("ignored_total", "Records of mapped topics that the configuration leaves out, by why.", "reason"),
		owned:         desc("partitions_owned", "Partitions that this process has."),
		lost:          desc("data_lost", "1 if the log no longer holds what the state needs."),
		fetched:       desc("fetched_records_total", "Records that this process fetched."),
		fetchErrors:   desc("fetch_errors_total", "Failed fetch requests of this process."),
		produceErrors: desc("produce_errors_total", "Failed produce requests of this process, retried ones included."),
		replays:       desc("replays", "Replays that have not ended."),
		replayLeft:    desc("replay_left_offsets", "Offsets that are still to be replayed, as far as is known."),
		rebalances:    desc("rebalances_total", "Rebalances that this process took part in."),
	}
}

// Describe implements prometheus.Collector.
func (c *collector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		c.fresh, c.lag, c.records, c.deadLetters, c.ignored, c.owned, c.lost, c.replays, c.replayLeft,
		c.fetched, c.fetchErrors, c.produceErrors, c.rebalances,
	} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (c *collector) Collect(ch chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	counter := func(d *prometheus.Desc, v int64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v), labels...)
	}
	s := status{c.node.view, c.node}.Status("")
	if c.node.cfg.API { // else nobody follows the state here, and nothing is answered
		gauge(c.fresh, flag(s.Freshness.Fresh))
	}
	gauge(c.lost, flag(s.DataLost))
	for _, p := range s.Partitions {
		for topic, lag := range p.Lag {
			gauge(c.lag, float64(lag), strconv.Itoa(p.Partition), topic)
		}
	}
	for outcome, n := range s.Outcomes {
		counter(c.records, n, outcome)
	}
	for code, n := range s.DeadLetters {
		counter(c.deadLetters, n, code)
	}
	for reason, n := range s.Ignored {
		counter(c.ignored, n, reason)
	}
	replays, left := c.node.replaysLeft()
	gauge(c.replays, float64(replays))
	gauge(c.replayLeft, float64(left))
	gauge(c.owned, float64(len(c.node.group.Tasks())))
	stats := &c.node.kafka.Client.Stats
	counter(c.fetched, stats.Records.Load())
	counter(c.fetchErrors, stats.FetchErrors.Load())
	counter(c.produceErrors, stats.ProduceErrors.Load())
	counter(c.rebalances, stats.Rebalances.Load())
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
