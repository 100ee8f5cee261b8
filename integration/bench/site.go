package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"rollcall/consumers"
	"rollcall/generate"
	"rollcall/integration/servers"
)

// site is what the large account has to itself: servers, and the product's own
// processes, which read all that is in a Kafka and so can't share one with the
// other sections.
type site struct {
	dir      string
	kafka    *servers.KafkaCluster
	redis    *redisServer // of the product's processes
	client   *consumers.Client
	producer *consumers.Producer
	binary   string
	started  int
	products []*product
	history  spans
}

// largeSite is made by the first section that wants it.
func (b *bench) largeSite(ctx context.Context) (*site, error) {
	if b.site != nil {
		return b.site, nil
	}
	b.site = &site{dir: filepath.Join(b.dir, large)}
	if err := b.site.open(ctx, b); err != nil {
		return nil, fmt.Errorf("the large account: %w", err)
	}
	return b.site, b.site.fill(ctx, b)
}

func (s *site) open(ctx context.Context, b *bench) (err error) {
	if err := os.MkdirAll(s.dir, 0o755); err != nil {
		return err
	}
	if s.binary, err = buildProduct(ctx, s.dir); err != nil {
		return err
	}
	if s.kafka, err = servers.NewKafka(s.dir, servers.HeapMiB(768)); err != nil {
		return err
	}
	if s.redis, err = b.newRedis(large); err != nil {
		return err
	}
	if s.client, err = openKafka(s.kafka.Addr()); err != nil {
		return err
	}
	s.producer = s.client.Producer(consumers.ProducerConfig{Concurrency: inFlight})
	return nil
}

// fill has a process make the topics and the account, and then loads its
// history while none is there.
func (s *site) fill(ctx context.Context, b *bench) error {
	p, err := s.startProduct(ctx)
	if err != nil {
		return err
	}
	account := map[string]any{"id": large, "timezone": zoneName, "retention_days": retentionDays, "default_region": "US"}
	if err := p.call(ctx, "POST", "/v1/accounts", account, nil); err != nil {
		return err
	}
	all, err := segments(b.now)
	for i := 0; err == nil && i < len(all); i++ {
		err = p.call(ctx, "PUT", "/v1/segments/"+all[i].id, map[string]any{"text": all[i].def.Text()}, nil)
	}
	if err != nil {
		return err
	}
	p.end(syscall.SIGTERM)
	began := time.Now()
	g, err := generate.New(generate.Config{Account: large, Contacts: b.large, Days: largeDays, Now: b.now, Seed: 2, Repeats: 0.01, Late: 0.01, Bad: 0.0005})
	if err != nil {
		return err
	}
	if err := load(ctx, s.producer, messages(g.History(), map[string]int64{})); err != nil {
		return err
	}
	s.history, err = logSpans(ctx, s.client)
	b.page.printf("The large account: %d contacts, %d days, %d records, in a Kafka and a Redis of its own, written in %.1f s.\n\n",
		b.large, largeDays, s.history.records(), time.Since(began).Seconds())
	return err
}

// running is a process that serves fresh answers.
func (s *site) running(ctx context.Context) (*product, error) {
	for _, p := range s.products {
		select {
		case <-p.exited:
		default:
			return p, p.awaitFresh(ctx, time.Now())
		}
	}
	p, err := s.startProduct(ctx)
	if err != nil {
		return nil, err
	}
	return p, p.awaitFresh(ctx, time.Now())
}

// stopProducts ends all processes.
func (s *site) stopProducts() {
	for _, p := range s.products {
		p.end(syscall.SIGTERM)
	}
	s.products = nil
}

func (s *site) close() error {
	s.stopProducts()
	if s.client != nil {
		s.client.Close()
	}
	if s.kafka == nil {
		return nil
	}
	return errors.Join(s.kafka.Close())
}
