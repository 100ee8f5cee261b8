package pipeline

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"rollcall/consumers"
)

// LetterDetail is a dead letter with all that is in it.
type LetterDetail struct {
	DeadLetter
	Key     []byte // nil: none
	Value   []byte // nil: none
	Headers []consumers.Header
}

// Show reads one dead letter; the error is ErrNoLetter if there is none.
func (l *Letters) Show(ctx context.Context, id string) (LetterDetail, error) {
	var found LetterDetail
	_, err := l.read(ctx, []string{id}, func(r *consumers.Record, _ *origin) error {
		d, _ := letterOf(r)
		first := letterRecord(r)
		found = LetterDetail{DeadLetter: *d, Key: first.Key, Value: first.Value, Headers: r.Headers()}
		return nil
	})
	if err == nil && found.ID == "" {
		err = ErrNoLetter
	}
	return found, err
}

// letterRecord is a copy of the record that a dead letter is of, with the key
// and value that it had.
func letterRecord(r *consumers.Record) consumers.Record {
	first := r.Clone()
	first.Key = nil
	if key, ok := first.Header(headerErrorKey); ok {
		first.Key = key
	}
	if _, ok := first.Header(headerErrorNull); ok {
		first.Value = nil
	}
	return first
}

// Retried is what became of dead letters that were to be retried.
type Retried struct {
	Retried  int    `json:"retried" doc:"copied to the inbox, to be read once more"`
	Missing  int    `json:"missing" doc:"no longer there"`
	TooLarge int    `json:"too_large" doc:"over 1 MiB, or with headers of more than 512 KiB, which is never taken"`
	Next     string `json:"next,omitempty" doc:"there are more that were asked for: ask again with this as after"`
}

// What is retried with one write.
const (
	retryAtOnce = 500
	retryBytes  = 4 << 20
)

// Retry copies the records of dead letters to the inbox of the partition that
// they failed in, with where they first stood. So they mean what they did there,
// and nothing if they were applied meanwhile. A record that can't be read still
// takes its letter's place, and one that can takes it out.
func (l *Letters) Retry(ctx context.Context, ids []string) (done Retried, err error) {
	var messages []consumers.Message
	size := 0
	write := func() error {
		if len(messages) == 0 {
			return nil
		}
		if _, err := l.log.Write(ctx, messages); err != nil {
			return fmt.Errorf("retrying %d dead letters: %w", len(messages), err)
		}
		done.Retried += len(messages)
		messages, size = messages[:0], 0
		return nil
	}
	done.Missing, err = l.read(ctx, ids, func(r *consumers.Record, stood *origin) error {
		first, letter := letterRecord(r), letterPlace{r.Partition, r.Key}
		m := inboxMessage(r.Partition, stood, first.Key, first.Value, append(producerHeaders(&first), letter.header()))
		if len(r.Value) > maxValueBytes || sizeOf(&m) > maxCopy {
			done.TooLarge++
			return nil
		}
		messages = append(messages, m)
		if size += sizeOf(&m); len(messages) < retryAtOnce && size < retryBytes {
			return nil
		}
		return write()
	})
	if err != nil {
		return done, err
	}
	return done, write()
}

// RetryAll retries up to limit letters after a cursor, as List gives them.
func (l *Letters) RetryAll(ctx context.Context, f LetterFilter, after string, limit int) (Retried, error) {
	page, err := l.List(ctx, f, after, limit)
	if err != nil {
		return Retried{}, err
	}
	var ids []string
	for _, d := range page.Letters {
		ids = append(ids, d.ID)
	}
	done, err := l.Retry(ctx, ids)
	done.Next = page.Next
	return done, err
}

// read calls fn with the dead letters of some ids, and counts those that are
// not there.
func (l *Letters) read(ctx context.Context, ids []string, fn func(*consumers.Record, *origin) error) (missing int, err error) {
	wanted := map[int32][]int64{}
	for _, s := range ids {
		if id, ok := parseLetterID(s); ok && id.partition < l.partitions {
			wanted[id.partition] = append(wanted[id.partition], id.offset)
		} else {
			missing++
		}
	}
	for _, p := range slices.Sorted(maps.Keys(wanted)) {
		offsets := slices.Compact(slices.Sorted(slices.Values(wanted[p])))
		found, err := l.readOf(ctx, p, offsets, fn)
		if missing += len(offsets) - found; err != nil {
			return missing, err
		}
	}
	return missing, nil
}

// farOff is how many records are rather not read to get to the next wanted.
const farOff = 1000

// readOf does that for a partition, with offsets in order.
func (l *Letters) readOf(ctx context.Context, partition int32, offsets []int64, fn func(*consumers.Record, *origin) error) (found int, err error) {
	tp := consumers.TopicPartition{Topic: TopicDeadLetters, Partition: partition}
	marks, err := l.watermarks(ctx, []consumers.TopicPartition{tp})
	if err != nil {
		return 0, err
	}
	there := func(offset int64) bool { return offset >= marks[tp].LogStart && offset < marks[tp].High }
	offsets = slices.DeleteFunc(offsets, func(offset int64) bool { return !there(offset) })
	for len(offsets) > 0 {
		_, err := l.log.ReadAll(ctx, tp, offsets[0], func(r *consumers.Record) error {
			for len(offsets) > 0 && offsets[0] < r.Offset {
				offsets = offsets[1:]
			}
			if len(offsets) == 0 || offsets[0]-r.Offset > farOff {
				return errEnd
			}
			if offsets[0] != r.Offset {
				return nil
			}
			offsets = offsets[1:]
			stood, ok := letterOrigin(r)
			if !ok || r.Value == nil {
				return nil
			}
			found++
			return fn(r, &stood)
		})
		switch {
		case err == nil:
			return found, nil // the end: what is left is not there
		case !errors.Is(err, errEnd):
			return found, err
		}
	}
	return found, nil
}
