package catalog

import (
	"bytes"
	"context"
	"sync"
	"time"
)

// Memory is a Topic without Kafka, for tests. The zero value is empty.
type Memory struct {
	mu      sync.Mutex
	entries []memoryEntry
	grown   chan struct{} // closed at the next Append; nil: nobody waits
}

type memoryEntry struct {
	timeMS int64
	value  []byte
}

// Append implements Topic.
func (m *Memory) Append(_ context.Context, _ string, value []byte) (int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.entries = append(m.entries, memoryEntry{time.Now().UnixMilli(), bytes.Clone(value)})
	if m.grown != nil {
		close(m.grown)
		m.grown = nil
	}
	return int64(len(m.entries) - 1), nil
}

// End implements Topic.
func (m *Memory) End(context.Context) (int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return int64(len(m.entries)), nil
}

// Tail implements Topic.
func (m *Memory) Tail(ctx context.Context, from int64, fn func(offset, timeMS int64, value []byte) error) error {
	for {
		entries, grown := m.after(from)
		for _, e := range entries {
			if err := fn(from, e.timeMS, e.value); err != nil {
				return err
			}
			from++
		}
		select {
		case <-grown:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (m *Memory) after(from int64) ([]memoryEntry, <-chan struct{}) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.grown == nil {
		m.grown = make(chan struct{})
	}
	return m.entries[min(from, int64(len(m.entries))):], m.grown
}
