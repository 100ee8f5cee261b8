package sizes

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"rollcall/pipeline/segment"
)

// Step is how far apart points are: days of a zone, or a time.
type Step struct {
	Days int
	Time time.Duration
}

// MaxPoints bounds the points of an answer.
const MaxPoints = 5000

// ErrStep is of a step that is none.
var ErrStep = errors.New("expected a number of minutes, hours or days, such as 5m, 1h or 1d")

// ParseStep reads a step such as 5m, 1h or 1d.
func ParseStep(s string) (Step, error) {
	if s == "" {
		return Step{}, ErrStep
	}
	n, err := strconv.ParseUint(s[:len(s)-1], 10, 12)
	if err != nil || n == 0 {
		return Step{}, ErrStep
	}
	switch s[len(s)-1] {
	case 'm':
		return Step{Time: time.Duration(n) * time.Minute}, nil
	case 'h':
		return Step{Time: time.Duration(n) * time.Hour}, nil
	case 'd':
		return Step{Days: int(n)}, nil
	}
	return Step{}, ErrStep
}

// Edges divides a time into steps. The first begins at or before from, counted
// from the midnight before it, the last ends at or after to.
func (s Step) Edges(from, to time.Time, zone *time.Location) ([]time.Time, error) {
	if !from.Before(to) {
		return nil, errors.New("expected from to be before to")
	}
	day := segment.DateOf(from.In(zone))
	next := func(t time.Time) time.Time { return t.Add(s.Time) }
	first := day.Start(zone)
	if s.Days > 0 {
		next = func(time.Time) time.Time {
			day += segment.Date(s.Days)
			return day.Start(zone)
		}
	} else {
		first = from.Add(-(from.Sub(first) % s.Time))
	}
	edges := []time.Time{first.UTC()}
	for t := first; t.Before(to); edges = append(edges, t.UTC()) {
		if len(edges) > MaxPoints {
			return nil, fmt.Errorf("that would be more than %d points: take larger steps, or a shorter time", MaxPoints)
		}
		t = next(t)
	}
	return edges, nil
}
