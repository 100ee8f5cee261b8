package proxy

import (
	"net"
	"sync"
	"sync/atomic"
)

// link is a client's connection and the one to the target that belongs to it.
type link struct {
	client net.Conn
	halve  atomic.Bool   // to be cut within its next chunk
	done   chan struct{} // closed when the link is cut

	mu     sync.Mutex
	server net.Conn // nil until connected
	over   bool
}

// connected takes the connection to the target, unless the link was cut
// meanwhile.
func (l *link) connected(server net.Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.over {
		_ = server.Close()
		return false
	}
	l.server = server
	return true
}

// cut closes both connections. It may be called more than once.
func (l *link) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.over {
		return
	}
	l.over = true
	close(l.done)
	_ = l.client.Close()
	if l.server != nil {
		_ = l.server.Close()
	}
}
