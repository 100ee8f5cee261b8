package pipeline

import (
	"context"
	"time"
)

// lastWait is how long what is begun may go on after it was told to end.
const lastWait = 800 * time.Millisecond

// lingering is a context that outlives ctx by a moment, for steps that are
// better brought to an end than cut off.
func lingering(ctx context.Context) (context.Context, context.CancelFunc) {
	l, cancel := context.WithCancel(context.WithoutCancel(ctx))
	context.AfterFunc(ctx, func() {
		select {
		case <-l.Done():
		case <-time.After(lastWait):
			cancel()
		}
	})
	return l, cancel
}
