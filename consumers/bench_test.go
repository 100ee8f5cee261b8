package consumers

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// BenchmarkProduceToNext writes records one by one, to partitions in turn, and
// measures the time from the call of Write until Next gives the record; beside
// it the time until the write is acknowledged, which is the floor.
func BenchmarkProduceToNext(b *testing.B) {
	for _, n := range []int{1, 64} {
		b.Run(fmt.Sprint(n, " partitions"), func(b *testing.B) {
			c := newCluster(b).client(b)
			name := topic(b, c, "latency", n)
			var tps []TopicPartition
			for p := range int32(n) {
				tps = append(tps, TopicPartition{name, p})
			}
			feed := startFeed(b, c, nil, tps...)
			p := c.Producer(ProducerConfig{})
			var acked, read []time.Duration
			for i := 0; b.Loop(); i++ {
				began := time.Now()
				seen := make(chan time.Duration)
				go func() {
					collect(b, feed, 1)
					seen <- time.Since(began)
				}()
				if _, err := p.Write(b.Context(), []Message{{Topic: name, Partition: int32(i % n), Value: make([]byte, 180)}}); err != nil {
					b.Fatal(err)
				}
				acked = append(acked, time.Since(began))
				read = append(read, <-seen)
			}
			report(b, "ack", acked)
			report(b, "next", read)
		})
	}
}

func report(b *testing.B, what string, took []time.Duration) {
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds()), "us-p50-"+what)
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "us-p99-"+what)
}

// BenchmarkFeed reads what was written before, as a replay does.
func BenchmarkFeed(b *testing.B) {
	const partitions, records = 8, 400_000
	c := newCluster(b).client(b)
	name := topic(b, c, "replay", partitions)
	var tps []TopicPartition
	for p := range int32(partitions) {
		tps = append(tps, TopicPartition{name, p})
		for range 5 {
			write(b, c, tps[p], slices.Repeat([]string{string(make([]byte, 180))}, records/partitions/5)...)
		}
	}
	for b.Loop() {
		feed := newFeed(b.Context(), c, tps)
		if err := feed.Start(nil); err != nil {
			b.Fatal(err)
		}
		for n := 0; n < records; {
			<-feed.Ready()
			batch, err := feed.Next(10_000, 8<<20)
			if err != nil {
				b.Fatal(err)
			}
			if batch != nil {
				n += len(batch.Records)
			}
		}
		feed.close()
	}
	b.ReportMetric(records*float64(b.N)/b.Elapsed().Seconds(), "records/s")
}
