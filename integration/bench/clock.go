package main

import (
	"sync/atomic"
	"time"
)

// shiftedClock goes as fast as ours, and may be ahead of it.
type shiftedClock struct{ ahead atomic.Int64 }

func (c *shiftedClock) now() time.Time { return time.Now().Add(time.Duration(c.ahead.Load())) }

// approach sets the clock to so long before the next midnight of a zone, and
// returns when midnight will be, by our clock.
func (c *shiftedClock) approach(before time.Duration, zone *time.Location) time.Time {
	at := time.Now()
	y, m, d := c.now().In(zone).Date()
	midnight := time.Date(y, m, d+1, 0, 0, 0, 0, zone)
	c.ahead.Store(int64(midnight.Add(-before).Sub(at)))
	return at.Add(before)
}
