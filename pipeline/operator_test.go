package pipeline

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"path/filepath"
	"reflect"
	"strconv"

	"rollcall/consumers"
	"rollcall/pipeline/portable"
)

// operator is who exports and imports in one simulation of four, in the middle
// of whatever goes on. The others are as they were before there were exports.
type operator struct {
	s     *simulation
	luck  *rand.Rand
	dir   string
	kept  []keptExport
	begun int // exports
	done  int // imports
}

// keptExport is one with what was known when it was made.
type keptExport struct {
	*portable.Export
	dir     string
	told    []progress // what was published, by partition
	clock   int64      // Unix ms; no clock was ahead of it
	version int64      // no piece stands for later definitions
}

func newOperator(s *simulation) *operator {
	luck := rand.New(rand.NewPCG(s.seed, 6))
	if luck.IntN(4) > 0 {
		return &operator{s: s}
	}
	return &operator{s: s, luck: luck, dir: s.t.TempDir()}
}

func (o *operator) act() {
	if o.luck == nil {
		return
	}
	switch n := o.luck.IntN(120); {
	case n < 3:
		o.s.note("export: %v", o.export())
	case n < 8 && len(o.kept) > 0:
		o.s.note("import: %v", o.restore(o.kept[o.luck.IntN(len(o.kept))]))
	}
}

// rested is called when all is well.
func (o *operator) rested() {
	if o.luck != nil && o.luck.IntN(2) == 0 {
		o.s.note("export: %v", o.export())
	}
}

var errNotKept = errors.New("it is not kept")

func (o *operator) export() error {
	p := o.s.processes[o.luck.IntN(len(o.s.processes))]
	defer o.s.revive(p)
	o.begun++
	kept := keptExport{dir: filepath.Join(o.dir, strconv.Itoa(o.begun)), clock: o.s.now.Add(o.s.ahead).UnixMilli()}
	err := p.exporter().Export(context.Background(), kept.dir)
	if err != nil {
		return err
	}
	if kept.Export, err = portable.Open(kept.dir); err != nil {
		o.s.t.Errorf("seed %d: an export can't be read: %v", o.s.seed, err)
		return err
	}
	for q := range kept.Partitions {
		version, changes := o.look(kept.Export, int32(q))
		kept.told = append(kept.told, o.told(int32(q)))
		if kept.Partitions[q].Position.Unpublished > 0 || kept.told[q].Lineage == "" && changes > 0 {
			return errNotKept // what it does not tell of would not be told
		}
		kept.version = max(kept.version, version)
	}
	o.kept = append(o.kept, kept)
	return nil
}

// look finds the newest definitions that a piece stands for, and how often
// somebody entered or left a segment.
func (o *operator) look(e *portable.Export, q int32) (version int64, changes uint64) {
	r, err := e.Read(q)
	o.s.must(err)
	defer r.Close()
	for {
		l, err := r.Next()
		if err == io.EOF {
			return version, changes
		}
		o.s.must(err)
		switch {
		case l.Piece != nil:
			version = max(version, l.Piece.Definitions)
		case l.Segment != nil:
			changes += l.Segment.Entered + l.Segment.Exited
		}
	}
}

func (o *operator) told(q int32) progress {
	t := &Task{Config: Config{Log: o.s.log}, partition: q}
	o.s.must(t.recall(context.Background()))
	return t.memory.published
}

// comparable tells whether what was published is what it was when the export was
// made, or has all that is in the export. Where it is neither, Redis having gone
// another way since, an import is of use too, but some changes are told twice or
// not at all.
func (o *operator) comparable(e keptExport, q int32) bool {
	told := o.told(q)
	if reflect.DeepEqual(told, e.told[q]) {
		return true
	}
	next := map[consumers.TopicPartition]int64{}
	for _, at := range told.Offsets {
		next[consumers.TopicPartition{Topic: at.Topic, Partition: at.Partition}] = at.Next
	}
	for _, at := range e.Partitions[q].Position.Offsets {
		if at.Next > next[consumers.TopicPartition{Topic: at.Topic, Partition: at.Partition}] {
			return false
		}
	}
	return told.Definitions >= e.version && told.Now >= e.clock
}

func (o *operator) restore(e keptExport) error {
	for q := range o.s.partitions {
		if !o.comparable(e, q) {
			return errNotKept
		}
	}
	p := o.s.processes[o.luck.IntN(len(o.s.processes))]
	defer o.s.revive(p)
	m := p.importer()
	if m.Replace = o.luck.IntN(2) == 0; !m.Replace {
		o.s.redis.FlushAll()
	}
	o.done++
	o.s.older = nil // no Redis is rolled back to before an import: some changes would be told twice
	return m.Import(context.Background(), e.dir)
}
