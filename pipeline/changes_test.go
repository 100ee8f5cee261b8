package pipeline

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"rollcall/consumers"
)

// changesOf reads changes from a log.
func changesOf(l *memoryLog, partitions int32, now time.Time) *Changes {
	return &Changes{
		Log: l, Partitions: partitions, Now: func() time.Time { return now },
		Watermarks: func(_ context.Context, tps []consumers.TopicPartition) (map[consumers.TopicPartition]consumers.Watermark, error) {
			return l.marks(tps), nil
		},
		OffsetsAt: func(_ context.Context, tps []consumers.TopicPartition, at time.Time) (map[consumers.TopicPartition]int64, error) {
			offsets := map[consumers.TopicPartition]int64{}
			for _, tp := range tps {
				offsets[tp] = -1
				for _, r := range l.of(tp) {
					if r.Time >= at.UnixMilli() && offsets[tp] < 0 {
						offsets[tp] = r.Offset
					}
				}
			}
			return offsets, nil
		},
	}
}

// teller writes changes as publishers do.
type teller struct {
	t       *testing.T
	rng     *rand.Rand
	log     *memoryLog
	commits [][]Change // of one partition, in their order
	writer  int
}

func (tl *teller) tell(partition int32, changes []Change) {
	for _, c := range changes {
		value, _ := json.Marshal(c)
		tl.log.now += tl.rng.Int64N(2000)
		_, err := tl.log.Write(tl.t.Context(), []consumers.Message{
			{Topic: TopicSegmentChanges, Partition: partition, Key: []byte(c.Account + "/" + c.Contact), Value: value},
		})
		if err != nil {
			tl.t.Fatal(err)
		}
	}
}

// commit makes some changes up, of several segments and accounts.
func (tl *teller) commit(seq int) (changes []Change) {
	for n := range tl.rng.IntN(5) {
		c := Change{
			Account: []string{acme, "acme-2"}[tl.rng.IntN(2)], Segment: []string{"s", "other", "acme"}[tl.rng.IntN(3)],
			Contact: fmt.Sprintf(`c/"s"/%d`, tl.rng.IntN(9)), Change: "entered", Cause: "event",
		}
		c.ID = fmt.Sprintf("w-%d-%d/%s/%s/%d", tl.writer, seq, c.Account, c.Segment, n)
		if tl.rng.IntN(20) == 0 {
			c.ID += "/not"
		}
		changes = append(changes, c)
	}
	return changes
}

// run tells commits, and now and then crashes in the middle of one, so that
// another writer begins again some commits before.
func (tl *teller) run(partition int32, commits int) {
	tl.commits = nil
	tl.writer++
	for seq := range commits {
		c := tl.commit(seq)
		tl.commits = append(tl.commits, c)
		if tl.rng.IntN(6) > 0 {
			tl.tell(partition, c)
			continue
		}
		tl.tell(partition, c[:tl.rng.IntN(len(c)+1)])
		for _, again := range tl.commits[max(0, len(tl.commits)-1-tl.rng.IntN(5)):] {
			tl.tell(partition, again)
		}
		tl.writer++
	}
}

// naively are the ids of a segment's changes, each where it was told first.
func (tl *teller) naively(partitions int32, since time.Time) (ids []string) {
	known := map[string]bool{}
	for p := range partitions {
		for _, r := range tl.log.of(consumers.TopicPartition{Topic: TopicSegmentChanges, Partition: p}) {
			var c Change
			_ = json.Unmarshal(r.Value, &c)
			if c.Account == acme && c.Segment == "s" && !known[c.ID] && r.Time >= since.UnixMilli() {
				known[c.ID] = true
				ids = append(ids, c.ID)
			}
		}
	}
	return ids
}

var errLeft = errors.New("the reader left")

// TestChangesAreReadOnce in requests that are bounded, cut off anywhere, and go
// on from a cursor.
func TestChangesAreReadOnce(t *testing.T) {
	for seed := range uint64(60) {
		tl := &teller{t: t, rng: rand.New(rand.NewPCG(seed, 7)), log: newMemoryLog()}
		tl.log.now = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC).UnixMilli()
		const partitions = 3
		for p := range int32(partitions) {
			tl.run(p, tl.rng.IntN(80))
		}
		changes := changesOf(tl.log, partitions, time.UnixMilli(tl.log.now))
		changes.scan = 1 + tl.rng.IntN(60)
		var got []string
		var cursor string
		for again := true; again; {
			var page []string // what came since the cursor
			leave := tl.rng.IntN(40)
			told, err := changes.Read(t.Context(), acme, "s", ChangeQuery{Cursor: cursor}, func(c ToldChange, at func() string) error {
				if page = append(page, c.ID); at != nil && tl.rng.IntN(2) == 0 {
					got, page, cursor = append(got, page...), nil, at()
				}
				if leave--; leave == 0 {
					return errLeft
				}
				return nil
			})
			switch {
			case err == nil:
				got, cursor, again = append(got, page...), told.Cursor, told.More
			case !errors.Is(err, errLeft):
				t.Fatal(seed, err)
			}
		}
		// A change that makes up for another one may come again after a cursor.
		slices.Sort(got)
		want := tl.naively(partitions, time.Time{})
		slices.Sort(want)
		made := func(id string) bool { return strings.HasSuffix(id, "/not") }
		got, want = slices.DeleteFunc(got, made), slices.DeleteFunc(want, made)
		if !slices.Equal(got, want) {
			t.Fatalf("seed %d: %d changes, want %d:\n%q\n%q", seed, len(got), len(want), got, want)
		}
		if told, err := changes.Read(t.Context(), acme, "s", ChangeQuery{Cursor: cursor}, func(ToldChange, func() string) error { return errLeft }); err != nil || told.Count != 0 {
			t.Fatalf("seed %d: after the end %+v %v", seed, told, err)
		}
	}
}

