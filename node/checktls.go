package node

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"time"
)

// expiresSoon is when to see to a new certificate.
const expiresSoon = 30 * 24 * time.Hour

// certificates looks at when ours ends, and those of the servers, each with the
// authorities that it was checked against.
func (c *checkup) certificates(ctx context.Context, about string, cfg *tls.Config, servers []string) {
	var first time.Time
	note := func(whose, remedy string, cert *x509.Certificate) {
		left := time.Until(cert.NotAfter)
		if first.IsZero() || cert.NotAfter.Before(first) {
			first = cert.NotAfter
		}
		day := cert.NotAfter.Format(time.DateOnly)
		switch {
		case left < 0:
			c.fail(about, remedy, "%s (%s) expired on %s", whose, cert.Subject, day)
		case left < expiresSoon:
			c.warn(about, remedy, "%s (%s) expires on %s", whose, cert.Subject, day)
		}
	}
	for _, pair := range cfg.Certificates {
		if pair.Leaf != nil {
			note("the certificate to show", "issue a new one, and start every process again", pair.Leaf)
		}
	}
	for _, server := range servers {
		conn, err := (&tls.Dialer{Config: cfg}).DialContext(ctx, "tcp", server)
		if err != nil {
			continue // that it can't be reached is told elsewhere
		}
		if chains := conn.(*tls.Conn).ConnectionState().VerifiedChains; len(chains) > 0 {
			for i, cert := range chains[0] {
				whose := "the certificate of " + server
				if i > 0 {
					whose = "an authority of " + server
				}
				note(whose, "renew it at the server", cert)
			}
		}
		_ = conn.Close()
	}
	if time.Until(first) >= expiresSoon {
		c.ok(about, "the certificates are good until %s", first.Format(time.DateOnly))
	}
}
