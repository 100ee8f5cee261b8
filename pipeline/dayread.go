package pipeline

import (
	"context"
	"fmt"
	"slices"

	"rollcall/bitmaps"
	"rollcall/pipeline/segment"
)

// daysAtOnce is about how many fragments of days are read at once: runs have up
// to 64 KiB.
const daysAtOnce = 64

// dayTaker takes the fragment of a day, with as many of a series' runs as were
// asked for, and says how many it has.
type dayTaker func(day bitmaps.Field, value []byte, runs [][]byte) (has int, err error)

// readDays reads days of series of an account with all their events, given how
// many runs each is thought to have. A day and its runs are read with one
// command, since the owner goes on to merge runs. It is read again if it has more
// of them by then.
func readDays(ctx context.Context, store *bitmaps.Store, partition int32, account string, runs map[bitmaps.Field]int, take dayTaker) error {
	for len(runs) > 0 {
		var days []bitmaps.Field
		var fields []string
		for f, n := range runs {
			days = append(days, f)
			fields = append(append(fields, fragmentOf(f).String()), runFields(f, n)...)
			if len(fields) >= daysAtOnce {
				break
			}
		}
		values, err := store.Fields(ctx, partition, account, fields)
		if err != nil {
			return err
		}
		for _, f := range days {
			n := runs[f]
			delete(runs, f)
			if has, err := take(f, values[0], values[1:1+n]); err != nil {
				return fmt.Errorf("fragment %s of %s in partition %d: %w", f, account, partition, err)
			} else if has > n {
				runs[f] = has
			}
			values = values[1+n:]
		}
	}
	return nil
}

// dayField is the first run of a series on a day, which stands for the day of the
// series.
func dayField(of series, day segment.Date, piece uint32) bitmaps.Field {
	return bitmaps.Field{Kind: bitmaps.Events, N: [4]uint32{uint32(of), uint32(day), piece}}
}

// fragmentOf is the fragment of a day that has, with others, what it has of a series.
func fragmentOf(day bitmaps.Field) bitmaps.Field {
	return bitmaps.Field{Kind: bitmaps.Day, N: [4]uint32{day.N[1], day.N[2]}}
}

func runFields(day bitmaps.Field, n int) (fields []string) {
	for i := range n {
		day.N[3] = uint32(i)
		fields = append(fields, day.String())
	}
	return fields
}

// decodeRuns reads the events of a day whose runs are all at hand.
func decodeRuns(day *bitmaps.DaySeries, runs [][]byte) (events []bitmaps.Event, err error) {
	for i, size := range day.Runs {
		before := len(events)
		if events, err = bitmaps.DecodeEvents(events, runs[i]); err != nil {
			return nil, err
		}
		if len(events)-before != size {
			return nil, fmt.Errorf("%w: a run of %d events has %d", bitmaps.ErrDamaged, size, len(events)-before)
		}
	}
	if slices.ContainsFunc(events, func(e bitmaps.Event) bool { return e.Contact >= bitmaps.PieceSize }) {
		return nil, fmt.Errorf("%w: a contact beyond the piece", bitmaps.ErrDamaged)
	}
	return events, nil
}

// storedDay is a day's events as Redis has them; the zero value: it has none.
type storedDay struct {
	seq    uint64 // those of commits up to this one
	events []bitmaps.Event
}

// of is what is stored of a day that a replica's state has, and whether the two
// add up to the day. Else what is stored is of a commit that is still to come
// here, or of one before what is forgotten here.
func (s storedDay) of(st *state, d *daySet) (stored storedDay, fits bool) {
	if d.flushedAt == 0 && s.seq <= st.readAt {
		s = storedDay{} // nobody's: left by a state that was before this one
	}
	return s, d.flushedAt <= s.seq && s.seq <= st.seq
}

// readDays reads days as Redis has them.
func (r *replica) readDays(ctx context.Context, account string, days ...bitmaps.Field) (map[bitmaps.Field]storedDay, error) {
	stored, wanted := map[bitmaps.Field]storedDay{}, map[bitmaps.Field]int{}
	for _, f := range days {
		stored[f], wanted[f] = storedDay{}, 0
	}
	return stored, readDays(ctx, r.store, r.partition, account, wanted, func(f bitmaps.Field, value []byte, runs [][]byte) (int, error) {
		if value == nil {
			return 0, nil
		}
		day, err := bitmaps.DecodeDay(value)
		if err != nil {
			return 0, err
		}
		has := day.Of(uint8(f.N[0]))
		if has == nil {
			stored[f] = storedDay{seq: day.Seq}
			return 0, nil
		}
		if len(has.Runs) > len(runs) {
			return len(has.Runs), nil
		}
		events, err := decodeRuns(has, runs)
		stored[f] = storedDay{day.Seq, events}
		return len(has.Runs), err
	})
}
