package pipeline

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"rollcall/bitmaps"
	"rollcall/consumers"
	"rollcall/pipeline/catalog"
	"rollcall/pipeline/history"
	"rollcall/pipeline/naive"
)

// harness is a cluster in one goroutine: a log in memory, a Redis of its own,
// and a process, or several in a simulation.
type harness struct {
	t          *testing.T
	seed       uint64
	rng        *rand.Rand
	nonces     io.Reader  // of all processes
	drawn      *rand.Rand // says what reports are asked for
	now        time.Time
	partitions int32
	redis      interface{ FlushAll() }
	log        *memoryLog
	defs       *catalog.Log     // writes definitions; it is nobody's
	defined    *catalog.Catalog // of defs
	eager      bool             // tasks read whatever there is
	lagging    bool             // processes read definitions when they are told to
	deleted    map[string]bool  // segments that were deleted once
	owners     []*process       // of the partitions
	mend       func()           // brings everything right
	others     func(*process)   // have their turn in the middle of an operation of a process
	replays    *replaying       // nil: there are none
	*process                    // the only one, or the first
}

// realScripts is one in how many seeds runs the Lua scripts.
const realScripts = 16

func newHarness(t *testing.T, partitions int32, seed uint64) *harness {
	h := &harness{t: t, seed: seed, rng: rand.New(rand.NewPCG(seed, 1)), nonces: nonces(seed), drawn: rand.New(rand.NewPCG(seed, 4)), partitions: partitions,
		log: newMemoryLog(), defined: catalog.New(), deleted: map[string]bool{}}
	if seed%realScripts == 0 {
		h.redis = miniredis.RunT(t)
	} else {
		h.redis = newMemoryRedis()
	}
	h.defs = catalog.NewLog(h.defined, h.log)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { defer close(ended); _ = h.defs.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-ended })
	h.process = h.start(0)
	for range partitions {
		h.owners = append(h.owners, h.process)
	}
	return h
}

// nonces are the same for a seed, as what is stored depends on them.
func nonces(seed uint64) io.Reader {
	var key [32]byte
	binary.LittleEndian.PutUint64(key[:], seed)
	return rand.NewChaCha8(key)
}

// process is all that a process of rollcall remembers.
type process struct {
	h        *harness
	number   int
	catalog  *catalog.Catalog
	store    *bitmaps.Store
	config   Config
	tasks    []*Task    // by partition
	rebuilds []*rebuild // of them
	view     *View
	skew     time.Duration           // of its clock
	asked    map[time.Time]time.Time // by its clock, when it asked where the log ends
	dead     bool                    // it crashed
	amid     bool                    // it is in the middle of an operation, and others have their turn
	frozen   *Snapshots
	fuse     int // operations until fate strikes
	fate     fate

	listeners map[string]*listener // by account
}

func (h *harness) start(number int) *process {
	p := &process{h: h, number: number, catalog: catalog.New(), tasks: make([]*Task, h.partitions), rebuilds: make([]*rebuild, h.partitions),
		asked: map[time.Time]time.Time{}, listeners: map[string]*listener{}}
	address := "127.0.0.1:1"
	server, real := h.redis.(*miniredis.Miniredis)
	if real {
		address = server.Addr()
	}
	client := redis.NewClient(&redis.Options{Addr: address, MaxRetries: -1})
	client.AddHook(gate{p})
	if !real {
		client.AddHook(h.redis.(*memoryRedis))
	}
	h.t.Cleanup(func() { _ = client.Close() })
	p.store = bitmaps.NewStore(client, "rollcall")
	p.store.Random = h.nonces
	p.config = Config{
		Partitions: h.partitions, Store: p.store, Log: gatedLog{p}, Catalog: p.catalog, CatchUp: p.catchUp,
		Now: p.clock, Publish: true, Committed: p.committed, Inputs: partnerInputs,
		Limits: Limits{Changelog: 50 + h.rng.IntN(3000), Flush: 1 + h.rng.IntN(1000), Loaded: 1 + h.rng.IntN(50),
			Compose: 1 + h.rng.IntN(5), Apart: 1 + 199*(number%2), Copies: 3},
	}
	p.config.Replays = NewReplays(archive{p}, archive{p}.report)
	p.view = NewView(ViewConfig{Partitions: h.partitions, Store: p.store, Catalog: p.catalog, Ends: p, Now: p.clock, MaxStaleness: time.Minute})
	p.frozen = NewSnapshots(p.view, gatedLog{p}, gatedDefinitions{p})
	p.frozen.chunk = 8 // of a contact or two
	return p
}

func (p *process) clock() time.Time { return p.h.now.Add(p.skew) }

