package pipeline

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"

	"rollcall/bitmaps"
	"rollcall/consumers"
	"rollcall/pipeline/catalog"
	"rollcall/pipeline/portable"
)

// Importer puts an export in the place of the state of all partitions. First
// everything is checked, then all of it is written beside what there is, and
// then it takes its place, one partition after the other, each in one step.
// Whoever owns a partition is fenced, opens the imported state and reads on.
type Importer struct {
	Partitions int32
	Store      *bitmaps.Store
	Log        Log
	Watermarks Watermarks
	Now        func() time.Time
	// Replace has a state replaced that is healthy, or ahead of the export.
	Replace bool
	// AllowGap accepts an export after which the log lacks records. The owners
	// name them then, and stop until they are accepted as lost.
	AllowGap bool
	// Done is told of every partition that is imported. Default: nobody.
	Done func(partition int32)
}

// importing is an Importer at work.
type importing struct {
	Importer
	export      *portable.Export
	definitions *catalog.Catalog
}

// Import imports what was exported to a directory. After an error, some of the
// partitions may have been imported; the others are as they were. It can be run
// again.
func (m Importer) Import(ctx context.Context, dir string) error {
	export, err := portable.Open(dir)
	if err != nil {
		return err
	}
	i := &importing{Importer: m, export: export}
	if err := i.check(ctx); err != nil {
		return err
	}
	beside := make([]*incoming, m.Partitions)
	defer i.discard(ctx)
	for p := range beside {
		if beside[p], err = i.stage(ctx, int32(p)); err != nil {
			return fmt.Errorf("import partition %d: %w", p, err)
		}
	}
	for p := range beside {
		if err := i.takeOver(ctx, beside[p], int32(p)); err != nil {
			return fmt.Errorf("import partition %d: %w", p, err)
		}
		if m.Done != nil {
			m.Done(int32(p))
		}
	}
	return nil
}

// discardWait bounds the deletion of what an import leaves beside.
const discardWait = 10 * time.Second

// discard deletes what is left beside. What it can't delete, the next import does.
func (i *importing) discard(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), discardWait)
	defer cancel()
	for p := range i.Partitions {
		_ = i.Store.Incoming().Drop(ctx, p)
	}
}

// stage writes a partition of the export beside the live one.
func (i *importing) stage(ctx context.Context, p int32) (*incoming, error) {
	store := i.Store.Incoming()
	if err := store.Drop(ctx, p); err != nil {
		return nil, err
	}
	told, err := i.recall(ctx, p)
	if err != nil {
		return nil, err
	}
	held, _, _, err := store.Open(ctx, p)
	if err != nil {
		return nil, err
	}
	// Commits are numbered beyond the one whose changes were published last.
	if err := held.ResetTo(ctx, max(held.Seq(), told.memory.published.Seq)+1); err != nil {
		return nil, err
	}
	r, err := i.export.Read(p)
	if err != nil {
		return nil, err
	}
	n := &incoming{held: held, standings: newState(i.definitions, nil, i.Now().UnixMilli())}
	err = errors.Join(n.read(ctx, r), r.Close())
	if err == nil && n.standings.composedFor() > i.definitions.Offset() {
		err = fmt.Errorf("it stands for definitions below offset %d, %s ends at %d: of another cluster?",
			n.standings.composedFor(), TopicDefinitions, i.definitions.Offset())
	}
	return n, err
}

// recall is what rollcall.progress remembers of a partition.
func (i *importing) recall(ctx context.Context, p int32) (*Task, error) {
	t := &Task{Config: Config{Partitions: i.Partitions, Log: i.Log, Catalog: i.definitions}, partition: p}
	if err := t.recall(ctx); err != nil {
		return nil, fmt.Errorf("progress: %w", err)
	}
	return t, nil
}

// takeOverTries bounds how often a partition is taken from owners that open it
// at the same moment.
const takeOverTries = 5

