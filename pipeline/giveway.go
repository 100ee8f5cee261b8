package pipeline

import (
	"context"
	"sync"
	"time"
)

// A segment has members once all partitions have composed it, and what is to be
// told of that takes more of the processors than to compose it. So publishers
// give way to the tasks of their process that compose for new definitions.

// Composing is known to the tasks of a process: how many of them compose for new
// definitions. The zero value is ready.
type Composing struct {
	mu    sync.Mutex
	tasks int
	done  chan struct{} // closed once none does; nil: none does
}

func (c *Composing) begin() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.tasks++; c.tasks == 1 {
		c.done = make(chan struct{})
	}
}

func (c *Composing) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.tasks--; c.tasks == 0 {
		close(c.done)
		c.done = nil
	}
}

// giveWay is how long one attempt to publish waits at most. Where definitions
// change all the time, publishing goes on all the same.
const giveWay = 500 * time.Millisecond

// wait returns when no task composes, or when ctx ends. Of nil nothing is waited for.
func (c *Composing) wait(ctx context.Context) {
	if c == nil {
		return
	}
	c.mu.Lock()
	done := c.done
	c.mu.Unlock()
	if done == nil {
		return
	}
	select {
	case <-done:
	case <-ctx.Done():
	}
}

// noteComposing tells publishers whether the task composes for new definitions.
func (t *Task) noteComposing(does bool) {
	if t.Composing == nil || t.noted == does {
		return
	}
	if t.noted = does; does {
		t.Composing.begin()
	} else {
		t.Composing.end()
	}
}
