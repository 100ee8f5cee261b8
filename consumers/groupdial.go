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

	mu      sync.Mutex
	open    map[*groupConn]bool
	dialing map[*context.CancelFunc]bool
}

func newGroupDialer(dial func(ctx context.Context, network, address string) (net.Conn, error)) *groupDialer {
	return &groupDialer{dial: dial, open: map[*groupConn]bool{}, dialing: map[*context.CancelFunc]bool{}}
}

type groupConn struct {
	net.Conn
	d *groupDialer
}

func (d *groupDialer) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	d.mu.Lock()
	d.dialing[&cancel] = true
	d.mu.Unlock()
	conn, err := d.dial(ctx, network, address)
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.dialing, &cancel)
	if err != nil {
		return nil, err
	}
	c := &groupConn{Conn: conn, d: d}
	d.open[c] = true
	return c, nil
}

func (c *groupConn) Close() error {
	c.d.mu.Lock()
	delete(c.d.open, c)
	c.d.mu.Unlock()
	return c.Conn.Close()
}

// hangUp closes the connections there are, and those that are being opened. New
// ones can be opened, to leave the group.
func (d *groupDialer) hangUp() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for c := range d.open {
		c.Conn.Close()
	}
	clear(d.open)
	for cancel := range d.dialing {
		(*cancel)()
	}
}

// hangUpUntil waits for done, cutting off whatever holds it up: after a while,
// and then at intervals.
func (d *groupDialer) hangUpUntil(done <-chan struct{}, first, interval time.Duration) {
	for wait := first; ; wait = interval {
		select {
		case <-done:
			return
		case <-time.After(wait):
			d.hangUp()
		}
	}
}