func (i *importing) takeOver(ctx context.Context, n *incoming, p int32) (err error) {
	for range takeOverTries {
		if err = i.checkLive(ctx, p); err != nil {
			return err
		}
		if err = i.replace(ctx, n, p); !errors.Is(err, bitmaps.ErrFenced) {
			return err
		}
	}
	return err
}

// replace fences the partition's owner, and puts what was written beside in the
// place of its state.
func (i *importing) replace(ctx context.Context, n *incoming, p int32) error {
	held, _, _, err := i.Store.Open(ctx, p)
	if err != nil && !errors.Is(err, bitmaps.ErrDamaged) {
		return err
	}
	t, err := i.recall(ctx, p)
	if err != nil {
		return err
	}
	if err := i.rememberBegun(ctx, t, p); err != nil {
		return err
	}
	at := held.Replacement(n.held)
	if t.checkpoint, err = i.checkpoint(p); err != nil {
		return err
	}
	t.checkpoint.Lineage, t.checkpoint.Changelog, t.checkpoint.Writer, t.checkpoint.Seq = at.Nonce, at.First, at.Nonce, at.Seq
	t.state = n.standings
	if told := t.memory.published; told.Lineage != "" && t.beyond(told) {
		// It has something that what was published has not, so it can't be brought
		// to there. It goes on as the successor of what was published.
		t.checkpoint.Lineage = told.Lineage
	}
	return held.Replace(ctx, n.held, t.checkpoint.Encode(), bitmaps.SealEntry(bitmaps.NewEntry(nil)))
}

// rememberBegun notes in Kafka where the imported state began: it can't be made
// anew from a log that begins later.
func (i *importing) rememberBegun(ctx context.Context, t *Task, p int32) error {
	var messages []consumers.Message
	for _, o := range i.export.Partitions[p].Position.Offsets {
		tp := consumers.TopicPartition{Topic: o.Topic, Partition: o.Partition}
		first := max(o.First, 0)
		if begun, known := t.memory.begun[tp]; !known || begun != first {
			messages = append(messages, consumers.Message{
				Topic: TopicProgress, Partition: p, Key: []byte(begunKey(tp)), Value: strconv.AppendInt(nil, first, 10),
			})
		}
	}
	if len(messages) == 0 {
		return nil
	}
	_, err := i.Log.Write(ctx, messages)
	return err
}

// checkpoint is where a partition of the export stands.
func (i *importing) checkpoint(p int32) (bitmaps.Checkpoint, error) {
	at := &i.export.Partitions[p].Position
	c := bitmaps.Checkpoint{Definitions: at.Definitions, Reasons: at.Reasons, Metadata: at.PhoneMetadata}
	for _, o := range at.Offsets {
		c.Offsets = append(c.Offsets, bitmaps.Offset{Topic: o.Topic, Partition: o.Partition, First: o.First, Next: o.Next})
	}
	for _, r := range at.Replays {
		replayed := bitmaps.Replayed{
			Replay: r.Replay, Topic: r.Topic, Partition: r.Partition, Planned: r.Planned, From: r.From, End: r.End, Next: r.Next, Read: r.Read,
		}
		if err := importOutcomes(&replayed.Outcomes, r.Outcomes); err != nil {
			return c, err
		}
		c.Replays = append(c.Replays, replayed)
	}
	if r, ok := i.definitions.Rebuild(); ok {
		c.Rebuilt = r.ID // nobody asked for the imported state to be made anew
	}
	return c, importOutcomes(&c.Outcomes, at.Outcomes)
}

func importOutcomes(counts *[bitmaps.Outcomes]int64, named map[string]int64) error {
	known := 0
	for o := range bitmaps.Outcome(bitmaps.Outcomes) {
		if n, is := named[o.String()]; is {
			counts[o] = n
			known++
		}
	}
	if known != len(named) {
		return odd("outcomes %v, which this binary does not know", named)
	}
	return nil
}

// readDefinitions reads the definitions as they are now.
func (i *importing) readDefinitions(ctx context.Context) (err error) {
	t := &Task{Config: Config{Log: i.Log}}
	i.definitions, err = t.definitionsAt(ctx, math.MaxInt64)
	return err
}