// committed hands some commits to the view, as a process does; others it reads back.
func (p *process) committed(partition int32, e *bitmaps.Entry, nonce string) {
	if p.h.rng.IntN(2) == 0 {
		p.view.Committed(partition, e, nonce)
	}
}

// define reads the definitions up to an offset.
func (p *process) define(upTo int64) {
	for _, r := range p.h.log.of(definitionsTP) {
		if r.Offset >= p.catalog.Offset() && r.Offset < upTo {
			_ = p.catalog.Fold(r.Offset, r.Time, r.Value) // refused ones are part of the log
		}
	}
}

func (p *process) catchUp(context.Context) error {
	return p.io("definitions", func() error {
		p.define(int64(len(p.h.log.of(definitionsTP))))
		return nil
	})
}

// Ends implements Ends.
func (p *process) Ends(context.Context) (tasks []map[consumers.TopicPartition]int64, definitions int64, err error) {
	p.asked[p.clock()] = p.h.now
	err = p.io("ends", func() error {
		for q := range p.h.partitions {
			ends := map[consumers.TopicPartition]int64{}
			for tp, mark := range p.h.log.taskMarks(q, p.h.partitions) {
				ends[tp] = mark.High
			}
			tasks = append(tasks, ends)
		}
		definitions = int64(len(p.h.log.of(definitionsTP)))
		return nil
	})
	return tasks, definitions, err
}

// gate lets a process's commands through to Redis, or not.
type gate struct{ p *process }

func (g gate) DialHook(next redis.DialHook) redis.DialHook {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		return next(ctx, network, address)
	}
}

func (g gate) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		if cmd.Name() == "hello" || cmd.Name() == "client" {
			return next(ctx, cmd)
		}
		return g.p.io(cmd.Name(), func() error { return next(ctx, cmd) })
	}
}

func (g gate) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		if name := cmds[0].Name(); name == "hello" || name == "client" {
			return next(ctx, cmds)
		}
		return g.p.io("pipeline", func() error { return next(ctx, cmds) })
	}
}

// gatedLog does the same for Kafka.
type gatedLog struct{ p *process }

func (l gatedLog) Write(ctx context.Context, messages []consumers.Message) (offsets []int64, err error) {
	if l.p.fuse == 1 && l.p.fate == failAfter { // some of it gets through
		messages = messages[:l.p.h.rng.IntN(len(messages)+1)]
	}
	err = l.p.io("write", func() error {
		offsets, err = l.p.h.log.Write(ctx, messages)
		return err
	})
	return offsets, err
}

func (l gatedLog) ReadAll(ctx context.Context, tp consumers.TopicPartition, from int64, fn func(*consumers.Record) error) (next int64, err error) {
	err = l.p.io("read", func() error { return nil })
	if err != nil {
		return from, err
	}
	return l.p.h.log.ReadAll(ctx, tp, from, fn)
}

func (l gatedLog) ReadUpTo(ctx context.Context, tp consumers.TopicPartition, from, end int64, fn func(*consumers.Record) error) (next int64, err error) {
	err = l.p.io("read", func() error { return nil })
	if err != nil {
		return from, err
	}
	return l.p.h.log.ReadUpTo(ctx, tp, from, end, fn)
}

func (h *harness) must(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatalf("seed %d: %v", h.seed, err)
	}
}

func (h *harness) put(e catalog.Entry) {
	h.t.Helper()
	_, err := h.defs.Put(context.Background(), e)
	h.must(err)
	if !h.lagging {
		h.must(h.process.catchUp(context.Background()))
	}
}

func (h *harness) account(a naive.Account) {
	h.put(catalog.PutAccount{Account: a.ID, Timezone: a.Timezone, RetentionDays: a.RetentionDays, DefaultRegion: strings.ToUpper(a.DefaultRegion)})
	waiting := maps.Clone(a.Segments)
	for len(waiting) > 0 { // parents first: try until everybody is in
		before := len(waiting)
		for _, id := range sortedKeys(waiting) {
			if h.defined.Account(a.ID).Check(id, waiting[id]) == nil {
				h.put(catalog.PutSegment{Account: a.ID, ID: id, Name: id, Definition: waiting[id]})
				delete(waiting, id)
			}
		}
		if len(waiting) == before {
			h.t.Fatalf("segments of %s that can't be put: %v", a.ID, waiting)
		}
	}
}

func (h *harness) change(c history.Change) {
	switch {
	case c.Created != nil:
		h.account(*c.Created)
	case c.Definition == nil:
		h.deleted[c.Account+"/"+c.Segment] = true
		h.put(catalog.DeleteSegment{Account: c.Account, ID: c.Segment})
	default:
		h.put(catalog.PutSegment{Account: c.Account, ID: c.Segment, Name: c.Segment, Definition: *c.Definition})
	}
}

