package main

import (
	"context"
	"fmt"
	"path/filepath"

	"rollcall/bitmaps"
)

// row is one way of reading the history, in medians over the rounds.
type row struct {
	Name       string
	Records    int64
	Wall, CPU  float64 // seconds
	PerCPU     float64 // records per CPU-second
	Ratio      float64 // CPU per record, as multiples of reading raw
	Mallocs    float64 // per record
	RedisCPU   float64 // seconds that Redis used
	RedisBytes float64 // sent to Redis, per record
	Rounds     []outcome
}

// variant is what a row measures.
type variant struct {
	name  string
	role  string
	bare  bool // no segments
	redis bool
}

var variants = []variant{
	{"reading alone, kafka-go's Reader", "stock", false, false},
	{"+ encoding/json", "stock-json", false, false},
	{"+ fold and maintain 50 segments", "stock-fold", false, false},
	{"reading alone, franz-go", "franz", false, false},
	{"reading alone, raw record sets", "raw", false, false},
	{"+ decode and fold, no segments", "fold", true, false},
	{"+ maintain 50 segments", "fold", false, false},
	{"+ commit to Redis", "fold", false, true},
}

// Places in variants.
const (
	stockJSON    = 1
	stockFold    = 2
	readingRaw   = 4
	withoutRedis = 6
	withRedis    = 7
)

// reading measures what a record costs on its way.
func reading(ctx context.Context, b *bench) error {
	b.page.heading(fmt.Sprintf("Reading, medians of %d alternating rounds, each in a process of its own", b.rounds))
	rows := make([]row, len(variants))
	for range b.rounds {
		for i, v := range variants {
			o, err := b.measure(ctx, v, "")
			if err != nil {
				return err
			}
			rows[i].Rounds = append(rows[i].Rounds, *o)
		}
	}
	b.results.Reading = rows
	b.printReading(rows)
	if err := b.checkReading(ctx, rows); err != nil {
		return err
	}
	fold, stored := &rows[withoutRedis], &rows[withRedis]
	b.aim(fold.PerCPU >= 1_000_000, "records per CPU-second without Redis", ">= 1000000", fmt.Sprintf("%.0f", fold.PerCPU))
	stock := func(i int) string { return fmt.Sprintf("%.2f x", fold.PerCPU/rows[i].PerCPU) }
	b.aim(fold.PerCPU >= 5*rows[stockFold].PerCPU, "the same, beside it behind kafka-go's Reader + encoding/json", ">= 5 x", stock(stockFold)+"; beside these alone "+stock(stockJSON))
	b.aim(stored.PerCPU >= 700_000, "records per CPU-second with Redis", ">= 700000", fmt.Sprintf("%.0f", stored.PerCPU))
	b.aim(stored.RedisCPU <= stored.CPU, "Redis' CPU-seconds at full speed", "<= the client's", fmt.Sprintf("%.2f of %.2f", stored.RedisCPU, stored.CPU))
	b.aim(stored.RedisBytes <= 50, "bytes to Redis per event at full speed", "<= 50", fmt.Sprintf("%.1f", stored.RedisBytes))
	return b.profiles(ctx)
}

func (b *bench) printReading(rows []row) {
	for i, v := range variants {
		rows[i].sum(v.name)
	}
	raw := rows[readingRaw].CPU / float64(rows[readingRaw].Records)
	b.page.printf("%-36s %9s %7s %7s %12s %8s %9s %9s %8s\n", "", "records", "wall s", "CPU s", "rec/CPU-s", "x raw", "mallocs/r", "Redis B/r", "Redis s")
	for i := range rows {
		r := &rows[i]
		r.Ratio = r.CPU / float64(r.Records) / raw
		b.page.printf("%-36s %9d %7.2f %7.2f %12.0f %8.2f %9.2f %9.1f %8.2f\n",
			r.Name, r.Records, r.Wall, r.CPU, r.PerCPU, r.Ratio, r.Mallocs, r.RedisBytes, r.RedisCPU)
	}
}

