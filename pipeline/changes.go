package pipeline

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"rollcall/consumers"
)

// ToldChange is a change of a segment, as a reader of changes gets it.
type ToldChange struct {
	ID      string    `json:"id" doc:"the same if the change is told again"`
	Contact string    `json:"contact"`
	Change  string    `json:"change" enum:"entered,exited"`
	Cause   string    `json:"cause" enum:"event,window,definition,replay"`
	At      time.Time `json:"at" doc:"when it was published"`
}

// ChangeQuery asks for changes since a moment, or after a cursor.
type ChangeQuery struct {
	Since  time.Time // zero: all that is kept
	Cursor string    // else
}

// ToldChanges is how reading changes ended.
type ToldChanges struct {
	Count  int64
	Cursor string    // goes on from here
	Since  time.Time // before that some may be missing that were asked for; zero: none are
	More   bool      // it ended before the newest, to be asked for again
}

// ChangesKept is for how long TopicSegmentChanges keeps what is told, as it is created.
const ChangesKept = 7 * 24 * time.Hour

// maxScanned bounds the records that are read for one question, of whatever
// segment they are. What a commit tells is divided only where it goes on for
// maxOneCommit more.
const (
	maxScanned   = 1_000_000
	maxOneCommit = 200_000
)

// Changes reads what was told of segments.
type Changes struct {
	Log        Log
	Watermarks Watermarks
	// OffsetsAt tells the first offset of a time in each partition; -1: there is none.
	OffsetsAt  func(ctx context.Context, tps []consumers.TopicPartition, at time.Time) (map[consumers.TopicPartition]int64, error)
	Partitions int32
	Now        func() time.Time

	scan int // in tests, instead of maxScanned
}

// Read calls yield with each change of a segment once, partition by partition,
// those of a contact in their order; and, where all that a commit told was
// yielded, with what gives the cursor after it, else nil. It fails with
// ErrCursorGone if what follows the cursor is no longer kept, or with yield's error.
func (c *Changes) Read(ctx context.Context, account, segment string, q ChangeQuery, yield func(t ToldChange, cursor func() string) error) (ToldChanges, error) {
	r := changesReader{Changes: c, account: account, segment: segment, yield: yield, left: cmp.Or(c.scan, maxScanned)}
	if err := r.begin(ctx, q); err != nil {
		return r.told, err
	}
	for _, tp := range r.tps {
		if err := r.partition(ctx, tp); err != nil {
			return r.told, err
		}
	}
	r.told.Cursor = r.at.String()
	return r.told, nil
}

// changesReader is a Read under way.
type changesReader struct {
	*Changes
	account, segment string
	yield            func(ToldChange, func() string) error
	tps              []consumers.TopicPartition
	marks            map[consumers.TopicPartition]consumers.Watermark
	at               changeCursor
	told             ToldChanges
	left             int // records that may be read yet

	// Of the partition that is being read.
	commits toldCommits
	held    *ToldChange // until it is known whether its commit tells more
}

// begin finds out where to read from.
func (r *changesReader) begin(ctx context.Context, q ChangeQuery) (err error) {
	for p := range r.Partitions {
		r.tps = append(r.tps, consumers.TopicPartition{Topic: TopicSegmentChanges, Partition: p})
	}
	if r.marks, err = r.Watermarks(ctx, r.tps); err != nil {
		return fmt.Errorf("changes: %w", err)
	}
	if q.Cursor != "" {
		return r.resume(q.Cursor)
	}
	offsets := map[consumers.TopicPartition]int64{}
	if !q.Since.IsZero() {
		if offsets, err = r.OffsetsAt(ctx, r.tps, q.Since); err != nil {
			return fmt.Errorf("changes since a time: %w", err)
		}
	}
	kept := r.Now().Add(-ChangesKept)
	for _, tp := range r.tps {
		from, mark := offsets[tp], r.marks[tp]
		if from < 0 {
			from = mark.High
		}
		from = max(from, mark.LogStart)
		if from == mark.LogStart && mark.LogStart > 0 && kept.After(q.Since) {
			r.told.Since = kept
		}
		r.at = append(r.at, cursorPart{Next: from})
	}
	return nil
}

func (r *changesReader) resume(cursor string) (err error) {
	if r.at, err = parseChangeCursor(cursor); err != nil {
		return &QuestionError{"expected a time, a day or a cursor"}
	}
	if len(r.at) != len(r.tps) {
		return ErrCursorGone
	}
	for i, tp := range r.tps {
		if next := r.at[i].Next; next < r.marks[tp].LogStart || next > r.marks[tp].High {
			return ErrCursorGone
		}
	}
	return nil
}

// errScanned ends the reading of a partition.
var errScanned = errors.New("enough was read")

// partition reads one partition to its end, or until enough was read.
func (r *changesReader) partition(ctx context.Context, tp consumers.TopicPartition) error {
	part, high := &r.at[tp.Partition], r.marks[tp].High
	if part.Next >= high {
		return nil
	}
	if r.left <= 0 {
		r.told.More = true
		return nil
	}
	r.commits, r.held = toldCommits{told: part.Told}, nil
	next, err := r.Log.ReadUpTo(ctx, tp, part.Next, high, func(rec *consumers.Record) error {
		if r.left--; r.left < 0 && (r.held == nil || r.left < -maxOneCommit) {
			return errScanned
		}
		return r.take(rec)
	})
	if _, lost := errors.AsType[*consumers.OffsetLostError](err); lost {
		return ErrCursorGone // retention passed it meanwhile
	}
	if errors.Is(err, errScanned) {
		r.told.More, err = true, nil
	}
	if err != nil {
		return err
	}
	part.Next, part.Told = next, r.commits.told // of the last commit more may come
	return r.release(nil)
}

// take looks at a record of the topic.
func (r *changesReader) take(rec *consumers.Record) error {
	if !r.isOurs(rec) {
		return nil
	}
	var c Change
	if json.Unmarshal(rec.Value, &c) != nil || c.Account != r.account || c.Segment != r.segment {
		return nil
	}
	again, begins := r.commits.take(c.ID)
	if again {
		return nil
	}
	var cursor func() string
	if part := &r.at[rec.Partition]; begins {
		part.Next, part.Told = rec.Offset, r.commits.told
		cursor = r.at.String
	}
	if err := r.release(cursor); err != nil {
		return err
	}
	if begins && r.left < 0 {
		return errScanned
	}
	r.held = &ToldChange{ID: c.ID, Contact: c.Contact, Change: c.Change, Cause: c.Cause, At: time.UnixMilli(rec.Time).UTC()}
	return nil
}

// isOurs looks at what most records differ in, before they are decoded.
func (r *changesReader) isOurs(rec *consumers.Record) bool {
	account, _, _ := bytes.Cut(rec.Key, []byte("/"))
	return string(account) == r.account && bytes.Contains(rec.Value, []byte(`"`+r.segment+`"`))
}

// release yields the change that is held back.
func (r *changesReader) release(cursor func() string) error {
	if r.held == nil {
		return nil
	}
	t := *r.held
	r.held = nil
	r.told.Count++
	return r.yield(t, cursor)
}
