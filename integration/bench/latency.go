package main

import (
	"bytes"
	"context"
	"fmt"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"

	"rollcall/bitmaps"
	"rollcall/consumers"
	"rollcall/pipeline"
)

// latencies are times from just before a record is produced.
type latencies struct {
	Acked  []time.Duration // until the broker acknowledged it
	Bare   []time.Duration // until a consumer that does nothing else had it
	View   []time.Duration // until a View over Redis answered that the contact is a member
	Commit []time.Duration // of a commit's round trip to Redis, all along
}

const (
	warmUp        = 2 // seconds of each kind that don't count
	probedSegment = "opted-in"
	lookEvery     = 20 * time.Millisecond
)

// prober produces records one by one, in blocks of a second: by turns one for a
// bare consumer and one for the pipeline, so that neither is in the other's way.
type prober struct {
	task      *task
	account   string
	now       func() time.Time // by the View's clock
	producer  *consumers.Producer
	view      *pipeline.View
	bare, seg *stopwatch
	acked     *stopwatch
	news      chan struct{} // the View may know more
}

// committed hands a commit to the View, as in a process with both roles.
func (p *prober) committed(partition int32, e *bitmaps.Entry, nonce string) {
	p.view.Committed(partition, e, nonce)
	select {
	case p.news <- struct{}{}:
	default:
	}
}

// measureLatency goes on from the state that Redis holds.
func measureLatency(ctx context.Context, t *task) (*outcome, error) {
	s, err := t.open(ctx)
	if err != nil {
		return nil, err
	}
	defer s.close()
	s.config.Now = time.Now
	commits := &commitTimes{}
	s.redis.AddHook(commits)
	following := t.redis() // connections of its own, so that commits are counted alone
	defer following.Close()
	p := newProber(s, bitmaps.NewStore(following, "rollcall"))
	s.config.Committed = p.committed
	background, stop := context.WithCancel(ctx)
	g, background := errgroup.WithContext(background)
	g.Go(func() error { return s.serve(background) })
	g.Go(func() error { return p.view.Run(background) })
	g.Go(func() error { return p.consume(background) })
	o, err := p.measure(background)
	stop()
	if other := g.Wait(); other != nil {
		err = other
	}
	if err == nil {
		o.Latency.Commit = commits.took
	}
	return o, err
}

func newProber(s *session, store *bitmaps.Store) *prober {
	return &prober{
		task: s.task, account: account, now: time.Now, producer: s.client.Producer(consumers.ProducerConfig{Concurrency: inFlight}),
		bare: newStopwatch(), seg: newStopwatch(), acked: newStopwatch(), news: make(chan struct{}, 1),
		view: pipeline.NewView(pipeline.ViewConfig{
			Partitions: partitions, Store: store, Catalog: s.defined.Catalog, Ends: kafkaEnds{s.client, s.defined},
			MaxStaleness: 10 * time.Second, Now: time.Now,
		}),
	}
}

func (p *prober) measure(ctx context.Context) (*outcome, error) {
	blocks := p.task.Seconds + warmUp
	if err := p.enterContacts(ctx, blocks*p.task.Rate); err != nil {
		return nil, err
	}
	looking, stop := context.WithCancel(ctx)
	var g errgroup.Group
	g.Go(func() error { return p.look(looking) })
	var err error
	for block := 0; block < blocks && err == nil; block++ {
		for _, w := range []*stopwatch{p.bare, p.seg} {
			if err == nil {
				err = p.block(ctx, w, block*p.task.Rate)
			}
		}
	}
	stop()
	if lookErr := g.Wait(); err == nil {
		err = lookErr
	}
	first := warmUp * p.task.Rate
	return &outcome{Latency: &latencies{Acked: p.acked.from(2 * first), Bare: p.bare.from(first), View: p.seg.from(first)}}, err
}

