package pipeline

import (
	"context"
	"errors"
	"fmt"

	"rollcall/bitmaps"
	"rollcall/consumers"
	"rollcall/pipeline/portable"
)

// check finds out whether the export can be imported, before anything is
// touched, and names all that is in the way.
func (i *importing) check(ctx context.Context) error {
	if n := len(i.export.Partitions); n != int(i.Partitions) {
		return fmt.Errorf("the export has %d partitions, the state here has %d", n, i.Partitions)
	}
	if err := i.readDefinitions(ctx); err != nil {
		return fmt.Errorf("definitions: %w", err)
	}
	if portable.KeyCheck(i.definitions.ErasureKey()) != i.export.ErasureKey {
		return fmt.Errorf("%s is not that of the cluster that was exported", TopicDefinitions)
	}
	var wrong []error
	for p := range i.Partitions {
		_, err := i.checkpoint(p)
		wrong = append(wrong, err, i.checkLog(ctx, p), i.checkLive(ctx, p))
	}
	return errors.Join(wrong...)
}

// checkLog finds out whether the log goes on where a partition of the export ends.
func (i *importing) checkLog(ctx context.Context, p int32) error {
	at := &i.export.Partitions[p].Position
	var tps []consumers.TopicPartition
	for _, o := range at.Offsets {
		tps = append(tps, consumers.TopicPartition{Topic: o.Topic, Partition: o.Partition})
	}
	marks, err := i.Watermarks(ctx, tps)
	if err != nil {
		return fmt.Errorf("partition %d: where its topics begin and end: %w", p, err)
	}
	var wrong []error
	for n, o := range at.Offsets {
		mark := marks[tps[n]]
		switch missing := mark.LogStart - o.Next; {
		case mark.High < o.Next:
			wrong = append(wrong, fmt.Errorf("partition %d: the export has %s up to offset %d, the log ends at %d: of another cluster, or created anew",
				p, tps[n], o.Next, mark.High))
		case missing > 0 && !i.AllowGap:
			wrong = append(wrong, fmt.Errorf("partition %d: the export has %s up to offset %d, the log begins at %d: %d records are missing (--allow-gap imports all the same)",
				p, tps[n], o.Next, mark.LogStart, missing))
		}
	}
	if end := i.definitions.Offset(); at.Definitions > end {
		wrong = append(wrong, fmt.Errorf("partition %d: the export stands for %s up to offset %d, which ends at %d: of another cluster, or created anew",
			p, TopicDefinitions, at.Definitions, end))
	}
	return errors.Join(wrong...)
}

// checkLive wants a partition's state to be none, or damaged, or to have stopped
// because the log has lost something, and not to be ahead of the export.
func (i *importing) checkLive(ctx context.Context, p int32) error {
	if i.Replace {
		return nil
	}
	head, err := i.Store.Head(ctx, p)
	if err == nil && len(head.Checkpoint.Offsets) > 0 {
		var accounts []string
		if accounts, err = i.Store.Accounts(ctx, p); err == nil {
			err = i.Store.Audit(ctx, p, accounts)
		}
	}
	if errors.Is(err, bitmaps.ErrDamaged) || err == nil && len(head.Checkpoint.Offsets) == 0 {
		return nil
	}
	if err != nil {
		return err
	}
	for _, o := range head.Checkpoint.Offsets {
		if next := i.exported(p, o); o.Next > next {
			return fmt.Errorf("partition %d: its state is ahead of the export: it has %s/%d up to offset %d, the export to %d (--replace goes back to it)",
				p, o.Topic, o.Partition, o.Next, next)
		}
	}
	if len(head.Checkpoint.Lost) == 0 {
		return fmt.Errorf("partition %d: its state is healthy, and is replaced only with --replace", p)
	}
	return nil
}

// exported is up to where the export has a partition of a topic.
func (i *importing) exported(p int32, of bitmaps.Offset) int64 {
	for _, o := range i.export.Partitions[p].Position.Offsets {
		if o.Topic == of.Topic && o.Partition == of.Partition {
			return o.Next
		}
	}
	return of.First
}
