package pipeline

import (
	"cmp"
	"context"
	"slices"
	"time"
)

// watch follows the sizes of an account's segments.
type watch struct {
	view     *View
	account  string
	segments []string // none: all
	signal   chan struct{}
	told     map[string]Size
	began    bool
	looked   time.Time // last
}

// watchPause is the shortest time between two looks at the sizes: changes that
// come closer are told together.
const watchPause = 20 * time.Millisecond

// Watch follows the sizes of some segments, or of all that there are and will
// be if none is named.
func (v *View) Watch(account string, segments []string) Watch {
	w := &watch{view: v, account: account, segments: segments, signal: make(chan struct{}, 1), told: map[string]Size{}}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.watches[w] = true
	return w
}

// notify wakes the watches of these accounts; of all if none is named.
func (v *View) notify(accounts []string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for w := range v.watches {
		if accounts == nil || slices.Contains(accounts, w.account) {
			select {
			case w.signal <- struct{}{}:
			default:
			}
		}
	}
}

func (w *watch) Close() {
	w.view.mu.Lock()
	defer w.view.mu.Unlock()
	delete(w.view.watches, w)
}

func (w *watch) Next(ctx context.Context) ([]SegmentSize, error) {
	for {
		if w.began {
			if err := w.wait(ctx); err != nil {
				return nil, err
			}
		}
		if changes := w.look(); len(changes) > 0 || !w.began {
			w.began = true
			return changes, nil
		}
	}
}

// wait returns when something may have changed. Edited definitions are seen
// with the commit that composes them.
func (w *watch) wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-w.signal:
	}
	select {
	case <-ctx.Done():
		w.notifyAgain()
		return ctx.Err()
	case <-time.After(time.Until(w.looked.Add(watchPause))):
		return nil
	}
}

func (w *watch) notifyAgain() {
	select {
	case w.signal <- struct{}{}:
	default:
	}
}

// look is every segment whose size is not what was told last.
func (w *watch) look() (changes []SegmentSize) {
	w.looked = time.Now()
	position := w.view.position()
	now := map[string]Size{}
	if def := w.view.Catalog.Account(w.account); def != nil {
		for _, s := range def.Segments {
			if len(w.segments) == 0 || slices.Contains(w.segments, s.ID) {
				now[s.ID] = w.view.Size(w.account, s.ID)
			}
		}
	}
	for id, size := range now {
		if told, ok := w.told[id]; !ok || told != size {
			changes = append(changes, SegmentSize{Segment: id, Size: size, Position: position})
		}
	}
	for id := range w.told {
		if _, ok := now[id]; !ok {
			changes = append(changes, SegmentSize{Segment: id, Deleted: true, Position: position})
		}
	}
	w.told = now
	slices.SortFunc(changes, func(a, b SegmentSize) int { return cmp.Compare(a.Segment, b.Segment) })
	return changes
}
