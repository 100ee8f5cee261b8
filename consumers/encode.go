package consumers

import (
	"encoding/binary"
	"hash/crc32"
	"math/bits"
	"time"
)

// newRecordSet is messages as a produce request has them: their size in 4 bytes,
// then one record batch that isn't compressed (format.go). It is what kafka-go
// makes of them, without a detour for each.
func newRecordSet(messages []Message, indexes []int) *buffer {
	const sizeBytes = 4
	size := sizeBytes + batchHeaderSize
	for _, i := range indexes {
		size += messages[i].most()
	}
	buf := newBuffer(size)
	set := appendBatch(buf.b[:sizeBytes], messages, indexes, time.Now().UnixMilli())
	binary.BigEndian.PutUint32(set, uint32(len(set)-sizeBytes))
	buf.b = set
	return buf
}

// appendBatch adds the messages as one batch; now is the time of those that have none.
func appendBatch(b []byte, messages []Message, indexes []int, now int64) []byte {
	const none = ^uint64(0) // -1
	be, from := binary.BigEndian, len(b)
	base, latest := messages[indexes[0]].time(now), int64(0)
	b = be.AppendUint32(be.AppendUint64(b, 0), 0)              // base offset, batch length
	b = append(be.AppendUint32(b, uint32(none&0xffffffff)), 2) // leader epoch, magic
	b = be.AppendUint16(be.AppendUint32(b, 0), 0)              // checksum, attributes
	b = be.AppendUint32(b, uint32(len(indexes)-1))
	b = be.AppendUint64(be.AppendUint64(b, uint64(base)), 0)                               // times
	b = be.AppendUint16(be.AppendUint64(b, none), uint16(none&0xffff))                     // producer id and epoch
	b = be.AppendUint32(be.AppendUint32(b, uint32(none&0xffffffff)), uint32(len(indexes))) // base sequence
	for delta, i := range indexes {
		m := &messages[i]
		at := m.time(now)
		latest = max(latest, at)
		b = m.appendRecord(b, at-base, int64(delta))
	}
	batch := b[from:]
	be.PutUint32(batch[8:], uint32(len(batch)-lengthEnd))
	be.PutUint64(batch[35:], uint64(latest))
	be.PutUint32(batch[17:], crc32.Checksum(batch[crcStart:], castagnoli))
	return b
}

// time is the message's in milliseconds.
func (m *Message) time(now int64) int64 {
	if m.Time.IsZero() || m.Time.UnixMilli() == 0 {
		return now
	}
	return m.Time.UnixMilli()
}

// appendRecord adds the message with its distance to the first one of its batch.
func (m *Message) appendRecord(b []byte, age, delta int64) []byte {
	size := 1 + varintSize(age) + varintSize(delta) + fieldSize(m.Key) + fieldSize(m.Value) + varintSize(int64(len(m.Headers)))
	for _, h := range m.Headers {
		size += varintSize(int64(len(h.Key))) + len(h.Key) + fieldSize(h.Value)
	}
	b = append(binary.AppendVarint(b, int64(size)), 0) // attributes
	b = binary.AppendVarint(binary.AppendVarint(b, age), delta)
	b = appendField(appendField(b, m.Key), m.Value)
	b = binary.AppendVarint(b, int64(len(m.Headers)))
	for _, h := range m.Headers {
		b = append(binary.AppendVarint(b, int64(len(h.Key))), h.Key...)
		b = appendField(b, h.Value)
	}
	return b
}

// most is how many bytes the record may have.
func (m *Message) most() int {
	const numbers = 1 + 2*binary.MaxVarintLen64 + 4*binary.MaxVarintLen32 // attributes, times and sizes
	return m.size() + numbers + len(m.Headers)*2*binary.MaxVarintLen32
}

func varintSize(n int64) int {
	zigzag := uint64(n<<1) ^ uint64(n>>63)
	return (bits.Len64(zigzag|1) + 6) / 7
}

// appendField is the inverse of field.
func appendField(b, f []byte) []byte {
	if f == nil {
		return binary.AppendVarint(b, -1)
	}
	return append(binary.AppendVarint(b, int64(len(f))), f...)
}

func fieldSize(f []byte) int {
	if f == nil {
		return 1
	}
	return varintSize(int64(len(f))) + len(f)
}
