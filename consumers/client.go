package consumers

import (
	"context"
	"fmt"
	"net"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/sasl"
)

// Client is one process's connection to a Kafka cluster. It is safe for
// concurrent use. Its feeds, tails and producers share its connections.
type Client struct {
	// Stats counts what the client did so far.
	Stats Stats

	cfg       Config
	addr      net.Addr
	sasl      sasl.Mechanism
	transport *kafka.Transport
	fetcher   *fetcher
	leaders   leaderCache
}

// metadataAge is how old kafka-go's own picture of the cluster may get, which
// routes the requests that we don't route ourselves: producing and creating.
const metadataAge = 3 * time.Second

// Open makes a client. It checks the configuration but does not connect: the
// first request does, and is retried like any other.
func Open(cfg Config) (*Client, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	c := &Client{cfg: cfg, addr: kafka.TCP(cfg.Brokers...)}
	if cfg.SASL != nil {
		if c.sasl, err = cfg.SASL.mechanism(); err != nil {
			return nil, fmt.Errorf("SASL: %w", err)
		}
	}
	c.transport = &kafka.Transport{
		Dial:        cfg.Dial,
		DialTimeout: cfg.DialTimeout,
		MetadataTTL: metadataAge,
		ClientID:    cfg.ClientID,
		TLS:         cfg.TLS,
		SASL:        c.sasl,
	}
	c.fetcher = newFetcher(c)
	return c, nil
}

// Close ends all fetching and closes the connections. Groups and tails must
// have been ended before, by their contexts.
func (c *Client) Close() {
	c.fetcher.close()
	c.transport.CloseIdleConnections()
}

// roundTrip sends one request. The time it may take is bounded even if ctx is
// not.
func (c *Client) roundTrip(ctx context.Context, timeout time.Duration, req kafka.Request) (kafka.Response, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	return c.transport.RoundTrip(ctx, c.addr, req)
}

// kafkaClient is kafka-go's client over our transport.
func (c *Client) kafkaClient() *kafka.Client {
	return &kafka.Client{Addr: c.addr, Timeout: c.cfg.RequestTimeout, Transport: c.transport}
}

// sleep waits, or returns the context's error if that ends first.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// backoff is the pause after the nth failure in a row, n from 1 on.
func backoff(n int, first, most time.Duration) time.Duration {
	return min(first<<min(n-1, 20), most)
}