// TestChangesInOneGo are in their order, and since a moment.
func TestChangesInOneGo(t *testing.T) {
	for seed := range uint64(30) {
		tl := &teller{t: t, rng: rand.New(rand.NewPCG(seed, 8)), log: newMemoryLog()}
		begin := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
		tl.log.now = begin.UnixMilli()
		tl.run(0, 60)
		tl.run(1, 60)
		for _, since := range []time.Time{{}, begin.Add(40 * time.Second), time.UnixMilli(tl.log.now + 1)} {
			var got []string
			told, err := changesOf(tl.log, 2, begin).Read(t.Context(), acme, "s", ChangeQuery{Since: since}, func(c ToldChange, _ func() string) error {
				got = append(got, c.ID)
				return nil
			})
			want := tl.naively(2, since)
			if err != nil || told.More || told.Count != int64(len(got)) || !told.Since.IsZero() || !slices.Equal(got, want) {
				t.Fatalf("seed %d, since %v: %+v %v\n%q\n%q", seed, since, told, err, got, want)
			}
		}
	}
}

func TestChangesThatAreNoLongerKept(t *testing.T) {
	tl := &teller{t: t, rng: rand.New(rand.NewPCG(1, 9)), log: newMemoryLog()}
	now := time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)
	tl.log.now = now.UnixMilli()
	tl.run(0, 40)
	changes := changesOf(tl.log, 1, now)
	read := func(q ChangeQuery) (ToldChanges, error) {
		return changes.Read(t.Context(), acme, "s", q, func(ToldChange, func() string) error { return nil })
	}
	begin, err := read(ChangeQuery{Since: now.Add(time.Hour)}) // the end
	if err != nil {
		t.Fatal(err)
	}
	old := changeCursor{{Next: 0}}.String()
	tl.log.cutOff(consumers.TopicPartition{Topic: TopicSegmentChanges}, 5)
	for cursor, want := range map[string]error{old: ErrCursorGone, begin.Cursor: nil, changeCursor{}.String(): ErrCursorGone, changeCursor{{Next: 1 << 40}}.String(): ErrCursorGone} {
		if _, err := read(ChangeQuery{Cursor: cursor}); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", cursor, err, want)
		}
	}
	for _, cursor := range []string{"yesterday", "2026-13-01", "!"} {
		if _, err := read(ChangeQuery{Cursor: cursor}); !errors.As(err, new(*QuestionError)) {
			t.Errorf("%s: %v", cursor, err)
		}
	}
	for since, want := range map[time.Time]time.Time{
		{}: now.Add(-ChangesKept), now.Add(-8 * 24 * time.Hour): now.Add(-ChangesKept), now.Add(-time.Hour): {},
	} {
		if told, err := read(ChangeQuery{Since: since}); err != nil || !told.Since.Equal(want) {
			t.Errorf("since %v: %v %v, want %v", since, told.Since, err, want)
		}
	}
}

// TestSegmentChangesSchema holds what is published against what is documented.
func TestSegmentChangesSchema(t *testing.T) {
	text, err := os.ReadFile("../docs/segment-changes.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	var schema huma.Schema
	if err := json.Unmarshal(text, &schema); err != nil {
		t.Fatal(err)
	}
	schema.PrecomputeMessages()
	schema.AdditionalProperties = false // what is published is documented, all of it
	problems := func(value []byte) []error {
		var v any
		if err := json.Unmarshal(value, &v); err != nil {
			return []error{err}
		}
		var result huma.ValidateResult
		huma.Validate(huma.NewMapRegistry("#/", huma.DefaultSchemaNamer), &schema, huma.NewPathBuffer(nil, 0), huma.ModeReadFromServer, v, &result)
		return result.Errors
	}
	w := newWorld(t, 2)
	w.segment("s", "all contacts where sent in last 1 day")
	for _, contact := range []string{"ann", "bob", strings.Repeat("ü", 100), "<&>\u2028"} {
		w.contact(contact, "2015550123")
		w.behaviour(TopicSent, contact, "m-1", "2026-11-15 11:00")
	}
	w.settle()
	w.segment("new", "all contacts")
	w.now = w.local("2026-11-17 00:01")
	w.settle()
	causes := map[string]int{}
	for _, c := range w.published() {
		causes[c.Cause+" "+c.Change]++
	}
	if causes["event entered"] != 4 || causes["window exited"] != 4 || causes["definition entered"] != 4 {
		t.Errorf("published %v", causes)
	}
	for p := range w.partitions {
		for _, r := range w.log.of(consumers.TopicPartition{Topic: TopicSegmentChanges, Partition: p}) {
			for _, problem := range problems(r.Value) {
				t.Errorf("%s: %v", r.Value, problem)
			}
		}
	}
	for _, wrong := range []string{
		`{}`, `[]`, `{"id":"x","account":"acme","segment":"s","contact":"c","change":"entered"}`,
		`{"id":"x","account":"acme","segment":"s","contact":"c","change":"came","cause":"event"}`,
		`{"id":"x","account":"Acme!","segment":"s","contact":"c","change":"entered","cause":"event"}`,
		`{"id":"x","account":"acme","segment":"s","contact":"c","change":"entered","cause":"event","phone":"1"}`,
	} {
		if problems([]byte(wrong)) == nil {
			t.Errorf("%s is taken", wrong)
		}
	}
}
