package pipeline

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"rollcall/bitmaps"
	"rollcall/consumers"
	"rollcall/pipeline/catalog"
	"rollcall/pipeline/segment"
)

// stored is a partition as it lies in Redis, with all events, at one position.
type stored struct {
	store     *bitmaps.Store
	partition int32
	account   string // only this one; empty: all
	state     *state
	at        bitmaps.Head
	entries   []bitmaps.Entry // of the changelog
	head      bitmaps.Head    // as it was when the reading began

	newest  *catalog.Catalog             // the definitions as they are now
	defined map[defined]*catalog.Account // as of what pieces stand for
}

// defined names what is defined of an account below an offset.
type defined struct {
	account string
	version int64
}

// standing is what the memberships of a piece stand for.
type standing struct {
	today   segment.Date
	version int64
}

// readStored reads a partition as whoever takes it over does (see
// state.restore), and the events too, while its owner goes on.
func readStored(ctx context.Context, store *bitmaps.Store, partition int32, account string) (*stored, error) {
	s := &stored{store: store, partition: partition, account: account, state: newState(catalog.New(), nil, 0)}
	head, err := store.Head(ctx, partition)
	if err != nil {
		return s, err
	}
	s.at, s.head = head, head
	if err := s.follow(ctx); err != nil {
		return s, err
	}
	if first := head.Checkpoint.Changelog; first != 0 && first <= head.Seq && (len(s.entries) == 0 || s.entries[0].Seq > first) {
		return s, fmt.Errorf("%w: entry %d is needed", errBehind, first)
	}
	if err := s.readFragments(ctx); err != nil {
		return s, err
	}
	if err := s.follow(ctx); err != nil {
		return s, err
	}
	return s, s.replay()
}

// follow reads the changelog's entries that were not read yet.
func (s *stored) follow(ctx context.Context) error {
	from := uint64(0)
	if n := len(s.entries); n > 0 {
		from = s.entries[n-1].Seq + 1
	}
	more, err := changelog(ctx, s.store, s.partition, from)
	s.entries = append(s.entries, more...)
	return err
}

// followEvery is after how many fragments the changelog is read on: what it
// forgets in the meantime is lost for this reading.
const followEvery = 2000

func (s *stored) readFragments(ctx context.Context) error {
	accounts, err := s.store.Accounts(ctx, s.partition)
	if err != nil {
		return err
	}
	read := 0
	for _, id := range accounts {
		if s.account != "" && id != s.account {
			continue
		}
		a, days := s.state.restored(id), map[bitmaps.Field]int{}
		err := s.store.Fragments(ctx, s.partition, id, ownerFragments, func(f bitmaps.Field, value []byte) error {
			if read++; read%followEvery == 0 {
				if err := s.follow(ctx); err != nil {
					return err
				}
			}
			if f.Kind != bitmaps.Day {
				return a.read(f, value)
			}
			day, err := bitmaps.DecodeDay(value)
			for i := range day.Series {
				of := &day.Series[i]
				days[dayField(series(of.Series), segment.Date(f.N[0]), f.N[1])] = len(of.Runs)
			}
			return err
		})
		if err == nil {
			err = readDays(ctx, s.store, s.partition, id, days, a.readEvents)
		}
		if err != nil {
			return err
		}
	}
	return s.store.Audit(ctx, s.partition, accounts)
}

// readEvents puts a day and its events into the account, if all runs are at
// hand; and tells how many runs there are.
func (a *account) readEvents(f bitmaps.Field, value []byte, runs [][]byte) (has int, err error) {
	if value == nil {
		return 0, nil // dropped meanwhile
	}
	day, err := bitmaps.DecodeDay(value)
	if err != nil {
		return 0, err
	}
	of := day.Of(uint8(f.N[0]))
	if of == nil {
		return 0, nil
	}
	if len(of.Runs) > len(runs) {
		return len(of.Runs), nil
	}
	events, err := decodeRuns(of, runs)
	if err == nil {
		err = a.readSeries(fragmentOf(f), day.Seq, of)
	}
	if err != nil {
		return 0, err
	}
	a.pieces[f.N[2]].days[f.N[0]][segment.Date(f.N[1])].load(events)
	return len(of.Runs), nil
}

// replay applies the changelog to the fragments.
func (s *stored) replay() error {
	for i := range s.entries {
		e := &s.entries[i]
		if i > 0 && e.Seq != s.state.seq+1 {
			return fmt.Errorf("%w: entry %d follows %d", errBehind, e.Seq, s.state.seq)
		}
		if err := s.state.redo(e, &s.at); err != nil {
			return fmt.Errorf("changelog of partition %d, entry %d: %w", s.partition, e.Seq, err)
		}
	}
	if s.state.seq > 0 && s.state.seq < s.at.Seq {
		return fmt.Errorf("%w: it ends at %d, the head says %d", errBehind, s.state.seq, s.at.Seq)
	}
	maps.DeleteFunc(s.state.accounts, func(id string, _ *account) bool { return s.account != "" && id != s.account })
	return nil
}

// position is where the state was read, as the status shows it.
func (s *stored) position() string {
	return fmt.Sprintf("%s.%d", s.at.Nonce[:min(8, len(s.at.Nonce))], s.at.Seq)
}

// consumed is how many offsets are in the state.
func (s *stored) consumed() (n int64) {
	for _, o := range s.at.Checkpoint.Offsets {
		n += o.Next - o.First
	}
	return max(n, 0)
}

func (s *stored) contacts() (n int64) {
	for _, a := range s.state.accounts {
		n += int64(a.contacts.named())
	}
	return n
}

// standings are what the account's pieces stand for, each once: two while it is
// composed.
func (a *account) standings() (all []standing) {
	for _, p := range a.pieces {
		if st := (standing{p.today, p.version}); !slices.Contains(all, st) {
			all = append(all, st)
		}
	}
	return all
}

// define finds out what was defined as of what the pieces stand for.
func (s *stored) define(ctx context.Context, log LogReader) error {
	s.newest, s.defined = catalog.New(), map[defined]*catalog.Account{}
	var needed []defined
	for id, a := range s.state.accounts {
		for _, st := range a.standings() {
			needed = append(needed, defined{id, st.version})
		}
	}
	slices.SortFunc(needed, func(a, b defined) int { return int(a.version - b.version) })
	reach := func(offset int64) {
		for len(needed) > 0 && needed[0].version <= offset {
			s.defined[needed[0]] = s.newest.Account(needed[0].account)
			needed = needed[1:]
		}
	}
	_, err := log.ReadAll(ctx, consumers.TopicPartition{Topic: TopicDefinitions}, 0, func(r *consumers.Record) error {
		for s.newest.Offset() < r.Offset {
			_ = s.newest.Fold(s.newest.Offset(), 0, nil) // a control record: refused like any entry that says nothing
		}
		reach(r.Offset)
		_ = s.newest.Fold(r.Offset, r.Time, r.Value) // entries that are refused are part of the log
		return nil
	})
	reach(s.newest.Offset())
	s.state.catalog = s.newest
	return err
}

// settled tells whether there is a state, and definitions of all that its pieces
// stand for. Only a state that is just coming about may lack some.
func (s *stored) settled() bool {
	if len(s.newest.Accounts()) > 0 && len(s.at.Checkpoint.Offsets) == 0 {
		return false
	}
	for id, a := range s.state.accounts {
		for _, st := range a.standings() {
			if s.defined[defined{id, st.version}] == nil {
				return false
			}
		}
	}
	return true
}
