package pipeline

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"rollcall/bitmaps"
	"rollcall/pipeline/portable"
)

// Exporter writes the state of all partitions to files (package portable), each
// partition as it is after one commit, while its owner goes on. It holds one
// partition in memory at a time, as Verifier does.
type Exporter struct {
	Partitions int32
	Store      *bitmaps.Store
	Log        Log // is only read
	Now        func() time.Time
	Product    string        // the version that makes the export
	Wait       time.Duration // before a state is read again that is not settled; default 300 ms
	// Done is told of every partition that is written, and of how many changed
	// memberships are not published yet. Default: nobody.
	Done func(partition int32, contacts, bytes, unpublished int64)
}

// Export writes an export to a directory, which must be empty or not be there.
// After an error it has no manifest.
func (x Exporter) Export(ctx context.Context, dir string) error {
	w, err := portable.Create(dir)
	if err != nil {
		return err
	}
	m := portable.Manifest{Format: portable.Format, Product: x.Product, Made: x.Now().UTC()}
	for p := range x.Partitions {
		s, unpublished, err := x.read(ctx, p)
		if err != nil {
			return fmt.Errorf("export partition %d: %w", p, err)
		}
		part, err := exportPartition(w, s)
		if err != nil {
			return fmt.Errorf("export partition %d: %w", p, err)
		}
		part.Position.Unpublished = unpublished
		m.Partitions = append(m.Partitions, part)
		m.ErasureKey = portable.KeyCheck(s.newest.ErasureKey())
		if x.Done != nil {
			x.Done(p, s.contacts(), part.Files[0].Bytes+part.Files[1].Bytes+part.Files[2].Bytes, unpublished)
		}
	}
	return w.Finish(&m)
}

// read reads a partition, and waits a little until its changes are published.
func (x Exporter) read(ctx context.Context, p int32) (s *stored, unpublished int64, err error) {
	wait := cmp.Or(x.Wait, VerifyLimits{}.withDefaults().Wait)
	s, err = readSettled(ctx, x.Store, x.Log, p, "", wait)
	if err == nil && len(s.at.Checkpoint.Offsets) == 0 {
		err = errors.New("it has no state yet, or has lost it")
	}
	for try := 1; err == nil; try++ {
		unpublished, err = s.unpublished(ctx, x.Log)
		if unpublished == 0 || try == exportTries {
			break
		}
		pause(ctx, wait)
	}
	return s, unpublished, cmp.Or(err, ctx.Err())
}

// exportTries bounds how often it is looked whether changes are published.
const exportTries = 10

// unpublished counts the changed memberships that rollcall.segment-changes has
// not, if changes of this state are published at all.
func (s *stored) unpublished(ctx context.Context, log Log) (n int64, err error) {
	t := &Task{Config: Config{Log: log}, partition: s.partition}
	if err := t.recall(ctx); err != nil {
		return 0, fmt.Errorf("progress: %w", err)
	}
	told := t.memory.published
	if told.Lineage != s.at.Checkpoint.Lineage {
		return 0, nil
	}
	for i := range s.entries {
		if e := &s.entries[i]; e.Seq > told.Seq {
			count := func(_ *account, op *bitmaps.Op) { n += int64(len(op.On) + len(op.Off)) }
			if err := s.state.eachOf(e, bitmaps.OpMembers, count); err != nil {
				return n, err
			}
		}
	}
	return n, nil
}

func exportPartition(w *portable.Writer, s *stored) (portable.Partition, error) {
	part := portable.Partition{Partition: s.partition, Position: exportedPosition(s)}
	out, err := w.Partition(s.partition)
	if err != nil {
		return part, err
	}
	e := &exporting{out: out}
	for _, id := range slices.Sorted(maps.Keys(s.state.accounts)) {
		e.account(s.state.accounts[id])
	}
	files, closed := out.Close()
	part.Files = files
	return part, errors.Join(e.err, closed)
}

func exportedPosition(s *stored) portable.Position {
	c := &s.at.Checkpoint
	p := portable.Position{
		Commit: s.position(), Definitions: c.Definitions, Outcomes: exportedOutcomes(c.Outcomes), Reasons: maps.Clone(c.Reasons), PhoneMetadata: c.Metadata,
	}
	for _, o := range c.Offsets {
		p.Offsets = append(p.Offsets, portable.Offset{Topic: o.Topic, Partition: o.Partition, First: o.First, Next: o.Next})
	}
	for _, r := range c.Replays {
		p.Replays = append(p.Replays, portable.Replay{
			Replay: r.Replay, Topic: r.Topic, Partition: r.Partition, Planned: r.Planned, From: r.From, End: r.End, Next: r.Next, Read: r.Read,
			Outcomes: exportedOutcomes(r.Outcomes),
		})
	}
	return p
}

func exportedOutcomes(counts [bitmaps.Outcomes]int64) map[string]int64 {
	named := map[string]int64{}
	for o, n := range counts {
		named[bitmaps.Outcome(o).String()] = n
	}
	return named
}
