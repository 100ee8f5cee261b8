package integration

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"rollcall/consumers"
	"rollcall/integration/servers"
)

// ending is how a transaction that was left open ends.
type ending struct {
	name    string
	timeout time.Duration
	end     func(context.Context, *kgo.Client) error
	counts  bool // what was written in it
}

var endings = []ending{
	{"committed", time.Minute, func(ctx context.Context, w *kgo.Client) error { return w.EndTransaction(ctx, kgo.TryCommit) }, true},
	{"aborted", time.Minute, func(ctx context.Context, w *kgo.Client) error { return w.EndTransaction(ctx, kgo.TryAbort) }, false},
	{"timed out", 8 * time.Second, func(context.Context, *kgo.Client) error { return nil }, false},
}

// TestOpenTransaction leaves transactions open. Records behind them are not read,
// and whether those in them will count nobody knows: answers are not fresh, until
// the transaction ends in one way or the other.
func TestOpenTransaction(t *testing.T) {
	takesLong(t)
	c := newClusterOf(t, servers.StartRedis(t),
		servers.StartKafka(t, servers.Property("transaction.abort.timed.out.transaction.cleanup.interval.ms", "500")))
	p := c.serve("--max-staleness", "2s").ready()
	c.addProbe(p, 60)
	c.patience = 30 * time.Second
	for i, e := range endings {
		t.Run(e.name, func(t *testing.T) { testOpenTransaction(t, c.with(t), p, e, int32(i)) })
	}
}

func testOpenTransaction(t *testing.T, c *cluster, p *process, e ending, partition int32) {
	contacts := probed(partition, 2)
	within, behind := contacts[0], contacts[1]
	tp := consumers.TopicPartition{Topic: "sms.opted_out", Partition: partition}
	at := c.end(tp)
	w := c.kgoClient(kgo.TransactionalID(e.name), kgo.TransactionTimeout(e.timeout))
	must(t, w.BeginTransaction())
	must(t, w.ProduceSync(t.Context(), &kgo.Record{
		Topic: tp.Topic, Key: []byte("probe/" + within), Value: []byte(consentRecord("probe", within, time.Now())),
	}).FirstErr())
	c.optOut(behind)
	p.expectClosed(t, fmt.Sprintf("%s: applied to %d of %d", tp, at, at+2), 2*time.Second)
	if err := onlyBehind(status(t, p), tp); err != nil {
		t.Error(err)
	}
	stale, _ := readList(t, p, "probe", "in", "members?stale=allow")
	if !slices.Contains(stale.contacts, within) || !slices.Contains(stale.contacts, behind) {
		t.Error("records of an open transaction, or behind one, count already")
	}

	must(t, e.end(t.Context(), w))
	began := time.Now()
	s := c.settled(p)
	t.Logf("all is well after %v", time.Since(began).Round(100*time.Millisecond))
	if is := members(t, p, "probe", "in"); slices.Contains(is, within) == e.counts || slices.Contains(is, behind) {
		t.Errorf("an opt-out was %s, and is one: %v; one behind it is one: %v", e.name, !slices.Contains(is, within), !slices.Contains(is, behind))
	}
	expectAsNaive(t, c, p, s, []tenant{probe})
}
