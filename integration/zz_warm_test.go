package integration

import "time"

// warm creates the topics.
func (c *cluster) warm(args ...string) {
	for {
		p := c.serve(args...)
		select {
		case <-p.exited:
			c.t.Log("TEMPORARY: the first start failed")
			time.Sleep(time.Second)
			continue
		case <-time.After(3 * time.Second):
			p.stop()
		}
		return
	}
}
