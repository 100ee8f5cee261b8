package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"rollcall/consumers"
	"rollcall/pipeline"
)

const (
	sizeReaders    = 500
	sizesPerSecond = 10 // records at most, one after the other
)

// sizeHeard is what one of the subscribers was told.
type sizeHeard struct {
	entered int64
	at      time.Time
}

// measureSizes runs the pipeline too, and times from just before a record is
// produced until each subscriber has the size that it leads to. By turns it
// times the bare consumer.
func measureSizes(ctx context.Context, t *task) (*outcome, error) {
	s, err := t.open(ctx)
	if err != nil {
		return nil, err
	}
	defer s.close()
	s.config.Now = time.Now
	p := newProber(s, s.store)
	s.config.Committed = p.committed
	a, serve, err := newAsker(s, p.view)
	if err != nil {
		return nil, err
	}
	heard := make(chan sizeHeard, sizeReaders)
	background, stop := context.WithCancel(ctx)
	g, background := errgroup.WithContext(background)
	for _, run := range []func(context.Context) error{s.serve, p.view.Run, p.consume, serve} {
		g.Go(func() error { return run(background) })
	}
	o, err := p.measureSizes(background, func() {
		for range sizeReaders {
			g.Go(func() error { return a.hearSizes(background, heard) })
		}
	}, heard)
	stop()
	if other := g.Wait(); other != nil && err == nil {
		err = other
	}
	return o, err
}

func (p *prober) measureSizes(ctx context.Context, subscribe func(), heard <-chan sizeHeard) (*outcome, error) {
	records := (p.task.Seconds + warmUp) * sizesPerSecond
	if err := p.enterContacts(ctx, records); err != nil {
		return nil, err
	}
	subscribe()
	before := p.view.Size(account, askedSegment).Entered
	if _, err := allHear(ctx, heard, before); err != nil {
		return nil, err
	}
	var times []time.Duration
	for n := range records {
		if err := p.bareRecord(ctx, n); err != nil {
			return nil, err
		}
		began := time.Now()
		if _, err := p.producer.Write(ctx, []consumers.Message{p.optIn(n, pipeline.TopicOptedIn)}); err != nil {
			return nil, err
		}
		at, err := allHear(ctx, heard, before+int64(n)+1)
		if err != nil {
			return nil, err
		}
		for _, at := range at {
			if n >= warmUp*sizesPerSecond {
				times = append(times, at.Sub(began))
			}
		}
		time.Sleep(time.Until(began.Add(time.Second / sizesPerSecond)))
	}
	return &outcome{Latency: &latencies{Bare: p.bare.from(warmUp * sizesPerSecond), View: times}}, nil
}

// bareRecord produces one for the bare consumer, and waits until it has it.
func (p *prober) bareRecord(ctx context.Context, n int) error {
	p.bare.begin(n)
	if _, err := p.producer.Write(ctx, []consumers.Message{p.optIn(n, topicBare)}); err != nil {
		return err
	}
	for len(p.bare.running(nil)) > 0 && ctx.Err() == nil {
		time.Sleep(time.Millisecond)
	}
	return ctx.Err()
}

// allHear is when each subscriber was told that so many have entered, which is
// to be exactly once.
func allHear(ctx context.Context, heard <-chan sizeHeard, entered int64) (at []time.Time, err error) {
	deadline := time.After(30 * time.Second)
	for len(at) < sizeReaders {
		select {
		case h := <-heard:
			if h.entered != entered {
				return nil, fmt.Errorf("a subscriber was told that %d have entered, not %d", h.entered, entered)
			}
			at = append(at, h.at)
		case <-deadline:
			return nil, fmt.Errorf("only %d subscribers of %d were told that %d have entered", len(at), sizeReaders, entered)
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
	return at, nil
}

// hearSizes is a subscriber.
func (a *asker) hearSizes(ctx context.Context, heard chan<- sizeHeard) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, a.url+"/v1/sizes?segments="+askedSegment, nil)
	if err != nil {
		return err
	}
	request.Header.Set("Rollcall-Account", account)
	response, err := a.http.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	lines := bufio.NewScanner(response.Body)
	for lines.Scan() {
		at := time.Now()
		data, ok := strings.CutPrefix(lines.Text(), "data: ")
		if !ok {
			continue
		}
		entered, err := enteredIn(data)
		if err != nil {
			return err
		}
		select {
		case heard <- sizeHeard{entered, at}:
		case <-ctx.Done():
		}
	}
	if ctx.Err() != nil {
		return nil
	}
	return fmt.Errorf("a stream of sizes ended: %v", lines.Err())
}

// enteredIn is the total of a snapshot or of a change.
func enteredIn(data string) (int64, error) {
	var event struct {
		Entered *int64 `json:"entered_total"`
		Sizes   []struct {
			Entered *int64 `json:"entered_total"`
		} `json:"sizes"`
	}
	err := json.Unmarshal([]byte(data), &event)
	switch {
	case err != nil:
		return 0, fmt.Errorf("an event of sizes: %w", err)
	case event.Entered != nil:
		return *event.Entered, nil
	case len(event.Sizes) == 1 && event.Sizes[0].Entered != nil:
		return *event.Sizes[0].Entered, nil
	}
	return 0, fmt.Errorf("an event without a total: %.200s", data)
}
