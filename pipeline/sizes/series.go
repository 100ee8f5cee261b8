package sizes

import (
	"cmp"
	"slices"
	"time"

	"rollcall/pipeline/segment"
)

// How long changes are known by the minute, by the hour and by the day; what is
// older is only known in sum. A Writer keeps its records by the same.
const (
	MinutesFor = 2 * 24 * time.Hour
	HoursFor   = 60 * 24 * time.Hour
	DaysFor    = 800 * 24 * time.Hour
)

// Point is a segment over one step: its size at the end, and how many entered
// and exited within.
type Point struct {
	At       time.Time `json:"at" doc:"when the step begins"`
	Size     int64     `json:"size" doc:"at the end of the step"`
	Sendable int64     `json:"sendable" doc:"likewise"`
	Entered  int64     `json:"entered" doc:"how many within the step"`
	Exited   int64     `json:"exited" doc:"likewise"`
}

// Series is how a segment changed over time, in a bounded number of spans. As it
// holds differences, partitions are added to it in any order.
type Series struct {
	zone   *time.Location // says what an hour and a day is
	spans  []span         // by start
	old    change         // of before all spans
	tidied int64          // the hour of which spans were merged last
}

// span is a minute, an hour or a day with changes. The zero change of a span
// tells that the segment was there.
type span struct {
	start  int64 // in minutes since 1970
	change change
}

// minute is when a moment is, in minutes since 1970.
func minute(t time.Time) int64 { return t.Unix() / 60 }

// add takes a change into the minute that ended at a moment.
func (s *Series) add(at time.Time, c change, now time.Time) {
	s.tidy(now)
	start, known := s.start(minute(at.Add(-1)), now)
	if !known {
		s.old = s.old.plus(c)
		return
	}
	i, found := slices.BinarySearchFunc(s.spans, start, func(sp span, start int64) int { return cmp.Compare(sp.start, start) })
	if !found {
		s.spans = slices.Insert(s.spans, i, span{start: start})
	}
	s.spans[i].change = s.spans[i].change.plus(c)
}

func (c change) plus(d change) change {
	return change{c.sendable + d.sendable, c.entered + d.entered, c.exited + d.exited}
}

// start is when the span begins that a minute belongs to by now; false: it is
// older than what is kept.
func (s *Series) start(m int64, now time.Time) (start int64, known bool) {
	t := time.Unix(m*60, 0).In(s.zone)
	switch age := now.Truncate(time.Hour).Sub(t); {
	case age > DaysFor:
		return 0, false
	case age > HoursFor:
		return minute(segment.DateOf(t).Start(s.zone)), true
	case age > MinutesFor:
		return m - int64(t.Minute()), true
	}
	return m, true
}

// tidy merges, once in an hour, what has become too old to be known in detail.
func (s *Series) tidy(now time.Time) {
	if hour := minute(now) / 60; hour > s.tidied {
		s.tidied = hour
	} else {
		return
	}
	kept := s.spans[:0]
	for _, sp := range s.spans {
		start, known := s.start(sp.start, now)
		switch last := len(kept) - 1; {
		case !known:
			s.old = s.old.plus(sp.change)
		case last >= 0 && kept[last].start == start:
			kept[last].change = kept[last].change.plus(sp.change)
		default:
			kept = append(kept, span{start, sp.change})
		}
	}
	s.spans = kept
}

// points are the steps between the edges, from the first on of which something
// is known.
func (s *Series) points(edges []time.Time) []Point {
	points := []Point{}
	sum, next := s.old, 0
	for i := range len(edges) - 1 {
		from, to := minute(edges[i]), minute(edges[i+1])
		var within change
		for ; next < len(s.spans) && s.spans[next].start < to; next++ {
			sum = sum.plus(s.spans[next].change)
			if s.spans[next].start >= from {
				within = within.plus(s.spans[next].change)
			}
		}
		if next > 0 || sum != (change{}) {
			points = append(points, Point{edges[i], sum.size(), sum.sendable, within.entered, within.exited})
		}
	}
	return points
}
