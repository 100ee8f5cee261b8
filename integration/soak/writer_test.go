package soak

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"rollcall/generate"
)

// written is what a Writer left in a Kafka, n records of each of two topics.
func written(t *testing.T, l *Ledger, n int) []*kgo.Record {
	t.Helper()
	kafka, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(8, "sms.sent", "sms.clicked"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(kafka.Close)
	w, err := NewWriter(l, kafka.ListenAddrs()...)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	i := 0
	err = w.Run(t.Context(), 10_000, 10*time.Second, func() (generate.Record, bool) {
		i++
		topic := []string{"sms.sent", "sms.clicked"}[i%2]
		return generate.Record{Topic: topic, Key: fmt.Appendf(nil, "acme/c-%d", i/2), Value: fmt.Append(nil, i)}, i <= 2*n
	})
	if err != nil {
		t.Fatal(err)
	}
	return readBack(t, kafka.ListenAddrs(), 2*n)
}

func readBack(t *testing.T, brokers []string, n int) (all []*kgo.Record) {
	t.Helper()
	reader, err := kgo.NewClient(kgo.SeedBrokers(brokers...), kgo.ConsumeTopics("sms.sent", "sms.clicked"))
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	for len(all) < n {
		all = append(all, reader.PollFetches(t.Context()).Records()...)
	}
	return all
}

func (l *Ledger) saw(r *kgo.Record) { l.Saw(r.Topic, r.Partition, r.Offset, r.Key, r.Value) }

func TestLedgerKnowsWhatWasAcknowledged(t *testing.T) {
	const n = 100
	l := NewLedger()
	all := written(t, l, n)
	if wrote, acked := l.Counts(); wrote != 2*n || acked != 2*n {
		t.Errorf("%d written and %d acknowledged of %d", wrote, acked, 2*n)
	}
	for _, r := range all {
		l.saw(r)
	}
	if lost := l.Lost(); len(lost) > 0 {
		t.Errorf("%d are lost: %.3q", len(lost), lost)
	}

	missing, other := all[0], *all[n]
	other.Value = []byte("not what was written")
	l.Begin()
	for _, r := range all[1:] {
		if r == all[n] {
			r = &other
		}
		l.saw(r)
	}
	want := []string{
		fmt.Sprintf("%s/%d at %d", missing.Topic, missing.Partition, missing.Offset),
		fmt.Sprintf("%s/%d at %d", other.Topic, other.Partition, other.Offset),
	}
	slices.Sort(want)
	if lost := l.Lost(); !slices.Equal(lost, want) {
		t.Errorf("lost are %q, want %q", lost, want)
	}
}

// TestSomeAreMisplaced compares the two partitionings by their keys.
func TestSomeAreMisplaced(t *testing.T) {
	places := map[string][2]int32{}
	for _, r := range written(t, NewLedger(), 200) {
		at := places[string(r.Key)]
		at[map[string]int{"sms.sent": 0, "sms.clicked": 1}[r.Topic]] = r.Partition
		places[string(r.Key)] = at
	}
	apart := 0
	for _, at := range places {
		if at[0] != at[1] {
			apart++
		}
	}
	if apart < 100 {
		t.Errorf("only %d of 200 contacts have their clicks elsewhere", apart)
	}
}
