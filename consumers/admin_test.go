package consumers

import (
	"errors"
	"maps"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

var errUnknownPartition = kafka.UnknownTopicOrPartition

func TestEnsureTopics(t *testing.T) {
	c := newCluster(t).client(t)
	old := topic(t, c, "old", 3)
	specs := []TopicSpec{
		{old, 8, -1, nil},
		{old + "-created", 2, -1, map[string]string{"message.timestamp.type": "LogAppendTime", "retention.ms": "-1"}},
		{old + "-single", 1, 1, nil},
	}
	want := map[string]int{old: 3, old + "-created": 2, old + "-single": 1}
	var wg sync.WaitGroup
	for range 3 { // several processes start at once
		wg.Go(func() {
			if counts, err := c.EnsureTopics(testContext(t), specs); err != nil || !maps.Equal(counts, want) {
				t.Errorf("got %v, %v", counts, err)
			}
		})
	}
	wg.Wait()
	all, err := c.Topics(testContext(t))
	if err != nil {
		t.Fatal(err)
	}
	for name, n := range want {
		if all[name] != n {
			t.Errorf("%s has %d partitions, want %d", name, all[name], n)
		}
	}
	types, err := c.TimestampType(testContext(t), old, old+"-created")
	if err != nil || !maps.Equal(types, map[string]string{old: "CreateTime", old + "-created": "LogAppendTime"}) {
		t.Errorf("timestamp types are %v, %v", types, err)
	}
	if _, err := c.TimestampType(testContext(t), "no-such-topic"); err == nil {
		t.Error("a topic that does not exist has a timestamp type")
	}
}

func TestEnsureTopicsReportsRefusals(t *testing.T) {
	tc := newFake(t, 1)
	c := tc.client(t)
	tc.fake.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.CreateTopics}, Err: kerr.TopicAuthorizationFailed})
	_, err := c.EnsureTopics(testContext(t), []TopicSpec{{"forbidden", 1, -1, nil}})
	if !errors.Is(err, kafka.TopicAuthorizationFailed) || !strings.Contains(err.Error(), "forbidden") {
		t.Errorf("got %v", err)
	}
}

func TestWatermarks(t *testing.T) {
	tc := newCluster(t)
	c := tc.client(t)
	a, b := TopicPartition{topic(t, c, "marks", 2), 1}, TopicPartition{topic(t, c, "marks", 1), 0}
	write(t, c, a, numbered("v", 7)...)
	deleteRecords(t, tc, a, 2)
	marks, err := c.Watermarks(testContext(t), []TopicPartition{a, b})
	want := map[TopicPartition]Watermark{a: {2, 7}, b: {0, 0}}
	if err != nil || !maps.Equal(marks, want) {
		t.Errorf("got %v, %v", marks, err)
	}
	if _, err := c.Watermarks(testContext(t), []TopicPartition{{"no-such-topic", 0}}); err == nil {
		t.Error("a topic that does not exist has watermarks")
	}
}

func TestWatermarksFollowLeaders(t *testing.T) {
	tc := newFake(t, 2)
	c := tc.client(t)
	tp := TopicPartition{topic(t, c, "moved", 1), 0}
	for node := range int32(4) {
		tc.fake.MoveTopicPartition(tp.Topic, 0, node%2)
		if _, err := c.Watermarks(testContext(t), []TopicPartition{tp}); err != nil {
			if _, err = c.Watermarks(testContext(t), []TopicPartition{tp}); err != nil {
				t.Errorf("the second attempt: %v", err)
			}
		}
	}
}

func TestOffsetsAt(t *testing.T) {
	c := newCluster(t).client(t)
	tp := TopicPartition{topic(t, c, "times", 1), 0}
	at := time.Now().Add(-time.Hour).Truncate(time.Second)
	for i := range 3 {
		m := Message{Topic: tp.Topic, Time: at.Add(time.Duration(i) * time.Minute)}
		if _, err := c.Producer(ProducerConfig{}).Write(testContext(t), []Message{m}); err != nil {
			t.Fatal(err)
		}
	}
	for after, want := range map[time.Duration]int64{-time.Minute: 0, 0: 0, time.Second: 1, 2 * time.Minute: 2, 3 * time.Minute: -1} {
		got, err := c.OffsetsAt(testContext(t), []TopicPartition{tp}, at.Add(after))
		if err != nil || got[tp] != want {
			t.Errorf("after %v: %d, want %d, %v", after, got[tp], want, err)
		}
	}
}
