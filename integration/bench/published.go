package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"rollcall/consumers"
	"rollcall/pipeline"
)

// changeLog keeps the members that published changes leave behind. It is how
// the answers of a run without Redis become visible.
type changeLog struct {
	kafkaLog

	mu      sync.Mutex
	members map[string]map[string]bool // by account and segment
	heard   time.Time
}

func (l *changeLog) Write(ctx context.Context, messages []consumers.Message) ([]int64, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.heard = time.Now()
	for i := range messages {
		if messages[i].Topic != pipeline.TopicSegmentChanges {
			continue
		}
		var c pipeline.Change
		if err := json.Unmarshal(messages[i].Value, &c); err != nil {
			return nil, err
		}
		l.change(&c)
	}
	return make([]int64, len(messages)), nil
}

func (l *changeLog) change(c *pipeline.Change) {
	name := c.Account + "/" + c.Segment
	of := l.members[name]
	if of == nil {
		of = map[string]bool{}
		l.members[name] = of
	}
	if c.Change == "entered" {
		of[c.Contact] = true
		return
	}
	delete(of, c.Contact)
}

// quiet tells whether nothing was written for a while.
func (l *changeLog) quiet() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return time.Since(l.heard) > 3*time.Second
}

func (l *changeLog) answers(d *defined) map[string]string {
	l.mu.Lock()
	defer l.mu.Unlock()
	found := membership{}
	for _, a := range d.Accounts() {
		for _, s := range a.Segments {
			found.add(a.ID, s.ID, slices.Collect(maps.Keys(l.members[a.ID+"/"+s.ID])))
		}
	}
	return found.digests()
}

// foldPublished folds without Redis once more, not to be measured but to see the
// members: they are what the published changes add up to.
func foldPublished(ctx context.Context, t *task) (*outcome, error) {
	s, err := t.open(ctx)
	if err != nil {
		return nil, err
	}
	defer s.close()
	log := &changeLog{kafkaLog: s.config.Log.(kafkaLog), members: map[string]map[string]bool{}, heard: time.Now()}
	s.config.Publish, s.config.Log = true, log
	read := &s.client.Stats.Records
	err = serveUntil(ctx, s, func() bool { return read.Load() >= t.Spans.records() && log.quiet() })
	return &outcome{Records: read.Load(), Answers: log.answers(s.defined)}, err
}

// serveUntil runs the pipeline as the product does.
func serveUntil(ctx context.Context, s *session, done func() bool) error {
	running, stop := context.WithCancel(ctx)
	var g errgroup.Group
	g.Go(func() error { return s.serve(running) })
	for !done() && ctx.Err() == nil {
		time.Sleep(50 * time.Millisecond)
	}
	stop()
	if err := g.Wait(); err != nil {
		return err
	}
	return ctx.Err()
}

// serve is the product's pipeline with all tasks in this process.
func (s *session) serve(ctx context.Context) error {
	group, err := s.client.Group(consumers.GroupConfig{
		ID: fmt.Sprintf("bench-%d", os.Getpid()), Topics: sources, Tasks: partitions, JoinBackoff: 100 * time.Millisecond,
	})
	if err != nil {
		return err
	}
	return group.Run(ctx, func(ctx context.Context, number int32, feed *consumers.Feed) error {
		return pipeline.Serve(ctx, s.config, number, feed, s.client.Watermarks)
	})
}
