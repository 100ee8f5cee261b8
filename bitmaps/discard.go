package bitmaps

import "sync"

// Discard is a store that keeps nothing but runs of events, which are read back
// to find repeats, in memory: every partition begins empty and every commit
// succeeds. It is for measuring what comes before the commit.
func Discard() *Store { return &Store{runs: &keptRuns{values: map[runKey][]byte{}}} }

// keptRuns are the Events fragments of a store that discards.
type keptRuns struct {
	mu     sync.Mutex
	values map[runKey][]byte
}

type runKey struct {
	partition      int32
	account, field string
}

func (k *keptRuns) keep(partition int32, writes []Write) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, w := range writes {
		switch key := (runKey{partition, w.Account, w.Field}); {
		case w.Field[0] != byte(Events):
		case w.Value == nil:
			delete(k.values, key)
		default:
			k.values[key] = w.Value
		}
	}
}

func (k *keptRuns) read(partition int32, account string, fields []string) [][]byte {
	k.mu.Lock()
	defer k.mu.Unlock()
	values := make([][]byte, len(fields))
	for i, field := range fields {
		values[i] = k.values[runKey{partition, account, field}]
	}
	return values
}
