package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime/pprof"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// checkResult is what checks of so many contacts take.
type checkResult struct {
	Batch              int
	Check, Empty, Bits paceOf
}

// paceOf is how many requests were answered within how long.
type paceOf struct {
	Requests int64
	Seconds  float64
}

func (p paceOf) perSecond() float64 { return float64(p.Requests) / p.Seconds }

func (c checkResult) xEmpty() float64 { return c.Empty.perSecond() / c.Check.perSecond() }
func (c checkResult) xBits() float64  { return c.Bits.perSecond() / c.Check.perSecond() }

const (
	askers       = 4 // at once
	askedSegment = "reachable"
	batches      = 16 // different ones of a size
	turns        = 20 // of each way of asking
	bitsKey      = "bench-bits"
)

// batch are contacts to be checked.
type batch struct {
	people  []person
	body    []byte
	members int64 // the right answer
}

// checks measures batches of three sizes, by short turns with what they are held
// against, so that whatever else the machine does disturbs all alike.
func (a *asker) checks(ctx context.Context, res *askingResult) error {
	if err := a.redis.Set(ctx, bitsKey, a.bits(), 0).Err(); err != nil {
		return err
	}
	for _, size := range []int{1, 100, 10_000} {
		all := a.batches(min(size, a.task.People))
		c := checkResult{Batch: len(all[0].people)}
		err := a.profiled(size == 100, func() error {
			for range turns {
				for _, way := range []struct {
					of  *paceOf
					ask func(context.Context, batch, *[]byte) error
				}{{&c.Empty, a.askNothing}, {&c.Check, a.check}, {&c.Bits, a.getBits}} {
					if err := a.pace(ctx, all, way.ask, way.of); err != nil {
						return err
					}
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		res.Checks = append(res.Checks, c)
	}
	return a.redis.Del(ctx, bitsKey).Err()
}

// profiled takes a CPU profile if it is the one to be shown.
func (a *asker) profiled(shown bool, do func() error) error {
	if !shown {
		return do()
	}
	file, err := os.Create(a.task.Profile)
	if err != nil {
		return err
	}
	if err := pprof.StartCPUProfile(file); err != nil {
		return err
	}
	err = do()
	pprof.StopCPUProfile()
	return errors.Join(err, file.Close())
}

// bits has a bit for everybody who is reachable, first people in the highest of a byte.
func (a *asker) bits() []byte {
	bits := make([]byte, (a.task.People+7)/8)
	for p := range person(a.task.People) {
		if p.reachable() {
			bits[p/8] |= 128 >> (p % 8)
		}
	}
	return bits
}

func (a *asker) batches(size int) (all []batch) {
	rng := rand.New(rand.NewPCG(1, uint64(size)))
	for range batches {
		b := batch{}
		ids := []string{}
		for range size {
			p := person(rng.IntN(a.task.People))
			b.people, ids = append(b.people, p), append(ids, p.id())
			if p.reachable() {
				b.members++
			}
		}
		b.body, _ = json.Marshal(map[string]any{"contacts": ids}) // of strings, it does not fail
		all = append(all, b)
	}
	return all
}

// pace asks as fast as several get answers, for a turn.
func (a *asker) pace(ctx context.Context, all []batch, ask func(context.Context, batch, *[]byte) error, of *paceOf) error {
	g, ctx := errgroup.WithContext(ctx)
	var requests atomic.Int64
	began := time.Now()
	until := began.Add(time.Duration(a.task.Seconds) * time.Second / 4 / turns)
	for i := range askers {
		g.Go(func() error {
			var answer []byte
			for n := i; time.Now().Before(until); n++ {
				if err := ask(ctx, all[n%len(all)], &answer); err != nil {
					return err
				}
				requests.Add(1)
			}
			return nil
		})
	}
	err := g.Wait()
	of.Requests += requests.Load()
	of.Seconds += time.Since(began).Seconds()
	return err
}

func (a *asker) askNothing(ctx context.Context, b batch, answer *[]byte) error {
	return a.send(ctx, "POST", "/empty", bytes.NewReader(b.body), answer)
}

func (a *asker) check(ctx context.Context, b batch, answer *[]byte) error {
	if err := a.send(ctx, "POST", "/v1/segments/"+askedSegment+"/check", bytes.NewReader(b.body), answer); err != nil {
		return err
	}
	if n := int64(bytes.Count(*answer, []byte(`"member":true,"sendable":true`))); n != b.members {
		return fmt.Errorf("a check of %d contacts found %d members, not %d", len(b.people), n, b.members)
	}
	return nil
}

func (a *asker) getBits(ctx context.Context, b batch, _ *[]byte) error {
	pipe := a.redis.Pipeline()
	for _, p := range b.people {
		pipe.GetBit(ctx, bitsKey, int64(p))
	}
	answers, err := pipe.Exec(ctx)
	n := int64(0)
	for _, one := range answers {
		n += one.(interface{ Val() int64 }).Val()
	}
	if err == nil && n != b.members {
		err = fmt.Errorf("%d GETBITs found %d bits, not %d", len(b.people), n, b.members)
	}
	return err
}
