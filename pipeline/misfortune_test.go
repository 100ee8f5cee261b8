package pipeline

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"rollcall/bitmaps"
	"rollcall/consumers"
)

// fate is what becomes of an operation of a process on Kafka or Redis.
type fate int

const (
	fine        fate = iota
	failBefore       // it is refused
	failAfter        // it is done, and the reply lost; of several messages, some are written
	crashBefore      // the process ends before
	crashAfter       // the process ends after
	meanwhile        // others get something done first
)

// What Redis says when it refuses; to the pipeline it is all the same.
var refusals = []string{
	"OOM command not allowed when used memory > 'maxmemory'.",
	"READONLY You can't write against a read only replica.",
	"LOADING Redis is loading the dataset in memory",
	"BUSY Redis is busy running a script.",
	"i/o timeout",
	"EOF",
}

var errCrashed = errors.New("the process has crashed")

// io does an operation, or what fate has in store for it.
func (p *process) io(what string, do func() error) error {
	if p.dead {
		return errCrashed
	}
	if p.fuse == 0 { // a preview asks from several goroutines
		return do()
	}
	if p.fuse--; p.fuse > 0 {
		return do()
	}
	refused := errors.New(refusals[p.h.rng.IntN(len(refusals))])
	switch p.fate {
	case failBefore:
		return refused
	case failAfter:
		_ = do()
		return refused
	case crashBefore:
		p.dead = true
		return errCrashed
	case crashAfter:
		_ = do()
		p.dead = true
		return errCrashed
	case meanwhile:
		p.h.others(p)
	}
	return do()
}

// misfortunes are what can go wrong, by the names of -without.
var misfortunes = []struct {
	name   string
	strike func(*simulation) string
}{
	{"crash", (*simulation).crash},
	{"refusal", func(s *simulation) string { return s.arm(failBefore) }},
	{"reply", func(s *simulation) string { return s.arm(failAfter) }},
	{"crash-before", func(s *simulation) string { return s.arm(crashBefore) }},
	{"crash-after", func(s *simulation) string { return s.arm(crashAfter) }},
	{"meanwhile", func(s *simulation) string { return s.arm(meanwhile) }},
	{"move", (*simulation).move},
	{"zombie", (*simulation).zombie},
	{"snapshot", (*simulation).snapshot},
	{"rollback", (*simulation).rollback},
	{"flush", (*simulation).flush},
	{"damage", (*simulation).damage},
	{"clock", (*simulation).clockJumps},
	{"transaction", (*simulation).transaction},
	{"broker", (*simulation).refuseWrites},
	{"partitions", (*simulation).widen},
}

func (s *simulation) misfortune() {
	m := misfortunes[s.luck.IntN(len(misfortunes))]
	if slices.Contains(s.without, m.name) {
		return
	}
	s.changes[m.name]++
	s.note("misfortune: %s: %s", m.name, m.strike(s))
}

// relief ends what lasts.
func (s *simulation) relief() {
	for _, p := range s.processes {
		p.fuse, p.fate, p.skew = 0, fine, 0
	}
	s.damaged = false
	s.now, s.ahead = s.now.Add(s.ahead), 0 // a day that began too early does not come back
	s.log.mu.Lock()
	s.log.held, s.log.refuses = nil, ""
	s.log.mu.Unlock()
	for q := range s.readers {
		for _, zombie := range s.readers[q][:len(s.readers[q])-1] {
			zombie.kill(int32(q))
		}
		s.readers[q] = s.readers[q][len(s.readers[q])-1:]
	}
}

func (s *simulation) someProcess() *process { return s.processes[s.luck.IntN(len(s.processes))] }
func (s *simulation) somePartition() int32  { return int32(s.luck.IntN(int(s.partitions))) }

func (s *simulation) crash() string {
	p := s.someProcess()
	p.dead = true
	s.revive(p)
	return fmt.Sprintf("process %d", p.number)
}

// arm lets fate strike after some more operations of a process.
func (s *simulation) arm(f fate) string {
	p := s.someProcess()
	p.fuse, p.fate = 1+s.luck.IntN(20), f
	return fmt.Sprintf("process %d, after %d operations", p.number, p.fuse)
}

// interrupt lets others do something in the middle of an operation of p: perhaps
// another takes over what it is at work on. Who is in the middle of an operation
// does nothing else: a task is for one goroutine.
func (s *simulation) interrupt(p *process) {
	other := s.processes[s.luck.IntN(len(s.processes))]
	if other == p || other.amid {
		return
	}
	p.amid = true
	defer func() { p.amid = false }()
	for q := range s.partitions {
		if s.owners[q] == p && s.luck.IntN(2) == 0 {
			s.assign(q, other, true)
		}
	}
	for range 1 + s.luck.IntN(6) {
		q := s.somePartition()
		if s.owners[q] != other {
			continue
		}
		s.note("meanwhile, process %d and partition %d", other.number, q)
		worked, err := other.turn(q)
		if err != nil {
			other.kill(q)
		}
		s.note("meanwhile: %t, %v", worked, err)
	}
}

func (s *simulation) move() string {
	q, p := s.somePartition(), s.someProcess()
	s.assign(q, p, false)
	return fmt.Sprintf("partition %d to process %d", q, p.number)
}

// zombie moves a partition, and who had it goes on for a while.
func (s *simulation) zombie() string {
	q, p := s.somePartition(), s.someProcess()
	s.assign(q, p, true)
	return fmt.Sprintf("partition %d to process %d", q, p.number)
}

