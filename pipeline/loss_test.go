package pipeline

import (
	"errors"
	"slices"
	"testing"

	"rollcall/bitmaps"
	"rollcall/consumers"
	"rollcall/pipeline/catalog"
)

// lossy is a world whose log loses something: one contact is opted in, and the
// opt-in can be lost.
func lossy(t *testing.T) (w *world, consent consumers.TopicPartition) {
	w = newWorld(t, 1)
	w.segment("in", "all contacts where opted in")
	w.segment("all", "all contacts")
	w.contact("ann", "2015550123")
	w.consent(TopicOptedIn, "ann", "2026-11-01 12:00")
	w.expect("in", "ann")
	return w, consumers.TopicPartition{Topic: TopicOptedIn}
}

func (w *world) cutOff(tp consumers.TopicPartition, begin int64) { w.log.cutOff(tp, begin) }

// recreate empties a log, as deleting its topic and creating it anew does.
func (w *world) recreate(tp consumers.TopicPartition) {
	w.log.mu.Lock()
	defer w.log.mu.Unlock()
	delete(w.log.records, tp)
}

// expectLost finds that the partition can't be opened, that whoever follows it
// is told, and nothing is called fresh.
func (w *world) expectLost(want bitmaps.Loss) {
	w.t.Helper()
	_, err := w.open(0)
	lost, ok := errors.AsType[*LossError](err)
	if !ok || len(lost.Losses) != 1 || lost.Losses[0] != want {
		w.t.Fatalf("opened with %v, want the loss %+v", err, want)
	}
	w.follow()
	for range 3 {
		w.must(w.view.askEnds(w.t.Context()))
	}
	if s := w.view.Status(acme); !s.DataLost || !slices.Contains(s.Losses, want) || s.Freshness.Fresh {
		w.t.Errorf("the status is %+v", s)
	}
	if _, f, err := w.view.Check(w.t.Context(), acme, "all", []string{"ann"}); err == nil && f.Fresh {
		w.t.Error("an answer is called fresh")
	}
}

func (w *world) acceptLoss(l bitmaps.Loss) {
	w.t.Helper()
	w.put(catalog.AcceptLoss{Topic: l.Topic, Partition: l.Partition, From: l.From, To: l.To})
	w.settle()
	w.follow()
	for range 3 {
		w.must(w.view.askEnds(w.t.Context()))
	}
	if s := w.view.Status(acme); s.DataLost || !s.Freshness.Fresh {
		w.t.Errorf("after the loss was accepted, the status is %+v", s)
	}
}

// Retention passes the checkpoint: what was not read is gone.
func TestRetentionPassesTheCheckpoint(t *testing.T) {
	w, tp := lossy(t)
	w.reopen()
	w.consent(TopicOptedIn, "bob", "2026-11-01 12:00")
	w.consent(TopicOptedIn, "bob", "2026-11-01 13:00")
	w.contact("bob", "2015550124")
	w.cutOff(tp, 2)
	loss := bitmaps.Loss{Topic: tp.Topic, From: 1, To: 2}
	w.expectLost(loss)
	w.expectLost(loss) // it stays so
	w.acceptLoss(loss)
	w.expect("in", "ann bob")
	w.task(0)
	if n := w.tasks[0].Outcomes()[bitmaps.Lost]; n != 1 {
		t.Errorf("%d offsets are counted as lost, want 1", n)
	}
	w.reopen()
	w.expect("in", "ann bob")
}

// Redis is lost, and the log no longer begins where the state began.
func TestNotRebuildableFromTheLog(t *testing.T) {
	w, tp := lossy(t)
	w.cutOff(tp, 1)
	w.expect("in", "ann") // Redis still knows
	w.reopen()
	w.expect("in", "ann")
	w.loseRedis()
	loss := bitmaps.Loss{Topic: tp.Topic, From: 0, To: 1}
	w.expectLost(loss)
	w.acceptLoss(loss)
	w.expect("in", "")
	w.expect("all", "ann")
	w.loseRedis()
	w.expect("all", "ann") // accepted once, and for good
}

