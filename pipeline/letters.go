package pipeline

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"rollcall/consumers"
)

// DeadLetter is a record that could not be read, and where it first stood.
type DeadLetter struct {
	ID        string    `json:"id" doc:"partition and offset in rollcall.dead-letters"`
	Reason    string    `json:"reason" doc:"the code"`
	Topic     string    `json:"topic" doc:"where the record first stood"`
	Partition int32     `json:"partition"`
	Offset    int64     `json:"offset"`
	Time      time.Time `json:"time" doc:"Kafka's time of the record there"`
	Account   string    `json:"account,omitempty" doc:"if the record's key or value names one"`
	Failed    time.Time `json:"failed" doc:"when it was dead-lettered, last"`
	Bytes     int       `json:"bytes" doc:"of the value"`

	at letterID
}

// letterID is where a dead letter is.
type letterID struct {
	partition int32
	offset    int64
}

func (id letterID) String() string { return fmt.Sprintf("%d-%d", id.partition, id.offset) }

// parseLetterID reads what String writes.
func parseLetterID(s string) (id letterID, ok bool) {
	partition, offset, _ := strings.Cut(s, "-")
	p, err := strconv.ParseInt(partition, 10, 32)
	n, err2 := strconv.ParseInt(offset, 10, 64)
	id = letterID{int32(p), n}
	return id, err == nil && err2 == nil && p >= 0 && n >= 0
}

// LetterFilter chooses dead letters. What is empty chooses all.
type LetterFilter struct {
	Reason, Topic, Account string
	From                   time.Time // those that failed then or later
}

func (f *LetterFilter) has(d *DeadLetter) bool {
	return (f.Reason == "" || f.Reason == d.Reason) && (f.Topic == "" || f.Topic == d.Topic) &&
		(f.Account == "" || f.Account == d.Account) && !d.Failed.Before(f.From)
}

// LetterPage is some dead letters, the newest first.
type LetterPage struct {
	Letters []DeadLetter     `json:"dead_letters"`
	Next    string           `json:"next,omitempty" doc:"ask with after= for more; none: these were the last"`
	Count   int              `json:"count" doc:"all that were asked for, on this page or not"`
	Reasons map[string]int64 `json:"reasons" doc:"how many of them for each reason"`
	Older   bool             `json:"older,omitempty" doc:"there may be older ones, which are listed when newer ones are gone"`
}

// ErrNoLetter says that there is no such dead letter, any more.
var ErrNoLetter = errors.New("no such dead letter")

// ErrBadCursor says that a cursor is none of ours.
var ErrBadCursor = errors.New("not a cursor of dead letters")

// Letters is what an operator does with dead letters. It keeps an index of
// them in memory, which it brings up to date when it is asked: of letters that
// one and the same record made, the newest counts, and none once the record
// could be read or its contact was erased. It is safe for concurrent use.
type Letters struct {
	log        Log
	watermarks Watermarks
	partitions int32

	turn    chan struct{} // held by whoever uses what follows
	next    map[int32]int64
	index   map[string]*DeadLetter // by partition and key
	older   bool                   // the index holds the newest only
	most    int                    // letters that it holds
	begun   time.Time              // when reading began anew last
	again   time.Duration          // how long after that it may again
	current time.Time              // when it was brought up to date last
	sure    time.Duration          // how long after that it may be
}

// maxLetters bounds the index, to some 50 MB.
const maxLetters = 200_000

// lettersSure is half of how long Kafka keeps at least a record without a value
// (delete.retention.ms).
const lettersSure = 12 * time.Hour

// NewLetters reads the dead letters of so many partitions when it is asked.
func NewLetters(log Log, watermarks Watermarks, partitions int32) *Letters {
	return &Letters{
		log: log, watermarks: watermarks, partitions: partitions, turn: make(chan struct{}, 1),
		next: map[int32]int64{}, index: map[string]*DeadLetter{}, most: maxLetters, again: time.Minute, sure: lettersSure,
	}
}

// List gives up to limit letters after a cursor; an empty one is the beginning.
// What was read is kept if ctx ends before all is, so that asking again gets on.
func (l *Letters) List(ctx context.Context, f LetterFilter, after string, limit int) (LetterPage, error) {
	page := LetterPage{Letters: []DeadLetter{}, Reasons: map[string]int64{}}
	from, err := parseLetterCursor(after)
	if err != nil {
		return page, err
	}
	select {
	case l.turn <- struct{}{}:
		defer func() { <-l.turn }()
	case <-ctx.Done():
		return page, ctx.Err()
	}
	if err := l.refresh(ctx); err != nil {
		return page, fmt.Errorf("dead letters: %w", err)
	}
	var left []DeadLetter
	for _, d := range l.index {
		if !f.has(d) {
			continue
		}
		page.Count++
		page.Reasons[d.Reason]++
		if after == "" || newestFirst(from, *d) < 0 {
			left = append(left, *d)
		}
	}
	slices.SortFunc(left, newestFirst)
	if len(left) > limit {
		left = left[:limit]
		page.Next = cursorAfter(&left[limit-1])
	}
	page.Letters, page.Older = append(page.Letters, left...), l.older
	return page, nil
}

