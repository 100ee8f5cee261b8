package api

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// guard keeps other sites' pages out. A browser sends such a page's requests
// here, but marks their origin; and a page that has its own name resolve to
// 127.0.0.1 (DNS rebinding) is told by the Host that its requests name.
func (s *Server) guard(next http.Handler) http.Handler {
	sameOrigin := http.NewCrossOriginProtection()
	sameOrigin.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		problem("cross-origin", "the request comes from another site's page").write(w)
	}))
	next = sameOrigin.Handler(next)
	if !s.Tokenless {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !loopback(r.Host) {
			problem("misdirected", "this server answers to localhost only").write(w)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// loopback tells whether a host, with or without a port, is this machine
// whatever a name server says.
func loopback(hostport string) bool {
	host, _, err := net.SplitHostPort(hostport)
	if err != nil {
		host = strings.Trim(hostport, "[]")
	}
	if strings.EqualFold(host, "localhost") {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Unmap().IsLoopback()
}
