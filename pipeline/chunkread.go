package pipeline

import (
	"context"
	"errors"
	"math"
	"sync"

	"rollcall/consumers"
	"rollcall/pipeline/catalog"
)

// A chunk that somebody is taken out of is written anew, and stands behind the
// others then. So chunks are looked for from where the first was written on, and
// where they were seen is remembered. Any version will do, as whoever was erased
// is withheld in any case; an older one is there until Kafka compacts it away.

// partKey names the chunks of a snapshot in a partition.
type partKey struct {
	snapshot  int64
	partition int32
}

// chunkPlaces are where the chunks of a part were seen, the newest version of each.
type chunkPlaces struct {
	mu   sync.Mutex
	at   []int64 // offset by chunk, -1: not known
	next int64   // all before it was looked through
}

// maxPlaces bounds the parts that are remembered. 10 million contacts in 8
// partitions are about 500 chunks in each.
const maxPlaces = 10_000

func (s *Snapshots) placesOf(snapshot *catalog.Snapshot, partition int32) *chunkPlaces {
	s.mu.Lock()
	defer s.mu.Unlock()
	of := partKey{snapshot.ID, partition}
	p := s.places[of]
	if p == nil {
		if len(s.places) >= maxPlaces {
			clear(s.places)
		}
		p = &chunkPlaces{next: snapshot.Parts[partition].First, at: make([]int64, snapshot.Parts[partition].Chunks)}
		for i := range p.at {
			p.at[i] = -1
		}
		s.places[of] = p
	}
	return p
}

// find is where a chunk was seen or, if it was not, from where on it may be.
func (p *chunkPlaces) find(chunk int) (at int64, seen bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.at[chunk] >= 0 {
		return p.at[chunk], true
	}
	return p.next, false
}

// passed notes that an offset was looked at, and which chunk is there, -1: none.
func (p *chunkPlaces) passed(offset int64, chunk int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if chunk >= 0 && chunk < len(p.at) {
		p.at[chunk] = max(p.at[chunk], offset) // the older goes first
	}
	p.next = max(p.next, offset+1)
}

// forget notes that a chunk is not where it was.
func (p *chunkPlaces) forget(chunk int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.at[chunk] = -1
}

// read reads some chunks of a part in order, beginning with one.
func (s *Snapshots) read(ctx context.Context, snapshot *catalog.Snapshot, partition int32, chunk int) ([]frozenChunk, error) {
	r := chunkReader{places: s.placesOf(snapshot, partition), snapshot: snapshot, next: chunk,
		end: min(chunk+readAtOnce, snapshot.Parts[partition].Chunks)}
	tp := consumers.TopicPartition{Topic: TopicSnapshots, Partition: partition}
	for r.next < r.end {
		before := r.next
		from, seen := r.places.find(r.next)
		_, err := s.log.ReadUpTo(ctx, tp, from, math.MaxInt64, r.take)
		switch {
		case err != nil && !errors.Is(err, errEnd):
			return nil, err
		case err != nil || r.next > before:
		case !seen:
			return nil, errChunkMissing
		default:
			r.places.forget(r.next)
		}
	}
	return r.chunks, nil
}

// chunkReader collects the chunks of a part in order.
type chunkReader struct {
	places    *chunkPlaces
	snapshot  *catalog.Snapshot
	next, end int // chunk
	chunks    []frozenChunk
}

// take takes a record, and ends with errEnd where the next chunk is elsewhere.
func (r *chunkReader) take(rec *consumers.Record) error {
	key, ok := parseChunkKey(rec.Key)
	if !ok || key.snapshot != r.snapshot.ID || key.account != r.snapshot.Account || rec.Value == nil {
		key.chunk = -1
	}
	r.places.passed(rec.Offset, key.chunk)
	if key.chunk != r.next {
		if at, seen := r.places.find(r.next); seen && at <= rec.Offset { // compacted away
			r.places.forget(r.next)
			return errEnd
		}
		return nil
	}
	c, err := readChunk(rec.Value)
	if err != nil {
		return err
	}
	r.chunks = append(r.chunks, c)
	if r.next++; r.next == r.end {
		return errEnd
	}
	if at, _ := r.places.find(r.next); at <= rec.Offset || at > rec.Offset+farOff {
		return errEnd
	}
	return nil
}
