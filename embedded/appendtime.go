package embedded

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// appendTime dates every record when it arrives, as a broker does for topics
// with message.timestamp.type=LogAppendTime. The broker here knows the setting
// by name only and keeps the producer's date, on which no order can be built.
//
// A real broker marks such a batch with an attribute. Here the records
// themselves get the date, so that clients that don't know the attribute
// (kafka-go's Reader is one) see it as well.
type appendTime struct {
	now func() time.Time
}

func newAppendTime() *appendTime {
	return &appendTime{now: time.Now}
}

// produce rewrites the batches of a request in place. A batch that it can't
// read is emptied: the broker then refuses it as a real one does, while by itself
// it would keep any bytes with a checksum that fits, and nobody could read on.
func (a *appendTime) produce(req *kmsg.ProduceRequest) {
	now := a.now().UnixMilli()
	for t := range req.Topics {
		for p := range req.Topics[t].Partitions {
			part := &req.Topics[t].Partitions[p]
			part.Records, _ = a.date(part.Records, now)
		}
	}
}

// Where things stand in a record batch of format v2.
const (
	batchMagic  = 16
	batchCRC    = 17
	batchBody   = 21 // what the CRC covers
	batchHeader = 61
	codecBits   = 0x07
	appendBit   = 0x08
)

var (
	errBatch   = errors.New("not a whole record batch of format v2")
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
)

// date returns raw, one record batch, with all its records dated now.
func (a *appendTime) date(raw []byte, now int64) ([]byte, error) {
	if len(raw) < batchHeader || raw[batchMagic] != 2 ||
		binary.BigEndian.Uint32(raw[batchCRC:]) != crc32.Checksum(raw[batchBody:], castagnoli) {
		return nil, errBatch
	}
	var b kmsg.RecordBatch
	if err := b.ReadFrom(raw); err != nil {
		return nil, err
	}
	if err := a.flatten(&b); err != nil {
		return nil, err
	}
	b.Attributes &^= appendBit
	b.FirstTimestamp, b.MaxTimestamp = now, now
	return sealed(b), nil
}

// flatten takes away what the records' dates differ by from the batch's.
func (a *appendTime) flatten(b *kmsg.RecordBatch) error {
	records, err := readRecords(b)
	if err != nil {
		return err
	}
	var flat []byte
	for _, r := range records {
		r.TimestampDelta, r.TimestampDelta64, r.Length = 0, 0, 0
		r.Length = int32(len(r.AppendTo(nil)) - 1) // the zero length took one byte
		flat = r.AppendTo(flat)
	}
	return recompress(b, flat)
}

// readRecords reads the records of a batch. Package kfake can do so too, and
// panics where a record is longer than the batch.
func readRecords(b *kmsg.RecordBatch) ([]kmsg.Record, error) {
	rest, err := kgo.DefaultDecompressor().Decompress(b.Records, kgo.CompressionCodecType(b.Attributes&codecBits))
	if err != nil {
		return nil, err
	}
	var records []kmsg.Record
	for delta := range b.NumRecords {
		length, n := binary.Varint(rest)
		if n <= 0 || length <= 0 || length > int64(len(rest)-n) {
			return nil, errBatch
		}
		r := kmsg.NewRecord()
		if err := r.ReadFrom(rest[:n+int(length)]); err != nil {
			return nil, err
		}
		if r.OffsetDelta != delta {
			return nil, errBatch
		}
		records, rest = append(records, r), rest[n+int(length):]
	}
	if len(rest) > 0 || len(records) == 0 {
		return nil, errBatch
	}
	return records, nil
}

// recompress stores records the way the producer did: left uncompressed they
// might no longer fit into max.message.bytes.
func recompress(b *kmsg.RecordBatch, records []byte) error {
	codecs := []kgo.CompressionCodec{
		kgo.NoCompression(), kgo.GzipCompression(), kgo.SnappyCompression(), kgo.Lz4Compression(), kgo.ZstdCompression(),
	}
	codec := int(b.Attributes & codecBits)
	if codec == 0 {
		b.Records = records
		return nil
	}
	if codec >= len(codecs) {
		return errBatch
	}
	c, err := kgo.DefaultCompressor(codecs[codec])
	if err != nil {
		return err
	}
	var used kgo.CompressionCodecType
	b.Records, used = c.Compress(new(bytes.Buffer), records)
	b.Attributes = b.Attributes&^codecBits | int16(used)
	return nil
}

// sealed encodes the batch with its length and checksum set right.
func sealed(b kmsg.RecordBatch) []byte {
	raw := b.AppendTo(nil)
	binary.BigEndian.PutUint32(raw[8:], uint32(len(raw)-12)) // what follows the length
	binary.BigEndian.PutUint32(raw[batchCRC:], crc32.Checksum(raw[batchBody:], castagnoli))
	return raw
}