// open is the process's task of a partition, opened if need be.
func (p *process) open(partition int32) (*Task, error) {
	if p.tasks[partition] == nil {
		log := p.h.log
		task, err := Open(context.Background(), p.config, partition, log.taskMarks(partition, p.h.partitions))
		if err != nil {
			return nil, err
		}
		if err := task.sweepBeside(context.Background()); err != nil {
			return nil, err
		}
		p.tasks[partition] = task
		if r, wanted := task.wantedRebuild(); wanted {
			p.rebuilds[partition] = newRebuild(task, r, p.watermarks)
		}
	}
	return p.tasks[partition], nil
}

// task is that of a process that nothing happens to.
func (p *process) task(partition int32) *Task {
	p.h.t.Helper()
	task, err := p.open(partition)
	p.h.must(err)
	return task
}

// kill ends a task in the middle of whatever it does.
func (p *process) kill(partition int32) { p.tasks[partition], p.rebuilds[partition] = nil, nil }

// rebuildSome gets on with a partition's rebuild, if there is one, as its task and
// the goroutine beside it do.
func (p *process) rebuildSome(partition int32) (worked bool, err error) {
	ctx, t, r := context.Background(), p.tasks[partition], p.rebuilds[partition]
	if t == nil {
		return false, nil
	}
	wanted, is := t.wantedRebuild()
	if !is {
		p.rebuilds[partition] = nil
		if r == nil {
			return false, nil
		}
		return true, t.dropBeside(ctx)
	}
	if r == nil || r.ID != wanted.ID {
		r = newRebuild(t, wanted, p.watermarks)
		p.rebuilds[partition] = r
	}
	near, err := r.step(ctx)
	if err != nil {
		return true, r.stopped(ctx, err)
	}
	if !near {
		return true, nil
	}
	done, err := t.conclude(ctx, r)
	if done {
		p.rebuilds[partition] = nil
		if r.report.Differences > 0 && r.report.State != RebuildStopped {
			p.h.t.Errorf("seed %d: rebuilt partition %d differs: %+v", p.h.seed, partition, r.report.Listed)
		}
	}
	return done || r.task == nil, err
}

func (p *process) watermarks(_ context.Context, tps []consumers.TopicPartition) (map[consumers.TopicPartition]consumers.Watermark, error) {
	return p.h.log.marks(tps), nil
}

// watermarks implements Watermarks.
func (h *harness) watermarks(_ context.Context, tps []consumers.TopicPartition) (map[consumers.TopicPartition]consumers.Watermark, error) {
	return h.log.marks(tps), nil
}

// loseRedis empties Redis, and lets everybody begin anew.
func (h *harness) loseRedis() {
	for p := range h.tasks {
		h.kill(int32(p))
	}
	h.redis.FlushAll()
}

// settle lets every task read all there is, in random batches, compose, and
// publish what changed.
func (h *harness) settle() {
	h.t.Helper()
	h.eager = true
	for worked := true; worked; {
		worked = false
		for _, p := range h.rng.Perm(len(h.tasks)) {
			for more := true; more; worked = worked || more {
				var err error
				more, err = h.turn(int32(p))
				h.must(err)
			}
			h.must(h.tasks[p].changes.step(context.Background()))
		}
	}
}

// turn lets a task do one thing.
func (p *process) turn(partition int32) (worked bool, err error) {
	task, err := p.open(partition)
	if err != nil {
		return false, err
	}
	return task.step(context.Background(), feed{p.h, task})
}

// feed gives a task a random part of what it has not read.
type feed struct {
	h    *harness
	task *Task
}

func (f feed) Next(int, int) (*consumers.Batch, error) {
	if !f.h.eager && f.h.rng.IntN(4) == 0 {
		return nil, nil
	}
	return f.h.log.batch(f.h.rng, f.task.Offsets()), nil
}

func (f feed) Committed(map[consumers.TopicPartition]int64) {}

// follow brings a view up to date: some replicas go on from where they were,
// others begin anew.
func (p *process) follow() {
	p.h.t.Helper()
	for _, r := range p.view.replicas {
		r.loaded = r.loaded && p.h.rng.IntN(4) > 0
		for again := true; again; {
			before := r.seq()
			err := r.follow(context.Background(), 0)
			if again = err != nil || r.seq() != before; !errors.Is(err, errBehind) && !errors.Is(err, errLost) {
				p.h.must(err)
			}
		}
	}
}
