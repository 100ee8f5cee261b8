package integration

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"rollcall/integration/servers"
)

// refusal is a way in which a Redis that is there does not do as it is told.
type refusal struct {
	code   string // with which its answers begin
	begin  func(*refusing) (end func())
	passes bool // what is asked for is done all the same
}

var refusals = []refusal{
	{code: "OOM", begin: (*refusing).outOfMemory},
	{code: "READONLY", begin: (*refusing).readOnly},
	{code: "BUSY", begin: (*refusing).busy},
	{code: "NOSCRIPT", begin: (*refusing).withoutScripts, passes: true},
	{code: "LOADING", begin: (*refusing).loading},
}

// refusing is a cluster whose Redis refuses.
type refusing struct {
	*cluster
	p       *process
	keeping keeping
	all     []population
	tenants []tenant
}

// TestRedisRefuses has Redis refuse in each of its ways, while records flow. What
// is answered meanwhile stands for a prefix of the log, and is not given out as
// fresh; when Redis takes commits again, all comes right soon.
func TestRedisRefuses(t *testing.T) {
	takesLong(t)
	s := newRefusing(t)
	w := newWitness(t, s.cluster, s.p)
	for i, r := range refusals {
		t.Run(r.code, func(t *testing.T) {
			s := *s
			s.cluster = s.with(t)
			contact := fmt.Sprintf("c-%d", i)
			f := s.startFlow(s.all, 4_000, uint64(1+100*i), 3*time.Second)
			s.suffer(r, f, contact)
			expectMember(t, s.p, "probe", "in", contact, false)
			s.allRight([]*process{s.p}, s.tenants, nil)
			if notFresh := w.report(t, r.code); r.passes && notFresh > 0 {
				t.Error("there was nothing to wait for, and answers were not fresh")
			}
		})
	}
}

func newRefusing(t *testing.T) *refusing {
	t.Helper()
	s := &refusing{keeping: newKeeping(t), all: populations()[:1]}
	s.cluster = newClusterOf(t, servers.StartRedis(t, s.keeping.args()...), servers.StartKafka(t))
	s.p = s.serve("--max-staleness", "2s").ready()
	s.tenants = append(tenantsOf(s.all), probe)
	s.tenants[0].create(t, s.p)
	s.tenants[0].define(t, s.p, "abcd")
	s.addProbe(s.p, len(refusals))
	s.patience = 30 * time.Second
	return s
}

// suffer lets Redis refuse while records flow and a contact opts out, and returns
// when all that was written is in the answers.
func (s *refusing) suffer(r refusal, f *flow, contact string) {
	s.t.Helper()
	time.Sleep(time.Second)
	before := s.refused(r.code)
	end := sync.OnceFunc(r.begin(s))
	defer end()
	s.optOut(contact)
	if r.passes {
		time.Sleep(4 * time.Second)
		end()
	} else {
		s.p.expectClosed(s.t, "applied to", 2*time.Second)
		g := s.glimpse(s.p, s.tenants)
		end()
		s.expectPrefix(g, s.tenants)
		if !strings.Contains(s.p.output(), r.code+" ") {
			s.t.Errorf("the log does not say %s", r.code)
		}
	}
	ended := time.Now()
	if s.refused(r.code) <= before {
		s.t.Errorf("Redis never answered %s", r.code)
	}
	f.wait(s.t)
	s.settled(s.p)
	s.t.Logf("all is well %v after Redis was", time.Since(ended).Round(100*time.Millisecond))
}

// refused is how often Redis has answered with a code.
func (s *refusing) refused(code string) int {
	s.t.Helper()
	info, err := s.redisClient().Info(s.t.Context(), "errorstats").Result()
	must(s.t, err)
	found := regexp.MustCompile(`errorstat_` + code + `:count=(\d+)`).FindStringSubmatch(info)
	if found == nil {
		return 0
	}
	n, err := strconv.Atoi(found[1])
	must(s.t, err)
	return n
}

// outOfMemory has Redis refuse whatever takes memory.
func (s *refusing) outOfMemory() (end func()) {
	set := func(bytes string) { must(s.t, s.redisClient().ConfigSet(s.t.Context(), "maxmemory", bytes).Err()) }
	set("1")
	return func() { set("0") }
}

// readOnly makes Redis the replica of a master that nobody finds, which keeps
// its data and takes no writes.
func (s *refusing) readOnly() (end func()) {
	follow := func(host, port string) { must(s.t, s.redisClient().ReplicaOf(s.t.Context(), host, port).Err()) }
	follow("127.0.0.1", "1")
	return func() { follow("NO", "ONE") }
}

// busy has another client run a script that does not end.
func (s *refusing) busy() (end func()) {
	client := redis.NewClient(&redis.Options{Addr: s.redis.Addr, ReadTimeout: -1, MaxRetries: -1})
	ctx := context.WithoutCancel(s.t.Context())
	must(s.t, client.ConfigSet(ctx, "busy-reply-threshold", "100").Err())
	var running sync.WaitGroup
	running.Go(func() { _ = client.Eval(ctx, "while true do end", nil).Err() })
	s.answers("BUSY")
	return func() {
		must(s.t, client.ScriptKill(ctx).Err())
		running.Wait()
		must(s.t, client.Close())
	}
}

// withoutScripts has Redis forget all scripts, again and again.
func (s *refusing) withoutScripts() (end func()) {
	client, done := s.redisClient(), make(chan struct{})
	var flushing sync.WaitGroup
	flushing.Go(func() {
		for {
			select {
			case <-done:
				return
			case <-time.After(20 * time.Millisecond):
				_ = client.ScriptFlush(s.t.Context()).Err()
			}
		}
	})
	return func() { close(done); flushing.Wait() }
}

// loading starts Redis again with the data that it had, which it takes a while
// to read.
func (s *refusing) loading() (end func()) {
	slowly := "key-load-delay 600000\nloading-process-events-interval-bytes 1024\n"
	must(s.t, os.WriteFile(s.keeping.config, []byte(slowly), 0o600))
	_ = s.redisClient().ShutdownSave(s.t.Context()).Err() // the connection ends instead of an answer
	loaded := make(chan error, 1)
	go func() { loaded <- s.redis.Restart() }()
	s.answers("LOADING")
	return func() { must(s.t, <-loaded) }
}

// answers waits until Redis answers with a code.
func (s *refusing) answers(code string) {
	s.t.Helper()
	client := redis.NewClient(&redis.Options{Addr: s.redis.Addr, MaxRetries: -1})
	defer client.Close()
	eventually(s.t, 20*time.Second, "Redis answers "+code, func() error {
		err := client.Ping(s.t.Context()).Err()
		if err == nil || !strings.HasPrefix(err.Error(), code) {
			return fmt.Errorf("it answers %w", err)
		}
		return nil
	})
}
