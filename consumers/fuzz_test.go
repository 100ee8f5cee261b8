package consumers

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"reflect"
	"runtime"
	"slices"
	"testing"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/compress"
	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/protocol/fetch"
)

// allocated is how many bytes of memory fn takes.
func allocated(fn func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	fn()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// repaired gives every batch of a set the magic and the checksum that let it be
// looked at, so that what is fuzzed is what comes behind them.
func repaired(set []byte) []byte {
	set = bytes.Clone(set)
	for rest := set; len(rest) >= batchHeaderSize; {
		size := lengthEnd + int64(int32(binary.BigEndian.Uint32(rest[8:])))
		if size < batchHeaderSize || size > int64(len(rest)) {
			break
		}
		rest[16] = 2
		patch(rest[:size], int64(binary.BigEndian.Uint64(rest)), nil)
		rest = rest[size:]
	}
	return set
}

// plainBatches says whether kafka-go's decoder, which knows neither transactions
// nor the broker's time, means the same by the set.
func plainBatches(set []byte) bool {
	for {
		batch, _ := cutBatch(set)
		if batch == nil {
			return true
		}
		if readHeader(batch).attributes&^codecMask != 0 {
			return false
		}
		set = set[len(batch):]
	}
}

// FuzzRecordSet walks any bytes as a record set. A walk ends, whatever the set
// says; what it hands on is in order, and the same in small steps; and where
// kafka-go reads the set too, both read the same.
func FuzzRecordSet(f *testing.F) {
	for _, codec := range codecs {
		headed := record("acme/c-2", "again")
		headed.Headers = []protocol.Header{{Key: "h", Value: []byte("x")}, {Key: ""}}
		set := patch(encode(f, codec, record("acme/c-1", "value"), headed), 7, nil)
		f.Add(set, int64(0), int64(0))
		f.Add(append(bytes.Clone(set), patch(encode(f, 0, record("", "")), 90, setAttributes(logAppendTimeBit))...), int64(8), int64(0))
	}
	f.Add(bytes.Join([][]byte{
		patch(encode(f, 0, record("k", "aborted")), 10, byProducer(1, transactionalBit)),
		marker(f, 11, 1, abortMarker),
		patch(encode(f, 0, record("k", "committed")), 12, byProducer(1, transactionalBit)),
		marker(f, 13, 1, 1),
	}, nil), int64(10), int64(1))
	f.Fuzz(func(t *testing.T, set []byte, from, producer int64) {
		if len(set) > 1<<16 || from < 0 {
			return
		}
		set = repaired(set)
		aborted := func() []abortedTransaction { return []abortedTransaction{{producer: producer, first: from}} }
		got, w, err := walkAll(set, from, aborted(), 1<<20)
		bySteps, _, stepsErr := walkAll(set, from, aborted(), 3)
		if unlike := equal(bySteps, got); unlike != nil || (err == nil) != (stepsErr == nil) {
			t.Fatalf("in small steps: %v, %v instead of %v", unlike, stepsErr, err)
		}
		checkOrder(t, got, from, w.next)
		if corrupt := new(CorruptError); err != nil && (!errors.As(err, &corrupt) || corrupt.TopicPartition != w.tp) {
			t.Fatalf("no place in %v", err)
		}
		if err != nil || from != 0 || !plainBatches(set) {
			return
		}
		want, err := stock(set)
		if err != nil {
			t.Skip("kafka-go refuses what was walked")
		}
		if err := equal(got, want); err != nil {
			t.Fatal(err)
		}
	})
}

func checkOrder(t *testing.T, records []flat, from, next int64) {
	t.Helper()
	for _, r := range records {
		if r.offset < from {
			t.Fatalf("offset %d where %d or a later one is next", r.offset, from)
		}
		from = r.offset + 1
	}
	if next < from {
		t.Fatalf("to be read on from %d, before %d", next, from)
	}
}

// FuzzInflate gives the decompressors any bytes. What they give is what kafka-go
// makes of them, up to the limit, and takes no more memory than the limit and
// the bytes account for.
func FuzzInflate(f *testing.F) {
	const limit = 1 << 16
	for i, codec := range codecs[1:] {
		for _, size := range []int{10, limit, 1 << 20} {
			var src bytes.Buffer
			w := compress.Compression(codec).Codec().NewWriter(&src)
			w.Write(make([]byte, size))
			w.Close()
			f.Add(uint8(i), src.Bytes())
		}
	}
	f.Add(uint8(1), append(slices.Clone(xerialMagic), 0, 0, 0, 1, 0, 0, 0, 1, 0x7f, 0xff, 0xff, 0xff)) // a frame of 2 GiB
	for _, window := range []byte{0x80, 0xb8} {                                                        // 64 MiB, 8 GiB, for one byte
		f.Add(uint8(3), []byte{0x28, 0xb5, 0x2f, 0xfd, 0, window, 9, 0, 0, 'a'})
	}
	f.Fuzz(func(t *testing.T, which uint8, src []byte) {
		codec := compress.Compression(codecs[1:][int(which)%4])
		var got *buffer
		var err error
		most := uint64(someMemory + 8*limit + 64*len(src))
		if n := allocated(func() { got, err = inflate(codec, src, limit) }); n > most {
			t.Errorf("%s of %d bytes took %d bytes of memory, %v", codec, len(src), n, err)
		}
		if err != nil {
			return
		}
		defer got.release()
		want, err := io.ReadAll(codec.Codec().NewReader(bytes.NewReader(src)))
		if err != nil || !bytes.Equal(got.b, want) || len(got.b) > limit {
			t.Errorf("%s of %x: %d bytes, kafka-go has %d, %v", codec, src, len(got.b), len(want), err)
		}
	})
}

// someMemory is for a decompressor's window and tables.
const someMemory = maxWindow + 8<<20

// FuzzFetchResponse reads answers to fetches: what kafka-go's own type means,
// ours does; and an answer that is cut off, or whose record set is not as long
// as it says, is an error.
func FuzzFetchResponse(f *testing.F) {
	f.Add(int16(11), "sms.sent", int32(3), int16(0), int64(9), []byte("batches"), int64(4), uint16(1<<15), int32(0))
	f.Add(int16(4), "", int32(-1), int16(6), int64(-1), []byte{}, int64(0), uint16(30), int32(-1))
	f.Add(int16(7), "contacts", int32(1), int16(1), int64(1), []byte("x"), int64(1), uint16(1<<15), int32(1<<31-1))
	f.Fuzz(func(t *testing.T, version int16, topic string, partition int32, code int16, high int64, set []byte, producer int64, cut uint16, size int32) {
		version = 4 + (version&7)%8
		want := fetchResponsePartition{
			Partition: partition, ErrorCode: code, HighWatermark: high, LastStableOffset: high,
			AbortedTransactions: []fetch.ResponseTransaction{{ProducerID: producer, FirstOffset: high}},
			RecordSet:           recordSet{buf: &buffer{b: set}},
		}
		var wire bytes.Buffer
		sent := &fetchResponse{Topics: []fetchResponseTopic{{Topic: topic, Partitions: []fetchResponsePartition{want, want}}}}
		if err := protocol.WriteResponse(&wire, version, 5, sent); err != nil {
			return // a topic that is too long
		}
		id, message, err := protocol.ReadResponse(bytes.NewReader(wire.Bytes()), protocol.Fetch, version)
		if err != nil || id != 5 {
			t.Fatalf("answer %d, %v", id, err)
		}
		got := message.(*fetchResponse)
		if len(got.Topics) != 1 || got.Topics[0].Topic != topic || len(got.Topics[0].Partitions) != 2 {
			t.Fatalf("%+v", got)
		}
		for _, p := range got.Topics[0].Partitions {
			sameSet := bytes.Equal(p.RecordSet.bytes(), set)
			p.RecordSet, p.LogStartOffset, want.RecordSet = recordSet{}, 0, recordSet{}
			if !sameSet || !reflect.DeepEqual(p, want) {
				t.Fatalf("%+v, want %+v", p, want)
			}
		}
		checkCut(t, wire.Bytes(), version, int(cut))
		checkSize(t, set, size)
	})
}

func checkCut(t *testing.T, wire []byte, version int16, cut int) {
	t.Helper()
	if cut >= len(wire) {
		return
	}
	if _, _, err := protocol.ReadResponse(bytes.NewReader(wire[:cut]), protocol.Fetch, version); err == nil {
		t.Fatalf("%d bytes of %d are an answer", cut, len(wire))
	}
}

// checkSize reads a record set that says a size of its own.
func checkSize(t *testing.T, set []byte, size int32) {
	t.Helper()
	var got recordSet
	var err error
	wire := append(binary.BigEndian.AppendUint32(nil, uint32(size)), set...)
	if n := allocated(func() { _, err = got.ReadFrom(bytes.NewReader(wire)) }); n > 2<<largestBuffer+uint64(4*len(set)) {
		t.Fatalf("%d bytes that say they are %d took %d bytes of memory", len(set), size, n)
	}
	switch {
	case size <= 0 && (err != nil || got.buf != nil), size > 0 && (err == nil) != (int(size) <= len(set)):
		t.Fatalf("%d bytes that say they are %d: %v", len(set), size, err)
	case err == nil && size > 0 && !bytes.Equal(got.bytes(), set[:size]):
		t.Fatalf("%x of %x", got.bytes(), set)
	}
}

// FuzzAssignGroups lets members of a group claim whatever they like: every task
// has one owner, and no member has two more than another.
func FuzzAssignGroups(f *testing.F) {
	f.Add(uint8(8), []byte("\x00\x00\x00\x01\x00\x00\x00\x02"), []byte("\x00\x00\x00\x02"), []byte{})
	f.Add(uint8(2), []byte("\xff\xff\xff\xff\x7f\xff\xff\xff\x00\x00\x00\x01"), []byte("\x00\x00\x00\x01\x00"), []byte("\x00\x00\x00\x01"))
	f.Fuzz(func(t *testing.T, tasks uint8, a, b, c []byte) {
		n := int(tasks)%32 + 1
		var partitions []kafka.Partition
		for id := range 2 * n {
			partitions = append(partitions, kafka.Partition{Topic: "t", ID: id}, kafka.Partition{Topic: "u", ID: id})
		}
		members := []kafka.GroupMember{{ID: "a", UserData: a}, {ID: "b", UserData: b}, {ID: "c", UserData: c}}
		assigned := balancer{tasks: n}.AssignGroups(members, partitions)
		owners, least, most := map[int]string{}, n, 0
		for member, topics := range assigned {
			if !slices.Equal(topics["t"], topics["u"]) {
				t.Fatalf("%s has %v of one topic and %v of another", member, topics["t"], topics["u"])
			}
			least, most = min(least, len(topics["t"])/2), max(most, len(topics["t"])/2)
			for _, id := range topics["t"] {
				if before, taken := owners[id]; taken {
					t.Fatalf("partition %d is %s's and %s's", id, before, member)
				}
				owners[id] = member
				if owner, known := owners[id%n]; known && owner != member {
					t.Fatalf("task %d is divided", id%n)
				}
			}
		}
		if len(owners) != 2*n || most > least+1 {
			t.Fatalf("%d of %d partitions have an owner, members have %d to %d tasks", len(owners), 2*n, least, most)
		}
	})
}
