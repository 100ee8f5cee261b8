package pipeline

import (
	"math"
	"time"

	"rollcall/pipeline/segment"
)

const dayMS = 24 * 60 * 60 * 1000

// zone tells calendar days in a time zone. It is not safe for concurrent use.
type zone struct {
	location *time.Location
	spans    []span // those seen so far
	last     span
}

// span is a time during which a zone's offset stays the same.
type span struct{ from, to, offset int64 } // Unix ms, Unix ms (excluded), ms

func newZone(l *time.Location) *zone { return &zone{location: l} }

// day is the calendar day of a moment, in Unix ms.
func (z *zone) day(ms int64) segment.Date {
	if ms < z.last.from || ms >= z.last.to {
		z.last = z.span(ms)
	}
	local := ms + z.last.offset
	day := local / dayMS
	if local%dayMS < 0 {
		day--
	}
	return segment.Date(day)
}

// start is when a day begins, in Unix ms.
func (z *zone) start(day segment.Date) int64 {
	y, m, d := time.UnixMilli(int64(day) * dayMS).UTC().Date()
	return time.Date(y, m, d, 0, 0, 0, 0, z.location).UnixMilli()
}

func (z *zone) span(ms int64) span {
	for _, s := range z.spans {
		if s.from <= ms && ms < s.to {
			return s
		}
	}
	t := time.UnixMilli(ms).In(z.location)
	_, seconds := t.Zone()
	s := span{from: math.MinInt64, to: math.MaxInt64, offset: int64(seconds) * 1000}
	start, end := t.ZoneBounds()
	if !start.IsZero() {
		s.from = start.UnixMilli()
	}
	if !end.IsZero() {
		s.to = end.UnixMilli()
	}
	if ms < s.from || ms >= s.to {
		// Far in the future, package time can say that the last day of a leap
		// year has ended. What can't be trusted is not remembered.
		return span{from: ms, to: ms + 1, offset: s.offset}
	}
	z.spans = append(z.spans, s)
	return s
}
