package consumers

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

func TestFeedReadsEverythingInOrder(t *testing.T) {
	c := newCluster(t).client(t)
	a, b := TopicPartition{topic(t, c, "a", 2), 1}, TopicPartition{topic(t, c, "b", 2), 0}
	write(t, c, a, numbered("a", 300)...)
	write(t, c, b, numbered("b", 200)...)
	feed := startFeed(t, c, map[TopicPartition]int64{a: 100}, a, b)

	at := map[TopicPartition]int64{a: 100}
	for at[a] < 300 || at[b] < 200 {
		<-feed.Ready()
		batch, err := feed.Next(7, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		if batch == nil {
			continue
		}
		if len(batch.Records) > 7 || batch.Skipped != 0 {
			t.Fatalf("%d records, %d skipped", len(batch.Records), batch.Skipped)
		}
		for _, r := range batch.Records {
			name := map[TopicPartition]string{a: "a", b: "b"}[r.TopicPartition]
			if r.Offset != at[r.TopicPartition] || string(r.Value) != fmt.Sprint(name, r.Offset) {
				t.Fatalf("%s at %d, want offset %d", r.Value, r.Offset, at[r.TopicPartition])
			}
			at[r.TopicPartition]++
		}
		for _, n := range batch.Next {
			if n.Offset != at[n.TopicPartition] {
				t.Fatalf("%s: next is %d after records up to %d", n.TopicPartition, n.Offset, at[n.TopicPartition])
			}
		}
	}
	if feed.High(a) != 300 || feed.LogStart(a) != 0 || feed.High(TopicPartition{"x", 0}) != -1 {
		t.Errorf("high %d, log start %d", feed.High(a), feed.LogStart(a))
	}
	if got := c.Stats.Records.Load(); got != 400 {
		t.Errorf("%d records counted", got)
	}
}

func TestFeedRecordsAreWhole(t *testing.T) {
	c := newCluster(t).client(t)
	tp := TopicPartition{topic(t, c, "whole", 1), 0}
	at := time.UnixMilli(1750000000123)
	_, err := c.Producer(ProducerConfig{}).Write(testContext(t), []Message{
		{Topic: tp.Topic, Key: []byte("k"), Value: []byte("v"), Time: at,
			Headers: []Header{{"h", []byte("1")}, {"none", nil}, {"h", []byte("2")}}},
		{Topic: tp.Topic, Key: []byte{}, Value: nil, Time: at},
		{Topic: tp.Topic, Key: nil, Value: []byte{}, Time: at},
	})
	if err != nil {
		t.Fatal(err)
	}
	feed := startFeed(t, c, nil, tp)
	<-feed.Ready()
	b, err := feed.Next(10, 1<<20)
	if err != nil || len(b.Records) != 3 {
		t.Fatalf("%v, %v", b, err)
	}
	r := b.Records
	if r[0].Time != at.UnixMilli() || string(r[0].Key) != "k" || string(r[0].Value) != "v" {
		t.Errorf("first record is %v", r[0])
	}
	if v, ok := r[0].Header("h"); !ok || string(v) != "2" {
		t.Errorf("header h is %q, %v", v, ok)
	}
	if v, ok := r[0].Header("none"); !ok || v != nil {
		t.Errorf("header none is %q, %v", v, ok)
	}
	if _, ok := r[0].Header("missing"); ok || len(r[0].Headers()) != 3 || r[1].Headers() != nil {
		t.Errorf("headers are %v and %v", r[0].Headers(), r[1].Headers())
	}
	if r[1].Key == nil || len(r[1].Key) != 0 || r[1].Value != nil {
		t.Errorf("second record has key %v, value %v", r[1].Key, r[1].Value)
	}
	if r[2].Key != nil || r[2].Value == nil {
		t.Errorf("third record has key %v, value %v", r[2].Key, r[2].Value)
	}
}

func TestFeedReadsAllCodecs(t *testing.T) {
	tc := newCluster(t)
	c := tc.client(t)
	tp := TopicPartition{topic(t, c, "codecs", 1), 0}
	codecs := []kgo.CompressionCodec{kgo.GzipCompression(), kgo.SnappyCompression(), kgo.Lz4Compression(), kgo.ZstdCompression(), kgo.NoCompression()}
	for i, codec := range codecs {
		writer := tc.kgoClient(t, kgo.ProducerBatchCompression(codec))
		for j := range 50 {
			writer.Produce(t.Context(), &kgo.Record{Topic: tp.Topic, Value: bytes.Repeat([]byte{byte('a' + i)}, 10+j)}, nil)
		}
		if err := writer.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	values, _ := collect(t, startFeed(t, c, nil, tp), 250)
	for i, v := range values {
		if v != string(bytes.Repeat([]byte{byte('a' + i/50)}, 10+i%50)) {
			t.Fatalf("record %d is %q", i, v)
		}
	}
}

func TestFeedLeavesOutAbortedTransactions(t *testing.T) {
	tc := newCluster(t)
	c := tc.client(t)
	tp := TopicPartition{topic(t, c, "transactions", 1), 0}
	writer := tc.kgoClient(t, kgo.TransactionalID(tp.Topic))
	transaction := func(value string, n int, end kgo.TransactionEndTry) {
		t.Helper()
		if err := writer.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		for range n {
			if err := writer.ProduceSync(testContext(t), &kgo.Record{Topic: tp.Topic, Value: []byte(value)}).FirstErr(); err != nil {
				t.Fatal(err)
			}
		}
		if err := writer.EndTransaction(testContext(t), end); err != nil {
			t.Fatal(err)
		}
	}
	transaction("committed", 2, kgo.TryCommit)
	transaction("aborted", 3, kgo.TryAbort)
	write(t, c, tp, "plain")
	transaction("aborted", 1, kgo.TryAbort)
	transaction("committed", 1, kgo.TryCommit)
	transaction("aborted", 1, kgo.TryAbort)
	const offsets = 3 + 4 + 1 + 2 + 2 + 2

	for from := range int64(offsets) {
		feed := startFeed(t, c, map[TopicPartition]int64{tp: from}, tp)
		values, skipped := collect(t, feed, offsets-from)
		want := []string{"committed", "committed", "", "", "", "", "", "plain", "", "", "committed", "", "", ""}[from:]
		want = slices.DeleteFunc(slices.Clone(want), func(v string) bool { return v == "" })
		if !slices.Equal(values, want) || skipped != offsets-from-int64(len(want)) {
			t.Fatalf("from %d: got %v, %d skipped", from, values, skipped)
		}
	}
}

func TestFeedReportsLostOffsets(t *testing.T) {
	tc := newCluster(t)
	c := tc.client(t)
	tp := TopicPartition{topic(t, c, "lost", 1), 0}
	write(t, c, tp, numbered("v", 20)...)
	deleteRecords(t, tc, tp, 5)
	for _, want := range []int64{4, 21} {
		feed := newFeed(testContext(t), c, []TopicPartition{tp})
		err := feed.Start(map[TopicPartition]int64{tp: want})
		var lost *OffsetLostError
		if !errors.As(err, &lost) || *lost != (OffsetLostError{tp, want, 5, 20}) {
			t.Errorf("starting at %d: %v", want, err)
		}
	}
	for _, start := range []map[TopicPartition]int64{nil, {tp: -1}, {tp: 5}} {
		if values, _ := collect(t, startFeed(t, c, start, tp), 15); values[0] != "v5" {
			t.Errorf("starting at %v gives %v", start, values)
		}
	}
}

func TestFeedReportsOffsetsLostWhileReading(t *testing.T) {
	tc := newCluster(t)
	c := tc.clientWith(t, Config{MaxPartitionFetch: minPartitionFetch})
	tp := TopicPartition{topic(t, c, "lost-later", 1), 0}
	for range 30 {
		write(t, c, tp, string(make([]byte, 10<<10)))
	}
	feed := startFeed(t, c, nil, tp)
	values, _ := collect(t, feed, 3)
	deleteRecords(t, tc, tp, 25)
	for {
		b, err := feed.Next(1, 1)
		if b != nil {
			values = append(values, "")
			continue
		}
		var lost *OffsetLostError
		if errors.As(err, &lost) {
			if want := (OffsetLostError{tp, int64(len(values)), 25, 30}); *lost != want {
				t.Errorf("got %v, want %v", lost, &want)
			}
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		<-feed.Ready()
	}
	if _, again := feed.Next(1, 1); again == nil {
		t.Error("the error did not come again")
	}
}

func deleteRecords(t *testing.T, tc testCluster, tp TopicPartition, before int64) {
	t.Helper()
	req := kmsg.NewPtrDeleteRecordsRequest()
	rt := kmsg.NewDeleteRecordsRequestTopic()
	rt.Topic = tp.Topic
	rp := kmsg.NewDeleteRecordsRequestTopicPartition()
	rp.Partition, rp.Offset = tp.Partition, before
	rt.Partitions = append(rt.Partitions, rp)
	req.Topics = append(req.Topics, rt)
	req.TimeoutMillis = 5000
	res, err := req.RequestWith(testContext(t), tc.kgoClient(t))
	if err == nil {
		err = kerr.ErrorForCode(res.Topics[0].Partitions[0].ErrorCode)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestFeedWakesAtOnce(t *testing.T) {
	c := newCluster(t).clientWith(t, Config{MaxWait: 20 * time.Second})
	name := topic(t, c, "wake", 3)
	first, second, third := TopicPartition{name, 0}, TopicPartition{name, 1}, TopicPartition{name, 2}
	one := startFeed(t, c, nil, first)
	time.Sleep(100 * time.Millisecond) // a long poll is parked

	// A partition that is added beside a parked long poll does not wait for it.
	began := time.Now()
	write(t, c, second, "x")
	two := startFeed(t, c, nil, second, third)
	collect(t, two, 1)
	// And what is parked wakes with the first record.
	write(t, c, first, "y")
	collect(t, one, 1)
	write(t, c, third, "z")
	collect(t, two, 1)
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("took %v", took)
	}
}

// Requests that were parked beside each other become one again.
func TestParkedRequestsMerge(t *testing.T) {
	c := newCluster(t).clientWith(t, Config{MaxWait: 200 * time.Millisecond})
	name := topic(t, c, "merge", 6)
	for p := range int32(6) {
		startFeed(t, c, nil, TopicPartition{name, p})
		time.Sleep(20 * time.Millisecond)
	}
	eventually(t, "one request has all partitions", func() bool {
		c.fetcher.mu.Lock()
		defer c.fetcher.mu.Unlock()
		for _, b := range c.fetcher.brokers {
			if len(b.flying) == 1 && len(b.flying[0].parts) == 6 {
				return true
			}
		}
		return false
	})
}

func TestFeedReportsRefusals(t *testing.T) {
	tc := newFake(t, 1, kfake.SeedTopics(1, "forbidden"))
	tc.fake.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Fetch}, Err: kerr.TopicAuthorizationFailed, Count: -1})
	err := nextError(t, startFeed(t, tc.client(t), nil, TopicPartition{"forbidden", 0}))
	if !errors.Is(err, kafka.TopicAuthorizationFailed) || !strings.Contains(err.Error(), "forbidden/0 at offset 0") {
		t.Errorf("got %v", err)
	}
}

func TestFeedReportsDamage(t *testing.T) {
	good := encode(t, 0, record("k", "v"))
	damages := map[string]func([]byte){
		"CRC":        func(b []byte) { b[len(b)-3] ^= 1 },
		"its length": func(b []byte) { b[8] = 0x10 }, // declares 256 MiB more
	}
	for name, damage := range damages {
		batch := bytes.Clone(good)
		damage(batch)
		tc := newFake(t, 1, kfake.SeedTopics(1, "damaged"))
		tc.fake.ControlKey(int16(kmsg.Fetch), func(kreq kmsg.Request) (kmsg.Response, error, bool) {
			tc.fake.KeepControl()
			return fetchAnswer(kreq.(*kmsg.FetchRequest), batch), nil, true
		})
		err := nextError(t, startFeed(t, tc.client(t), nil, TopicPartition{"damaged", 0}))
		var corrupt *CorruptError
		if !errors.As(err, &corrupt) || corrupt.TopicPartition != (TopicPartition{"damaged", 0}) || corrupt.Offset != 0 {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func fetchAnswer(req *kmsg.FetchRequest, batch []byte) kmsg.Response {
	res := req.ResponseKind().(*kmsg.FetchResponse)
	t := kmsg.NewFetchResponseTopic()
	t.Topic = req.Topics[0].Topic
	p := kmsg.NewFetchResponseTopicPartition()
	p.HighWatermark, p.LastStableOffset, p.RecordBatches = 1, 1, batch
	t.Partitions = append(t.Partitions, p)
	res.Topics = append(res.Topics, t)
	return res
}

func TestFeedsAreIndependent(t *testing.T) {
	c := newCluster(t).clientWith(t, Config{MaxPartitionFetch: 20 << 10, MaxFetch: 40 << 10})
	name := topic(t, c, "slow", 2)
	slow, fast := TopicPartition{name, 0}, TopicPartition{name, 1}
	for range 30 {
		write(t, c, slow, string(make([]byte, 10<<10)))
	}
	stuck := startFeed(t, c, nil, slow)
	feed := startFeed(t, c, nil, fast)
	for i := range 20 {
		write(t, c, fast, fmt.Sprint(i))
		if values, _ := collect(t, feed, 1); values[0] != fmt.Sprint(i) {
			t.Fatalf("got %v, want %d", values, i)
		}
	}
	isFull := func() bool {
		c.fetcher.mu.Lock()
		defer c.fetcher.mu.Unlock()
		p := stuck.streams[0].part
		return p.state == full && len(p.chunks) == maxChunks
	}
	for began := time.Now(); !isFull(); time.Sleep(time.Millisecond) {
		if time.Since(began) > 5*time.Second {
			t.Fatal("nothing was fetched ahead for the slow one")
		}
	}
	if values, _ := collect(t, stuck, 30); len(values) != 30 {
		t.Errorf("%d records", len(values))
	}
}

func TestFeedsOfOnePartition(t *testing.T) {
	c := newCluster(t).client(t)
	tp := TopicPartition{topic(t, c, "twice", 1), 0}
	a, b := startFeed(t, c, nil, tp), startFeed(t, c, nil, tp)
	for i := range 5 {
		write(t, c, tp, fmt.Sprint(i))
		for _, f := range []*Feed{a, b} {
			if values, _ := collect(t, f, 1); values[0] != fmt.Sprint(i) {
				t.Fatalf("got %v", values)
			}
		}
	}
}

func TestFeedReadsBatchesLargerThanAsked(t *testing.T) {
	c := newCluster(t).clientWith(t, Config{MaxPartitionFetch: 1 << 10, MaxFetch: 2 << 10})
	name := topic(t, c, "large", 3)
	var tps []TopicPartition
	for p := range int32(3) {
		tps = append(tps, TopicPartition{name, p})
		for range 3 {
			write(t, c, tps[p], string(make([]byte, 200<<10)), "small")
		}
	}
	if values, _ := collect(t, startFeed(t, c, nil, tps...), 18); len(values) != 18 {
		t.Errorf("%d records", len(values))
	}
}

func TestFeedFollowsLeaders(t *testing.T) {
	tc := newFake(t, 3, kfake.SeedTopics(2, "moving"))
	c := tc.client(t)
	tps := []TopicPartition{{"moving", 0}, {"moving", 1}}
	feed := startFeed(t, c, nil, tps...)
	for i := range 9 {
		for p := range int32(2) {
			if err := tc.fake.MoveTopicPartition("moving", p, int32(i+int(p))%3); err != nil {
				t.Fatal(err)
			}
			write(t, c, tps[p], fmt.Sprint(i))
		}
		if values, _ := collect(t, feed, 2); values[0] != fmt.Sprint(i) || values[1] != fmt.Sprint(i) {
			t.Fatalf("round %d: got %v", i, values)
		}
	}
}

func TestFeedSurvivesBrokenConnections(t *testing.T) {
	tc := newFake(t, 1, kfake.SeedTopics(1, "broken"))
	c := tc.client(t)
	tp := TopicPartition{"broken", 0}
	feed := startFeed(t, c, nil, tp)
	for i := range 5 {
		tc.fake.ControlKey(int16(kmsg.Fetch), func(kmsg.Request) (kmsg.Response, error, bool) {
			return nil, errors.New("hang up"), true
		})
		write(t, c, tp, fmt.Sprint(i))
		if values, _ := collect(t, feed, 1); values[0] != fmt.Sprint(i) {
			t.Fatalf("got %v, want %d", values, i)
		}
	}
}

func TestFeedStartEndsWithItsContext(t *testing.T) {
	c, err := Open(Config{Brokers: []string{"127.0.0.1:1"}, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if err := newFeed(ctx, c, []TopicPartition{{"t", 0}}).Start(nil); err == nil {
		t.Error("started without a broker")
	}
}
