package pipeline

import (
	"cmp"
	"fmt"
	"slices"

	"rollcall/bitmaps"
	"rollcall/pipeline/segment"
)

// load brings the events of a day into memory.
func (p *piece) load(d *daySet, of series, day segment.Date) error {
	s := p.account.state
	d.used = s.seq
	if d.table != nil {
		return nil
	}
	var events []bitmaps.Event
	if len(d.runs) > 0 {
		stored, err := s.events.readEvents(p.account.id, p.number, of, day, len(d.runs))
		if err != nil {
			return err
		}
		events = stored
		if len(d.forgotten) > 0 {
			events = slices.DeleteFunc(events, func(e bitmaps.Event) bool { return !d.keep(e) })
		}
	}
	d.load(events)
	s.loaded += len(d.table.events)
	s.tables = append(s.tables, d)
	return nil
}

// unload lets go of the event tables that were not needed for longest.
func (s *state) unload() {
	if s.loaded <= s.flush.limits.Loaded {
		return
	}
	slices.SortFunc(s.tables, func(a, b *daySet) int { return cmp.Compare(b.used, a.used) })
	for s.loaded > s.flush.limits.Loaded/2 && len(s.tables) > 1 {
		d := s.tables[len(s.tables)-1]
		s.tables = s.tables[:len(s.tables)-1]
		s.loaded -= len(d.table.events)
		d.unload()
	}
}

// letGo lets go of the events of a set that is gone; compactTables is to follow.
func (s *state) letGo(d *daySet) {
	if d.table != nil {
		s.loaded -= len(d.table.events)
		d.unload()
	}
}

// compactTables takes the sets out that were let go of.
func (s *state) compactTables() {
	s.tables = slices.DeleteFunc(s.tables, func(d *daySet) bool { return d.table == nil })
}

func (e *storedEvents) readEvents(account string, piece uint32, of series, day segment.Date, runs int) ([]bitmaps.Event, error) {
	fields := make([]string, runs)
	for i := range fields {
		fields[i] = bitmaps.Field{Kind: bitmaps.Events, N: [4]uint32{uint32(of), uint32(day), piece, uint32(i)}}.String()
	}
	values, err := e.store.Fields(e.ctx, e.partition, account, fields)
	if err != nil {
		return nil, err
	}
	var events []bitmaps.Event
	for i, v := range values {
		if events, err = bitmaps.DecodeEvents(events, v); err != nil {
			return nil, fmt.Errorf("fragment %s of %s in partition %d: %w", fields[i], account, e.partition, err)
		}
		if slices.ContainsFunc(events, func(e bitmaps.Event) bool { return e.Contact >= bitmaps.PieceSize }) {
			return nil, fmt.Errorf("fragment %s of %s in partition %d: %w: a contact beyond the piece", fields[i], account, e.partition, bitmaps.ErrDamaged)
		}
	}
	return events, nil
}
