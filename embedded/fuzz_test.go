package embedded

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
)

// FuzzDate dates any batch that a producer may send. What is dated says the same
// as before but for its time, whoever reads it; what can't be read is left alone.
func FuzzDate(f *testing.F) {
	for codec := range kafka.Zstd + 1 {
		var set bytes.Buffer
		records := []protocol.Record{
			{Time: time.UnixMilli(1), Key: protocol.NewBytes([]byte("k")), Value: protocol.NewBytes([]byte("v")), Headers: []protocol.Header{{Key: "h", Value: []byte("x")}}},
			{Time: time.UnixMilli(5_000_000), Key: protocol.NewBytes([]byte("k"))},
		}
		for n := range records {
			set.Reset()
			rs := protocol.RecordSet{Version: 2, Attributes: protocol.Attributes(codec), Records: protocol.NewRecordReader(records[n:]...)}
			if _, err := rs.WriteTo(&set); err != nil {
				f.Fatal(err)
			}
			f.Add(set.Bytes()[4:])
		}
	}
	const now = 1_794_744_000_000
	f.Fuzz(func(t *testing.T, raw []byte) {
		if len(raw) > 1<<16 {
			return
		}
		raw = signed(raw)
		dated, err := newAppendTime().date(bytes.Clone(raw), now)
		if err != nil {
			return
		}
		before, err := stock(raw)
		if err != nil {
			return // the broker looks at it next
		}
		after, err := stock(dated)
		if err != nil || len(after) != len(before) {
			t.Fatalf("%d records became %d, %v", len(before), len(after), err)
		}
		for i, r := range after {
			before[i].Time = time.UnixMilli(now)
			if !same(r, before[i]) {
				t.Fatalf("record %d became %+v, want %+v", i, r, before[i])
			}
		}
	})
}

// signed gives a batch the length, magic and checksum that let it be looked at.
func signed(raw []byte) []byte {
	raw = bytes.Clone(raw)
	if len(raw) >= batchHeader {
		raw[batchMagic] = 2
		binary.BigEndian.PutUint32(raw[8:], uint32(len(raw)-12))
		binary.BigEndian.PutUint32(raw[batchCRC:], crc32.Checksum(raw[batchBody:], castagnoli))
	}
	return raw
}

// read is a record with nothing left to decode.
type read struct {
	Offset     int64
	Time       time.Time
	Key, Value []byte
	Headers    []protocol.Header
}

// stock decodes a batch with kafka-go.
func stock(raw []byte) (all []read, err error) {
	var rs protocol.RecordSet
	if _, err := rs.ReadFrom(bytes.NewReader(append(binary.BigEndian.AppendUint32(nil, uint32(len(raw))), raw...))); err != nil {
		return nil, err
	}
	if rs.Records == nil {
		return nil, errors.New("no records")
	}
	for {
		r, err := rs.Records.ReadRecord()
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return nil, err
		}
		key, keyErr := protocol.ReadAll(r.Key)
		value, valueErr := protocol.ReadAll(r.Value)
		if err := errors.Join(keyErr, valueErr); err != nil {
			return nil, err
		}
		all = append(all, read{r.Offset, r.Time, key, value, r.Headers})
	}
}

func same(a, b read) bool {
	if a.Offset != b.Offset || !a.Time.Equal(b.Time) || !bytes.Equal(a.Key, b.Key) || !bytes.Equal(a.Value, b.Value) || len(a.Headers) != len(b.Headers) {
		return false
	}
	for i := range a.Headers {
		if a.Headers[i].Key != b.Headers[i].Key || !bytes.Equal(a.Headers[i].Value, b.Headers[i].Value) {
			return false
		}
	}
	return true
}
