package bitmaps

import (
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
)

// Checkpoint is where a partition stands: what of the log is in its state, and
// how every record consumed so far ended.
type Checkpoint struct {
	Definitions int64  // every account is composed for the definitions below this offset
	Changelog   uint64 // fragments hold what entries before this seq say; those may be gone
	Lineage     string // random, given to a state that begins empty
	Writer      string // the nonce of whoever committed it
	Seq         uint64 // the commit that it came with
	Offsets     []Offset
	Outcomes    [Outcomes]int64
	Reasons     map[string]int64 // why records were dead letters or ignored, by code
	Metadata    string           // version of the phone metadata that facts were derived with
	Lost        []Loss           // what keeps the partition from going on
	Rebuilt     string           // the newest rebuild that is done with, or that made this state
	Replays     []Replayed       // of replays that go on
}

// Loss is what a state needs of a partition of a topic, and Kafka has no more.
// To is before From if the log ends before it: then its topic was created anew,
// or cut off.
type Loss struct {
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
	From      int64  `json:"from" doc:"the first offset that is needed"`
	To        int64  `json:"to" doc:"where the log begins now; before from: the topic was created anew or cut off"`
}

func (l Loss) String() string {
	if l.To < l.From {
		return fmt.Sprintf("%s/%d: offset %d was reached, and the log that begins at %d ends before it: it was created anew, or cut off",
			l.Topic, l.Partition, l.From, l.To)
	}
	return fmt.Sprintf("%s/%d: offsets from %d on are needed, the log begins at %d", l.Topic, l.Partition, l.From, l.To)
}

// Offset is how far one partition of one topic is in the state.
type Offset struct {
	Topic     string
	Partition int32
	First     int64 // where the state began; negative once a topic was created anew: offsets consumed are Next - First
	Next      int64 // the first offset that is not in it
}

// Outcome is how a consumed offset ended.
type Outcome int

// The outcomes of offsets. They add up to the offsets consumed.
const (
	Applied      Outcome = iota // with or without effect
	Repeated                    // seen before
	Forwarded                   // to the inbox of the partition it belongs to
	DeadLettered                // unreadable
	Ignored                     // only where the configuration says so
	Skipped                     // no record: control, aborted, compacted away
	Lost                        // gone from Kafka before they were read, as the operator accepted
	Outcomes     = 7
)

var outcomeNames = [Outcomes]string{"applied", "repeated", "forwarded", "dead_lettered", "ignored", "skipped", "lost"}

func (o Outcome) String() string { return outcomeNames[o] }

// Clone returns a copy that shares nothing with c.
func (c *Checkpoint) Clone() Checkpoint {
	d := *c
	d.Offsets, d.Reasons, d.Lost = slices.Clone(c.Offsets), maps.Clone(c.Reasons), slices.Clone(c.Lost)
	d.Replays = slices.Clone(c.Replays)
	return d
}

// Encode seals a checkpoint.
func (c *Checkpoint) Encode() []byte {
	b := sealed(256)
	b = binary.AppendUvarint(binary.AppendVarint(b, c.Definitions), c.Changelog)
	b = binary.AppendUvarint(appendString(appendString(b, c.Lineage), c.Writer), c.Seq)
	b = binary.AppendUvarint(b, uint64(len(c.Offsets)))
	for _, o := range c.Offsets {
		b = binary.AppendUvarint(appendString(b, o.Topic), uint64(o.Partition))
		b = binary.AppendUvarint(binary.AppendVarint(b, o.First), uint64(o.Next))
	}
	for _, n := range c.Outcomes {
		b = binary.AppendUvarint(b, uint64(n))
	}
	b = binary.AppendUvarint(b, uint64(len(c.Reasons)))
	for code, n := range c.Reasons {
		b = binary.AppendUvarint(appendString(b, code), uint64(n))
	}
	b = binary.AppendUvarint(appendString(b, c.Metadata), uint64(len(c.Lost)))
	for _, l := range c.Lost {
		b = binary.AppendUvarint(appendString(b, l.Topic), uint64(l.Partition))
		b = binary.AppendUvarint(binary.AppendUvarint(b, uint64(l.From)), uint64(l.To))
	}
	return seal(appendReplays(appendString(b, c.Rebuilt), c.Replays))
}

