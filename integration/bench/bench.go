package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/redis/go-redis/v9"

	"rollcall/bitmaps"
	"rollcall/consumers"
	"rollcall/generate"
	"rollcall/integration/servers"
	"rollcall/pipeline"
)

// bench is a run: the servers, what was written to them, and what came out.
type bench struct {
	options
	dir      string // of the servers' data
	now      time.Time
	kafka    *servers.KafkaCluster
	client   *consumers.Client
	producer *consumers.Producer
	main     *redisServer // in which reading leaves the state of the history
	others   []*redisServer

	people  crowd
	history spans            // what is folded from nothing
	written map[string]int64 // its records by topic
	site    *site            // nil so far

	kafkaUse kafkaUse // of the history

	page    page
	results results
}

// redisServer is a Redis of the benchmark's own.
type redisServer struct {
	*servers.Server
	*redis.Client
}

func newBench(ctx context.Context, o options) (b *bench, err error) {
	b = &bench{options: o, now: time.Now().Truncate(time.Second), written: map[string]int64{}}
	b.page.out = os.Stdout
	if b.dir, err = os.MkdirTemp("", "rollcall-bench-"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			b.close()
		}
	}()
	if err := b.makeFolders(); err != nil {
		return nil, err
	}
	b.results.Machine = describeMachine()
	if b.kafka, err = servers.NewKafka(b.dir, servers.HeapMiB(768)); err != nil {
		return nil, err
	}
	if b.main, err = b.newRedis("main"); err != nil {
		return nil, err
	}
	if b.client, err = openKafka(b.kafka.Addr()); err != nil {
		return nil, err
	}
	b.producer = b.client.Producer(consumers.ProducerConfig{Concurrency: inFlight})
	return b, createTopics(ctx, b.client)
}

func (b *bench) makeFolders() (err error) {
	if b.out == "" {
		if b.out, err = os.MkdirTemp("", "rollcall-bench-results-"); err != nil {
			return err
		}
	}
	if b.profile == "" {
		b.profile = b.out
	}
	return errors.Join(os.MkdirAll(b.out, 0o755), os.MkdirAll(b.profile, 0o755))
}

func (b *bench) newRedis(name string, args ...string) (*redisServer, error) {
	dir := filepath.Join(b.dir, "redis-"+name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	s, err := servers.NewRedis(dir, args...)
	if err != nil {
		return nil, err
	}
	r := &redisServer{s, redis.NewClient(&redis.Options{Addr: s.Addr})}
	b.others = append(b.others, r)
	return r, nil
}

func (r *redisServer) close() error { return errors.Join(r.Client.Close(), r.Server.Close()) }

// close ends the servers and removes their data.
func (b *bench) close() {
	var errs []error
	if b.site != nil {
		errs = append(errs, b.site.close())
	}
	for _, r := range b.others {
		errs = append(errs, r.close())
	}
	if b.client != nil {
		b.client.Close()
	}
	if b.kafka != nil {
		errs = append(errs, b.kafka.Close())
	}
	errs = append(errs, os.RemoveAll(b.dir))
	if err := errors.Join(errs...); err != nil {
		fmt.Fprintln(os.Stderr, "bench: cleaning up:", err)
	}
}

// loadHistory writes the accounts' past.
func (b *bench) loadHistory(ctx context.Context) (err error) {
	began := time.Now()
	b.people, err = newCrowd(generate.Config{
		Contacts: b.contacts, Days: b.days, Now: b.now, Seed: 1, Rate: 20_000,
		Repeats: 0.01, Late: 0.01, Bad: 0.0005,
	}, b.accounts)
	if err != nil {
		return err
	}
	err = b.measureKafka(ctx, func() (err error) {
		if err := load(ctx, b.producer, messages(b.people.history(), b.written)); err != nil {
			return err
		}
		b.history, err = logSpans(ctx, b.client)
		return err
	})
	if err != nil {
		return err
	}
	n := b.people.counts()
	b.page.printf("%d contacts in %d accounts, %d days: %d records (%d repeated, %d late, %d bad) in %d partitions, written and read once in %.1f s.\n\n",
		b.contacts, b.accounts, b.days, n.Records, n.Repeats, n.Late, n.Bad, partitions, time.Since(began).Seconds())
	return nil
}

// liveMessages are the next n records of the accounts' present.
func (b *bench) liveMessages(n int) []consumers.Message {
	return some(n, messages(b.people.live(), b.written))
}

// events are how many different ones the state has, when records ended so.
func (b *bench) events(of [bitmaps.Outcomes]int64) int64 {
	n := -of[bitmaps.Repeated] - of[bitmaps.DeadLettered]
	for _, topic := range []string{pipeline.TopicSent, pipeline.TopicClicked, pipeline.TopicFailed, pipeline.TopicReplied} {
		n += b.written[topic]
	}
	return n
}

// task is one for a child process on the accounts' records.
func (b *bench) task(role string, r *redisServer, s spans) task {
	t := task{Role: role, Kafka: b.kafka.Addr(), Definitions: definitions{Now: b.now, Accounts: b.accounts}, Spans: s}
	if r != nil {
		t.Redis = r.Addr
	}
	return t
}
