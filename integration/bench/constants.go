package main

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"rollcall/bitmaps"
)

// constants are what the model of capacity is made of (docs/capacity.md), as
// this run measured them.
type constants struct {
	Client   cost    // microseconds of CPU of the process that owns the partition
	Redis    cost    // microseconds of CPU of Redis
	Sent     cost    // bytes sent to Redis
	Event    float64 // bytes kept in Redis per event
	Contact  float64 // bytes kept in Redis per contact, beside its events
	Owner    float64 // bytes of memory per contact of a process that owns all partitions and answers for all
	Record   float64 // bytes in Kafka per record
	Broker   float64 // microseconds of CPU of the broker per record, written once and read once
	Contacts int64   // that they were measured with
	Events   int64   // that were kept
}

// cost is that of a record and that of a commit, which takes several records.
type cost struct{ Record, Commit float64 }

// costOf solves for two measurements per record: one with so many records to a
// commit, the other with one.
func costOf(many, one, records float64) cost {
	commit := max(0, (one-many)/(1-1/records))
	return cost{many - commit/records, commit}
}

// each is the cost of a record where so many share a commit.
func (c cost) each(records float64) float64 { return c.Record + c.Commit/records }

// Places in redisResults.Rates.
const (
	rateFromNothing = 0
	rateOneByOne    = 4
)

// measured is what the sections of this run found, nil where one is missing.
func (b *bench) measured() *constants {
	r := b.results.Redis
	if r == nil || r.Events == 0 || b.results.Restart == nil {
		return nil
	}
	many, one := &r.Rates[rateFromNothing], &r.Rates[rateOneByOne]
	records := float64(many.Records) / float64(max(1, many.Use.Calls["evalsha"]))
	events := r.Kept.Kinds[kindNames[bitmaps.Events]] + r.Kept.Kinds[kindNames[bitmaps.Day]]
	c := &constants{
		Client:  costOf(1e6*many.CPU/float64(many.Records), 1e6*one.CPU/float64(one.Records), records),
		Redis:   costOf(1e6*many.Use.CPU/float64(many.Records), 1e6*one.Use.CPU/float64(one.Records), records),
		Sent:    costOf(many.perEvent(many.Use.Input), one.perEvent(one.Use.Input), records),
		Event:   float64(events) / float64(r.Events),
		Contact: float64(r.Kept.Fragments-events) / float64(b.contacts),
		Record:  b.kafkaUse.Bytes, Broker: b.kafkaUse.Micros,
		Contacts: int64(b.contacts), Events: r.Events,
	}
	c.Owner = float64(b.results.Restart.ServerRSS) / float64(b.results.Restart.Contacts)
	return c
}

// kafkaUse is what records cost Kafka: bytes on disk, and microseconds of CPU to
// take them and to give them out once.
type kafkaUse struct{ Bytes, Micros float64 }

// measureKafka writes the history with load and reads it once, with nothing else
// going on in the broker.
func (b *bench) measureKafka(ctx context.Context, load func() error) error {
	cpu := func() time.Duration {
		used, err := b.kafka.Brokers[0].CPU()
		if err != nil {
			return 0 // of a container it is not known
		}
		return used
	}
	before := cpu()
	if err := load(); err != nil {
		return err
	}
	if _, err := spawn(ctx, b.task("raw", nil, b.history), nil); err != nil {
		return err
	}
	n := float64(b.history.records())
	bytes, err := logBytes(b.dir)
	b.kafkaUse = kafkaUse{float64(bytes) / n, float64((cpu() - before).Microseconds()) / n}
	return err
}

// logBytes adds up the segments of the sources' logs.
func logBytes(dir string) (sum int64, err error) {
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) || err == nil && (d.IsDir() || filepath.Ext(path) != ".log") {
			return nil
		}
		topic := filepath.Base(filepath.Dir(path))
		if at := strings.LastIndexByte(topic, '-'); at < 0 || !slices.Contains(sources, topic[:at]) {
			return err
		}
		info, err := d.Info()
		if err == nil {
			sum += info.Size()
		}
		return err
	})
	return sum, err
}
