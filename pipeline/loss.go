package pipeline

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"rollcall/bitmaps"
	"rollcall/consumers"
)

// LossError says that a partition can't go on, because Kafka no longer has what
// its state needs. It goes on when the operator has accepted the loss by name
// (catalog.AcceptLoss), or the log has it again.
type LossError struct {
	Partition int32
	Losses    []bitmaps.Loss
	// Damage is why the state would have to be made anew, if the one in Redis
	// can't be read.
	Damage error
}

func (e *LossError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "partition %d: data lost, not rebuildable from the log", e.Partition)
	for _, l := range e.Losses {
		b.WriteString("; " + l.String())
	}
	if e.Damage != nil {
		fmt.Fprintf(&b, "; and the state in redis can't be read: %v", e.Damage)
	}
	return b.String()
}

func (e *LossError) Unwrap() error { return e.Damage }

// lost is what the log has no more, of what this state needs or, if it is to be
// made anew, of what it was made from.
func (t *Task) lost(marks map[consumers.TopicPartition]consumers.Watermark, anew bool) []bitmaps.Loss {
	needed := t.memory.begun
	if !anew {
		needed = t.Offsets()
	}
	var losses []bitmaps.Loss
	for _, tp := range sortedPartitions(marks) {
		mark := marks[tp]
		from, known := needed[tp]
		if reached := t.reached(tp); reached > mark.High {
			losses = append(losses, bitmaps.Loss{Topic: tp.Topic, Partition: tp.Partition, From: reached, To: mark.LogStart})
		} else if known && from < mark.LogStart {
			losses = append(losses, bitmaps.Loss{Topic: tp.Topic, Partition: tp.Partition, From: from, To: mark.LogStart})
		}
	}
	return losses
}

// reached is how far a partition was read once, as far as anybody remembers.
func (t *Task) reached(tp consumers.TopicPartition) int64 {
	reached := max(t.Offsets()[tp], t.out.done[tp])
	for _, o := range t.memory.published.Offsets {
		if o.Topic == tp.Topic && o.Partition == tp.Partition {
			reached = max(reached, o.Next)
		}
	}
	return reached
}

// admit finds out whether Kafka still has what the state needs. What it has not
// is told in the checkpoint, for everybody to see, unless it was accepted.
func (t *Task) admit(ctx context.Context, marks map[consumers.TopicPartition]consumers.Watermark, anew bool, damage error) error {
	losses := t.lost(marks, anew)
	if len(losses) > 0 {
		if err := t.CatchUp(ctx); err != nil {
			return err
		}
	}
	var left []bitmaps.Loss
	for _, l := range losses {
		if !t.Catalog.LossAccepted(l.Topic, l.Partition, l.From, l.To) {
			left = append(left, l)
		}
	}
	if len(left) > 0 {
		lost := &LossError{Partition: t.partition, Losses: left, Damage: damage}
		if damage != nil || slices.Equal(t.checkpoint.Lost, left) {
			return lost
		}
		return cmp.Or(t.tell(ctx, left), error(lost))
	}
	if len(losses) == 0 && t.checkpoint.Lost == nil {
		return nil
	}
	if err := t.accept(ctx, losses, anew); err != nil {
		return err
	}
	if damage != nil {
		return nil
	}
	return t.tell(ctx, nil)
}

// tell commits what is lost, and nothing else.
func (t *Task) tell(ctx context.Context, losses []bitmaps.Loss) error {
	t.checkpoint.Lost, t.checkpoint.Writer, t.checkpoint.Seq = losses, t.held.Nonce(), t.held.Seq()+1
	return t.held.Commit(ctx, &bitmaps.Commit{
		Checkpoint: t.checkpoint.Encode(), Entry: bitmaps.SealEntry(bitmaps.NewEntry(nil)),
	})
}

// accept goes on as if what is lost had never been there. What is remembered of
// a topic that was created anew means its predecessor, and is forgotten.
func (t *Task) accept(ctx context.Context, losses []bitmaps.Loss, anew bool) error {
	var messages []consumers.Message
	remember := func(key, value string) {
		messages = append(messages, consumers.Message{
			Topic: TopicProgress, Partition: t.partition, Key: []byte(key), Value: []byte(value),
		})
	}
	for _, l := range losses {
		tp := consumers.TopicPartition{Topic: l.Topic, Partition: l.Partition}
		start := strconv.FormatInt(l.To, 10)
		t.skipTo(tp, l.To)
		if anew || l.To < l.From { // else the state still has what it began with
			t.memory.begun[tp] = l.To
			remember(begunKey(tp), start)
		}
		if l.To < l.From {
			t.out.done[tp] = l.To
			remember(doneKey(tp), start)
			rewind(t.memory.published.Offsets, tp, l.To)
		}
	}
	if t.memory.published.Lineage != "" {
		value, err := json.Marshal(t.memory.published)
		if err != nil {
			return err
		}
		remember(publishedKey(t.partition), string(value))
	}
	if len(messages) == 0 || t.Silent {
		return nil
	}
	_, err := t.Log.Write(ctx, messages)
	return err
}

// skipTo moves the offset to read on from, and counts what is passed over.
func (t *Task) skipTo(tp consumers.TopicPartition, next int64) {
	for i := range t.checkpoint.Offsets {
		switch o := &t.checkpoint.Offsets[i]; {
		case o.Topic != tp.Topic || o.Partition != tp.Partition:
		case next > o.Next:
			t.checkpoint.Outcomes[bitmaps.Lost] += next - o.Next
			o.Next = next
		default:
			o.First, o.Next = next-(o.Next-o.First), next
		}
	}
}

func rewind(offsets []bitmaps.Offset, tp consumers.TopicPartition, next int64) {
	for i := range offsets {
		if o := &offsets[i]; o.Topic == tp.Topic && o.Partition == tp.Partition {
			o.Next = next
		}
	}
}
