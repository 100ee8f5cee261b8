package soak

import (
	"fmt"
	"hash/fnv"
	"maps"
	"slices"
	"sync"
)

// Ledger remembers where in Kafka each acknowledged record stands. It is safe
// for concurrent use.
type Ledger struct {
	mu         sync.Mutex
	written    int
	acked      int
	partitions map[place]*acked
}

type place struct {
	topic     string
	partition int32
}

// acked is what was acknowledged of a partition, by offset: a hash of the
// record, 0 for none.
type acked struct {
	hashes []uint64
	seen   []bool
}

// NewLedger begins with nothing.
func NewLedger() *Ledger { return &Ledger{partitions: map[place]*acked{}} }

// Counts are the records written, and those of them that were acknowledged.
func (l *Ledger) Counts() (written, acked int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.written, l.acked
}

func (l *Ledger) wrote() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.written++
}

func (l *Ledger) acknowledged(topic string, partition int32, offset int64, key, value []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.acked++
	at := place{topic, partition}
	a := l.partitions[at]
	if a == nil {
		a = &acked{}
		l.partitions[at] = a
	}
	for int64(len(a.hashes)) <= offset {
		a.hashes, a.seen = append(a.hashes, 0), append(a.seen, false)
	}
	a.hashes[offset] = hash(key, value)
}

// Begin forgets what was seen of the log, to read it from its beginning.
func (l *Ledger) Begin() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, a := range l.partitions {
		clear(a.seen)
	}
}

// Saw notes that the log has a record.
func (l *Ledger) Saw(topic string, partition int32, offset int64, key, value []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	a := l.partitions[place{topic, partition}]
	if a != nil && offset < int64(len(a.hashes)) && a.hashes[offset] == hash(key, value) {
		a.seen[offset] = true
	}
}

// Lost says where acknowledged records stood that the log does not have, or has
// other records instead of.
func (l *Ledger) Lost() (lost []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for at, a := range maps.All(l.partitions) {
		for offset, h := range a.hashes {
			if h != 0 && !a.seen[offset] {
				lost = append(lost, fmt.Sprintf("%s/%d at %d", at.topic, at.partition, offset))
			}
		}
	}
	slices.Sort(lost)
	return lost
}

// hash is of key and value, and never 0.
func hash(key, value []byte) uint64 {
	h := fnv.New64a()
	h.Write(key)
	h.Write([]byte{0})
	h.Write(value)
	return h.Sum64() | 1
}
