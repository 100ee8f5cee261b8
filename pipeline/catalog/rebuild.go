package catalog

import (
	"slices"
	"time"
)

// Rebuild is a StartRebuild, and what became of it.
type Rebuild struct {
	ID        string
	TakeOver  bool
	StartedAt time.Time
	Cancelled bool
}

// Rebuild is the newest that was started, unless it was cancelled.
func (c *Catalog) Rebuild() (r Rebuild, ok bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if n := len(c.rebuilds); n > 0 && !c.rebuilds[n-1].Cancelled {
		return c.rebuilds[n-1], true
	}
	return Rebuild{}, false
}

// Rebuilds are all that were ever started, the oldest first.
func (c *Catalog) Rebuilds() []Rebuild {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return slices.Clone(c.rebuilds)
}

func (c *Catalog) rebuild(id string) int {
	return slices.IndexFunc(c.rebuilds, func(r Rebuild) bool { return r.ID == id })
}

func (s StartRebuild) check(c *Catalog) error {
	if !segmentID.MatchString(s.ID) {
		return refuse(Invalid, "a rebuild has an id")
	}
	if c.rebuild(s.ID) >= 0 {
		return refuse(Conflict, "there was a rebuild %q already", s.ID)
	}
	return nil
}

func (s StartRebuild) apply(c *Catalog, at stamp) {
	c.rebuilds = append(c.rebuilds, Rebuild{ID: s.ID, TakeOver: s.TakeOver, StartedAt: at.at})
}

func (s CancelRebuild) check(c *Catalog) error {
	switch i := c.rebuild(s.ID); {
	case i < 0:
		return refuse(NotFound, "there is no rebuild %q", s.ID)
	case c.rebuilds[i].Cancelled:
		return refuse(Conflict, "rebuild %q was cancelled already", s.ID)
	case i < len(c.rebuilds)-1:
		return refuse(Conflict, "another rebuild took the place of %q", s.ID)
	}
	return nil
}

func (s CancelRebuild) apply(c *Catalog, _ stamp) { c.rebuilds[c.rebuild(s.ID)].Cancelled = true }
