package pipeline

import "sync"

// sizeCache remembers what was counted in one state of a partition: whoever
// watches a segment, and all who ask about it, want to know its size.
type sizeCache struct {
	mu    sync.Mutex
	of    stateName
	known map[sizeKey]memberCount
}

// stateName tells the states of a partition apart, as positions do.
type stateName struct {
	nonce string // empty: it has no name
	seq   uint64
}

type sizeKey struct {
	account string
	slot    int
}

type memberCount struct{ members, sendable int64 }

// count is how many are in a column of the account, in the state of that name.
func (c *sizeCache) count(of stateName, a *account, slot int) memberCount {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.of != of || of.nonce == "" {
		c.of, c.known = of, map[sizeKey]memberCount{}
	}
	key := sizeKey{a.id, slot}
	n, ok := c.known[key]
	if !ok {
		n.members, n.sendable = a.countMembers(slot)
		c.known[key] = n
	}
	return n
}

func (c *sizeCache) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.of = stateName{}
}
