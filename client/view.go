package client

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// ErrStale means that a View can't show that what it holds is current. Don't
// send, and ask again, or ask the server: View.Status says why.
var ErrStale = errors.New("the view is stale")

// ViewConfig says what a View holds.
type ViewConfig struct {
	// Segments are the ids of 1 to 100 segments.
	Segments []string
	// MaxStaleness is how old what is held may be before the view refuses to
	// answer. Default: 10 s.
	MaxStaleness time.Duration
}

// View holds the recipients of segments in memory - the members that can be sent
// to - and follows them. It is safe for concurrent use.
type View struct {
	client   *Client
	config   ViewConfig
	picture  atomic.Pointer[picture]
	cancel   context.CancelFunc
	finished chan struct{}

	mu      sync.Mutex
	err     error         // why the connection broke last; nil: it is well
	changed chan struct{} // closed when there is another picture or err
}

// picture is what a view answers from.
type picture struct {
	table     *table
	until     moment // it is fresh before
	asOf      moment // all that was written before is in it; by this machine's clocks
	freshness Freshness
}

func (p *picture) fresh() bool { return momentOf(time.Now()).before(p.until) }

// NewView begins to follow segments, until ctx ends or Close. It answers ErrStale
// before it knows them: see Wait.
func (c *Client) NewView(ctx context.Context, config ViewConfig) *View {
	config.MaxStaleness = cmp.Or(config.MaxStaleness, 10*time.Second)
	config.Segments = slices.Clone(config.Segments)
	v := &View{client: c, config: config, finished: make(chan struct{}), changed: make(chan struct{})}
	v.picture.Store(&picture{table: newTable(len(config.Segments))})
	ctx, v.cancel = context.WithCancel(ctx)
	go func() {
		defer close(v.finished)
		v.run(ctx)
	}()
	return v
}

// Close ends the view, and waits until it has. It is stale from then on.
func (v *View) Close() error {
	v.cancel()
	<-v.finished
	return nil
}

// Wait returns when the view is fresh. It returns an error when ctx or the view
// ends, or when the server refuses: then the view goes on trying all the same.
func (v *View) Wait(ctx context.Context) error {
	for {
		v.mu.Lock()
		err, changed := v.err, v.changed
		v.mu.Unlock()
		switch {
		case v.picture.Load().fresh():
			return nil
		case err != nil && !passing(err):
			return err
		}
		select {
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		case <-v.finished:
			return ErrStale
		case <-changed:
		}
	}
}

// ViewStatus is how a View is doing.
type ViewStatus struct {
	Fresh bool
	// Age is how old what is held is, at most: everything that was written to
	// Kafka so long ago is in it. It means nothing before it was ever fresh.
	Age time.Duration
	// Freshness is what the server said last.
	Freshness Freshness
	// Err is why the connection is broken, or was refused; nil: it is not.
	Err error
}

// Status tells how the view is doing.
func (v *View) Status() ViewStatus {
	v.mu.Lock()
	err := v.err
	v.mu.Unlock()
	p, now := v.picture.Load(), momentOf(time.Now())
	return ViewStatus{Fresh: now.before(p.until), Age: now.up - p.asOf.up, Freshness: p.freshness, Err: err}
}

// Segment is one of the view's segments, or nil if it is none.
func (v *View) Segment(id string) *Segment {
	if set := slices.Index(v.config.Segments, id); set >= 0 {
		return &Segment{v, set}
	}
	return nil
}

// Segment is a segment as a View holds it.
type Segment struct {
	view *View
	set  int
}

// Contains tells whether a contact can be sent to as a member of the segment:
// it is in it, has a valid phone, is opted in and not opted out. It takes a
// fraction of a microsecond and allocates nothing. The error is ErrStale or nil.
//
// An opt-out that was applied before the moment that the answer is fresh as of
// is never followed by true.
func (s *Segment) Contains(contact string) (bool, error) {
	for {
		// What is read stands between two looks at the picture: it was fresh when
		// nothing newer was said in between.
		p := s.view.picture.Load()
		in := p.table.has(s.set, contact)
		fresh := p.fresh()
		if s.view.picture.Load() != p {
			continue
		}
		if !fresh {
			return false, ErrStale
		}
		return in, nil
	}
}

// Len is how many contacts the segment has. It counts them.
func (s *Segment) Len() (int, error) {
	for {
		p := s.view.picture.Load()
		n := p.table.len(s.set)
		fresh := p.fresh()
		if s.view.picture.Load() != p {
			continue
		}
		if !fresh {
			return 0, ErrStale
		}
		return n, nil
	}
}

// show puts another picture in place.
func (v *View) show(p picture) {
	v.picture.Store(&p)
	v.mu.Lock()
	defer v.mu.Unlock()
	v.signal()
}

// report says why the connection broke; nil: it is well.
func (v *View) report(err error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.err = err; err != nil {
		v.signal()
	}
}

func (v *View) signal() {
	close(v.changed)
	v.changed = make(chan struct{})
}

// run follows until ctx ends.
func (v *View) run(ctx context.Context) {
	defer func() { v.show(picture{table: newTable(len(v.config.Segments))}) }()
	var retry backoff
	for {
		err := v.follow(ctx, &retry)
		if ctx.Err() != nil {
			return
		}
		v.report(err)
		if retry.wait(ctx, err) != nil {
			return
		}
	}
}

// follow follows over one connection, until it breaks.
func (v *View) follow(ctx context.Context, retry *backoff) error {
	sent, lines, err := v.connect(ctx)
	if err != nil {
		return err
	}
	defer lines.close()
	f := newFeed(v, sent)
	defer f.end()
	for {
		line, err := lines.next()
		if err == nil {
			err = f.take(line, momentOf(time.Now()))
		}
		if err != nil {
			return &Unreachable{v.client.config.URL, fmt.Errorf("following was cut off: %w", err)}
		}
		if f.whole {
			retry.reset()
			v.report(nil)
		}
	}
}
