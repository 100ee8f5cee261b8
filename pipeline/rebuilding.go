package pipeline

import (
	"context"
	"fmt"
	"time"
)

// rebuilding is a rebuild in a goroutine of its own.
type rebuilding struct {
	*rebuild
	ended chan error // one value: nil when it is near
	stop  context.CancelFunc
}

// start lets a rebuild go on after a while.
func (r *rebuild) start(ctx context.Context, after time.Duration) *rebuilding {
	ctx, stop := context.WithCancel(ctx)
	g := &rebuilding{rebuild: r, ended: make(chan error, 1), stop: stop}
	go func() {
		pause(ctx, after)
		g.ended <- r.run(ctx)
	}()
	return g
}

// end stops it and waits until it has.
func (g *rebuilding) end() {
	if g != nil {
		g.stop()
		<-g.ended //nolint:errcheck // whoever ends it does not ask how it went
	}
}

// concludeRetry is how long a rebuild that is near waits for another chance.
const concludeRetry = 200 * time.Millisecond

// publishPause bounds how long a task stops for its changes to be published,
// which takes a millisecond or two.
const publishPause = 20 * time.Millisecond

// tendRebuild begins, ends and concludes the partition's rebuild, as the
// definitions ask for.
func (t *Task) tendRebuild(ctx context.Context, watermarks Watermarks) error {
	wanted, is := t.wantedRebuild()
	g := t.rebuild
	switch {
	case g == nil && is:
		t.rebuild = newRebuild(t, wanted, watermarks).start(ctx, 0)
		return nil
	case g == nil:
		return nil
	case !is || wanted.ID != g.ID:
		g.end()
		t.rebuild = nil
		return t.dropBeside(ctx)
	}
	select {
	case err := <-g.ended:
		g.stop()
		t.rebuild = nil
		if err != nil {
			return err
		}
		t.changes.settle(ctx, publishPause)
		done, err := t.conclude(ctx, g.rebuild)
		if err == nil && !done {
			t.rebuild = g.rebuild.start(ctx, concludeRetry)
		}
		return err
	default:
		return nil
	}
}

// sweepBeside deletes what an earlier owner may have left of a rebuild.
func (t *Task) sweepBeside(ctx context.Context) error {
	if _, wanted := t.wantedRebuild(); wanted {
		return nil
	}
	return t.dropBeside(ctx)
}

// dropBeside deletes what a rebuild left that is not to go on.
func (t *Task) dropBeside(ctx context.Context) error {
	if err := t.Store.Beside().Drop(ctx, t.partition); err != nil {
		return fmt.Errorf("a rebuild that is not to go on: %w", err)
	}
	return nil
}
