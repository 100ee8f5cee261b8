package history

import (
	"slices"

	"rollcall/pipeline/segment"
)

// edit puts, changes or deletes a segment of some account.
func (m *maker) edit() Change {
	a := pick(m, m.accounts)
	i := m.rng.IntN(m.options.Segments)
	id := segmentID(i)
	if _, ok := a.Segments[id]; ok && !a.uses(id) && m.oneIn(3) {
		delete(a.Segments, id)
		return Change{Account: a.ID, Segment: id}
	}
	def := m.definition(a, i)
	a.Segments[id] = def
	return Change{Account: a.ID, Segment: id, Definition: &def}
}

// uses says whether another segment stands on this one.
func (a *account) uses(id string) bool {
	for _, def := range a.Segments {
		if def.From == (segment.Origin{Kind: segment.Segment, Name: id}) || refers(def.Where, id) {
			return true
		}
	}
	return false
}

func refers(cond segment.Condition, id string) bool {
	to := func(of segment.Condition) bool { return refers(of, id) }
	switch c := cond.(type) {
	case segment.All:
		return slices.ContainsFunc(c, to)
	case segment.Any:
		return slices.ContainsFunc(c, to)
	case segment.Not:
		return to(c.Of)
	case segment.In:
		return c == segment.In{Kind: segment.Segment, Name: id}
	}
	return false
}

// definition makes up the i-th segment, which may stand on those before it
// only. It is in normal form: printing and parsing it gives it back.
func (m *maker) definition(a *account, i int) segment.Definition {
	d := segment.Definition{}
	if m.oneIn(2) {
		d.From.Kind, d.From.Name = m.audience(a, i)
	}
	if !m.oneIn(8) {
		d.Where = m.condition(a, i, 3)
	}
	return d
}

// audience is a list, form, webinar, or an earlier segment.
func (m *maker) audience(a *account, i int) (segment.Kind, string) {
	for j := range i {
		if _, ok := a.Segments[segmentID(j)]; ok && m.oneIn(2) {
			return segment.Segment, segmentID(j)
		}
	}
	return pick(m, []segment.Kind{segment.List, segment.Form, segment.Webinar}), pick(m, listNames)
}

func (m *maker) condition(a *account, i, depth int) segment.Condition {
	if depth == 0 {
		return m.criterion(a, i)
	}
	switch m.rng.IntN(5) {
	case 0:
		of := m.several(a, i, depth, func(c segment.Condition) bool { _, ok := c.(segment.All); return ok })
		return segment.All(of)
	case 1:
		of := m.several(a, i, depth, func(c segment.Condition) bool { _, ok := c.(segment.Any); return ok })
		return segment.Any(of)
	case 2:
		of := m.condition(a, i, depth-1)
		if not, ok := of.(segment.Not); ok {
			return not
		}
		return segment.Not{Of: of}
	default:
		return m.criterion(a, i)
	}
}

// several makes two or three conditions, none of them of the kind that would be flattened.
func (m *maker) several(a *account, i, depth int, flattened func(segment.Condition) bool) []segment.Condition {
	var of []segment.Condition
	for range 1 + m.upTo(2) {
		c := m.condition(a, i, depth-1)
		if flattened(c) {
			c = m.criterion(a, i)
		}
		of = append(of, c)
	}
	return of
}

func (m *maker) criterion(a *account, i int) segment.Condition {
	switch m.rng.IntN(10) {
	case 0:
		return segment.OptedIn{}
	case 1:
		return segment.OptedOut{}
	case 2:
		return segment.ValidPhone{}
	case 3:
		return segment.PhoneIn{Countries: m.some(countries, 1)}
	case 4:
		kind, name := m.audience(a, i)
		return segment.In{Kind: kind, Name: name}
	default:
		return m.did(a)
	}
}

func (m *maker) did(a *account) segment.Did {
	d := segment.Did{
		Behaviour: segment.Behaviour(m.rng.IntN(segment.Behaviours)),
		Frequency: m.frequency(),
		Period:    m.period(a),
	}
	switch m.rng.IntN(8) {
	case 0, 1:
		d.Messages = segment.Messages{Mode: segment.AnyOf, Names: m.some(messages, 1)}
	case 2:
		d.Messages = segment.Messages{Mode: segment.AllOf, Names: m.some(messages, 2)}
	case 3:
		d.Messages = segment.Messages{Mode: segment.NoneOf, Names: m.some(messages, 1)}
		d.Frequency = segment.Frequency{}
	}
	return d
}

// some returns at least n of all, in their order.
func (m *maker) some(all []string, n int) []string {
	chosen := slices.Clone(all)
	for len(chosen) > n && !m.oneIn(3) {
		i := m.rng.IntN(len(chosen))
		chosen = slices.Delete(chosen, i, i+1)
	}
	return chosen
}

func (m *maker) frequency() segment.Frequency {
	switch m.rng.IntN(8) {
	case 0:
		return segment.Frequency{Kind: segment.AtLeast, K: 1 + m.upTo(3)}
	case 1:
		return segment.Frequency{Kind: segment.AtMost, K: m.upTo(3)}
	case 2:
		return segment.Frequency{Kind: segment.Exactly, K: m.upTo(3)}
	case 3:
		return segment.Frequency{Kind: segment.AtLeastDays, K: 1 + m.upTo(2)}
	default:
		return segment.Frequency{}
	}
}

// period makes up a period that no account's kept days refuse.
func (m *maker) period(a *account) segment.Period {
	kept := min(a.RetentionDays, 45)
	near := segment.Date(m.now.Unix()/86400) + segment.Date(m.rng.IntN(30)-20)
	switch m.rng.IntN(10) {
	case 0, 1, 2:
		return segment.Period{Kind: segment.LastDays, N: m.upTo(min(pick(m, []int{2, 7, 45}), kept))}
	case 3, 4:
		n := m.upTo(kept - 1)
		return segment.Period{Kind: segment.DaysAgo, N: n, M: n + m.upTo(kept-n)}
	case 5:
		return segment.Period{Kind: segment.On, From: near}
	case 6:
		return segment.Period{Kind: segment.Between, From: near, To: near + segment.Date(m.upTo(10))}
	case 7:
		return segment.Period{Kind: segment.Before, To: near}
	case 8:
		return segment.Period{Kind: segment.Since, From: near}
	default:
		return segment.Period{}
	}
}
