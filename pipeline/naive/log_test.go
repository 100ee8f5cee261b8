package naive

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"rollcall/pipeline/segment"
)

const partitions = 3

// noon is when most tests take place: 2026-06-15, 12:00 in New York.
var noon = instant("2026-06-15T12:00:00-04:00")

func instant(rfc3339 string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, rfc3339)
	if err != nil {
		panic(err)
	}
	return t
}

func on(date string) segment.Date {
	t, err := time.Parse(time.DateOnly, date)
	if err != nil {
		panic(err)
	}
	return segment.Date(t.Unix() / 86400)
}

type fields map[string]any

// fakeLog puts records where they belong, one offset after the other.
type fakeLog struct {
	world World
	next  map[place]int64
}

func newLog(zone string) *fakeLog {
	return &fakeLog{
		world: World{Partitions: partitions, Accounts: []Account{{ID: "acme", Timezone: zone, DefaultRegion: "us"}}},
		next:  map[place]int64{},
	}
}

func (l *fakeLog) append(rec Record) Record {
	p := place{topic: rec.Topic, partition: rec.Partition}
	rec.Offset = l.next[p]
	l.next[p]++
	l.world.Records = append(l.world.Records, rec)
	return rec
}

// add appends a record about contact with f beside account and contact.
func (l *fakeLog) add(topic, contact string, at time.Time, f fields) Record {
	whole := fields{"account": "acme", "contact": contact}
	maps.Copy(whole, f)
	value, err := json.Marshal(whole)
	if err != nil {
		panic(err)
	}
	return l.append(record(topic, contact, at, value))
}

func record(topic, contact string, at time.Time, value []byte) Record {
	key := []byte("acme/" + contact)
	return Record{
		Topic: topic, Partition: Partition(key, partitions), Time: at.UnixMilli(), Key: key, Value: value,
	}
}

func (l *fakeLog) exists(contacts ...string) {
	for _, c := range contacts {
		l.add("contacts", c, noon, nil)
	}
}

func (l *fakeLog) matching(def segment.Definition) string {
	return strings.Join(Fold(l.world, noon).Matching("acme", def), " ")
}

func (l *fakeLog) where(cond segment.Condition) string {
	return l.matching(segment.Definition{Where: cond})
}

func expect[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

// misplaced returns rec with a key and in a partition where it doesn't belong.
func misplaced(rec Record, key string) Record {
	right := rec.Partition
	rec.Key = []byte(key)
	rec.Partition = (right + 1) % partitions
	return rec
}

func clone(w World) World {
	w.Records = slices.Clone(w.Records)
	return w
}
