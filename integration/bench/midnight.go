package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"rollcall/bitmaps"
	"rollcall/consumers"
	"rollcall/pipeline"
)

// midnightOutcome is what became of a midnight.
type midnightOutcome struct {
	Turned         time.Duration   // from midnight until every segment stands for the new day
	Before, During []time.Duration // from just before a record is produced until its contact is a member
	Flipped        int64           // memberships that changed meanwhile
	Today          time.Time       // by the shifted clock, after midnight
	Sizes          map[string]int64
	CPU            time.Duration // of this process, while the day turned
}

const (
	midnightWarm  = 2 * time.Second        // before the records that count
	midnightLead  = 8 * time.Second        // from the first record to midnight
	midnightAfter = 4 * time.Second        // records go on at least
	midnightNote  = 200 * time.Millisecond // before midnight the memberships changed so far are noted
)

// turner has a day turn while records flow.
type turner struct {
	*prober
	clock    shiftedClock
	session  *session
	zone     *time.Location
	midnight time.Time     // by our clock
	starts   []time.Time   // of the records, by number
	turned   chan struct{} // closed when the day has turned
	out      midnightOutcome
}

// turnMidnight serves the state that Redis holds, on a clock that is ahead.
func turnMidnight(ctx context.Context, t *task) (*outcome, error) {
	s, err := t.open(ctx)
	if err != nil {
		return nil, err
	}
	defer s.close()
	following := t.redis() // connections of its own
	defer following.Close()
	zone, err := time.LoadLocation(zoneName)
	if err != nil {
		return nil, err
	}
	m := &turner{prober: newProber(s, bitmaps.NewStore(following, "rollcall")), session: s, zone: zone, turned: make(chan struct{})}
	m.account, m.now = large, m.clock.now
	m.view.Now, s.config.Now, s.config.Committed = m.clock.now, m.clock.now, m.committed
	background, stop := context.WithCancel(ctx)
	g, background := errgroup.WithContext(background)
	g.Go(func() error { return s.serve(background) })
	g.Go(func() error { return m.view.Run(background) })
	o, err := m.turn(background)
	stop()
	return o, errors.Join(err, g.Wait())
}

func (m *turner) turn(ctx context.Context) (*outcome, error) {
	records := int((midnightLead + midnightAfter).Seconds()) * m.task.Rate
	if err := m.enterContacts(ctx, records); err != nil {
		return nil, err
	}
	m.midnight = m.clock.approach(midnightLead+2*time.Second, m.zone)
	if err := m.awaitFresh(ctx, m.clock.now()); err != nil {
		return nil, err
	}
	looking, stop := context.WithCancel(ctx)
	defer stop()
	g, looking := errgroup.WithContext(looking)
	g.Go(func() error { return m.look(looking) })
	g.Go(func() error { return m.watch(looking) })
	if err := m.produce(ctx, records); err != nil {
		return nil, err
	}
	select {
	case <-m.turned:
	case <-looking.Done():
	}
	for len(m.seg.running(nil)) > 0 && looking.Err() == nil {
		time.Sleep(5 * time.Millisecond)
	}
	stop()
	if err := g.Wait(); err != nil {
		return nil, err
	}
	return m.sum(), nil
}

// produce opts contacts in, at a rate, from some seconds before midnight on.
func (m *turner) produce(ctx context.Context, records int) error {
	time.Sleep(time.Until(m.midnight.Add(-midnightLead)))
	m.starts = make([]time.Time, records)
	return paced(ctx, m.task.Rate, records, func(i int) error {
		m.starts[i] = time.Now()
		m.seg.begin(i)
		_, err := m.producer.Write(ctx, []consumers.Message{m.optIn(i, pipeline.TopicOptedIn)})
		return err
	})
}

// watch waits for midnight, and then until all partitions stand for the new day.
func (m *turner) watch(ctx context.Context) error {
	time.Sleep(time.Until(m.midnight.Add(-midnightNote)))
	before, err := m.flipped()
	if err != nil {
		return err
	}
	time.Sleep(time.Until(m.midnight))
	began := cpuTime()
	for ctx.Err() == nil && !m.view.Freshness(large).Fresh {
		time.Sleep(2 * time.Millisecond)
	}
	turned, cpu := time.Since(m.midnight), cpuTime()-began
	after, err := m.flipped()
	m.out.Turned, m.out.CPU, m.out.Flipped = turned, cpu, after-before
	close(m.turned)
	return err
}

// flipped is how many memberships have changed so far.
func (m *turner) flipped() (n int64, err error) {
	for _, s := range m.session.defined.Account(large).Segments {
		size := m.view.Size(large, s.ID)
		if !size.Ready {
			return 0, fmt.Errorf("segment %s is not composed", s.ID)
		}
		n += size.Entered + size.Exited
	}
	return n, nil
}

// sum sorts the records by whether their way was under way while the day turned.
func (m *turner) sum() *outcome {
	o := &m.out
	o.Today, o.Sizes = m.clock.now(), map[string]int64{}
	first := m.midnight.Add(midnightWarm - midnightLead)
	for i, began := range m.starts {
		took := m.seg.time(i)
		switch ended := began.Add(took); {
		case began.Before(first):
		case ended.Before(m.midnight):
			o.Before = append(o.Before, took)
		case began.Before(m.midnight.Add(o.Turned)):
			o.During = append(o.During, took)
		}
	}
	for _, s := range m.session.defined.Account(large).Segments {
		o.Sizes[s.ID] = m.view.Size(large, s.ID).Members
	}
	return &outcome{Midnight: o}
}
