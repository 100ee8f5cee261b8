package consumers

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"
)

// generation is the time between two rebalances.
type generation struct {
	g      *Group
	gen    *kafka.Generation
	log    *slog.Logger
	serve  Serve
	counts map[string]int // partitions of each topic
	end    context.CancelFunc

	mu        sync.Mutex
	committed map[TopicPartition]int64 // since the last commit
}

// runGeneration runs the tasks of a generation to its end. To kafka-go it is
// one function, as the generation ends with the first function that does.
func (g *Group) runGeneration(ctx context.Context, gen *kafka.Generation, serve Serve) {
	g.c.Stats.Rebalances.Add(1)
	done := make(chan struct{})
	gen.Start(func(ended context.Context) {
		defer close(done)
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		defer context.AfterFunc(ended, cancel)()
		n := &generation{g: g, gen: gen, serve: serve, end: cancel,
			log:       g.log.With("generation", gen.ID),
			committed: map[TopicPartition]int64{}}
		n.run(ctx)
	})
	<-done
}

func (n *generation) run(ctx context.Context) {
	tasks := tasksOf(n.gen.Assignments, n.g.cfg.Tasks)
	n.g.held.Store(&tasks)
	if !n.learnCounts(ctx) {
		return
	}
	n.log.Info("tasks assigned", "tasks", tasks)
	var wg sync.WaitGroup
	for _, task := range tasks {
		wg.Go(func() { n.runTask(ctx, task) })
	}
	wg.Go(func() { n.watch(ctx) })
	wg.Go(func() { n.commitOften(ctx) })
	wg.Wait()
	n.commit()
	n.log.Info("tasks ended", "tasks", tasks)
}

// learnCounts asks how many partitions there are, until it is answered or the
// generation is over.
func (n *generation) learnCounts(ctx context.Context) bool {
	for i := 1; ctx.Err() == nil; i++ {
		counts, err := n.g.counts(ctx)
		if err == nil {
			n.counts = counts
			return true
		}
		n.log.Warn("reading partition counts failed, will retry", "err", err)
		_ = sleep(ctx, backoff(i, retryFirst, retryMost))
	}
	return false
}

// runTask serves a task until the generation ends.
func (n *generation) runTask(ctx context.Context, task int32) {
	log := n.log.With("task", task)
	for failures := 1; ; failures++ {
		began := time.Now()
		err := n.serveOnce(ctx, task)
		if ctx.Err() != nil {
			if err != nil && !errors.Is(err, context.Canceled) {
				log.Warn("task ended with an error", "err", err)
			}
			return
		}
		pause := n.g.cfg.RetryBackoff
		if time.Since(began) > 60*pause {
			failures = 1
		}
		pause = backoff(failures, pause, 30*pause)
		n.g.c.Stats.TaskFailures.Add(1)
		log.Error("task failed, will start again", "err", err, "pause", pause)
		if sleep(ctx, pause) != nil {
			return
		}
	}
}

func (n *generation) serveOnce(ctx context.Context, task int32) error {
	feed := newFeed(ctx, n.g.c, PartitionsOf(task, n.g.cfg.Tasks, n.counts))
	feed.committed = n.note
	defer feed.close()
	return n.serve(ctx, task, feed)
}

// watch ends the generation when the topics' partitions change.
func (n *generation) watch(ctx context.Context) {
	for sleep(ctx, n.g.cfg.WatchInterval) == nil {
		if !n.g.sameCounts(ctx, n.counts) {
			n.log.Info("the topics' partitions changed")
			n.end()
			return
		}
	}
}

// note remembers offsets to commit.
func (n *generation) note(offsets map[TopicPartition]int64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	maps.Copy(n.committed, offsets)
}

func (n *generation) commitOften(ctx context.Context) {
	for sleep(ctx, n.g.cfg.CommitInterval) == nil {
		n.commit()
	}
}

// commit tells Kafka how far the tasks are. A failure is only counted: nothing
// depends on it.
func (n *generation) commit() {
	n.mu.Lock()
	offsets := map[string]map[int]int64{}
	for tp, offset := range n.committed {
		if offsets[tp.Topic] == nil {
			offsets[tp.Topic] = map[int]int64{}
		}
		offsets[tp.Topic][int(tp.Partition)] = offset
	}
	clear(n.committed)
	n.mu.Unlock()
	if len(offsets) == 0 {
		return
	}
	if err := n.gen.CommitOffsets(offsets); err != nil {
		n.g.c.Stats.CommitErrors.Add(1)
		n.log.Debug("committing offsets failed", "err", err)
	}
}
