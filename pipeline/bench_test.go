package pipeline

import (
	"context"
	"fmt"
	"math"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"rollcall/bitmaps"
	"rollcall/consumers"
	"rollcall/generate"
	"rollcall/pipeline/catalog"
	"rollcall/pipeline/segment"
)

// benchSegments are n segments of mixed shape.
func benchSegments(n int) []string {
	shapes := []string{
		"all contacts where opted in and phone in US and clicked in last %d days",
		"all contacts where not opted in and not opted out and sent in last %d days",
		"all contacts where sent at least 5 times in last %d days and not clicked in last 30 days",
		"all contacts where clicked on at least 3 days in last %d days",
		"all contacts where valid phone and replied between 2 and %d days ago",
		"all contacts where phone in US, CA and failed in last %d days",
		"all contacts where not clicked in last %d days",
	}
	texts := make([]string, n)
	for i := range texts {
		texts[i] = fmt.Sprintf(shapes[i%len(shapes)], 5+i%25)
	}
	return texts
}

// BenchmarkProcess is decoding, folding and maintaining, without Kafka and
// without Redis. It reports records per second of CPU time.
func BenchmarkProcess(b *testing.B) {
	for _, segments := range []int{0, 50} {
		b.Run(fmt.Sprintf("segments=%d", segments), func(b *testing.B) { benchmarkProcess(b, segments) })
	}
}

func benchmarkProcess(b *testing.B, segments int) {
	now := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	batches := benchBatches(b, now)
	records := 0
	for _, batch := range batches {
		records += len(batch.Records)
	}
	b.ReportAllocs()
	b.ResetTimer()
	fastest := time.Duration(math.MaxInt64)
	for range b.N {
		b.StopTimer()
		task := benchTask(b, now, segments)
		runtime.GC()
		began := cpuTime(b)
		b.StartTimer()
		for _, batch := range batches {
			if err := task.Process(context.Background(), batch); err != nil {
				b.Fatal(err)
			}
		}
		fastest = min(fastest, cpuTime(b)-began)
	}
	b.ReportMetric(float64(records)/fastest.Seconds(), "records/CPU-s")
}

// cpuTime is what this process has used so far.
func cpuTime(b *testing.B) time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func benchTask(b *testing.B, now time.Time, segments int) *Task {
	log := newMemoryLog()
	c := catalog.New()
	defs := catalog.NewLog(c, log)
	ctx, cancel := context.WithCancel(context.Background())
	b.Cleanup(cancel)
	go func() { _ = defs.Run(ctx) }()
	put := func(e catalog.Entry) {
		if _, err := defs.Put(ctx, e); err != nil {
			b.Fatal(err)
		}
	}
	put(catalog.PutAccount{Account: "demo", Timezone: "America/New_York", RetentionDays: 730, DefaultRegion: "US"})
	for i, text := range benchSegments(segments) {
		def, err := segment.Parse(text)
		if err != nil {
			b.Fatal(err)
		}
		put(catalog.PutSegment{Account: "demo", ID: fmt.Sprintf("s%d", i), Name: "s", Definition: def})
	}
	task, err := Open(ctx, Config{
		Partitions: 1, Store: bitmaps.Discard(), Log: log, Catalog: c, CatchUp: defs.CaughtUp,
		Now: func() time.Time { return now },
	}, 0, log.taskMarks(0, 1))
	if err != nil {
		b.Fatal(err)
	}
	return task
}

func benchBatches(b *testing.B, now time.Time) []*consumers.Batch {
	g, err := generate.New(generate.Config{Account: "demo", Contacts: 50_000, Days: 30, Now: now, Seed: 1, Repeats: 0.01, Late: 0.01})
	if err != nil {
		b.Fatal(err)
	}
	var batches []*consumers.Batch
	offsets := map[string]int64{}
	batch := &consumers.Batch{}
	for r := range g.History() {
		tp := consumers.TopicPartition{Topic: r.Topic}
		batch.Records = append(batch.Records, consumers.Record{
			TopicPartition: tp, Offset: offsets[r.Topic], Time: r.At.UnixMilli(), Key: r.Key, Value: r.Value,
		})
		offsets[r.Topic]++
		if len(batch.Records) == 5000 {
			batches, batch = append(batches, batch), &consumers.Batch{}
		}
	}
	return append(batches, batch)
}
