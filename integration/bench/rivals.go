package main

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"rollcall/integration/servers"
)

// postgresSettings are for one machine that has this to do, and for data that
// need not outlive it.
var postgresSettings = []string{
	"shared_buffers=1GB", "work_mem=256MB", "maintenance_work_mem=512MB", "effective_cache_size=4GB",
	"random_page_cost=1.1", "jit=off", "fsync=off", "synchronous_commit=off", "max_wal_size=8GB",
}

// meet starts the rivals that this machine has and loads the population into
// them. Their data goes to dir.
func (r *rivals) meet(ctx context.Context, dir string, c *redis.Client, p *population) error {
	all := p.bitmaps()
	w := &words{all: all, contacts: len(p.people)}
	r.all = append(r.all, rival{name: "floor: AND, OR and count of as many words", count: func(_ context.Context, q *question) (int64, error) {
		return w.count(q.steps(p, all)), nil
	}})
	began := time.Now()
	bits, err := newRedisBitmaps(ctx, c, p, all)
	if err != nil {
		return err
	}
	r.add("Redis", began, []rival{{name: "Redis bitmaps, BITOP and BITCOUNT", count: bits.count}}, nil)
	t, err := p.writeTables(dir)
	if err != nil {
		return err
	}
	r.meetPostgres(p, t)
	r.meetClickHouse(dir, p, t)
	return nil
}

func (r *rivals) meetPostgres(p *population, t tables) {
	began := time.Now()
	server, err := servers.NewPostgres(postgresSettings...)
	if err != nil {
		r.add("PostgreSQL", began, nil, err)
		return
	}
	r.closers = append(r.closers, server.Close)
	client, err := openPsql(server)
	if err == nil {
		r.closers = append(r.closers, client.close)
		err = loadPostgres(client, t)
	}
	if err != nil {
		r.add("PostgreSQL", began, nil, err)
		return
	}
	r.add("PostgreSQL", began, postgresWays(client, p), nil)
}

func (r *rivals) meetClickHouse(dir string, p *population, t tables) {
	began := time.Now()
	client, version, err := startClickHouse(dir + "/clickhouse")
	if err != nil {
		r.add("ClickHouse", began, nil, err)
		return
	}
	r.closers = append(r.closers, client.close)
	if err := loadClickHouse(client, t); err != nil {
		r.add("ClickHouse", began, nil, err)
		return
	}
	r.add(fmt.Sprintf("ClickHouse %s (chdb)", version), began, clickHouseWays(client, p), nil)
}

// lastLine is where the reason of a failure stands.
func lastLine(out []byte) string {
	lines := bytes.Split(bytes.TrimSpace(out), []byte("\n"))
	return string(lines[len(lines)-1])
}