// A state that is damaged is kept when it can't be made anew.
func TestDamagedAndNotRebuildable(t *testing.T) {
	w, tp := lossy(t)
	w.flushAll()
	w.reopen()
	w.consent(TopicOptedIn, "bob", "2026-11-01 12:00")
	w.settle()
	w.cutOff(tp, 1)
	w.reopen()
	head, err := w.store.Head(t.Context(), 0)
	w.must(err)
	w.must(w.store.ReportDamage(t.Context(), 0, head.Nonce, "by the test"))
	_, err = w.open(0)
	if lost, ok := errors.AsType[*LossError](err); !ok || !errors.Is(err, bitmaps.ErrDamaged) || len(lost.Losses) != 1 {
		t.Fatalf("opened with %v", err)
	}
	if after, err := w.store.Head(t.Context(), 0); err != nil || len(after.Checkpoint.Offsets) == 0 {
		t.Errorf("the state is gone: %+v, %v", after, err)
	}
	w.put(catalog.AcceptLoss{Topic: tp.Topic, From: 0, To: 1})
	w.expect("all", "ann")
}

// A topic is deleted and created anew, while nobody looks or under a running view.
func TestTopicCreatedAnew(t *testing.T) {
	w, tp := lossy(t)
	w.reopen()
	w.recreate(tp)
	loss := bitmaps.Loss{Topic: tp.Topic, From: 1, To: 0}
	w.expectLost(loss)
	w.acceptLoss(loss)
	w.contact("bob", "2015550124")
	w.consent(TopicOptedIn, "bob", "2026-11-02 12:00")
	w.expect("in", "ann bob")
	sum := int64(0)
	for _, n := range w.tasks[0].Outcomes() {
		sum += n
	}
	for _, o := range w.tasks[0].checkpoint.Offsets {
		sum -= o.Next - o.First
	}
	if sum != 0 {
		t.Errorf("outcomes and offsets differ by %d", sum)
	}
}

// An opt-out at the same time as an opt-in wins, in both orders, across a crash.
func TestTieAcrossACrash(t *testing.T) {
	for _, topics := range [][]string{{TopicOptedIn, TopicOptedOut}, {TopicOptedOut, TopicOptedIn}} {
		w, _ := lossy(t)
		for _, topic := range topics {
			w.consent(topic, "ann", "2026-11-03 12:00")
			w.settle()
			w.reopen()
		}
		w.expect("in", "")
	}
}

// To accept that records are lost that were not read yet is not to accept the
// loss of those that were: a state is not made anew without them.
func TestAcceptedLossIsNoBeginning(t *testing.T) {
	for _, how := range []string{"rebuild", "Redis lost"} {
		w := newWorld(t, 1)
		w.segment("free", "all contacts where not opted out")
		w.contact("ann", "2015550123")
		w.consent(TopicOptedOut, "ann", "2026-11-02 12:00")
		w.expect("free", "")
		w.reopen()
		tp := consumers.TopicPartition{Topic: TopicOptedOut}
		w.consent(TopicOptedOut, "bob", "2026-11-01 12:00")
		w.consent(TopicOptedOut, "bob", "2026-11-01 13:00")
		w.cutOff(tp, 2)
		loss := bitmaps.Loss{Topic: tp.Topic, From: 1, To: 2}
		w.expectLost(loss)
		w.put(catalog.AcceptLoss{Topic: loss.Topic, From: loss.From, To: loss.To})
		w.expect("free", "")
		if how == "rebuild" {
			w.put(catalog.StartRebuild{ID: "x", TakeOver: true})
			r := newRebuild(w.task(0), wanted(t, w.task(0)), w.watermarks)
			if _, err := r.step(t.Context()); !errors.As(err, new(*LossError)) {
				t.Errorf("a rebuild without the first opt-out: %v", err)
			}
			w.expect("free", "")
			continue
		}
		w.loseRedis()
		w.expectLost(bitmaps.Loss{Topic: tp.Topic, From: 0, To: 2})
	}
}
