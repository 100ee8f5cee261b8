package pipeline

import (
	"context"
	"fmt"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"rollcall/bitmaps"
	"rollcall/consumers"
)

// meter counts what goes to Redis.
type meter struct{ commands, bytes atomic.Int64 }

type meteredConn struct {
	net.Conn
	meter *meter
}

func (c meteredConn) Write(b []byte) (int, error) {
	c.meter.bytes.Add(int64(len(b)))
	return c.Conn.Write(b)
}

func (m *meter) DialHook(next redis.DialHook) redis.DialHook {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := next(ctx, network, addr)
		return meteredConn{conn, m}, err
	}
}

func (m *meter) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		m.commands.Add(1)
		return next(ctx, cmd)
	}
}

func (m *meter) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

// of is what fn sends.
func (m *meter) of(fn func()) (commands, bytes int64) {
	commands, bytes = m.commands.Load(), m.bytes.Load()
	fn()
	return m.commands.Load() - commands, m.bytes.Load() - bytes
}

// metered has the world's tasks write through a meter, with the limits of
// production.
func (w *world) metered() *meter {
	w.t.Helper()
	m := &meter{}
	client := redis.NewClient(&redis.Options{Addr: w.redis.(*miniredis.Miniredis).Addr(), MaxRetries: -1, PoolSize: 1})
	client.AddHook(m)
	w.t.Cleanup(func() { _ = client.Close() })
	w.config.Store, w.config.Limits = bitmaps.NewStore(client, "rollcall"), Limits{}
	return m
}

// unread is one batch of everything that a partition's task has not read.
func (w *world) unread(task *Task) *consumers.Batch {
	var b consumers.Batch
	for tp, next := range task.Offsets() {
		if records := w.log.of(tp); next < int64(len(records)) {
			b.Records = append(b.Records, records[next:]...)
			b.Next = append(b.Next, consumers.NextOffset{TopicPartition: tp, Offset: int64(len(records))})
		}
	}
	return &b
}

func (w *world) processAll(task *Task) {
	w.t.Helper()
	w.must(task.Process(w.t.Context(), w.unread(task)))
}

// relevant are segments that events of the tests below move contacts into and out of.
var relevant = []string{
	"all contacts where opted in and phone in US and clicked in last 30 days",
	"all contacts where not opted in and not opted out",
	"all contacts where clicked on at least 2 days in last 30 days",
	`all contacts where clicked any of messages "m-1", "m-2" at least 3 times`,
	`segment "s0" where opted in`,
}

// defineMany puts the relevant segments, and 1,000 entries more: of segments
// that no event of the tests can move anybody into or out of, or the same again.
func (w *world) defineMany(segments bool) {
	w.t.Helper()
	for i, text := range relevant {
		w.segment(fmt.Sprintf("s%d", i), text)
	}
	shapes := []string{`all contacts where clicked message "nobody-%d"`, `list "nobody-%d" where opted in`,
		`all contacts where in form "nobody-%d" and clicked in last 30 days`,
		`all contacts where clicked all of messages "m-1", "nobody-%d" at least 3 times`}
	for i := range 1000 {
		if segments {
			w.segment(fmt.Sprint("idle-", i), fmt.Sprintf(shapes[i%len(shapes)], i))
		} else {
			w.segment("s0", relevant[0])
		}
	}
}

// TestSegmentsThatCannotFlipCostNothingInRedis counts the commands and the bytes
// of events' commits with 5 segments and with 1,005: of commits that only append
// to the changelog, and of those that rewrite fragments all the time.
func TestSegmentsThatCannotFlipCostNothingInRedis(t *testing.T) {
	t.Run("appending", func(t *testing.T) { idleSegmentsInRedis(t, Limits{}) })
	t.Run("rewriting", func(t *testing.T) { idleSegmentsInRedis(t, Limits{Changelog: 100}) })
}

func idleSegmentsInRedis(t *testing.T, limits Limits) {
	cost := func(many bool) (commands, bytes int64) {
		w := newWorld(t, 1)
		m := w.metered()
		w.config.Limits = limits
		w.contact("ann", "2015550123")
		w.behaviour(TopicClicked, "ann", "m-1", "2026-11-01 12:00")
		w.defineMany(many)
		w.settle()
		task := w.task(0)
		return m.of(func() {
			for i := range 10 {
				w.now = w.now.Add(time.Second)
				w.behaviour(TopicClicked, "ann", "m-1", fmt.Sprintf("2026-11-%02d 12:00", i+2))
				w.processAll(task)
				w.consent([]string{TopicOptedIn, TopicOptedOut}[i%2], "ann", fmt.Sprintf("2026-11-%02d 13:00", i+2))
				w.processAll(task)
			}
			if changes := len(task.state.accounts[acme].segments); many && changes < 1000 {
				t.Fatalf("only %d segments", changes)
			}
		})
	}
	commands5, bytes5 := cost(false)
	commands1005, bytes1005 := cost(true)
	t.Logf("20 commits are %d commands and %d bytes with 5 segments, %d and %d with 1,005", commands5, bytes5, commands1005, bytes1005)
	if commands5 != 20 || commands1005 != 20 {
		t.Errorf("not a command a commit")
	}
	if bytes5 != bytes1005 {
		t.Errorf("the bytes differ")
	}
}

