package bitmaps

import "encoding/binary"

// Replayed is how far the copies that a replay makes of a source partition are
// in the state.
type Replayed struct {
	Replay    int64 // the offset of its entry in the definitions
	Topic     string
	Partition int32
	Planned   bool  // From and End are known
	From, End int64 // what is to be copied
	Next      int64 // the first offset whose copy has not been counted: an earlier one was made twice
	Read      int64 // source records before Next
	Outcomes  [Outcomes]int64
}

// Copies is how many of the records read have been copied and applied.
func (r *Replayed) Copies() (n int64) {
	for _, outcome := range r.Outcomes {
		n += outcome
	}
	return n
}

// appendReplays takes no room where there are none.
func appendReplays(b []byte, replays []Replayed) []byte {
	if len(replays) == 0 {
		return b
	}
	b = binary.AppendUvarint(b, uint64(len(replays)))
	for _, r := range replays {
		b = binary.AppendUvarint(appendString(binary.AppendUvarint(b, uint64(r.Replay)), r.Topic), uint64(r.Partition))
		b = appendFlagged(b, r.From, r.Planned)
		for _, n := range append([]int64{r.End, r.Next, r.Read}, r.Outcomes[:]...) {
			b = binary.AppendUvarint(b, uint64(n))
		}
	}
	return b
}

func (r *reader) replays() (replays []Replayed) {
	if len(r.b) == 0 {
		return nil
	}
	n := r.count()
	if n == 0 {
		r.fail("number of replays") // it is not written
	}
	for range n {
		p := Replayed{Replay: int64(r.uint()), Topic: r.string(), Partition: r.partition()}
		p.From, p.Planned = r.flagged()
		p.End, p.Next, p.Read = int64(r.uint()), int64(r.uint()), int64(r.uint())
		for o := range p.Outcomes {
			p.Outcomes[o] = int64(r.uint())
		}
		replays = append(replays, p)
	}
	return replays
}
