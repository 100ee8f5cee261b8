package pipeline

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"rollcall/bitmaps"
	"rollcall/consumers"
	"rollcall/generate"
	"rollcall/integration/servers"
	"rollcall/pipeline/catalog"
	"rollcall/pipeline/segment"
)

// BenchmarkSMSReport is a report about some 2 million events of an account in one
// partition, with a real redis-server. It reports how long a commit had to wait
// for the replica's lock at most.
func BenchmarkSMSReport(b *testing.B) {
	now := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	client := redis.NewClient(&redis.Options{Addr: servers.Redis(b), MaxRetries: -1})
	b.Cleanup(func() { _ = client.Close() })
	v, task := reportView(b, client, now)
	g, err := generate.New(generate.Config{Account: "demo", Contacts: 200_000, Days: 30, Now: now, Seed: 1})
	if err != nil {
		b.Fatal(err)
	}
	events, offsets, batch := 0, map[string]int64{}, &consumers.Batch{}
	flush := func() {
		if err := task.Process(context.Background(), batch); err != nil {
			b.Fatal(err)
		}
		batch = &consumers.Batch{}
	}
	for r := range g.History() {
		batch.Records = append(batch.Records, consumers.Record{
			TopicPartition: consumers.TopicPartition{Topic: r.Topic}, Offset: offsets[r.Topic], Time: r.At.UnixMilli(), Key: r.Key, Value: r.Value,
		})
		if offsets[r.Topic]++; r.Topic != TopicContacts && r.Topic != TopicLists {
			events++
		}
		if len(batch.Records) == 5000 {
			flush()
		}
	}
	flush()
	replica := v.replicas[0]
	for replica.seq() < task.held.Seq() {
		if err := replica.follow(context.Background(), 0); err != nil {
			b.Fatal(err)
		}
	}
	today := segment.DateOf(now)
	for _, days := range []segment.Date{30, 1} {
		b.Run(fmt.Sprintf("events=%d/days=%d", events, days), func(b *testing.B) {
			waited := lockWaits(b, replica)
			var report SMSReport
			for range b.N {
				if report, _, err = v.SMSReport(context.Background(), "demo", SMSQuery{From: today - days + 1, To: today}); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(waited().Microseconds())/1000, "lock-ms")
			b.ReportMetric(float64(report.Totals.Sent), "contacts")
		})
	}
}

func reportView(b *testing.B, client redis.UniversalClient, now time.Time) (*View, *Task) {
	log, c := newMemoryLog(), catalog.New()
	defs := catalog.NewLog(c, log)
	ctx, cancel := context.WithCancel(context.Background())
	b.Cleanup(cancel)
	go func() { _ = defs.Run(ctx) }()
	if _, err := defs.Put(ctx, catalog.PutAccount{Account: "demo", Timezone: "UTC", RetentionDays: 730, DefaultRegion: "US"}); err != nil {
		b.Fatal(err)
	}
	store, clock := bitmaps.NewStore(client, "rollcall"), func() time.Time { return now }
	task, err := Open(ctx, Config{Partitions: 1, Store: store, Log: log, Catalog: c, CatchUp: defs.CaughtUp, Now: clock}, 0, log.taskMarks(0, 1))
	if err != nil {
		b.Fatal(err)
	}
	return NewView(ViewConfig{Partitions: 1, Store: store, Catalog: c, Now: clock}), task
}

// lockWaits takes a replica's lock again and again, as commits do, and tells how
// long that took at most.
func lockWaits(b *testing.B, r *replica) (longest func() time.Duration) {
	stop, told := make(chan struct{}), make(chan time.Duration)
	go func() {
		most := time.Duration(0)
		for {
			select {
			case <-stop:
				told <- most
				return
			case <-time.After(time.Millisecond):
			}
			began := time.Now()
			r.mu.Lock()
			most = max(most, time.Since(began))
			r.mu.Unlock()
		}
	}()
	return func() time.Duration { close(stop); return <-told }
}
