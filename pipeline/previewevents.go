package pipeline

import (
	"context"
	"slices"

	"rollcall/bitmaps"
	"rollcall/pipeline/segment"
)

// previewEvents reads a day's events as of the replica's position: the stored
// runs, and what came after them.
type previewEvents struct {
	ctx     context.Context
	replica *replica
	piece   *piece
}

func (e *previewEvents) readEvents(_ string, _ uint32, of series, day segment.Date, _ int) ([]bitmaps.Event, error) {
	stored, err := e.replica.readStored(e.ctx, dayKey{e.piece, of, day})
	if err != nil {
		return nil, err
	}
	return stored.asOf(e.replica.state, e.piece.days[of][day])
}

// readStored takes no lock.
func (r *replica) readStored(ctx context.Context, at dayKey) (storedDay, error) {
	f := dayField(at.of, at.day, at.piece.number)
	all, err := r.readDays(ctx, at.piece.account.id, f)
	return all[f], err
}

// asOf is the events of the day as of a replica's state.
func (s storedDay) asOf(st *state, d *daySet) ([]bitmaps.Event, error) {
	stored, fits := s.of(st, d)
	if !fits {
		return nil, errBehind
	}
	return distinct(stored.events, d, stored.seq), nil
}

// distinct adds the events that came after seq to those that runs hold, without
// those of contacts that have none any more.
func distinct(stored []bitmaps.Event, d *daySet, seq uint64) []bitmaps.Event {
	events := slices.Clone(d.since(seq))
	later := make(map[bitmaps.Event]bool, len(events))
	for _, e := range events {
		later[e] = true
	}
	for _, e := range stored {
		if d.bits.Contains(e.Contact) && !later[e] {
			events = append(events, e)
		}
	}
	return events
}
