package main

import (
	"context"
	"fmt"
	"syscall"
	"time"
)

// restartResult is how long it takes until answers are fresh, in seconds by round.
type restartResult struct {
	Contacts  int64
	Idle      []float64 // started where nothing was written meanwhile
	Behind    []float64 // started where something was written to every partition meanwhile
	HandOver  []float64 // one of two was told to end, and records go on
	TakeOver  []float64 // one of two was killed, and records go on
	Bytes     int64     // that Redis holds
	ServerRSS int64     // resident memory of the process, in bytes
}

// restarts measures processes of the product that begin with the state of the
// large account, or take it over from each other.
func restarts(ctx context.Context, b *bench) error {
	s, err := b.largeSite(ctx)
	if err != nil {
		return err
	}
	b.page.heading(fmt.Sprintf("Restart and take-over with the state of %d contacts in Redis, in seconds until answers are fresh", b.large))
	if _, err := s.running(ctx); err != nil {
		return err
	}
	res := &restartResult{Contacts: int64(b.large)}
	b.results.Restart = res
	w := &witness{site: s, bench: b}
	for range b.rounds {
		if err := w.round(ctx, res); err != nil {
			return err
		}
	}
	if err := res.readSizes(ctx, s); err != nil {
		return err
	}
	res.print(b)
	return nil
}

// round restarts twice, and then has a second process twice.
func (w *witness) round(ctx context.Context, res *restartResult) error {
	for _, turn := range []struct {
		of    *[]float64
		write bool
	}{{&res.Idle, false}, {&res.Behind, true}} {
		took, err := w.restart(ctx, turn.write)
		if err != nil {
			return err
		}
		*turn.of = append(*turn.of, seconds(took))
	}
	for _, turn := range []struct {
		of  *[]float64
		how syscall.Signal
	}{{&res.HandOver, syscall.SIGTERM}, {&res.TakeOver, syscall.SIGKILL}} {
		took, err := w.loseOne(ctx, turn.how)
		if err != nil {
			return err
		}
		*turn.of = append(*turn.of, seconds(took))
	}
	return nil
}

// restart ends all processes and starts one.
func (w *witness) restart(ctx context.Context, write bool) (time.Duration, error) {
	w.site.stopProducts()
	if write {
		if err := w.write(ctx); err != nil {
			return 0, err
		}
	}
	p, err := w.site.startProduct(ctx)
	if err != nil {
		return 0, err
	}
	return w.look(ctx, p, p.began)
}

// loseOne has one of two processes end, and asks the other about what is written
// right then.
func (w *witness) loseOne(ctx context.Context, how syscall.Signal) (time.Duration, error) {
	stays, err := w.site.running(ctx)
	if err != nil {
		return 0, err
	}
	goes, err := w.site.startProduct(ctx)
	if err != nil {
		return 0, err
	}
	if err := w.sharing(ctx, stays, goes); err != nil {
		return 0, err
	}
	began := time.Now()
	if how == syscall.SIGKILL {
		goes.end(how)
	} else {
		_ = goes.cmd.Process.Signal(how) // it is awaited by the next to stop all
	}
	if err := w.write(ctx); err != nil {
		return 0, err
	}
	return w.look(ctx, stays, began)
}

func (res *restartResult) readSizes(ctx context.Context, s *site) error {
	use, err := readRedis(ctx, s.redis.Client)
	if err != nil {
		return err
	}
	p, err := s.running(ctx)
	res.Bytes = use.Memory
	if err == nil {
		res.ServerRSS, err = p.resident()
	}
	return err
}

func (res *restartResult) print(b *bench) {
	for _, line := range []struct {
		name string
		of   []float64
	}{
		{"started, nothing was written meanwhile", res.Idle},
		{"started, every partition has new records", res.Behind},
		{"one of two ends on SIGTERM, records go on", res.HandOver},
		{"one of two is killed with SIGKILL, records go on", res.TakeOver},
	} {
		b.page.printf("%-52s %7.2f  by round %.2f\n", line.name, median(line.of), line.of)
	}
	b.page.printf("Redis holds %.0f MB, the process %.0f MB. From the start of the program, or from the signal, until a check over HTTP is\n"+
		"fresh and has all that was written. A killed process is missed by Kafka's group only after its session timeout, 10 s.\n\n",
		mb(res.Bytes), mb(res.ServerRSS))
	got := median(res.Idle)
	b.aim(got < 2, fmt.Sprintf("restart to serving with %d contacts", res.Contacts), "< 2 s", fmt.Sprintf("%.2f s", got))
}
