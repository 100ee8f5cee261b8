package consumers

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kmsg"
	"pgregory.net/rapid"
)

func TestSpreadIsEvenAndSticky(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tasks := rapid.IntRange(1, 70).Draw(t, "tasks")
		claims := map[string][]int32{}
		for i := range rapid.IntRange(1, 12).Draw(t, "members") {
			claims[fmt.Sprint("m", i)] = rapid.SliceOfDistinct(rapid.Int32Range(-1, int32(tasks)), rapid.ID[int32]).Draw(t, "claim")
		}
		owner := spread(tasks, claims)
		checkEven(t, owner, claims)

		held := map[string][]int32{}
		for m := range claims {
			held[m] = nil
		}
		for task, m := range owner {
			held[m] = append(held[m], int32(task))
		}
		if again := spread(tasks, held); !slices.Equal(again, owner) {
			t.Fatalf("an even spread was changed: %v, then %v", owner, again)
		}
		held["new"] = nil
		kept := 0
		for task, m := range spread(tasks, held) {
			if m == owner[task] {
				kept++
			}
		}
		if share := (tasks + len(held) - 1) / len(held); kept < tasks-share {
			t.Fatalf("a new member moved %d of %d tasks, want at most %d", tasks-kept, tasks, share)
		}
	})
}

func checkEven(t *rapid.T, owner []string, claims map[string][]int32) {
	n := map[string]int{}
	for m := range claims {
		n[m] = 0
	}
	for task, m := range owner {
		if _, ok := claims[m]; !ok {
			t.Fatalf("task %d belongs to %q", task, m)
		}
		n[m]++
	}
	sizes := slices.Sorted(maps.Values(n))
	if sizes[len(sizes)-1]-sizes[0] > 1 {
		t.Fatalf("shares are %v", sizes)
	}
}

func TestBalancerCopartitions(t *testing.T) {
	b := balancer{tasks: 4, held: func() []int32 { return []int32{3, 1} }}
	data, _ := b.UserData()
	members := []kafka.GroupMember{{ID: "x"}, {ID: "y", UserData: data}}
	var partitions []kafka.Partition
	for q := range 6 {
		partitions = append(partitions, kafka.Partition{Topic: "six", ID: 5 - q})
	}
	for q := range 4 {
		partitions = append(partitions, kafka.Partition{Topic: "four", ID: q})
	}
	partitions = append(partitions, kafka.Partition{Topic: "one", ID: 0})
	got := b.AssignGroups(members, partitions)
	want := kafka.GroupMemberAssignments{
		"x": {"six": {0, 2, 4}, "four": {0, 2}, "one": {0}},
		"y": {"six": {1, 3, 5}, "four": {1, 3}},
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %v, want %v", got, want)
	}
	tps := PartitionsOf(1, 4, map[string]int{"six": 6, "four": 4, "one": 1})
	if fmt.Sprint(tps) != "[four/1 six/1 six/5]" {
		t.Errorf("task 1 has %v", tps)
	}
}

// fastGroup rebalances as fast as brokers allow.
func fastGroup(t testing.TB, c *Client, id string, tasks int, topics ...string) *Group {
	t.Helper()
	g, err := c.Group(GroupConfig{ID: id, Topics: topics, Tasks: tasks, SessionTimeout: 6 * time.Second,
		HeartbeatInterval: 50 * time.Millisecond, JoinBackoff: 100 * time.Millisecond, WatchInterval: 100 * time.Millisecond,
		CommitInterval: 50 * time.Millisecond, RetryBackoff: 10 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// running is a member of a group whose tasks only note that they run.
type running struct {
	stop func()

	mu    sync.Mutex
	tasks map[int32][]TopicPartition
}

func (r *running) has() []int32 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Sorted(maps.Keys(r.tasks))
}

func runMember(t testing.TB, g *Group) *running {
	t.Helper()
	r := &running{tasks: map[int32][]TopicPartition{}}
	stop := runGroup(t, g, func(ctx context.Context, task int32, feed *Feed) error {
		r.mu.Lock()
		if _, ok := r.tasks[task]; ok {
			t.Errorf("task %d runs twice", task)
		}
		r.tasks[task] = feed.Partitions()
		r.mu.Unlock()
		<-ctx.Done()
		r.mu.Lock()
		delete(r.tasks, task)
		r.mu.Unlock()
		return ctx.Err()
	})
	r.stop = stop
	return r
}

// runGroup runs a group until the returned function is called, or the test ends.
func runGroup(t testing.TB, g *Group, serve Serve) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := g.Run(ctx, serve); err != nil {
			t.Errorf("the group ended with %v", err)
		}
	}()
	stop = func() {
		cancel()
		select {
		case <-done:
		case <-time.After(20 * time.Second):
			t.Error("the group does not end")
		}
	}
	t.Cleanup(stop)
	return stop
}

