package pipeline

import (
	"context"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"rollcall/bitmaps"
	"rollcall/consumers"
	"rollcall/pipeline/catalog"
	"rollcall/pipeline/naive"
	"rollcall/pipeline/segment"
)

// LogReader reads Kafka.
type LogReader interface {
	// ReadAll calls fn with the records of a partition up to its end.
	ReadAll(ctx context.Context, tp consumers.TopicPartition, from int64, fn func(*consumers.Record) error) (next int64, err error)
	// ReadUpTo does so with those before an offset.
	ReadUpTo(ctx context.Context, tp consumers.TopicPartition, from, end int64, fn func(*consumers.Record) error) (next int64, err error)
}

// reportEvery is how many records are read between reports of progress.
const reportEvery = 200_000

// place is where a record stands.
type place struct {
	consumers.TopicPartition
	offset int64
}

// told is what the log says of a partition's contacts, up to where its state
// has read.
type told struct {
	*naive.Result
	erasures map[string]map[[16]byte]int64 // by account
	read     int64                         // records
	early    int64                         // of them, those that came before their account
	retried  bool                          // some are of dead letters
	outcomes map[naive.Verdict]int64
}

// world is what the naive way is to know beside the records.
func (v *verification) world(s *stored) naive.World {
	w := naive.World{Partitions: v.Verifier.Partitions, Alone: true}
	for id := range s.state.accounts {
		if def := s.definition(id); def != nil {
			w.Accounts = append(w.Accounts, plainAccount(def))
		}
	}
	for _, def := range s.newest.Accounts() {
		if s.state.accounts[def.ID] == nil {
			w.Accounts = append(w.Accounts, plainAccount(def))
		}
	}
	return w
}

// tellNaive reads every source up to the checkpoint, for the contacts that keep
// keeps by their keys.
func (v *verification) tellNaive(ctx context.Context, s *stored, keep func(key []byte) bool) (*told, error) {
	early, err := v.unknownOnce(ctx, s)
	if err != nil {
		return nil, err
	}
	t := &told{Result: naive.Begin(v.world(s)), erasures: map[string]map[[16]byte]int64{}, outcomes: map[naive.Verdict]int64{}}
	take := func(r *consumers.Record) error {
		v.read()
		if r.Topic == TopicInbox && !unpack(r) {
			return nil // it was skipped
		}
		t.read++
		if _, retried := r.Header(headerRetry); retried && r.Topic == TopicInbox {
			t.retried = true
		}
		t.take(r, keep(r.Key), early[standsAt(r)])
		return v.told
	}
	for _, o := range s.at.Checkpoint.Offsets {
		if !applies(o.Topic) {
			continue
		}
		tp := consumers.TopicPartition{Topic: o.Topic, Partition: o.Partition}
		if _, err := v.Log.ReadUpTo(ctx, tp, -1, o.Next, take); err != nil {
			return nil, err
		}
	}
	t.erase(s)
	return t, nil
}

// read counts a record.
func (v *verification) read() {
	if v.done.Records++; v.done.Records%reportEvery == 0 {
		v.report()
	}
}

// take takes a record in, if it is kept. One that was early came before its
// account, and was refused.
func (t *told) take(r *consumers.Record, kept, early bool) {
	switch {
	case r.Topic == TopicErasures:
		t.erasure(r, kept)
	case kept && early:
		t.early++
		t.outcomes[naive.DeadLettered]++
	case kept:
		t.outcomes[t.Take(plainRecord(r)).Verdict]++
	}
}

// applies tells whether records are applied from a topic. Those of mapped ones
// are forwarded, every one, and applied from the inbox.
func applies(topic string) bool {
	_, ofContract := shapes[topic]
	return ofContract || topic == TopicInbox || topic == TopicErasures
}

// erasure takes an entry of rollcall.erasures: ACCOUNT/HASH, and the time.
// Whom it is about is not known before the others are read.
func (t *told) erasure(r *consumers.Record, counts bool) {
	account, text, ok := strings.Cut(string(r.Key), "/")
	bytes, err := hex.DecodeString(text)
	at, timeErr := strconv.ParseInt(string(r.Value), 10, 64)
	verdict := naive.Applied
	if !ok || err != nil || timeErr != nil || len(bytes) != 16 {
		verdict = naive.DeadLettered
	}
	if counts {
		t.outcomes[verdict]++
	}
	if verdict == naive.DeadLettered {
		return
	}
	if t.erasures[account] == nil {
		t.erasures[account] = map[[16]byte]int64{}
	}
	hash := [16]byte(bytes)
	t.erasures[account][hash] = max(at, t.erasures[account][hash])
}

// erase finds the contacts whose hashes were erased.
func (t *told) erase(s *stored) {
	for account, times := range t.erasures {
		for _, id := range t.Said(account) {
			if at, ok := times[s.state.erasureHash([]byte(account), []byte(id))]; ok {
				t.Erase(naive.Erasure{Account: account, Contact: id, Time: at})
			}
		}
	}
}

