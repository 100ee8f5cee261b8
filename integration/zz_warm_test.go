package integration

import "time"

// warm creates the topics.
func (c *cluster) warm(args ...string) {
	p := c.serve(args...)
	select {
	case <-p.exited:
	case <-time.After(3 * time.Second):
		p.stop()
	}
	c.t.Log("TEMPORARY first start:", p.output())
}