// measure runs a variant once; one with Redis from an empty one, which it leaves full.
func (b *bench) measure(ctx context.Context, v variant, profile string) (*outcome, error) {
	t := b.task(v.role, nil, b.history)
	t.Profile, t.Definitions.None = profile, v.bare
	if !v.redis {
		return spawn(ctx, t, nil)
	}
	t.Redis, t.Answers = b.main.Addr, true
	if err := b.main.FlushAll(ctx).Err(); err != nil {
		return nil, err
	}
	return spawn(ctx, t, nil)
}

// sum takes the medians.
func (r *row) sum(name string) {
	var wall, cpu, mallocs, redisCPU, redisBytes []float64
	for _, o := range r.Rounds {
		n := float64(o.Records)
		wall, cpu = append(wall, seconds(o.Used.Wall)), append(cpu, seconds(o.Used.CPU))
		mallocs = append(mallocs, float64(o.Used.Mallocs)/n)
		redisCPU, redisBytes = append(redisCPU, o.Redis.CPU), append(redisBytes, float64(o.Redis.Input)/n)
	}
	r.Name, r.Records = name, r.Rounds[0].Records
	r.Wall, r.CPU, r.Mallocs = median(wall), median(cpu), median(mallocs)
	r.RedisCPU, r.RedisBytes = median(redisCPU), median(redisBytes)
	r.PerCPU = float64(r.Records) / r.CPU
}

// checkReading holds the answers of all that folds against a naive recomputation.
func (b *bench) checkReading(ctx context.Context, rows []row) error {
	before := len(b.results.Wrong)
	for _, r := range rows {
		if r.Records != b.history.records() {
			b.wrong("%s: %d records of %d", r.Name, r.Records, b.history.records())
		}
	}
	want, err := spawn(ctx, b.task("naive", nil, b.history), nil)
	if err != nil {
		return err
	}
	published, err := spawn(ctx, b.task("published", nil, b.history), nil)
	if err != nil {
		return err
	}
	if wrong := different(want.Answers, published.Answers); len(wrong) > 0 {
		b.wrong("without Redis: segments %v", wrong)
	}
	ended := rows[withoutRedis].Rounds[0].Outcomes
	for i, r := range rows {
		if i == stockFold || i >= withoutRedis-1 {
			b.checkRounds(&r, want.Answers, ended)
		}
	}
	b.page.printf("\nThe members of all %d segments were held against a naive recomputation from all records: %s.\n"+
		"(Each round with Redis from what it left there; those without Redis by one more run that publishes its changes,\n"+
		"and by the outcomes of their records: %d applied, %d repeated, %d dead letters.)\n\n",
		len(want.Answers), b.verdict(before), ended[bitmaps.Applied], ended[bitmaps.Repeated], ended[bitmaps.DeadLettered])
	return nil
}

func (b *bench) checkRounds(r *row, want map[string]string, ended [bitmaps.Outcomes]int64) {
	for i, o := range r.Rounds {
		if wrong := different(want, o.Answers); o.Answers != nil && len(wrong) > 0 {
			b.wrong("%s, round %d: segments %v", r.Name, i+1, wrong)
		}
		if o.Outcomes != ended {
			b.wrong("%s, round %d: outcomes %v, expected %v", r.Name, i+1, o.Outcomes, ended)
		}
	}
}

// verdict is of what was held against the naive way since so many were wrong.
func (b *bench) verdict(before int) string {
	if len(b.results.Wrong) > before {
		return "NOT equal"
	}
	return "equal"
}

// profiles runs what folds once more, to see where the time goes.
func (b *bench) profiles(ctx context.Context) error {
	for i, name := range []string{"fold", "fold-redis"} {
		file := filepath.Join(b.profile, name+".pprof")
		if _, err := b.measure(ctx, variants[withoutRedis+i], file); err != nil {
			return err
		}
		b.page.printf("Where the time goes (%s):\n%s\n", variants[withoutRedis+i].name, topFunctions(ctx, file))
	}
	return nil
}
