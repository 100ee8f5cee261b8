package pipeline

import (
	"context"
	"log/slog"
	"maps"
	"slices"

	"rollcall/consumers"
)

// frozenSweep goes through a partition of the snapshots: it writes chunks that
// have an erased contact anew without it, and takes those out that belong to no
// snapshot any more.
type frozenSweep struct {
	*scrubber
	ctx     context.Context
	erased  *erasedContacts
	checked int64 // chunks below were held against all but the newest erasures

	found map[string]consumers.Message // what is to be written, by key
	size  int                          // bytes of that
	done  swept
}

// sweepBytes bounds the chunks in memory that are to be written anew.
const sweepBytes = 4 << 20

func (s *scrubber) sweepSnapshots(ctx context.Context, from, checked int64, erased *erasedContacts) (swept, error) {
	w := &frozenSweep{scrubber: s, ctx: ctx, erased: erased, checked: checked, found: map[string]consumers.Message{}}
	tp := consumers.TopicPartition{Topic: TopicSnapshots, Partition: s.partition}
	err := s.readFrom(ctx, tp, from, w.take)
	if err == nil {
		err = w.write()
	}
	return w.done, err
}

func (w *frozenSweep) take(r *consumers.Record) error {
	key, ok := parseChunkKey(r.Key)
	if !ok {
		return nil
	}
	if r.Value == nil {
		w.written(r)
		return nil
	}
	m := consumers.Message{Topic: TopicSnapshots, Partition: w.partition, Key: []byte(key.String())}
	keep, settled := w.catalog.KeepsSnapshot(key.account, key.snapshot, w.now())
	if !settled && w.done.again == 0 {
		w.done.again = 1 + r.Offset
	}
	if keep {
		if m.Value = w.thinned(key, r); m.Value == nil {
			w.written(r)
			return nil
		}
	}
	w.found[string(m.Key)] = m
	if w.size += len(m.Value); w.size > sweepBytes {
		return w.write()
	}
	return nil
}

// written notes that a later version of a chunk is all right.
func (w *frozenSweep) written(r *consumers.Record) {
	if m, ok := w.found[string(r.Key)]; ok {
		w.done.left = true
		w.size -= len(m.Value)
		delete(w.found, string(r.Key))
	}
}

// thinned is a chunk without those who were erased; nil if nobody was.
func (w *frozenSweep) thinned(key chunkKey, r *consumers.Record) []byte {
	if r.Offset < w.checked && !w.erased.recent[key.account] {
		return nil
	}
	c, err := readChunk(r.Value)
	if err == nil && !c.thin(w.erased, key.account) {
		return nil
	}
	if err == nil {
		var m consumers.Message
		m, err = c.message(key, w.partition)
		if err == nil {
			return m.Value
		}
	}
	slog.Error("a chunk of a snapshot can't be read", "partition", w.partition, "offset", r.Offset, "err", err)
	return nil
}

// write writes what was found.
func (w *frozenSweep) write() error {
	var messages []consumers.Message
	for _, key := range slices.Sorted(maps.Keys(w.found)) {
		messages = append(messages, w.found[key])
	}
	if len(messages) == 0 {
		return nil
	}
	if _, err := w.log.Write(w.ctx, messages); err != nil {
		return err
	}
	w.done.took += len(messages)
	clear(w.found)
	w.size = 0
	return nil
}