func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for began := time.Now(); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Since(began) > 30*time.Second {
			t.Fatalf("not in time: %s", what)
		}
	}
}

func TestGroupSharesTasks(t *testing.T) {
	tc := newCluster(t)
	c := tc.client(t)
	a, b := topic(t, c, "ga", 4), topic(t, c, "gb", 6)
	id := topic(t, c, "group", 1)
	one := runMember(t, fastGroup(t, c, id, 4, a, b))
	eventually(t, "one has all tasks", func() bool { return len(one.has()) == 4 })
	one.mu.Lock()
	if got, want := fmt.Sprint(one.tasks[1]), fmt.Sprintf("[%s/1 %s/1 %s/5]", a, b, b); got != want {
		t.Errorf("task 1 has %v, want %v", got, want)
	}
	one.mu.Unlock()

	two := runMember(t, fastGroup(t, tc.client(t), id, 4, a, b))
	eventually(t, "each has two tasks", func() bool { return len(one.has()) == 2 && len(two.has()) == 2 })
	if all := append(one.has(), two.has()...); len(slices.Compact(slices.Sorted(slices.Values(all)))) != 4 {
		t.Errorf("tasks are %v and %v", one.has(), two.has())
	}
	one.stop()
	began := time.Now()
	eventually(t, "two has all tasks", func() bool { return len(two.has()) == 4 })
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("a member that left was missed only after %v", took)
	}
	if c.Stats.Rebalances.Load() < 2 {
		t.Errorf("%d rebalances counted", c.Stats.Rebalances.Load())
	}
}

func TestGroupRestartsAFailedTask(t *testing.T) {
	c := newCluster(t).client(t)
	name := topic(t, c, "failing", 2)
	write(t, c, TopicPartition{name, 0}, "a", "b")
	var mu sync.Mutex
	var got []string
	ended, served := 0, 0
	runGroup(t, fastGroup(t, c, name, 2, name), func(ctx context.Context, task int32, feed *Feed) error {
		if task == 1 {
			<-ctx.Done()
			mu.Lock()
			defer mu.Unlock()
			ended++
			return nil
		}
		if err := feed.Start(nil); err != nil {
			return err
		}
		<-feed.Ready()
		batch, err := feed.Next(1, 1<<20)
		if err != nil {
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		got = append(got, string(batch.Records[0].Value))
		served++
		if served < 4 {
			return errors.New("not yet")
		}
		mu.Unlock()
		<-ctx.Done()
		mu.Lock()
		return nil
	})
	eventually(t, "the task was started four times", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return served == 4
	})
	mu.Lock()
	defer mu.Unlock()
	if !slices.Equal(got, []string{"a", "a", "a", "a"}) || ended != 0 || c.Stats.TaskFailures.Load() != 3 {
		t.Errorf("got %v; the other task ended %d times; %d failures", got, ended, c.Stats.TaskFailures.Load())
	}
}

