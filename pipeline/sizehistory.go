package pipeline

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"rollcall/consumers"
	"rollcall/pipeline/catalog"
	"rollcall/pipeline/sizes"
)

// SizeLog is where the recorded sizes are read.
type SizeLog interface {
	// Tail calls fn with the records of a partition, from an offset on (negative:
	// from the log's start), and follows it. caughtUp is called when the end is reached.
	Tail(ctx context.Context, tp consumers.TopicPartition, from int64, fn func(*consumers.Record) error, caughtUp func(next, high int64) error) error
}

// SizeHistory knows how large segments were, from what the owners of all
// partitions recorded.
type SizeHistory struct {
	log        SizeLog
	catalog    *catalog.Catalog
	partitions int32
	now        func() time.Time

	mu      sync.Mutex
	history *sizes.History
	read    map[int32]bool // partitions that were read to their end once
}

// NewSizeHistory makes one that knows nothing before Run.
func NewSizeHistory(log SizeLog, c *catalog.Catalog, partitions int32, now func() time.Time) *SizeHistory {
	h := &SizeHistory{log: log, catalog: c, partitions: partitions, now: now}
	h.reset()
	return h
}

func (h *SizeHistory) reset() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.history, h.read = sizes.NewHistory(), map[int32]bool{}
}

const (
	// rereadAfter is how long it waits before it reads everything anew.
	rereadAfter = 5 * time.Second
	// sizesDefined bounds how long a record waits for its definitions.
	sizesDefined = 10 * time.Second
	// forgetEvery is how often deleted accounts are looked for.
	forgetEvery = time.Hour
)

// Run follows the records until ctx ends. As differences are kept, nothing may
// be read twice: if reading fails, all begins anew.
func (h *SizeHistory) Run(ctx context.Context) error {
	for {
		err := h.follow(ctx)
		if ctx.Err() != nil {
			return nil
		}
		slog.Warn("reading recorded sizes failed, will be done anew", "err", err)
		pause(ctx, rereadAfter)
		h.reset()
	}
}

func (h *SizeHistory) follow(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	for p := range h.partitions {
		g.Go(func() error {
			tp := consumers.TopicPartition{Topic: TopicSizes, Partition: p}
			return h.log.Tail(ctx, tp, -1, func(r *consumers.Record) error { return h.take(ctx, r) }, func(int64, int64) error {
				h.mu.Lock()
				defer h.mu.Unlock()
				h.read[p] = true
				return nil
			})
		})
	}
	g.Go(func() error {
		for ctx.Err() == nil {
			pause(ctx, forgetEvery)
			h.history.Keep(func(account string) bool { return h.catalog.Account(account) != nil })
		}
		return ctx.Err()
	})
	return g.Wait()
}

// take takes a record in. One that can't be read is none of ours.
func (h *SizeHistory) take(ctx context.Context, r *consumers.Record) error {
	var rec sizes.Record
	if json.Unmarshal(r.Value, &rec) != nil {
		return nil
	}
	// Whether a segment is that of the record is only known with its definitions.
	wait, cancel := context.WithTimeout(ctx, sizesDefined)
	defer cancel()
	if err := h.catalog.Wait(wait, rec.Definitions); err != nil && ctx.Err() != nil {
		return err
	}
	h.history.Take(r.Partition, &rec, h.catalog.Account(rec.Account), h.now())
	return nil
}

// Points is a segment over steps between two moments, from the first on of which
// something is known. The error says what is wrong with the question, or is
// ErrUnavailable while the records are being read.
func (h *SizeHistory) Points(account, segment string, from, to time.Time, step sizes.Step) ([]sizes.Point, error) {
	def := h.catalog.Account(account)
	if def == nil {
		return []sizes.Point{}, nil
	}
	edges, err := step.Edges(from, to, def.Zone)
	if err != nil {
		return nil, &QuestionError{err.Error()}
	}
	h.mu.Lock()
	history, ready := h.history, len(h.read) == int(h.partitions)
	h.mu.Unlock()
	if !ready {
		return nil, fmt.Errorf("recorded sizes are being read: %w", ErrUnavailable)
	}
	return history.Points(def, segment, edges), nil
}

// QuestionError says what is wrong with a question.
type QuestionError struct{ Reason string }

func (e *QuestionError) Error() string { return e.Reason }