func newestFirst(a, b DeadLetter) int {
	return cmp.Or(b.Failed.Compare(a.Failed), cmp.Compare(b.at.partition, a.at.partition), cmp.Compare(b.at.offset, a.at.offset))
}

func cursorAfter(d *DeadLetter) string { return fmt.Sprintf("%d.%s", d.Failed.UnixMilli(), d.at) }

func parseLetterCursor(s string) (d DeadLetter, err error) {
	if s == "" {
		return d, nil
	}
	at, id, _ := strings.Cut(s, ".")
	ms, err := strconv.ParseInt(at, 10, 64)
	parsed, ok := parseLetterID(id)
	if err != nil || !ok {
		return d, ErrBadCursor
	}
	return DeadLetter{Failed: time.UnixMilli(ms), at: parsed}, nil
}

// refresh reads what was written since the last time.
func (l *Letters) refresh(ctx context.Context) error {
	if now := time.Now(); now.Sub(l.current) > l.sure { // the record that took a letter out may be gone by now
		clear(l.index)
		clear(l.next)
		l.older, l.begun = false, now
	}
	if l.older && len(l.index) < l.most/2 && time.Since(l.begun) > l.again {
		clear(l.next)
		l.older, l.begun = false, time.Now()
	}
	var tps []consumers.TopicPartition
	for p := range l.partitions {
		tps = append(tps, consumers.TopicPartition{Topic: TopicDeadLetters, Partition: p})
	}
	marks, err := l.watermarks(ctx, tps)
	if err != nil {
		return err
	}
	for _, tp := range tps {
		from, begun := l.next[tp.Partition]
		if !begun || from < marks[tp].LogStart || from > marks[tp].High {
			from = marks[tp].LogStart
		}
		if from == marks[tp].High {
			continue
		}
		next, err := l.log.ReadAll(ctx, tp, from, func(r *consumers.Record) error { l.take(r); return nil })
		if l.next[tp.Partition] = next; err != nil {
			return err
		}
	}
	l.current = time.Now()
	return nil
}

// take enters a record of the topic into the index.
func (l *Letters) take(r *consumers.Record) {
	key := strconv.Itoa(int(r.Partition)) + "/" + string(r.Key)
	d, ok := letterOf(r)
	if !ok {
		delete(l.index, key)
		return
	}
	if l.index[key] = d; len(l.index) > l.most+l.most/8 {
		l.thin()
	}
}

// thin drops the oldest letters.
func (l *Letters) thin() {
	all := make([]*DeadLetter, 0, len(l.index))
	for _, d := range l.index {
		all = append(all, d)
	}
	slices.SortFunc(all, func(a, b *DeadLetter) int { return newestFirst(*a, *b) })
	oldest := all[l.most-1]
	for key, d := range l.index {
		if newestFirst(*oldest, *d) < 0 {
			delete(l.index, key)
		}
	}
	l.older = true
}

// letterOf describes a dead letter; it says false of a record that takes one out.
func letterOf(r *consumers.Record) (*DeadLetter, bool) {
	stood, ok := letterOrigin(r)
	if !ok || r.Value == nil {
		return nil, false
	}
	code, _ := r.Header(headerErrorCode)
	at := letterID{r.Partition, r.Offset}
	return &DeadLetter{
		ID: at.String(), at: at, Reason: internCode(code), Topic: stood.Topic, Partition: stood.Partition, Offset: stood.offset,
		Time: time.UnixMilli(stood.time).UTC(), Failed: time.UnixMilli(r.Time).UTC(), Account: accountIn(r), Bytes: len(r.Value),
	}, true
}

// letterOrigin is where the record of a dead letter first stood.
func letterOrigin(r *consumers.Record) (o origin, ok bool) {
	topic, ok := r.Header(headerErrorTopic)
	partition, ok1 := headerNumber(r, headerErrorPartition, 32)
	offset, ok2 := headerNumber(r, headerErrorOffset, 64)
	at, ok3 := headerNumber(r, headerErrorTime, 64)
	o.Topic, o.Partition, o.offset, o.time = internTopic(topic), int32(partition), offset, at
	return o, ok && ok1 && ok2 && ok3
}

func internCode(code []byte) string {
	for known := range meanings {
		if string(known) == string(code) {
			return string(known)
		}
	}
	return string(code)
}

// accountIn is the account that a dead letter is about, as far as can be told.
func accountIn(r *consumers.Record) string {
	var o object
	if len(r.Value) <= maxValueBytes && o.read(r.Value) && validAccount(o.string(fieldAccount)) {
		return string(o.string(fieldAccount))
	}
	key, _ := r.Header(headerErrorKey)
	if account, _, ok := strings.Cut(string(key), "/"); ok && validAccount([]byte(account)) {
		return account
	}
	return ""
}
