package consumers

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
)

// A record batch of format v2 begins with this header; numbers are big endian.
//
//	 0 base offset      21 attributes           43 producer id
//	 8 batch length     23 last offset delta    51 producer epoch
//	12 leader epoch     27 base timestamp       53 base sequence
//	16 magic            35 max timestamp        57 record count
//	17 CRC-32C of all from 21 on                61 records
const (
	lengthEnd       = 12 // the batch length counts from here
	crcStart        = 21
	batchHeaderSize = 61
)

const (
	codecMask         = 0x07
	logAppendTimeBit  = 0x08
	transactionalBit  = 0x10
	controlBit        = 0x20
	abortMarker       = 0 // type of the control record that ends an aborted transaction
	maxInflated       = 256 << 20
	controlKeyMinimum = 4
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// batchHeader is what the walker needs of a batch's header.
type batchHeader struct {
	base       int64
	attributes int16
	lastDelta  int32
	baseTime   int64
	maxTime    int64
	producer   int64
	count      int32
}

func readHeader(batch []byte) batchHeader {
	be := binary.BigEndian
	return batchHeader{
		base:       int64(be.Uint64(batch)),
		attributes: int16(be.Uint16(batch[21:])),
		lastDelta:  int32(be.Uint32(batch[23:])),
		baseTime:   int64(be.Uint64(batch[27:])),
		maxTime:    int64(be.Uint64(batch[35:])),
		producer:   int64(be.Uint64(batch[43:])),
		count:      int32(be.Uint32(batch[57:])),
	}
}

// last is the last offset that the batch covers, whether or not a record is
// still there.
func (h *batchHeader) last() int64 { return h.base + int64(h.lastDelta) }

// cutBatch returns the first batch of a record set, nil if the set is at its
// end or cut off within that batch. The reason is not empty if no batch of
// format v2 can begin here.
func cutBatch(set []byte) (batch []byte, reason string) {
	if len(set) < crcStart {
		return nil, ""
	}
	size := lengthEnd + int64(int32(binary.BigEndian.Uint32(set[8:])))
	switch magic := set[16]; {
	case magic != 2:
		return nil, fmt.Sprintf("message format %d, want 2", magic)
	case size < batchHeaderSize:
		return nil, fmt.Sprintf("batch of %d bytes is shorter than its header", size)
	case size > int64(len(set)):
		return nil, ""
	}
	return set[:size:size], ""
}

// scanSet looks over the batches of a record set without reading them: the
// offset after the last whole one, and whether there is anything to walk.
func scanSet(set []byte) (next int64, walkable bool) {
	for {
		batch, reason := cutBatch(set)
		if batch == nil {
			return next, walkable || reason != ""
		}
		h := readHeader(batch)
		next, walkable = h.last()+1, true
		set = set[len(batch):]
	}
}

// check returns what is wrong with the batch, if anything.
func (h *batchHeader) check(batch []byte) string {
	if crc32.Checksum(batch[crcStart:], castagnoli) != binary.BigEndian.Uint32(batch[17:]) {
		return "CRC-32C does not match"
	}
	if h.lastDelta < 0 || h.count < 0 || h.base < 0 {
		return "negative offset or count"
	}
	return ""
}

// decode reads the record that body begins with, all but its offset. It returns
// the offset delta and the record's encoded size, -1 if it is malformed.
func (h *batchHeader) decode(body []byte, r *Record) (delta int64, size int) {
	length, i := varint(body, 0)
	if i < 0 || length < 1 || length > int64(len(body)-i) {
		return 0, -1
	}
	b := body[:i+int(length)]
	i++ // attributes, unused by Kafka
	age, i := varint(b, i)
	delta, i = varint(b, i)
	r.Key, i = field(b, i)
	r.Value, i = field(b, i)
	if i < 0 || !validHeaders(b, i) {
		return 0, -1
	}
	r.headers = b[i:]
	r.Time = h.baseTime + age
	if h.attributes&logAppendTimeBit != 0 {
		r.Time = h.maxTime
	}
	return delta, len(b)
}
