package client

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"
)

// backoff is how long to wait before something is tried again: twice as long
// each time, and at random up to that, so that many clients don't come at once.
type backoff struct{ next time.Duration }

const (
	backoffFirst = 50 * time.Millisecond
	backoffMost  = 5 * time.Second
)

func (b *backoff) reset() { b.next = 0 }

// wait returns after a while, and at least after what a problem asks for. It
// returns ctx's error if ctx ends before.
func (b *backoff) wait(ctx context.Context, cause error) error {
	b.next = min(max(2*b.next, backoffFirst), backoffMost)
	pause := b.next/2 + rand.N(b.next/2)
	if p, ok := errors.AsType[*Problem](cause); ok {
		pause = max(pause, min(p.RetryAfter, time.Minute))
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(pause):
		return nil
	}
}
