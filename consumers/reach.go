package consumers

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/segmentio/kafka-go"
)

// Reach connects to a bootstrap broker, logs in, and asks a first question, so
// that a wrong address, certificate or password is found out at once and named:
// later on, all of it looks like a broker that does not answer. Where nobody
// answers, it asks again until the request timeout is over.
func (c *Client) Reach(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, c.cfg.RequestTimeout)
	defer cancel()
	for n := 1; ; n++ {
		err := c.reachAny(ctx)
		if err == nil || locked(err) || n >= hangUps && hungUp(err) {
			return err
		}
		if sleep(ctx, backoff(n, retryFirst, retryMost)) != nil {
			return err
		}
	}
}

// reachAny tries the brokers in turn. That one refuses to let us in is told
// rather than that another is down.
func (c *Client) reachAny(ctx context.Context) error {
	var failed error
	for _, broker := range c.cfg.Brokers {
		err := c.reach(ctx, broker)
		if err == nil {
			return nil
		}
		if failed == nil || locked(err) {
			failed = fmt.Errorf("kafka at %s: %w", broker, err)
		}
	}
	return failed
}

func (c *Client) reach(ctx context.Context, broker string) error {
	dialer := kafka.Dialer{
		ClientID: c.cfg.ClientID, DialFunc: c.cfg.Dial, Timeout: c.cfg.DialTimeout, TLS: c.cfg.TLS, SASLMechanism: c.sasl,
	}
	conn, err := dialer.DialContext(ctx, "tcp", broker)
	if errors.Is(err, kafka.SASLAuthenticationFailed) {
		return fmt.Errorf("wrong user or password for %s: %w", c.cfg.SASL, err)
	}
	if err == nil {
		defer func() { _ = conn.Close() }()
		if err = conn.SetDeadline(time.Now().Add(c.cfg.DialTimeout)); err == nil {
			_, err = conn.Brokers()
		}
	}
	if hungUp(err) {
		return fmt.Errorf("it hangs up; does it ask for %s? %w", c.notGiven(), err)
	}
	return err
}

// notGiven is what a broker may miss.
func (c *Client) notGiven() string {
	switch {
	case c.cfg.TLS == nil && c.cfg.SASL == nil:
		return "TLS, or for a user and password,"
	case c.cfg.TLS == nil:
		return "TLS"
	case c.cfg.SASL == nil:
		return "a user and password"
	}
	return "another way to log in"
}

// locked tells whether trying again is in vain: it takes another certificate,
// user or password.
func locked(err error) bool {
	var (
		certificate *tls.CertificateVerificationError
		notTLS      tls.RecordHeaderError
		alert       *net.OpError
	)
	return errors.As(err, &certificate) || errors.As(err, &notTLS) || errors.As(err, &alert) && alert.Op == "remote error" ||
		errors.Is(err, kafka.SASLAuthenticationFailed) || errors.Is(err, kafka.UnsupportedSASLMechanism)
}

// hangUps is how often a broker may hang up, as one that is starting does too.
const hangUps = 5

func hungUp(err error) bool { return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) }
