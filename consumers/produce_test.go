package consumers

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

func TestProducerReturnsOffsets(t *testing.T) {
	c := newCluster(t).client(t)
	name := topic(t, c, "offsets", 5)
	p := c.Producer(ProducerConfig{MaxRequest: 100, Concurrency: 2})
	var messages []Message
	for i := range 200 {
		messages = append(messages, Message{Topic: name, Partition: -1, Key: fmt.Append(nil, "acme/", i), Value: fmt.Append(nil, i)})
	}
	offsets, err := p.Write(testContext(t), messages)
	if err != nil {
		t.Fatal(err)
	}
	at := map[TopicPartition]map[int64]string{}
	for i, m := range messages {
		tp := TopicPartition{name, Partition(m.Key, 5)}
		if at[tp] == nil {
			at[tp] = map[int64]string{}
		}
		at[tp][offsets[i]] = string(m.Value)
	}
	for tp, want := range at {
		last := -1
		next, err := c.ReadAll(testContext(t), tp, -1, func(r *Record) error {
			if want[r.Offset] != string(r.Value) {
				t.Errorf("%s: %s at %d, want %s", tp, r.Value, r.Offset, want[r.Offset])
			}
			var n int
			if fmt.Sscan(string(r.Value), &n); n <= last {
				t.Errorf("%s: %d after %d", tp, n, last)
			}
			last = n
			return nil
		})
		if err != nil || next != int64(len(want)) {
			t.Errorf("%s: next %d, want %d, %v", tp, next, len(want), err)
		}
	}
	if got := c.Stats.Produced.Load(); got != 200 {
		t.Errorf("%d counted", got)
	}
}

func TestProducerNamesWhatIsTooLarge(t *testing.T) {
	c := newCluster(t).client(t)
	name := topicWith(t, c, "large", 1, map[string]string{"max.message.bytes": "2000"})
	big := Message{Topic: name, Value: make([]byte, 3000)}
	small := Message{Topic: name, Value: make([]byte, 500)}
	var large *TooLargeError

	offsets, err := c.Producer(ProducerConfig{MaxRequest: 100}).Write(testContext(t), []Message{small, small})
	if err != nil || fmt.Sprint(offsets) != "[0 1]" {
		t.Errorf("more than a request: %v, %v", offsets, err)
	}
	offsets, err = c.Producer(ProducerConfig{}).Write(testContext(t), []Message{small, small, small, small, small, small, small, small})
	if err != nil || fmt.Sprint(offsets) != "[2 3 4 5 6 7 8 9]" {
		t.Errorf("more than the topic takes at once: %v, %v", offsets, err)
	}
	offsets, err = c.Producer(ProducerConfig{}).Write(testContext(t), []Message{small, big})
	if !errors.As(err, &large) || large.Size != 3000 || offsets[0] != 10 || offsets[1] != -1 {
		t.Errorf("more than the topic takes: %v, %v", offsets, err)
	}
}

func TestProducerRetries(t *testing.T) {
	tc := newFake(t, 3, kfake.SeedTopics(1, "retried"))
	c := tc.client(t)
	p := c.Producer(ProducerConfig{})
	for i, fail := range []func(){
		func() {},
		func() {
			tc.fake.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: kerr.NotEnoughReplicas, Count: 2})
		},
		func() { tc.fake.MoveTopicPartition("retried", 0, 1) },
		func() { tc.fake.MoveTopicPartition("retried", 0, 2) },
		func() {
			tc.fake.ControlKey(int16(kmsg.Produce), func(kmsg.Request) (kmsg.Response, error, bool) {
				return nil, errors.New("hang up"), true
			})
		},
	} {
		fail()
		offsets, err := p.Write(testContext(t), []Message{{Topic: "retried", Value: []byte("v")}})
		if err != nil || offsets[0] != int64(i) {
			t.Fatalf("write %d: %v, %v", i, offsets, err)
		}
	}
}

func TestProducerGivesUp(t *testing.T) {
	tc := newFake(t, 1, kfake.SeedTopics(1, "refused"))
	c := tc.client(t)
	tc.fake.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: kerr.InvalidRecord, Count: 1})
	if _, err := c.Producer(ProducerConfig{}).Write(testContext(t), []Message{{Topic: "refused"}}); err == nil {
		t.Error("a refusal was retried")
	}
	p := c.Producer(ProducerConfig{Timeout: 200 * time.Millisecond})
	for _, m := range []Message{{Topic: "missing"}, {Topic: "missing", Partition: -1}, {Topic: "refused", Partition: 7}} {
		offsets, err := p.Write(context.Background(), []Message{m})
		if !errors.Is(err, errUnknownPartition) || offsets[0] != -1 {
			t.Errorf("%s/%d: %v, %v", m.Topic, m.Partition, offsets, err)
		}
	}
}
