// Package proxy is a TCP proxy on loopback that tests put between a client and
// a server to play the faults of a network: latency, connections that are cut,
// messages of which only a part arrives, and silence.
package proxy

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"time"
)

// Proxy forwards connections to one target. Its methods are safe for concurrent
// use. Faults add up until Heal.
type Proxy struct {
	target   string
	listener net.Listener
	wg       sync.WaitGroup

	mu      sync.Mutex
	random  *rand.Rand
	links   map[*link]bool
	latency time.Duration
	flows   chan struct{} // closed while bytes flow, open while they are held
	closed  bool
}

// dialTimeout bounds connecting to the target, which is on this machine.
const dialTimeout = 2 * time.Second

// New listens on a free port and forwards to target, which need not be there
// yet. What is random about the faults follows from seed.
func New(target string, seed uint64) (*Proxy, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("proxy of %s: %w", target, err)
	}
	p := &Proxy{
		target: target, listener: listener, random: rand.New(rand.NewPCG(seed, 0)),
		links: map[*link]bool{}, flows: make(chan struct{}),
	}
	close(p.flows)
	p.wg.Go(p.accept)
	return p, nil
}

// Addr is where the proxy listens, host:port.
func (p *Proxy) Addr() string { return p.listener.Addr().String() }

// Close cuts all connections and ends the proxy.
func (p *Proxy) Close() error {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	err := p.listener.Close()
	p.Cut()
	p.wg.Wait()
	return err
}

// Delay holds every chunk of bytes for d, in both directions.
func (p *Proxy) Delay(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.latency = d
}

// Cut closes all connections. New ones are forwarded.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for l := range p.links {
		l.cut()
	}
}

// Halve cuts each connection in the middle of what it carries next, in
// whichever direction: only the beginning of that chunk is forwarded. New
// connections are forwarded whole.
func (p *Proxy) Halve() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for l := range p.links {
		l.halve.Store(true)
	}
}

// Blackhole lets connections be opened and keeps them open, and forwards
// nothing, not even that one side closed. What is sent meanwhile arrives after
// Heal, as after a partition of the network that TCP outlived.
func (p *Proxy) Blackhole() {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-p.flows:
		p.flows = make(chan struct{})
	default:
	}
}

// Heal ends all faults.
func (p *Proxy) Heal() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.latency = 0
	for l := range p.links {
		l.halve.Store(false)
	}
	select {
	case <-p.flows:
	default:
		close(p.flows)
	}
}

func (p *Proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return // closed
		}
		l := &link{client: client, done: make(chan struct{})}
		if !p.add(l) {
			l.cut()
			return
		}
		p.wg.Go(func() { p.serve(l) })
	}
}

func (p *Proxy) add(l *link) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.closed {
		p.links[l] = true
	}
	return !p.closed
}

// serve forwards a connection until both directions have ended.
func (p *Proxy) serve(l *link) {
	defer func() {
		l.cut()
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.links, l)
	}()
	if !p.pass(l) {
		return
	}
	server, err := net.DialTimeout("tcp", p.target, dialTimeout)
	if err != nil || !l.connected(server) {
		return
	}
	var wg sync.WaitGroup
	wg.Go(func() { p.pump(l, l.client, server) })
	wg.Go(func() { p.pump(l, server, l.client) })
	wg.Wait()
}

// pump forwards one direction, and its end.
func (p *Proxy) pump(l *link, from, to net.Conn) {
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		if !p.pass(l) {
			return
		}
		if n > 0 && l.halve.Swap(false) {
			_, _ = to.Write(buf[:p.part(n)])
			l.cut()
			return
		}
		if _, failed := to.Write(buf[:n]); failed != nil {
			l.cut()
			return
		}
		if errors.Is(err, io.EOF) {
			_ = to.(*net.TCPConn).CloseWrite()
			return
		}
		if err != nil {
			l.cut()
			return
		}
	}
}

// part is how much of a chunk is forwarded before it is cut.
func (p *Proxy) part(n int) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.random.IntN(n)
}

// pass waits until bytes may go on, and says whether the link still lives then.
func (p *Proxy) pass(l *link) bool {
	p.mu.Lock()
	flows, latency := p.flows, p.latency
	p.mu.Unlock()
	select {
	case <-l.done:
		return false
	case <-flows:
	}
	if latency == 0 {
		return true
	}
	select {
	case <-l.done:
		return false
	case <-time.After(latency):
		return true
	}
}