// unknownOnce are the records that were refused because their account did not
// exist yet. A state that was made anew since has them, which its count shows.
func (v *verification) unknownOnce(ctx context.Context, s *stored) (map[place]bool, error) {
	refused := s.at.Checkpoint.Reasons[string(UnknownAccount)]
	if refused == 0 {
		return nil, nil
	}
	next := map[consumers.TopicPartition]int64{}
	for tp, o := range s.offsets() {
		next[tp] = o.Next
	}
	letters := map[string]place{} // by partition and key: a later one counts, and one without a value takes another out
	seen := map[int32]bool{}
	for _, o := range s.at.Checkpoint.Offsets {
		if seen[o.Partition] || o.Partition >= v.Verifier.Partitions {
			continue
		}
		seen[o.Partition] = true
		_, err := v.Log.ReadAll(ctx, consumers.TopicPartition{Topic: TopicDeadLetters, Partition: o.Partition}, -1, func(r *consumers.Record) error {
			key := fmt.Sprintf("%d/%s", r.Partition, r.Key)
			if delete(letters, key); r.Value == nil {
				return nil
			}
			if p, ok := refusedAt(r); ok && p.offset < next[p.TopicPartition] {
				letters[key] = p
			}
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("dead letters: %w", err)
		}
	}
	if int64(len(letters)) > refused {
		return nil, nil
	}
	places := map[place]bool{}
	for _, p := range letters {
		places[p] = true
	}
	return places, nil
}

// standsAt is where a record first stood: a dead letter is of all its copies.
func standsAt(r *consumers.Record) place {
	if stood := (origin{}); r.Topic == TopicInbox && firstStood(r, &stood) {
		return place{stood.TopicPartition, stood.offset}
	}
	return place{r.TopicPartition, r.Offset}
}

// refusedAt is where a record first stood that was refused for its account.
func refusedAt(r *consumers.Record) (p place, ok bool) {
	code, _ := r.Header(headerErrorCode)
	topic, _ := r.Header(headerErrorTopic)
	partition, ok1 := headerNumber(r, headerErrorPartition, 32)
	offset, ok2 := headerNumber(r, headerErrorOffset, 64)
	p = place{consumers.TopicPartition{Topic: string(topic), Partition: int32(partition)}, offset}
	return p, ok1 && ok2 && string(code) == string(UnknownAccount)
}

func (s *stored) offsets() map[consumers.TopicPartition]bitmaps.Offset {
	all := map[consumers.TopicPartition]bitmaps.Offset{}
	for _, o := range s.at.Checkpoint.Offsets {
		all[consumers.TopicPartition{Topic: o.Topic, Partition: o.Partition}] = o
	}
	return all
}

// outcomes holds the counters against what the naive way says became of each
// record, if the log still has all of them.
func (v *verification) outcomes(s *stored, read int64, want map[naive.Verdict]int64) {
	got := s.at.Checkpoint.Outcomes
	_, deleted, _ := s.newest.Since(0)
	mapped := slices.ContainsFunc(s.at.Checkpoint.Offsets, func(o bitmaps.Offset) bool { return o.Next > o.First && !applies(o.Topic) })
	if len(deleted) > 0 || mapped || read != s.consumed()-got[bitmaps.Skipped]-got[bitmaps.Lost] {
		return
	}
	for _, o := range []struct {
		name      string
		got, want int64
	}{
		{"applied or repeated", got[bitmaps.Applied] + got[bitmaps.Repeated], want[naive.Applied] + want[naive.Repeated]},
		{"forwarded", got[bitmaps.Forwarded], want[naive.Forwarded]},
		{"dead-lettered", got[bitmaps.DeadLettered], want[naive.DeadLettered]},
	} {
		if o.got != o.want {
			v.differHead(s, "outcomes", o.name, fmt.Sprint(o.got), fmt.Sprint(o.want))
		}
	}
}

// plainRecord is a record as package naive has it. It shares its value.
func plainRecord(r *consumers.Record) naive.Record {
	n := naive.Record{Topic: r.Topic, Partition: r.Partition, Offset: r.Offset, Time: r.Time, Key: r.Key, Value: r.Value}
	for i, h := range r.Headers() {
		if i == 0 {
			n.Headers = map[string]string{}
		}
		n.Headers[h.Key] = string(h.Value)
	}
	return n
}

// plainAccount is an account as package naive has it.
func plainAccount(def *catalog.Account) naive.Account {
	a := naive.Account{ID: def.ID, Timezone: def.Timezone, RetentionDays: def.RetentionDays, DefaultRegion: def.DefaultRegion,
		Segments: map[string]segment.Definition{}}
	for _, seg := range def.Segments {
		a.Segments[seg.ID] = seg.Definition
	}
	return a
}