// TestSegmentsThatCannotFlipCostNoMemory does the same with allocations.
func TestSegmentsThatCannotFlipCostNoMemory(t *testing.T) {
	cost := func(many bool) float64 {
		w := newWorld(t, 1)
		w.defineMany(many)
		w.config.Store, w.config.Publish, w.config.Limits = bitmaps.Discard(), false, Limits{}
		task, err := Open(t.Context(), w.config, 0, w.log.taskMarks(0, 1))
		w.must(err)
		w.contact("ann", "2015550123")
		w.behaviour(TopicClicked, "ann", "m-1", "2026-11-01 12:00")
		w.processAll(task)
		const runs = 200
		batches := make([]*consumers.Batch, 0, runs+1)
		for i := range runs + 1 {
			batches = append(batches, &consumers.Batch{Records: []consumers.Record{
				consentOf("ann", int64(i), w.now.Add(time.Duration(i)*time.Second)), clickOf("ann", int64(i), w.now),
			}})
		}
		i := 0
		return testing.AllocsPerRun(runs, func() {
			if err := task.Process(t.Context(), batches[i]); err != nil {
				t.Fatal(err)
			}
			i++
		})
	}
	few, many := cost(false), cost(true)
	t.Logf("a commit of two events allocates %.0f times with 5 segments, %.0f with 1,005", few, many)
	if many > few {
		t.Errorf("allocations grow with segments that can't flip: %.0f, then %.0f", few, many)
	}
}

// consentOf and clickOf are records, opting in and out by turns.
func consentOf(contact string, i int64, at time.Time) consumers.Record {
	topic := []string{TopicOptedIn, TopicOptedOut}[i%2]
	return recordOf(topic, contact, i, at, fmt.Sprintf(`{"account":"acme","contact":%q,"at":%q}`, contact, at.UTC().Format(time.RFC3339)))
}

func clickOf(contact string, i int64, at time.Time) consumers.Record {
	return recordOf(TopicClicked, contact, i, at, fmt.Sprintf(`{"id":"click-%d","account":"acme","contact":%q,"message":"m-1","at":%q}`,
		i, contact, at.UTC().Format(time.RFC3339)))
}

func recordOf(topic, contact string, offset int64, at time.Time, value string) consumers.Record {
	return consumers.Record{TopicPartition: consumers.TopicPartition{Topic: topic}, Offset: offset, Time: at.Add(time.Hour).UnixMilli(),
		Key: []byte(acme + "/" + contact), Value: []byte(value)}
}

// TestWriteAmplification commits events one by one on an account of 10,000
// contacts: each costs less than 1 KiB on the way to Redis, with the fragments
// that are folded on the way spread over all of them.
func TestWriteAmplification(t *testing.T) {
	w := newWorld(t, 1)
	m := w.metered()
	w.config.Limits.Changelog = 4 << 10 // many more rounds of flushing than by default, to see some
	for i, text := range relevant {
		w.segment(fmt.Sprintf("s%d", i), text)
	}
	for i := range 10_000 {
		contact := fmt.Sprint("contact-", i)
		w.contact(contact, fmt.Sprintf("20155%05d", i))
		w.record(TopicOptedIn, contact, nil)
		w.record(TopicClicked, contact, fields{"id": fmt.Sprint("first-", i), "message": "m-1"})
	}
	task := w.task(0)
	w.processAll(task)
	for worked := true; worked; {
		var err error
		worked, err = task.Compose(t.Context())
		w.must(err)
	}
	const events = 4000
	most, alone := int64(0), int64(0)
	_, bytes := m.of(func() {
		for i := range events {
			w.now = w.now.Add(time.Second)
			c := clickOf(fmt.Sprint("contact-", i*7919%10_000), int64(10_000+i), w.now)
			batch := &consumers.Batch{Records: []consumers.Record{c}}
			_, n := m.of(func() { w.must(task.Process(t.Context(), batch)) })
			if most = max(most, n); n < 1024 {
				alone++
			}
		}
	})
	t.Logf("%d events, one by one: %d bytes each on average, at most %d; %d under 1 KiB", events, bytes/events, most, alone)
	if bytes/events >= 1024 {
		t.Errorf("%d bytes an event", bytes/events)
	}
	if alone < events*9/10 {
		t.Errorf("only %d of %d events cost less than 1 KiB", alone, events)
	}
}