func (s *simulation) snapshot() string {
	m, err := s.memory()
	if err != nil {
		return err.Error()
	}
	s.older = m.snapshot()
	return "taken"
}

// rollback fails Redis over to an older state, under running processes.
func (s *simulation) rollback() string {
	if s.older == nil {
		return s.failover()
	}
	s.older()
	s.older = nil
	return "done"
}

// failover loses what an owner has just committed, as when the replica that
// becomes the master has not got it yet. Another takes over, and the first is
// still about to publish.
func (s *simulation) failover() string {
	m, err := s.memory()
	if err != nil {
		return err.Error()
	}
	before, q, other := m.snapshot(), s.somePartition(), s.someProcess()
	owner := s.owners[q]
	for range 1 + s.luck.IntN(6) {
		s.work(owner, q)
	}
	before()
	task := owner.tasks[q]
	if task == nil || other == owner {
		return fmt.Sprintf("of turns with partition %d", q)
	}
	s.assign(q, other, true)
	for range 1 + s.luck.IntN(12) {
		s.work(other, q)
	}
	s.done(owner, q, "publish", task.changes.step(context.Background()), false)
	return fmt.Sprintf("of turns with partition %d, from process %d to %d", q, owner.number, other.number)
}

func (s *simulation) flush() string {
	s.redis.FlushAll()
	return "done"
}

// damage takes something away from Redis, or alters it; once until all is well
// again, as a count that is altered to what another loss leaves can't be told.
func (s *simulation) damage() string {
	m, err := s.memory()
	if err != nil {
		return err.Error()
	}
	if s.damaged {
		return "not twice"
	}
	s.damaged = true
	m.mu.Lock()
	defer m.mu.Unlock()
	hashes := slices.DeleteFunc(sortedKeys(m.hashes), func(key string) bool { return len(m.hashes[key]) == 0 })
	if len(hashes) == 0 {
		return "nothing there"
	}
	key := hashes[s.luck.IntN(len(hashes))]
	fields := sortedKeys(m.hashes[key])
	field := fields[s.luck.IntN(len(fields))]
	value := []byte(m.hashes[key][field])
	at := s.luck.IntN(len(value) + 1)
	kind := s.luck.IntN(6)
	switch {
	case kind == 0:
		delete(m.hashes, key)
		return "deleted " + key
	case kind == 1:
		delete(m.hashes[key], field)
		return "deleted " + key + " " + field
	case field == "format":
		m.hashes[key][field] = strconv.Itoa(bitmaps.Format - 1) // a newer one is refused for good, which is tested elsewhere
		return "an older format of " + key
	case kind == 2:
		m.hashes[key][field] = string(value[:at])
		return fmt.Sprintf("cut off %s %s after %d bytes", key, field, at)
	case kind == 3 && at < len(value):
		value[at] ^= 1 << s.luck.IntN(8)
		m.hashes[key][field] = string(value)
		return fmt.Sprintf("flipped a bit of %s %s at %d", key, field, at)
	case kind == 4 && strings.Contains(key, ":a:"):
		value[0]++
		m.hashes[key][field] = string(value)
		return fmt.Sprintf("another version of %s %s", key, field)
	}
	streams := sortedKeys(m.streams)
	if len(streams) == 0 {
		return "nothing there"
	}
	key = streams[s.luck.IntN(len(streams))]
	if n := len(m.streams[key]); n > 0 && s.luck.IntN(2) == 0 {
		i := s.luck.IntN(n)
		m.streams[key] = slices.Delete(slices.Clone(m.streams[key]), i, i+1)
		return fmt.Sprintf("deleted entry %d of %d of %s", i, n, key)
	}
	delete(m.streams, key)
	return "deleted " + key
}

// clockJumps sets a process's clock wrong, by some hours at most.
func (s *simulation) clockJumps() string {
	p := s.someProcess()
	p.skew = time.Duration(s.luck.Int64N(int64(6*time.Hour))) - 3*time.Hour
	s.ahead = max(s.ahead, p.skew)
	return fmt.Sprintf("process %d by %v", p.number, p.skew)
}

// transaction leaves one open: what comes after its first record waits.
func (s *simulation) transaction() string {
	tp := consumers.TopicPartition{Topic: sourceTopics[s.luck.IntN(8)], Partition: s.somePartition()}
	s.log.mu.Lock()
	defer s.log.mu.Unlock()
	n := int64(0)
	if held := s.log.records[tp]; len(held) > 0 {
		n = held[s.luck.IntN(len(held))].Offset
	}
	if s.log.held == nil {
		s.log.held = map[consumers.TopicPartition]int64{}
	}
	s.log.held[tp] = n
	return fmt.Sprintf("%s from %d on", tp, n)
}

// refuseWrites has the broker refuse one of the topics that are written to.
func (s *simulation) refuseWrites() string {
	topics := []string{TopicDeadLetters, TopicInbox, TopicErasures, TopicProgress, TopicSegmentChanges, TopicSnapshots, ""}
	s.log.mu.Lock()
	defer s.log.mu.Unlock()
	s.log.refuses = topics[s.luck.IntN(len(topics))]
	return s.log.refuses
}

// widen adds partitions to a topic.
func (s *simulation) widen() string {
	topic := sourceTopics[s.luck.IntN(8)]
	s.widened[topic] = true
	return topic
}
