package consumers

import (
	"context"
	"errors"
	"fmt"
	"math"
)

// What ReadAll and Tail take from a feed at a time.
const (
	tailRecords = 10_000
	tailBytes   = 4 << 20
)

// ReadAll reads a partition from an offset (negative: from the log's start) to
// the high watermark as it is at the beginning, or a little further, and
// returns the offset to read on from. It waits for a transaction that is open
// before that. A record is valid during the call of fn; if fn returns an error
// the reading ends with it, and next is that record's offset.
func (c *Client) ReadAll(ctx context.Context, tp TopicPartition, from int64, fn func(*Record) error) (next int64, err error) {
	return c.ReadUpTo(ctx, tp, from, math.MaxInt64, fn)
}

var errReached = errors.New("the end is reached")

// ReadUpTo reads as ReadAll does, but no offset from end on. What is before it
// and was read once is read without waiting.
func (c *Client) ReadUpTo(ctx context.Context, tp TopicPartition, from, end int64, fn func(*Record) error) (next int64, err error) {
	feed := newFeed(ctx, c, []TopicPartition{tp})
	feed.urgent = true // a task may stand still until this is read
	if err := feed.Start(map[TopicPartition]int64{tp: from}); err != nil {
		return from, err
	}
	defer feed.close()
	end = min(end, feed.High(tp))
	for next = feed.streams[0].w.next; next < end; {
		next, err = feed.await(ctx, next, func(r *Record) error {
			if r.Offset >= end {
				return errReached
			}
			return fn(r)
		})
		if err != nil && !errors.Is(err, errReached) {
			return next, err
		}
	}
	return next, nil
}

// Tail reads a partition from an offset (negative: from the log's start) and
// follows it until ctx ends or a callback returns an error. A record is valid
// during the call of fn. caughtUp, if not nil, is called whenever all up to the
// newest known high watermark was handed to fn: first when that is reached,
// then after what is written later.
func (c *Client) Tail(ctx context.Context, tp TopicPartition, from int64, fn func(*Record) error, caughtUp func(next, high int64) error) error {
	feed := newFeed(ctx, c, []TopicPartition{tp})
	feed.urgent = true // a task may stand still until this is read
	if err := feed.Start(map[TopicPartition]int64{tp: from}); err != nil {
		return err
	}
	defer feed.close()
	told := int64(-1)
	for {
		next, high := feed.streams[0].w.next, feed.High(tp)
		if caughtUp != nil && next >= high && next != told {
			if err := caughtUp(next, high); err != nil {
				return err
			}
			told = next
		}
		if _, err := feed.await(ctx, next, fn); err != nil {
			return err
		}
	}
}

// await hands the next batch of a feed of one partition to fn, as soon as there
// is one. It returns the offset to read on from.
func (f *Feed) await(ctx context.Context, next int64, fn func(*Record) error) (int64, error) {
	select {
	case <-ctx.Done():
		return next, ctx.Err()
	case <-f.ready:
	}
	batch, err := f.Next(tailRecords, tailBytes)
	if batch == nil {
		return next, err
	}
	for i := range batch.Records {
		r := &batch.Records[i]
		if err := fn(r); err != nil {
			return r.Offset, fmt.Errorf("%s at offset %d: %w", r.TopicPartition, r.Offset, err)
		}
	}
	return batch.Next[0].Offset, nil
}