func decodeCheckpoint(data []byte) (Checkpoint, error) {
	var c Checkpoint
	payload, err := unseal(data)
	if err != nil {
		return c, err
	}
	r := reader{b: payload}
	c.Definitions, c.Changelog, c.Lineage = r.int(), r.uint(), r.string()
	c.Writer, c.Seq = r.string(), r.uint()
	for range r.count() {
		c.Offsets = append(c.Offsets, Offset{
			Topic: r.string(), Partition: r.partition(), First: r.int(), Next: int64(r.uint()),
		})
	}
	for i := range c.Outcomes {
		c.Outcomes[i] = int64(r.uint())
	}
	c.Reasons = map[string]int64{}
	for range r.count() {
		code := r.string()
		c.Reasons[code] = int64(r.uint())
	}
	c.Metadata = r.string()
	for range r.count() {
		c.Lost = append(c.Lost, Loss{
			Topic: r.string(), Partition: r.partition(), From: int64(r.uint()), To: int64(r.uint()),
		})
	}
	c.Rebuilt = r.string()
	c.Replays = r.replays()
	return c, r.done()
}

// AccountMeta is what an account's numbers continue from in this partition.
type AccountMeta struct {
	Seq                                uint64            // the commit whose totals these are
	Contacts, Messages, Lists, Reasons uint32            // the next numbers
	Totals                             map[string]Totals // by segment; none: no changes
}

// Totals count the changes of a segment's membership since it was defined.
type Totals struct{ Entered, Exited uint64 }

// EncodeMeta seals an account's meta.
func EncodeMeta(m AccountMeta) []byte {
	b := binary.AppendUvarint(sealed(64), m.Seq)
	for _, n := range []uint32{m.Contacts, m.Messages, m.Lists, m.Reasons} {
		b = binary.AppendUvarint(b, uint64(n))
	}
	b = binary.AppendUvarint(b, uint64(len(m.Totals)))
	for id, t := range m.Totals {
		b = binary.AppendUvarint(appendString(b, id), t.Entered)
		b = binary.AppendUvarint(b, t.Exited)
	}
	return seal(b)
}

// DecodeMeta reads what EncodeMeta wrote.
func DecodeMeta(data []byte) (AccountMeta, error) {
	payload, err := unseal(data)
	if err != nil {
		return AccountMeta{}, err
	}
	r := reader{b: payload}
	m := AccountMeta{Seq: r.uint(), Contacts: r.uint32(), Messages: r.uint32(), Lists: r.uint32(), Reasons: r.uint32()}
	m.Totals = map[string]Totals{}
	for range r.count() {
		id := r.string()
		m.Totals[id] = Totals{Entered: r.uint(), Exited: r.uint()}
	}
	return m, r.done()
}

// EncodeComposed seals what a piece is composed for: a day and definitions.
func EncodeComposed(today int32, definitions int64) []byte {
	return seal(binary.AppendVarint(binary.AppendVarint(sealed(12), int64(today)), definitions))
}

// DecodeComposed reads what EncodeComposed wrote.
func DecodeComposed(data []byte) (today int32, definitions int64, err error) {
	payload, err := unseal(data)
	if err != nil {
		return 0, 0, err
	}
	r := reader{b: payload}
	today, definitions = int32(r.int()), r.int()
	return today, definitions, r.done()
}

// EncodeErasures seals an account's erasures.
func EncodeErasures(erasures map[[16]byte]int64) []byte {
	b := sealed(len(erasures) * 22)
	for hash, at := range erasures {
		b = binary.AppendVarint(append(b, hash[:]...), at)
	}
	return seal(b)
}

// DecodeErasures reads what EncodeErasures wrote.
func DecodeErasures(data []byte) (map[[16]byte]int64, error) {
	payload, err := unseal(data)
	if err != nil {
		return nil, err
	}
	r := reader{b: payload}
	out := map[[16]byte]int64{}
	for len(r.b) > 0 {
		var hash [16]byte
		r.hash(&hash)
		out[hash] = r.int()
	}
	return out, r.done()
}
