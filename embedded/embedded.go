// Package embedded runs a Kafka broker and a Redis inside this process, for
// trying the product out and for tests: the pipeline talks to them as it would
// to real ones, by address.
//
// The broker keeps its log in a directory, and the log outlives the process,
// whether it ends by Close or by a crash. Redis is empty at every start: all
// that it holds is built from the log again.
package embedded

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/alicebob/miniredis/v2"
	"github.com/twmb/franz-go/pkg/kfake"
)

// Config says where the servers listen and where the log is kept.
type Config struct {
	// DataDir holds the broker's log. It is created if needed and may be used
	// by one process at a time. Required.
	DataDir string

	// Kafka is the address the broker listens on; port 0 takes a free one.
	// Default 127.0.0.1:9092.
	Kafka string

	// AdvertisedKafka is the address that the broker tells its clients.
	// Default: the address it listens on, or localhost if it listens on every
	// interface.
	AdvertisedKafka string

	// Redis is the address that Redis listens on; port 0 takes a free one.
	// Default 127.0.0.1:0.
	Redis string

	// Partitions is how many a topic gets that is created without saying.
	// Default 4.
	Partitions int

	// SyncWrites makes every record durable against a crash of the machine
	// before it is acknowledged, at the cost of a disk flush per batch. Without
	// it, as with Kafka's own default, an acknowledged record survives a crash
	// of the process only.
	SyncWrites bool

	// Log takes what the broker warns of. Default: slog.Default().
	Log *slog.Logger
}

// Servers is a running broker and a running Redis.
type Servers struct {
	kafka  *kfake.Cluster
	redis  *miniredis.Miniredis
	unlock func() error
	addr   string
}

// ErrInUse is returned by Start when another process has the data directory.
var ErrInUse = errors.New("is used by another process")

// Start starts both servers. The caller closes them.
func Start(cfg Config) (*Servers, error) {
	if cfg.DataDir == "" {
		return nil, errors.New("embedded: no data directory given")
	}
	if err := os.MkdirAll(cfg.DataDir, 0o700); err != nil {
		return nil, fmt.Errorf("embedded: %w", err)
	}
	unlock, err := lockFile(filepath.Join(cfg.DataDir, "lock"))
	if err != nil {
		return nil, fmt.Errorf("embedded: data directory %s: %w", cfg.DataDir, err)
	}
	s := &Servers{unlock: unlock}
	if err := s.start(cfg); err != nil {
		return nil, errors.Join(fmt.Errorf("embedded: %w", err), s.Close())
	}
	return s, nil
}

func (s *Servers) start(cfg Config) (err error) {
	if s.kafka, err = startKafka(cfg); err != nil {
		return fmt.Errorf("Kafka: %w", err)
	}
	s.addr = s.kafka.ListenAddrs()[0]
	redis := miniredis.NewMiniRedis()
	if err := redis.StartAddr(cmp.Or(cfg.Redis, "127.0.0.1:0")); err != nil {
		return fmt.Errorf("Redis: %w", err)
	}
	redis.ClockTTL(true)
	s.redis = redis
	return nil
}

// Kafka is the broker's address as clients know it.
func (s *Servers) Kafka() string { return s.addr }

// Redis is the address of Redis.
func (s *Servers) Redis() string { return s.redis.Addr() }

// Close stops both servers and gives the data directory back. Clients should be
// closed before.
func (s *Servers) Close() error {
	if s.redis != nil {
		s.redis.Close()
	}
	if s.kafka != nil {
		s.kafka.Close()
	}
	return s.unlock()
}
