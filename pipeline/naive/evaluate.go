package naive

import (
	"fmt"
	"slices"

	"rollcall/pipeline/segment"
)

// members returns who is in a segment: nobody, if it doesn't exist.
func (t *tenant) members(id string) map[string]bool {
	if m, ok := t.memo[id]; ok {
		return m
	}
	def, ok := t.Segments[id]
	if !ok {
		return nil
	}
	m := t.matching(def)
	t.memo[id] = m
	return m
}

func (t *tenant) matching(def segment.Definition) map[string]bool {
	m := map[string]bool{}
	for id, c := range t.contacts {
		if t.isIn(id, c, def.From.Kind, def.From.Name) && (def.Where == nil || t.holds(id, c, def.Where)) {
			m[id] = true
		}
	}
	return m
}

// isIn answers origins and the criterion In alike.
func (t *tenant) isIn(id string, c contact, kind segment.Kind, name string) bool {
	switch kind {
	case segment.AllContacts:
		return true
	case segment.List:
		return c.lists[list{"marketing", name}].member
	case segment.Form:
		return c.lists[list{"form", name}].member
	case segment.Webinar:
		return c.lists[list{"webinar", name}].member
	case segment.Segment:
		return t.members(name)[id]
	}
	panic(fmt.Sprintf("naive: kind %d", kind))
}

// holds says whether a condition is true for a contact.
func (t *tenant) holds(id string, c contact, cond segment.Condition) bool {
	switch cond := cond.(type) {
	case segment.All:
		return !slices.ContainsFunc(cond, func(of segment.Condition) bool { return !t.holds(id, c, of) })
	case segment.Any:
		return slices.ContainsFunc(cond, func(of segment.Condition) bool { return t.holds(id, c, of) })
	case segment.Not:
		return !t.holds(id, c, cond.Of)
	case segment.OptedIn:
		return c.consent == optedIn
	case segment.OptedOut:
		return c.consent == optedOut
	case segment.ValidPhone:
		return c.phone.valid
	case segment.PhoneIn:
		return c.phone.valid && slices.Contains(cond.Countries, c.phone.country)
	case segment.In:
		return t.isIn(id, c, cond.Kind, cond.Name)
	case segment.Did:
		return t.did(c.events, cond)
	}
	panic(fmt.Sprintf("naive: condition %T", cond))
}

// did answers a behaviour criterion.
func (t *tenant) did(events []event, d segment.Did) bool {
	counted := func(messages ...string) []segment.Date {
		var days []segment.Date
		for _, e := range events {
			if e.behaviour == d.Behaviour && t.within(e.day, d.Period) &&
				(len(messages) == 0 || slices.Contains(messages, e.message)) {
				days = append(days, e.day)
			}
		}
		return days
	}
	switch d.Messages.Mode {
	case segment.AnyMessage:
		return often(counted(), d.Frequency)
	case segment.AnyOf:
		return often(counted(d.Messages.Names...), d.Frequency)
	case segment.AllOf:
		return !slices.ContainsFunc(d.Messages.Names, func(m string) bool {
			return !often(counted(m), d.Frequency)
		})
	case segment.NoneOf:
		return len(counted(d.Messages.Names...)) == 0
	}
	panic(fmt.Sprintf("naive: messages mode %d", d.Messages.Mode))
}

// often says whether events on these days, one entry for each event, are as many as asked.
func often(days []segment.Date, f segment.Frequency) bool {
	switch f.Kind {
	case segment.AtLeastOnce:
		return len(days) >= 1
	case segment.AtLeast:
		return len(days) >= f.K
	case segment.AtMost:
		return len(days) <= f.K
	case segment.Exactly:
		return len(days) == f.K
	case segment.AtLeastDays:
		distinct := map[segment.Date]bool{}
		for _, d := range days {
			distinct[d] = true
		}
		return len(distinct) >= f.K
	}
	panic(fmt.Sprintf("naive: frequency %d", f.Kind))
}

// within says whether a day that is kept falls in a period.
func (t *tenant) within(day segment.Date, p segment.Period) bool {
	switch p.Kind {
	case segment.Ever:
		return true
	case segment.LastDays:
		return day >= t.today-segment.Date(p.N)
	case segment.DaysAgo:
		return day >= t.today-segment.Date(p.M) && day <= t.today-segment.Date(p.N)
	case segment.On:
		return day == p.From
	case segment.Between:
		return day >= p.From && day <= p.To
	case segment.Before:
		return day < p.To
	case segment.Since:
		return day >= p.From
	}
	panic(fmt.Sprintf("naive: period %d", p.Kind))
}
