package servers

import (
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
)

// freePort finds a port of the loopback interface that nobody listens on. It
// looks below the range from which systems take the ports of outgoing
// connections, so that nothing takes a port while its server is down.
func freePort() (int, error) {
	const low, high = 15000, 32000
	for range 200 {
		port := low + rand.IntN(high-low)
		if ln, err := net.Listen("tcp", loopback(port)); err == nil {
			return port, ln.Close()
		}
	}
	return 0, fmt.Errorf("no free port between %d and %d", low, high)
}

func loopback(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }
