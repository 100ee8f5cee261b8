package pipeline

import (
	"cmp"
	"context"
	"fmt"
	"reflect"

	"rollcall/bitmaps"
	"rollcall/consumers"
)

const noCheckpoint = "no checkpoint"

// head looks at what a partition says of itself: who wrote it, and how far it
// has read.
func (v *verification) head(ctx context.Context, s *stored) error {
	at := &s.at.Checkpoint
	if len(at.Offsets) == 0 && len(s.newest.Accounts()) > 0 {
		v.differHead(s, "head", "state", noCheckpoint, "one, as there are accounts")
	}
	v.chain(s)
	if c := s.lastCommit(); c != nil && !reflect.DeepEqual(*c, s.head.Checkpoint) {
		v.differHead(s, "checkpoint", "of the head", checkpointWords(&s.head.Checkpoint),
			"as the changelog says: "+checkpointWords(c))
	}
	if end := s.newest.Offset(); at.Definitions > end {
		v.differHead(s, "checkpoint", TopicDefinitions, fmt.Sprint(at.Definitions), fmt.Sprintf("at most %d, where it ends", end))
	}
	sum := int64(0)
	for _, n := range at.Outcomes {
		sum += n
	}
	if sum != s.consumed() {
		v.differHead(s, "outcomes", "all", fmt.Sprintf("outcomes add up to %d", sum), fmt.Sprintf("%d offsets consumed", s.consumed()))
	}
	return v.marks(ctx, s)
}

func (v *verification) differHead(s *stored, kind, what, got, want string) {
	v.differ(VerifyDifference{Kind: kind, Partition: s.partition, Position: s.position(), What: what, Got: got, Want: want})
}

// chain follows who wrote: every commit names its writer, which was the last to
// take over. The head must name the last of them. What a take-over found before
// itself is history.
func (v *verification) chain(s *stored) {
	writer := ""
	for i := range s.entries {
		e := &s.entries[i]
		by := e.Checkpoint.Writer
		switch {
		case e.Nonce != "":
			by = e.Nonce
		case writer != "" && by != writer:
			v.differHead(s, "head", fmt.Sprintf("writer of entry %d", e.Seq), short(by), short(writer))
		}
		if writer = by; e.Seq == s.head.Seq && s.head.Nonce != writer {
			v.differHead(s, "head", "writer", short(s.head.Nonce), short(writer))
		}
	}
}

func checkpointWords(c *bitmaps.Checkpoint) string {
	return fmt.Sprintf("commit %d, definitions %d, offsets %v, outcomes %v", c.Seq, c.Definitions, c.Offsets, c.Outcomes)
}

func short(nonce string) string { return nonce[:min(8, len(nonce))] }

// lastCommit is the checkpoint of the newest commit when the head was read, if
// the changelog still has it.
func (s *stored) lastCommit() *bitmaps.Checkpoint {
	for i := len(s.entries) - 1; i >= 0; i-- {
		if e := &s.entries[i]; e.Nonce == "" && e.Seq <= s.head.Seq {
			return &e.Checkpoint
		}
	}
	return nil
}

// marks holds the offsets against where the log begins and ends.
func (v *verification) marks(ctx context.Context, s *stored) error {
	var tps []consumers.TopicPartition
	for _, o := range s.at.Checkpoint.Offsets {
		tps = append(tps, consumers.TopicPartition{Topic: o.Topic, Partition: o.Partition})
	}
	if len(tps) == 0 {
		return nil
	}
	marks, err := v.Watermarks(ctx, tps)
	if err != nil {
		return fmt.Errorf("watermarks: %w", err)
	}
	for i, o := range s.at.Checkpoint.Offsets {
		switch mark := marks[tps[i]]; {
		case o.Next > mark.High:
			v.differHead(s, "checkpoint", tps[i].String(), fmt.Sprintf("read up to %d", o.Next), fmt.Sprintf("at most %d, where it ends", mark.High))
		case o.First < 0:
			v.note("%s was created anew after the state began: what it held before can't be recomputed", tps[i])
		case mark.LogStart > o.First:
			v.note("%s begins at %d now, and at %d when the state began: what was before can't be recomputed", tps[i], mark.LogStart, o.First)
		}
	}
	v.hiddenInputs(s)
	return nil
}

// hiddenInputs names what the state is a function of beside the log.
func (v *verification) hiddenInputs(s *stored) {
	at := &s.at.Checkpoint
	if n := at.Outcomes[bitmaps.Lost]; n > 0 {
		v.note("partition %d went on without %d records that Kafka had lost", s.partition, n)
	}
	if at.Metadata != phoneMetadata {
		v.note("partition %d derived phones with %s, and here they are with %s: differences of valid phone and country may come from that",
			s.partition, cmp.Or(at.Metadata, "an unknown version"), phoneMetadata)
	}
}
