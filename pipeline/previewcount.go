package pipeline

import "maps"

// storedDays are days whose events were read.
type storedDays map[dayKey]storedDay

// missing are the days whose events a count takes, and that were not read yet.
func (s storedDays) missing(p *piece, plan *plan) (missing []dayKey) {
	for day := range p.countedDays(plan) {
		if _, ok := s[day]; !ok {
			missing = append(missing, day)
		}
	}
	return missing
}

// countedDays are the days of which a plan asks for more than who has an event,
// and that don't know it.
func (p *piece) countedDays(plan *plan) map[dayKey]*daySet {
	days := map[dayKey]*daySet{}
	for _, c := range plan.counters {
		if !c.takesEvents() {
			continue
		}
		for day, d := range p.days[c.key.behaviour] {
			if c.covers(day) && (!c.isTimes() || d.times.Load() == nil) {
				days[dayKey{p, series(c.key.behaviour), day}] = d
			}
		}
	}
	return days
}

// read reads the events of days.
func (c *previewer) read(days []dayKey) error {
	for _, day := range days {
		stored, err := c.replica.readStored(c.ctx, day)
		if err != nil {
			return err
		}
		c.stored[day] = stored
	}
	return nil
}

// onPlan is the piece on another plan, with the counts that are asked for. It
// shares what it only reads, and has the events that were read.
func (c *previewer) onPlan(p *piece, next *plan) (*piece, error) {
	scratch := newPiece(p.account, p.number, next)
	scratch.contacts, scratch.lists, scratch.members, scratch.days = p.contacts, p.lists, p.members, p.days
	scratch.restoring = true // marks nobody
	if err := c.setEvents(scratch, p.countedDays(next)); err != nil {
		return nil, err
	}
	for at, counter := range next.counters {
		if !counter.takesEvents() || counter.isTimes() {
			continue // its days are asked
		}
		if err := scratch.moveWindow(int32(at), 0, -1); err != nil {
			return nil, err
		}
	}
	return scratch, nil
}

// setEvents gives a piece that shares its days some of its own, with their events.
// Days that were read know from then on how often contacts have one.
func (c *previewer) setEvents(scratch *piece, days map[dayKey]*daySet) error {
	if len(days) == 0 {
		return nil
	}
	for b := range scratch.days {
		scratch.days[b] = maps.Clone(scratch.days[b])
	}
	for day, d := range days {
		events, err := c.stored[day].asOf(c.of, d)
		if err != nil {
			delete(c.stored, day) // to be read again
			return err
		}
		if d.times.Load() == nil {
			d.times.Store(timesOf(events))
		}
		own := &daySet{bits: d.bits, table: newEventTable(events)}
		own.times.Store(d.times.Load())
		scratch.days[day.of][day.day] = own
	}
	return nil
}
