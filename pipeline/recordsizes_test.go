package pipeline

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"rollcall/consumers"
	"rollcall/pipeline/catalog"
	"rollcall/pipeline/sizes"
)

// recordSizes lets every owner record, as it does in Serve when it has nothing
// else to do. Written says whether Kafka takes it.
func (w *world) recordSizes(written bool) {
	w.t.Helper()
	for p := range w.tasks {
		task := w.task(int32(p))
		if task.sizes == nil {
			task.HistoryEvery = time.Minute
			task.sizes = newSizeRecorder(task)
		}
		task.recordSizes(false)
		select {
		case messages := <-task.sizes.queue:
			if !written {
				task.sizes.failed.Store(true)
				continue
			}
			_, err := w.log.Write(w.t.Context(), messages)
			w.must(err)
		default:
		}
	}
}

// sizeLog is the memoryLog as SizeHistory reads it.
type sizeLog struct {
	*memoryLog
	fail chan error // ends a Tail
}

func (l sizeLog) Tail(ctx context.Context, tp consumers.TopicPartition, _ int64, fn func(*consumers.Record) error, caughtUp func(next, high int64) error) error {
	records := l.of(tp)
	for i := range records {
		if err := fn(&records[i]); err != nil {
			return err
		}
	}
	if err := caughtUp(0, 0); err != nil {
		return err
	}
	select {
	case err := <-l.fail:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// sizeHistory is that of somebody who has read all there is.
func (w *world) sizeHistory() *SizeHistory {
	w.t.Helper()
	h := NewSizeHistory(sizeLog{w.log, nil}, w.catalog, w.partitions, w.clock)
	ctx, cancel := context.WithCancel(w.t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); w.must(h.Run(ctx)) }()
	w.t.Cleanup(func() { cancel(); <-ended })
	for {
		_, err := h.Points(acme, "s", w.now.Add(-time.Minute), w.now, sizes.Step{Days: 1})
		if err == nil {
			return h
		}
		if !errors.Is(err, ErrUnavailable) {
			w.t.Fatal(err)
		}
		time.Sleep(time.Millisecond)
	}
}

// TestSizesAreRecorded minute by minute, through restarts and a lost Redis, and
// holds what is known in the end against what was so.
func TestSizesAreRecorded(t *testing.T) {
	w := newWorld(t, 2)
	w.segment("s", "all contacts where opted in")
	begin := w.now
	var want []Size
	for minute := range 40 {
		for range w.rng.IntN(6) {
			contact := fmt.Sprint("c", w.rng.IntN(20))
			switch w.rng.IntN(4) {
			case 0:
				w.record(TopicOptedOut, contact, nil)
			case 1:
				w.contact(contact, "2015550123")
			default:
				w.contact(contact, "2015550123")
				w.record(TopicOptedIn, contact, nil)
			}
		}
		switch minute {
		case 13:
			w.reopen()
		case 25:
			w.loseRedis()
		}
		w.settle()
		w.follow()
		want = append(want, w.view.Size(acme, "s"))
		w.now = w.now.Add(time.Minute)
		w.recordSizes(true)
	}
	points, err := w.sizeHistory().Points(acme, "s", begin, w.now, sizes.Step{Time: time.Minute})
	if err != nil || len(points) != len(want) {
		t.Fatalf("%d points, want %d: %v", len(points), len(want), err)
	}
	size := int64(0)
	for i, p := range points {
		if p.Size != want[i].Members || p.Sendable != want[i].Sendable || !p.At.Equal(begin.Add(time.Duration(i)*time.Minute)) {
			t.Errorf("minute %d: %+v, want %+v", i, p, want[i])
		}
		if size += p.Entered - p.Exited; size != p.Size || p.Entered < 0 || p.Exited < 0 {
			t.Errorf("minute %d: %+v after %d", i, p, size)
		}
		if i > 0 && i != 25 && (p.Entered != want[i].Entered-want[i-1].Entered || p.Exited != want[i].Exited-want[i-1].Exited) {
			t.Errorf("minute %d: %+v, want %+v after %+v", i, p, want[i], want[i-1])
		}
	}
	if size == 0 || want[39].Exited == 0 {
		t.Errorf("nobody entered or exited: %+v", want[39])
	}
}

// TestSizesLeaveGaps while they can't be written, and nothing else stops.
func TestSizesLeaveGaps(t *testing.T) {
	w := newWorld(t, 1)
	w.segment("s", "all contacts")
	w.segment("other", "all contacts where opted in")
	begin := w.now
	for minute := range 9 {
		w.contact(fmt.Sprint("c", minute), "2015550123")
		w.settle()
		w.now = w.now.Add(time.Minute)
		w.recordSizes(minute < 3 || minute >= 6)
	}
	h := w.sizeHistory()
	points, err := h.Points(acme, "s", begin, w.now, sizes.Step{Time: time.Minute})
	var got []int64
	for _, p := range points {
		got = append(got, p.Size)
	}
	if err != nil || !slices.Equal(got, []int64{1, 2, 3, 3, 3, 3, 7, 8, 9}) || points[6].Entered != 4 {
		t.Errorf("%+v %v", points, err)
	}
	if points, err := h.Points(acme, "other", begin, w.now, sizes.Step{Days: 1}); err != nil || len(points) != 1 || points[0].Size != 0 {
		t.Errorf("a segment without members: %+v %v", points, err)
	}
	if _, err := h.Points(acme, "s", w.now, begin, sizes.Step{Days: 1}); !errors.As(err, new(*QuestionError)) {
		t.Errorf("from after to: %v", err)
	}
}

// TestSizesWait with a queue that nobody empties, until the state has caught up,
// and for a definition that is composed.
func TestSizesWait(t *testing.T) {
	w := newWorld(t, 1)
	w.segment("s", "all contacts")
	w.contact("ann", "2015550123")
	w.settle()
	task := w.task(0)
	task.HistoryEvery = time.Minute
	task.sizes = newSizeRecorder(task)
	if task.recordSizes(true); len(task.sizes.queue) > 0 {
		t.Error("a state that reads a backlog is recorded")
	}
	w.put(catalog.PutAccount{Account: "other", Timezone: "UTC", RetentionDays: 1})
	w.segment("new", "all contacts")
	task.noteDefinitions()
	if task.recordSizes(false); len(task.sizes.queue) > 0 {
		t.Error("a state that is being composed is recorded")
	}
	w.settle()
	for minute := range 5 {
		task.recordSizes(false)
		w.contact(fmt.Sprint("c", minute), "2015550123")
		w.settle()
		w.now = w.now.Add(time.Minute)
	}
	if len(task.sizes.queue) != 1 || !task.sizes.failed.Load() {
		t.Error("what was left out is not known to be")
	}
}

func TestSizeHistoryReadsAnew(t *testing.T) {
	w := newWorld(t, 1)
	w.segment("s", "all contacts")
	w.contact("ann", "2015550123")
	w.settle()
	w.recordSizes(true)
	w.write(TopicSizes, 0, "?", []byte("{")) // nobody of ours
	h := NewSizeHistory(sizeLog{w.log, nil}, w.catalog, 1, w.clock)
	for range 2 {
		h.reset()
		log := sizeLog{w.log, make(chan error, 1)}
		log.fail <- errors.New("the topic is gone")
		h.log = log
		if err := h.follow(t.Context()); err == nil || err.Error() != "the topic is gone" {
			t.Errorf("%v", err)
		}
		points, err := h.Points(acme, "s", w.now.Add(-time.Minute), w.now, sizes.Step{Days: 1})
		if err != nil || len(points) != 1 || points[0].Size != 1 || points[0].Entered != 1 {
			t.Errorf("%+v %v", points, err)
		}
	}
}
