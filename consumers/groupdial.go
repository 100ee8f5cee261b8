package consumers

import (
	"context"
	"net"
	"sync"
	"time"
)

// groupDialer dials for kafka-go's consumer group and can cut its connections:
// a join in flight can't be cancelled otherwise, and may last as long as other
// members take to end their tasks.
type groupDialer struct {
	dial func(ctx context.Context, network, address string) (net.Conn, error)

	mu   sync.Mutex
	open map[*groupConn]bool
}

type groupConn struct {
	net.Conn
	d *groupDialer
}

func (d *groupDialer) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := d.dial(ctx, network, address)
	if err != nil {
		return nil, err
	}
	c := &groupConn{Conn: conn, d: d}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.open == nil {
		d.open = map[*groupConn]bool{}
	}
	d.open[c] = true
	return c, nil
}

func (c *groupConn) Close() error {
	c.d.mu.Lock()
	delete(c.d.open, c)
	c.d.mu.Unlock()
	return c.Conn.Close()
}

// hangUp closes the connections there are. New ones can be opened, to leave the
// group.
func (d *groupDialer) hangUp() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for c := range d.open {
		c.Conn.Close()
	}
	d.open = nil
}

// hangUpUntil waits for done, cutting whatever holds it up at intervals.
func (d *groupDialer) hangUpUntil(done <-chan struct{}, interval time.Duration) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-done:
			return
		case <-ticker.C:
			d.hangUp()
		}
	}
}