func TestGroupNoticesNewPartitions(t *testing.T) {
	tc := newCluster(t)
	c := tc.client(t)
	name := topic(t, c, "growing", 2)
	member := runMember(t, fastGroup(t, c, name, 2, name))
	eventually(t, "two tasks run", func() bool { return len(member.has()) == 2 })
	addPartitions(t, tc, name, 3)
	eventually(t, "task 0 has the new partition", func() bool {
		member.mu.Lock()
		defer member.mu.Unlock()
		return fmt.Sprint(member.tasks[0]) == fmt.Sprintf("[%s/0 %s/2]", name, name)
	})
}

func addPartitions(t *testing.T, tc testCluster, topic string, count int32) {
	t.Helper()
	req := kmsg.NewPtrCreatePartitionsRequest()
	rt := kmsg.NewCreatePartitionsRequestTopic()
	rt.Topic, rt.Count = topic, count
	req.Topics, req.TimeoutMillis = append(req.Topics, rt), 5000
	if res, err := req.RequestWith(testContext(t), tc.kgoClient(t)); err != nil || res.Topics[0].ErrorCode != 0 {
		t.Fatal(res, err)
	}
}

func TestGroupCommitsForLagTools(t *testing.T) {
	tc := newCluster(t)
	c := tc.client(t)
	name := topic(t, c, "lag", 1)
	tp := TopicPartition{name, 0}
	write(t, c, tp, numbered("v", 9)...)
	committed := func() int64 {
		res, err := c.kafkaClient().OffsetFetch(testContext(t), &kafka.OffsetFetchRequest{GroupID: name, Topics: map[string][]int{name: {0}}})
		if err != nil || len(res.Topics[name]) == 0 {
			return -1
		}
		return res.Topics[name][0].CommittedOffset
	}
	next := make(chan int64)
	stop := runGroup(t, fastGroup(t, c, name, 1, name), func(ctx context.Context, task int32, feed *Feed) error {
		for {
			select {
			case offset := <-next:
				feed.Committed(map[TopicPartition]int64{tp: offset})
			case <-ctx.Done():
				feed.Committed(map[TopicPartition]int64{tp: 9})
				return nil
			}
		}
	})
	next <- 3
	next <- 7
	eventually(t, "7 is committed", func() bool { return committed() == 7 })
	stop()
	if got := committed(); got != 9 {
		t.Errorf("%d is committed in the end, want 9", got)
	}
}

func TestGroupWaitsForItsTopics(t *testing.T) {
	tc := newFake(t, 1)
	c := tc.client(t)
	member := runMember(t, fastGroup(t, c, "early", 2, "late"))
	time.Sleep(100 * time.Millisecond)
	if counts, err := c.Topics(testContext(t)); err != nil || len(counts) != 0 {
		t.Fatalf("topics are %v, %v", counts, err)
	}
	if _, err := c.EnsureTopics(testContext(t), []TopicSpec{{"late", 2, -1, nil}}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "two tasks run", func() bool { return len(member.has()) == 2 })
}

func TestGroupEndsWhileJoining(t *testing.T) {
	tc := newCluster(t)
	c := tc.client(t)
	name := topic(t, c, "joining", 1)
	ended := make(chan struct{})
	runGroup(t, fastGroup(t, c, name, 1, name), func(ctx context.Context, task int32, feed *Feed) error {
		<-ctx.Done()
		<-ended // holds the rebalance up
		return nil
	})
	defer close(ended)
	eventually(t, "the first has joined", func() bool { return c.Stats.Rebalances.Load() == 1 })
	stop := runGroup(t, fastGroup(t, tc.client(t), name, 1, name), func(context.Context, int32, *Feed) error { return nil })
	time.Sleep(300 * time.Millisecond)
	began := time.Now()
	stop()
	if took := time.Since(began); took > 3*time.Second {
		t.Errorf("ending took %v", took)
	}
}

func TestGroupRefusesABadConfiguration(t *testing.T) {
	c := newFake(t, 1).client(t)
	for _, cfg := range []GroupConfig{{}, {ID: "g", Topics: []string{"t"}}, {ID: "g", Tasks: 1}, {Topics: []string{"t"}, Tasks: 1}} {
		if _, err := c.Group(cfg); err == nil {
			t.Errorf("%+v was accepted", cfg)
		}
	}
}