// block produces a second's records, and waits until all were seen.
func (p *prober) block(ctx context.Context, w *stopwatch, first int) error {
	err := paced(ctx, p.task.Rate, p.task.Rate, func(i int) error {
		m, writing := p.optIn(first+i, topicBare), 2*(first+i)
		if w == p.seg {
			m.Topic, writing = pipeline.TopicOptedIn, writing+1
		}
		w.begin(first + i)
		p.acked.begin(writing)
		_, err := p.producer.Write(ctx, []consumers.Message{m})
		p.acked.end(writing)
		return err
	})
	for deadline := time.Now().Add(30 * time.Second); err == nil && len(w.running(nil)) > 0; {
		if time.Now().After(deadline) {
			return fmt.Errorf("%d records were not seen within 30 s", len(w.running(nil)))
		}
		time.Sleep(5 * time.Millisecond)
		err = ctx.Err()
	}
	return err
}

// probe is a contact that no other rate has opted in.
func (p *prober) probe(n int) string { return fmt.Sprintf("probe-%d-%d", p.task.Rate, n) }

// optIn makes a member of a contact.
func (p *prober) optIn(n int, topic string) consumers.Message {
	return consumers.Message{
		Topic: topic, Partition: -1, Key: []byte(p.account + "/" + p.probe(n)),
		Value: fmt.Appendf(nil, `{"account":%q,"contact":%q,"id":%q,"source":"web-form"}`, p.account, p.probe(n), p.probe(n)),
	}
}

// enterContacts writes contacts to be opted in, and waits until the View is
// fresh with them.
func (p *prober) enterContacts(ctx context.Context, n int) error {
	var all []consumers.Message
	for i := range n {
		all = append(all, consumers.Message{
			Topic: pipeline.TopicContacts, Partition: -1, Key: []byte(p.account + "/" + p.probe(i)),
			Value: fmt.Appendf(nil, `{"account":%q,"contact":%q,"phone":"+12125550100"}`, p.account, p.probe(i)),
		})
	}
	if _, err := p.producer.Write(ctx, all); err != nil {
		return err
	}
	return p.awaitFresh(ctx, p.now())
}

// awaitFresh returns when the View has all that was written before a moment.
func (p *prober) awaitFresh(ctx context.Context, written time.Time) error {
	for {
		f := p.view.Freshness(p.account)
		if f.Fresh && f.AsOf.After(written) {
			return nil
		}
		if p.now().Sub(written) > 5*time.Minute {
			return fmt.Errorf("the view is not fresh: %q", f.Missing)
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// consume is the bare consumer.
func (p *prober) consume(ctx context.Context) error {
	c, err := openKafka(p.task.Kafka)
	if err != nil {
		return err
	}
	defer c.Close()
	var g errgroup.Group
	for number := range int32(partitions) {
		g.Go(func() error {
			tp := consumers.TopicPartition{Topic: topicBare, Partition: number}
			err := c.Tail(ctx, tp, -1, func(r *consumers.Record) error {
				n, err := strconv.Atoi(string(r.Key[bytes.LastIndexByte(r.Key, '-')+1:]))
				p.bare.end(n)
				return err
			}, nil)
			if ctx.Err() != nil {
				return nil
			}
			return err
		})
	}
	return g.Wait()
}

// look asks the View about all contacts of whom the answer is awaited, whenever
// it was handed a commit.
func (p *prober) look(ctx context.Context) error {
	var numbers []int
	var contacts []string
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-p.news:
		case <-time.After(lookEvery): // it may have read a commit back before
		}
		numbers, contacts = p.seg.running(numbers), contacts[:0]
		if len(numbers) == 0 {
			continue
		}
		for _, n := range numbers {
			contacts = append(contacts, p.probe(n))
		}
		answers, _, err := p.view.Check(ctx, p.account, probedSegment, contacts)
		if err != nil {
			return err
		}
		for i := range answers {
			if answers[i].Member {
				p.seg.end(numbers[i])
			}
		}
	}
	return nil
}

// kafkaEnds tells a View where the sources end.
type kafkaEnds struct {
	client  *consumers.Client
	defined *defined
}

// Ends implements pipeline.Ends.
func (e kafkaEnds) Ends(ctx context.Context) ([]map[consumers.TopicPartition]int64, int64, error) {
	all, err := logSpans(ctx, e.client)
	if err != nil {
		return nil, 0, err
	}
	var tasks []map[consumers.TopicPartition]int64
	for p := range int32(partitions) {
		tasks = append(tasks, all.to(p))
	}
	return tasks, e.defined.Offset(), nil
}
