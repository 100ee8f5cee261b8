package history

import (
	"time"
)

const minute = 60_000 // ms

// fillAt dates a record, or leaves it to its Kafka time, which is not known yet
// but about now.
func (m *maker) fillAt(a *account, f map[string]any) {
	at := m.at(a)
	switch {
	case m.oneIn(5): // absent
		return
	case m.oneIn(20):
		f["at"] = nil
		return
	}
	m.ats = append(m.ats, at)
	if len(m.ats) > 6 {
		m.ats = m.ats[1:]
	}
	f["at"] = m.format(at)
}

func (m *maker) at(a *account) int64 {
	now := pick(m, m.times)
	switch n := m.rng.IntN(20); {
	case n < 3:
		return now
	case n < 5:
		return now - m.rng.Int64N(5000)
	case n < 8: // a fast clock
		return now + pick(m, []int64{1, minute, 5*minute - 1, 5 * minute})
	case n < 11:
		return now - m.rng.Int64N(50*24*60*minute)
	case n < 14:
		return m.dayStart(a, m.rng.IntN(8))
	case n < 16:
		return m.dayStart(a, min(a.RetentionDays, 45)+m.rng.IntN(3)-1)
	case len(m.ats) > 0:
		return pick(m, m.ats)
	}
	return now
}

// dayStart is about the beginning of the day that was some days ago.
func (m *maker) dayStart(a *account, ago int) int64 {
	y, month, d := m.now.In(a.zone).Date()
	return time.Date(y, month, d-ago, 0, 0, 0, 0, a.zone).UnixMilli() + int64(m.rng.IntN(3)) - 1
}

// format writes a time as RFC 3339, in some zone and precision.
func (m *maker) format(ms int64) string {
	t := time.UnixMilli(ms).Add(time.Duration(m.rng.IntN(2) * m.rng.IntN(1_000_000)))
	offset := pick(m, []int{0, 0, -4 * 3600, 11 * 3600, 5*3600 + 45*60, -3*3600 - 30*60})
	fraction := pick(m, []string{".000", ".000000", ".000000000"})
	if ms%1000 == 0 && m.oneIn(2) {
		fraction = ""
	}
	zone := pick(m, []string{"Z07:00", "-07:00"})
	return t.In(time.FixedZone("", offset)).Format("2006-01-02T15:04:05" + fraction + zone)
}
