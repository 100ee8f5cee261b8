package proxy_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"testing"
	"time"

	"rollcall/integration/proxy"
)

// soon is long enough for loopback, and short enough to wait for nothing.
const soon = 100 * time.Millisecond

// echo is a server that sends back what it gets, and counts its connections.
type echo struct {
	net.Listener
	wg sync.WaitGroup
}

func startEcho(t *testing.T) *echo {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	e := &echo{Listener: ln}
	e.wg.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			e.wg.Go(func() { defer conn.Close(); _, _ = io.Copy(conn, conn) })
		}
	})
	t.Cleanup(func() { ln.Close(); e.wg.Wait() })
	return e
}

func startProxy(t *testing.T) *proxy.Proxy {
	t.Helper()
	p, err := proxy.New(startEcho(t).Addr().String(), 1)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

func dial(t *testing.T, p *proxy.Proxy) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", p.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// send writes a message and reads as much back, within a time.
func send(conn net.Conn, message []byte, within time.Duration) ([]byte, error) {
	conn.SetDeadline(time.Now().Add(within))
	if _, err := conn.Write(message); err != nil {
		return nil, err
	}
	back := make([]byte, len(message))
	n, err := io.ReadFull(conn, back)
	return back[:n], err
}

func expectEcho(t *testing.T, conn net.Conn) {
	t.Helper()
	if got, err := send(conn, []byte("hello"), 5*time.Second); string(got) != "hello" {
		t.Errorf("hello comes back as %q, %v", got, err)
	}
}

// expectCut reads until the connection ends, and returns what came.
func expectCut(t *testing.T, conn net.Conn) []byte {
	t.Helper()
	conn.SetDeadline(time.Now().Add(5 * time.Second))
	got, err := io.ReadAll(conn)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error("the connection is still open")
	}
	return got
}

func TestForwards(t *testing.T) {
	conn := dial(t, startProxy(t))
	expectEcho(t, conn)
	message := bytes.Repeat([]byte("0123456789"), 100_000)
	if got, err := send(conn, message, 5*time.Second); !bytes.Equal(got, message) {
		t.Errorf("%d of %d bytes come back as they were, %v", len(got), len(message), err)
	}
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	expectCut(t, conn)
}

func TestDelay(t *testing.T) {
	p := startProxy(t)
	conn := dial(t, p)
	expectEcho(t, conn)
	p.Delay(soon)
	began := time.Now()
	expectEcho(t, conn)
	if took := time.Since(began); took < 2*soon {
		t.Errorf("there and back took %v with %v on each way", took, soon)
	}
	p.Heal()
	began = time.Now()
	expectEcho(t, conn)
	if took := time.Since(began); took > 2*soon {
		t.Errorf("there and back took %v after Heal", took)
	}
}

func TestCut(t *testing.T) {
	p := startProxy(t)
	one, two := dial(t, p), dial(t, p)
	expectEcho(t, one)
	expectEcho(t, two)
	p.Cut()
	expectCut(t, one)
	expectCut(t, two)
	expectEcho(t, dial(t, p))
}

func TestHalve(t *testing.T) {
	p := startProxy(t)
	for range 20 {
		conn := dial(t, p)
		expectEcho(t, conn)
		p.Halve()
		message := []byte("a message of which only a part arrives")
		if _, err := conn.Write(message); err != nil {
			t.Fatal(err)
		}
		if got := expectCut(t, conn); len(got) >= len(message) || !bytes.HasPrefix(message, got) {
			t.Errorf("%q comes back, want only a beginning", got)
		}
	}
	expectEcho(t, dial(t, p))
}

func TestHalveIsHealed(t *testing.T) {
	p := startProxy(t)
	conn := dial(t, p)
	expectEcho(t, conn)
	p.Halve()
	p.Heal()
	expectEcho(t, conn)
}

func TestBlackhole(t *testing.T) {
	p := startProxy(t)
	before := dial(t, p)
	expectEcho(t, before)
	p.Blackhole()
	p.Blackhole() // is the same
	after := dial(t, p)
	for _, conn := range []net.Conn{before, after} {
		if got, err := send(conn, []byte("hello"), soon); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("a blackhole answers %q, %v", got, err)
		}
	}
	p.Heal()
	for _, conn := range []net.Conn{before, after} {
		held := make([]byte, len("hello"))
		conn.SetDeadline(time.Now().Add(5 * time.Second))
		if _, err := io.ReadFull(conn, held); string(held) != "hello" {
			t.Errorf("after Heal there is %q of what was held, %v", held, err)
		}
		expectEcho(t, conn)
	}
}

func TestCutInABlackhole(t *testing.T) {
	p := startProxy(t)
	conn := dial(t, p)
	expectEcho(t, conn)
	p.Blackhole()
	if _, err := conn.Write([]byte("hello")); err != nil {
		t.Fatal(err)
	}
	p.Cut()
	if got := expectCut(t, conn); len(got) > 0 {
		t.Errorf("a blackhole let %q pass", got)
	}
}

func TestTargetIsDown(t *testing.T) {
	server := startEcho(t)
	p, err := proxy.New(server.Addr().String(), 1)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	server.Close()
	expectCut(t, dial(t, p))
}

func TestCloseInABlackhole(t *testing.T) {
	p := startProxy(t)
	conn := dial(t, p)
	p.Blackhole()
	conn.Write([]byte("hello"))
	if err := p.Close(); err != nil {
		t.Error(err)
	}
	expectCut(t, conn)
}
