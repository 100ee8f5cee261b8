package catalog

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// Topic is the one partition that holds the definitions.
type Topic interface {
	// Append writes an entry durably and returns its offset.
	Append(ctx context.Context, key string, value []byte) (offset int64, err error)
	// End returns the offset that the next entry will have.
	End(ctx context.Context) (int64, error)
	// Tail calls fn with every entry from an offset on, in order, and waits for
	// more, until ctx ends or fn returns an error, which it returns.
	Tail(ctx context.Context, from int64, fn func(offset, timeMS int64, value []byte) error) error
}

// ErrHole means that entries which must be kept forever are gone, so that what
// is defined can't be known any more.
var ErrHole = errors.New("entries of the definitions are missing")

// Log keeps a Catalog at the end of its topic and writes to it.
type Log struct {
	catalog *Catalog
	topic   Topic

	mu      sync.Mutex
	waiting map[string]chan verdict // by entry id
}

type verdict struct {
	offset int64
	err    error
}

// NewLog returns a log that does nothing before Run.
func NewLog(c *Catalog, t Topic) *Log {
	return &Log{catalog: c, topic: t, waiting: map[string]chan verdict{}}
}

// Run folds the topic into the catalog until ctx ends, and then returns nil.
func (l *Log) Run(ctx context.Context) error {
	from := l.catalog.Offset()
	err := l.topic.Tail(ctx, from, l.fold)
	if ctx.Err() != nil {
		return nil
	}
	return fmt.Errorf("definitions from offset %d: %w", from, err)
}

// Put writes an entry and returns its offset once it is folded, or the
// *Refusal that it met. What would be refused now is not written at all: the
// topic is kept forever. Any other error leaves open whether it was written.
func (l *Log) Put(ctx context.Context, e Entry) (offset int64, err error) {
	if err := l.CaughtUp(ctx); err != nil {
		return 0, err
	}
	if err := l.catalog.Check(e); err != nil {
		return 0, err
	}
	id := newID()
	value, err := encode(id, e)
	if err != nil {
		return 0, err
	}
	answer := l.await(id)
	defer l.forget(id)
	if _, err := l.topic.Append(ctx, key(e), value); err != nil {
		return 0, fmt.Errorf("append %s to the definitions: %w", e.entryType(), err)
	}
	select {
	case v := <-answer:
		return v.offset, v.err
	case <-ctx.Done():
		return 0, fmt.Errorf("%s is written but not read back: %w", e.entryType(), context.Cause(ctx))
	}
}

// CaughtUp returns when everything that the topic held at the call is folded.
func (l *Log) CaughtUp(ctx context.Context) error {
	end, err := l.topic.End(ctx)
	if err != nil {
		return fmt.Errorf("end of the definitions: %w", err)
	}
	if err := l.catalog.Wait(ctx, end); err != nil {
		return fmt.Errorf("read the definitions up to offset %d: %w", end, err)
	}
	return nil
}

// EnsureSettings writes settings if there are none, and returns when there are.
func (l *Log) EnsureSettings(ctx context.Context) error {
	_, err := l.Put(ctx, NewSettings())
	if refusal, ok := errors.AsType[*Refusal](err); ok && refusal.Kind == Conflict {
		return nil
	}
	return err
}

// fold goes by the entry's own id, not by the offset that Append returned: a
// client that retries may write an entry twice, and the first counts.
func (l *Log) fold(offset, timeMS int64, value []byte) error {
	next := l.catalog.Offset()
	if offset < next {
		return nil // read again
	}
	if offset > next {
		return fmt.Errorf("%w: offset %d follows %d", ErrHole, offset, next-1)
	}
	id, entry, err := decode(value)
	err = l.catalog.fold(stamp{offset, time.UnixMilli(timeMS).UTC()}, entry, err)
	l.answer(id, verdict{offset, err})
	return nil
}

func (l *Log) await(id string) <-chan verdict {
	l.mu.Lock()
	defer l.mu.Unlock()
	answer := make(chan verdict, 1)
	l.waiting[id] = answer
	return answer
}

func (l *Log) answer(id string, v verdict) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if answer, ok := l.waiting[id]; ok {
		answer <- v
		delete(l.waiting, id)
	}
}

func (l *Log) forget(id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.waiting, id)
}

// key names the account, for whoever reads the topic by eye.
func key(e Entry) string {
	switch e := e.(type) {
	case PutAccount:
		return e.Account
	case DeleteAccount:
		return e.Account
	case PutSegment:
		return e.Account
	case DeleteSegment:
		return e.Account
	case PutToken:
		return e.Account
	case RevokeToken:
		return e.Account
	case StartSnapshot:
		return e.Account
	case EndSnapshot:
		return e.Account
	case DeleteSnapshot:
		return e.Account
	}
	return ""
}
