package consumers

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	"github.com/segmentio/kafka-go/sasl"
	"github.com/segmentio/kafka-go/sasl/plain"
	"github.com/segmentio/kafka-go/sasl/scram"
)

// Config is how a Client reaches Kafka and how much it fetches.
type Config struct {
	// Brokers are the bootstrap addresses, host:port. Required.
	Brokers []string
	// ClientID names this process in the brokers' logs and quotas.
	// Default "rollcall".
	ClientID string
	// TLS, if set, encrypts every connection.
	TLS *tls.Config
	// SASL, if set, authenticates every connection.
	SASL *SASL
	// Dial replaces the dialing of TCP connections; for networks inside the
	// process. Default a net.Dialer.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Log takes what an operator should know. Default slog.Default().
	Log *slog.Logger

	// DialTimeout bounds opening a connection, TLS and SASL included.
	// Default 5 s.
	DialTimeout time.Duration
	// RequestTimeout bounds every request; a fetch has MaxWait on top.
	// Default 10 s.
	RequestTimeout time.Duration

	// MaxWait is how long a broker may hold a fetch when there is nothing new.
	// New records are answered at once whatever it is. Default 500 ms.
	MaxWait time.Duration
	// MaxFetch bounds the bytes of one fetch response. Default 8 MiB.
	MaxFetch int
	// MaxPartitionFetch bounds the bytes per partition of one fetch response.
	// A partition has at most two such pieces waiting and one being read. A
	// record batch that is larger still comes, alone, and then nothing else
	// waits for that partition. Default 1 MiB.
	MaxPartitionFetch int
	// MaxBuffered bounds the bytes fetched and not yet read in the process:
	// with many partitions, MaxPartitionFetch is lowered (to 16 KiB at least)
	// so that all of them together stay within it. While as much waits all the
	// same, because batches are large, no task's partition is fetched. Tails are.
	// Default 128 MiB.
	MaxBuffered int
}

// SASL are the credentials for Kafka.
type SASL struct {
	// Mechanism is PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512.
	Mechanism          string
	Username, Password string
}

// String leaves out the password.
func (s SASL) String() string { return s.Mechanism + " " + s.Username }

// GoString leaves out the password.
func (s SASL) GoString() string { return s.String() }

func (s *SASL) mechanism() (sasl.Mechanism, error) {
	switch s.Mechanism {
	case "PLAIN":
		return plain.Mechanism{Username: s.Username, Password: s.Password}, nil
	case "SCRAM-SHA-256":
		return scram.Mechanism(scram.SHA256, s.Username, s.Password)
	case "SCRAM-SHA-512":
		return scram.Mechanism(scram.SHA512, s.Username, s.Password)
	}
	return nil, fmt.Errorf("unknown SASL mechanism %q: want PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512", s.Mechanism)
}

func (c Config) withDefaults() (Config, error) {
	if len(c.Brokers) == 0 {
		return c, errors.New("no Kafka brokers given")
	}
	if c.Dial == nil {
		c.Dial = new(net.Dialer).DialContext
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	c.ClientID = cmp.Or(c.ClientID, "rollcall")
	c.DialTimeout = cmp.Or(c.DialTimeout, 5*time.Second)
	c.RequestTimeout = cmp.Or(c.RequestTimeout, 10*time.Second)
	c.MaxWait = cmp.Or(c.MaxWait, 500*time.Millisecond)
	c.MaxFetch = cmp.Or(c.MaxFetch, 8<<20)
	c.MaxPartitionFetch = cmp.Or(c.MaxPartitionFetch, 1<<20)
	c.MaxBuffered = cmp.Or(c.MaxBuffered, 128<<20)
	if c.DialTimeout < 0 || c.RequestTimeout < 0 || c.MaxWait < time.Millisecond ||
		c.MaxFetch < 0 || c.MaxPartitionFetch < 0 || c.MaxBuffered < 0 {
		return c, errors.New("a Kafka timeout or size is negative or too small")
	}
	return c, nil
}
