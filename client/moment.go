package client

import (
	"fmt"
	"time"
)

// moment is a time by two clocks: one that only goes on, but may stand still
// while the machine sleeps, and the calendar, which may be set.
type moment struct {
	up   time.Duration // since the process began
	wall time.Duration // since 1970
}

var processBegan = time.Now()

func momentOf(t time.Time) moment {
	return moment{up: t.Sub(processBegan), wall: time.Duration(t.UnixNano())}
}

func (m moment) add(d time.Duration) moment { return moment{m.up + d, m.wall + d} }

// before tells whether m is before an end by both clocks.
func (m moment) before(end moment) bool { return m.up < end.up && m.wall < end.wall }

// maxStep is by how much the clocks may go on differently.
const maxStep = 2 * time.Second

// since is how long m is after an earlier moment. If the machine slept in
// between, or its calendar was set, nobody knows.
func (m moment) since(earlier moment) (time.Duration, error) {
	up, wall := m.up-earlier.up, m.wall-earlier.wall
	if step := wall - up; step > maxStep || step < -maxStep {
		return 0, fmt.Errorf("the machine's clock stepped by %v", step.Round(time.Second))
	}
	return up, nil
}
