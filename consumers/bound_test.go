package consumers

import (
	"strings"
	"testing"
	"time"
)

// TestWhatWaitsIsBounded has a feed of large batches that nobody reads: what
// waits for it stays within bounds, others are read nevertheless, and it goes on
// when it is read.
func TestWhatWaitsIsBounded(t *testing.T) {
	tc := newCluster(t)
	const partitions, batches, size = 16, 4, 800 << 10
	large := strings.Repeat("x", size)
	writer := tc.client(t)
	name := topic(t, writer, "bounded", partitions)
	var tps []TopicPartition
	for p := range int32(partitions) {
		tps = append(tps, TopicPartition{name, p})
		for range batches {
			write(t, writer, tps[p], large)
		}
	}
	const most = 2 << 20
	c := tc.clientWith(t, Config{MaxBuffered: most})
	feed := startFeed(t, c, nil, tps...)
	peak := int64(0)
	for began := time.Now(); time.Since(began) < 500*time.Millisecond; time.Sleep(time.Millisecond) {
		peak = max(peak, c.Stats.Waiting.Load())
	}
	if over := int64(most + len(waitShare)*(size+64<<10)); peak > over || peak < most {
		t.Errorf("%d bytes waited, want %d to %d", peak, most, over)
	}
	read := 0
	_, err := c.ReadAll(testContext(t), tps[0], 0, func(*Record) error { read++; return nil })
	if err != nil || read != batches {
		t.Errorf("another reader: %d records, %v", read, err)
	}
	if values, _ := collect(t, feed, partitions*batches); len(values) != partitions*batches {
		t.Errorf("%d records", len(values))
	}
	feed.close()
	if left := c.Stats.Waiting.Load(); left != 0 {
		t.Errorf("%d bytes wait, and nothing is there", left)
	}
}
