package consumers

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/segmentio/kafka-go/compress"
	"github.com/segmentio/kafka-go/protocol"
)

var codecs = []protocol.Attributes{0, protocol.Gzip, protocol.Snappy, protocol.Lz4, protocol.Zstd}

// encode writes one batch with kafka-go's encoder, without the size in front.
func encode(t testing.TB, attributes protocol.Attributes, records ...protocol.Record) []byte {
	t.Helper()
	var out bytes.Buffer
	set := protocol.RecordSet{Version: 2, Attributes: attributes, Records: protocol.NewRecordReader(records...)}
	if _, err := set.WriteTo(&out); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()[4:]
}

// patch changes a batch in place and puts its CRC right again.
func patch(batch []byte, base int64, change func(b []byte)) []byte {
	binary.BigEndian.PutUint64(batch, uint64(base))
	if change != nil {
		change(batch)
	}
	binary.BigEndian.PutUint32(batch[17:], crc32.Checksum(batch[crcStart:], castagnoli))
	return batch
}

func setAttributes(bits uint16) func([]byte) {
	return func(b []byte) {
		binary.BigEndian.PutUint16(b[21:], binary.BigEndian.Uint16(b[21:])|bits)
	}
}

func byProducer(id int64, bits uint16) func([]byte) {
	return func(b []byte) {
		setAttributes(bits)(b)
		binary.BigEndian.PutUint64(b[43:], uint64(id))
	}
}

func record(key, value string) protocol.Record {
	return protocol.Record{Time: time.UnixMilli(1700000000000), Key: protocol.NewBytes([]byte(key)), Value: protocol.NewBytes([]byte(value))}
}

// marker is a control batch that ends a transaction.
func marker(t testing.TB, base, producer int64, kind byte) []byte {
	control := protocol.Record{Key: protocol.NewBytes([]byte{0, 0, 0, kind}), Value: protocol.NewBytes(make([]byte, 6))}
	return patch(encode(t, 0, control), base, byProducer(producer, transactionalBit|controlBit))
}

// flat is a record with nothing left to decode, for comparison.
type flat struct {
	offset, time int64
	key, value   []byte
	headers      []Header
}

func (p flat) String() string {
	return fmt.Sprintf("%d@%d %s=%s %v nil=%v,%v", p.offset, p.time, p.key, p.value, p.headers, p.key == nil, p.value == nil)
}

// walkAll walks a set with small limits, so that every batch is walked in
// several calls.
func walkAll(set []byte, from int64, aborted []abortedTransaction, step int) (got []flat, w *walker, err error) {
	w = &walker{tp: TopicPartition{"t", 3}, next: from}
	w.walk(set, aborted)
	for b := new(Batch); ; b.reset() {
		err = w.fill(b, &limit{records: step, bytes: 1 << 30})
		for i := range b.Records {
			r := &b.Records[i]
			got = append(got, flat{r.Offset, r.Time, bytes.Clone(r.Key), bytes.Clone(r.Value), cloneHeaders(r.Headers())})
		}
		if err != nil || w.done() {
			return got, w, err
		}
	}
}

func cloneHeaders(hs []Header) []Header {
	for i := range hs {
		hs[i].Value = bytes.Clone(hs[i].Value)
	}
	return hs
}

// stock decodes a set with kafka-go, the naive twin. What makes that panic, such
// as a set that is cut off in its beginning, is refused by it.
func stock(set []byte) (_ []flat, err error) {
	defer func() {
		if problem := recover(); problem != nil {
			err = fmt.Errorf("kafka-go panics: %v", problem)
		}
	}()
	var rs protocol.RecordSet
	framed := append(binary.BigEndian.AppendUint32(nil, uint32(len(set))), set...)
	if _, err := rs.ReadFrom(bytes.NewReader(framed)); err != nil {
		return nil, err
	}
	if rs.Records == nil {
		return nil, nil
	}
	var all []flat
	for {
		r, err := rs.Records.ReadRecord()
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return nil, err
		}
		p := flat{offset: r.Offset, time: r.Time.UnixMilli(), key: readBytes(r.Key), value: readBytes(r.Value)}
		for _, h := range r.Headers {
			p.headers = append(p.headers, Header{h.Key, h.Value})
		}
		all = append(all, p)
	}
}

func readBytes(b protocol.Bytes) []byte {
	if b == nil {
		return nil
	}
	all, err := protocol.ReadAll(b)
	if err != nil {
		panic(err)
	}
	if all == nil {
		return []byte{}
	}
	return all
}

func equal(a, b []flat) error {
	if len(a) != len(b) {
		return fmt.Errorf("%d records, want %d", len(a), len(b))
	}
	for i := range a {
		if a[i].String() != b[i].String() {
			return fmt.Errorf("record %d is %v, want %v", i, a[i], b[i])
		}
	}
	return nil
}

// randomBatch is a batch of 1 to 40 records with everything that may vary.
func randomBatch(t testing.TB, rnd *rand.Rand, base int64) []byte {
	blob := func(n int) protocol.Bytes {
		switch size := rnd.IntN(n); rnd.IntN(8) {
		case 0:
			return nil
		case 1:
			return protocol.NewBytes([]byte{})
		default:
			return protocol.NewBytes(bytes.Repeat([]byte{byte('a' + rnd.IntN(26))}, size))
		}
	}
	records := make([]protocol.Record, 1+rnd.IntN(40))
	for i := range records {
		records[i] = protocol.Record{Time: time.UnixMilli(1700000000000 + rnd.Int64N(1e7) - 5e6), Key: blob(30), Value: blob(3000)}
		for range rnd.IntN(3) {
			h := protocol.Header{Key: fmt.Sprint("h", rnd.IntN(3))}
			if rnd.IntN(3) > 0 {
				h.Value = []byte(fmt.Sprint(rnd.Int()))
			}
			records[i].Headers = append(records[i].Headers, h)
		}
	}
	return patch(encode(t, codecs[rnd.IntN(len(codecs))], records...), base, nil)
}

func randomSet(t testing.TB, rnd *rand.Rand) (set []byte, end int64) {
	base := rnd.Int64N(1 << 40)
	for range 1 + rnd.IntN(4) {
		batch := randomBatch(t, rnd, base)
		h := readHeader(batch)
		base = h.last() + 1 + rnd.Int64N(3) // a compacted gap now and then
		set, end = append(set, batch...), h.last()+1
	}
	return set, end
}

func TestWalkAgreesWithStockDecoder(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for i := range 300 {
		set, end := randomSet(t, rnd)
		want, err := stock(set)
		if err != nil {
			t.Fatal(err)
		}
		got, w, err := walkAll(set, 0, nil, 1+rnd.IntN(50))
		if err != nil {
			t.Fatalf("set %d: %v", i, err)
		}
		if err := equal(got, want); err != nil {
			t.Fatalf("set %d: %v", i, err)
		}
		if w.next != end {
			t.Fatalf("set %d: next is %d, want %d", i, w.next, end)
		}
		if next, walkable := scanSet(set); next != end || !walkable {
			t.Fatalf("set %d: scan says %d %v, want %d", i, next, walkable, end)
		}
	}
}

func TestWalkStartsInsideABatch(t *testing.T) {
	for _, codec := range codecs {
		set := patch(encode(t, codec, record("a", "1"), record("b", "2"), record("c", "3")), 100, nil)
		got, w, err := walkAll(set, 101, nil, 9)
		if err != nil || len(got) != 2 || got[0].offset != 101 || string(got[0].key) != "b" || w.next != 103 {
			t.Errorf("%v: got %v, next %d, error %v", codec, got, w.next, err)
		}
	}
}

func TestWalkLogAppendTime(t *testing.T) {
	early, late := record("a", "1"), record("b", "2")
	late.Time = early.Time.Add(time.Hour)
	set := patch(encode(t, 0, early, late), 0, setAttributes(logAppendTimeBit))
	got, _, err := walkAll(set, 0, nil, 9)
	if err != nil || got[0].time != late.Time.UnixMilli() || got[1].time != late.Time.UnixMilli() {
		t.Errorf("got %v, error %v, want both at the batch's max timestamp", got, err)
	}
}

func TestWalkIgnoresACutOffBatch(t *testing.T) {
	first := patch(encode(t, 0, record("a", "1")), 7, nil)
	set := append(bytes.Clone(first), patch(encode(t, 0, record("b", "2")), 8, nil)...)
	for n := len(first); n < len(set); n++ {
		got, w, err := walkAll(set[:n], 0, nil, 9)
		if err != nil || len(got) != 1 || w.next != 8 {
			t.Fatalf("%d bytes: got %v, next %d, error %v", n, got, w.next, err)
		}
	}
	for n := range first {
		if next, walkable := scanSet(set[:n]); next != 0 || walkable {
			t.Fatalf("scan of %d bytes: %d %v", n, next, walkable)
		}
	}
}

func TestWalkPassesAnEmptiedBatch(t *testing.T) {
	emptied := patch(encode(t, 0, record("a", "1")), 50, func(b []byte) {
		binary.BigEndian.PutUint32(b[23:], 9)
		binary.BigEndian.PutUint32(b[57:], 0)
	})[:batchHeaderSize]
	binary.BigEndian.PutUint32(emptied[8:], batchHeaderSize-lengthEnd)
	patch(emptied, 50, nil)
	set := append(bytes.Clone(emptied), patch(encode(t, 0, record("b", "2")), 60, nil)...)
	if got, w, err := walkAll(emptied, 50, nil, 9); err != nil || len(got) != 0 || w.next != 60 {
		t.Errorf("emptied alone: got %v, next %d, error %v", got, w.next, err)
	}
	if got, w, err := walkAll(set, 50, nil, 9); err != nil || len(got) != 1 || w.next != 61 {
		t.Errorf("with another: got %v, next %d, error %v", got, w.next, err)
	}
}

func TestWalkLeavesOutAbortedTransactions(t *testing.T) {
	inTransaction := func(base, producer int64, value string) []byte {
		return patch(encode(t, 0, record("k", value)), base, byProducer(producer, transactionalBit))
	}
	set := bytes.Join([][]byte{
		inTransaction(10, 1, "aborted"),
		inTransaction(11, 2, "committed"),
		patch(encode(t, 0, record("k", "plain")), 12, nil),
		inTransaction(13, 1, "aborted too"),
		marker(t, 14, 1, abortMarker),
		inTransaction(15, 1, "committed later"),
		marker(t, 16, 2, 1),
		marker(t, 17, 1, 1),
	}, nil)
	got, w, err := walkAll(set, 10, []abortedTransaction{{producer: 1, first: 10}}, 2)
	if err != nil || w.next != 18 {
		t.Fatalf("next is %d, error %v", w.next, err)
	}
	var values []string
	for _, r := range got {
		values = append(values, string(r.value))
	}
	if fmt.Sprint(values) != "[committed plain committed later]" {
		t.Errorf("got %q", values)
	}
	if got, _, _ := walkAll(set, 10, []abortedTransaction{{1, 15}, {1, 10}}, 2); len(got) != 2 {
		t.Errorf("two aborted transactions of one producer: got %v", got)
	}
}

func TestWalkNamesTheDamage(t *testing.T) {
	good := patch(encode(t, 0, record("a", "1")), 40, nil)
	for name, damage := range map[string]func(b []byte){
		"CRC":       func(b []byte) { b[len(b)-2] ^= 1 },
		"magic":     func(b []byte) { b[16] = 1 },
		"length":    func(b []byte) { binary.BigEndian.PutUint32(b[8:], 20) },
		"record":    func(b []byte) { b[61] = 0x7e; patch(b, 41, nil) },
		"count":     func(b []byte) { b[60] = 2; patch(b, 41, nil) },
		"offset":    func(b []byte) { b[64] = 4; patch(b, 41, nil) },
		"codec":     func(b []byte) { b[22] = 7; patch(b, 41, nil) },
		"not gzip":  func(b []byte) { b[22] = 1; patch(b, 41, nil) },
		"extra":     func(b []byte) { b[60] = 0; b[61] = 2; patch(b, 41, nil); b[60] = 1; patch(b, 41, nil) },
		"negative":  func(b []byte) { b[23] = 0xff; patch(b, 41, nil) },
		"headers":   func(b []byte) { b[len(b)-1] = 2; patch(b, 41, nil) },
		"key size":  func(b []byte) { b[65] = 0x70; patch(b, 41, nil) },
		"lost byte": func(b []byte) { b[61] -= 2; patch(b, 41, nil) },
	} {
		second := patch(bytes.Clone(good), 41, nil)
		damage(second)
		got, _, err := walkAll(append(bytes.Clone(good), second...), 40, nil, 9)
		var corrupt *CorruptError
		if !errors.As(err, &corrupt) || corrupt.TopicPartition != (TopicPartition{"t", 3}) || corrupt.Offset != 41 {
			t.Errorf("%s: got error %v", name, err)
		}
		if len(got) == 0 || got[0].offset != 40 {
			t.Errorf("%s: got %v, want the record before the damage", name, got)
		}
	}
}

func TestWalkDoesNotCopy(t *testing.T) {
	set := patch(encode(t, 0, record("key", "value")), 0, nil)
	w := &walker{}
	w.walk(set, nil)
	b := new(Batch)
	if err := w.fill(b, &limit{9, 9}); err != nil {
		t.Fatal(err)
	}
	copy(set[bytes.Index(set, []byte("value")):], "VALUE")
	if got := string(b.Records[0].Value); got != "VALUE" {
		t.Errorf("the value is %q, not the fetched bytes", got)
	}
}

func TestInflateRefusesBombs(t *testing.T) {
	for _, codec := range codecs[1:] {
		var src bytes.Buffer
		w := compress.Compression(codec).Codec().NewWriter(&src)
		w.Write(make([]byte, 1<<20))
		w.Close()
		if _, err := inflate(compress.Compression(codec), src.Bytes(), 1<<20-1); !errors.Is(err, errInflatesTooLarge) {
			t.Errorf("%v: got error %v", codec, err)
		}
		if out, err := inflate(compress.Compression(codec), src.Bytes(), 1<<20); err != nil || len(out.b) != 1<<20 {
			t.Errorf("%v: at the limit: error %v", codec, err)
		}
	}
}

// FuzzWalk mutates sets. A walk never panics and ends; what it hands on before
// an error is what was written; and where the mutation got a valid CRC, it
// hands on what kafka-go's decoder reads, or refuses.
func FuzzWalk(f *testing.F) {
	f.Add(uint64(1), uint16(70), byte(1), false)
	f.Add(uint64(2), uint16(61), byte(0x80), true)
	f.Add(uint64(3), uint16(22), byte(3), true)
	f.Fuzz(func(t *testing.T, seed uint64, at uint16, flip byte, fixCRC bool) {
		rnd := rand.New(rand.NewPCG(seed, 0))
		set, _ := randomSet(t, rnd)
		if fixCRC {
			first, _ := cutBatch(set)
			fuzzVouched(t, first, int(at), flip)
			return
		}
		want, _, err := walkAll(set, 0, nil, 1000)
		if err != nil {
			t.Fatal(err)
		}
		damaged := int(at) % len(set)
		set[damaged] ^= flip
		if got, _, _ := walkAll(set, 0, nil, 1000); !beforeCRC(set, damaged) {
			if len(got) > len(want) || equal(got, want[:len(got)]) != nil {
				t.Fatalf("got %v", got)
			}
		}
	})
}

// beforeCRC says whether a place in the set is covered by no CRC: the broker
// writes those bytes.
func beforeCRC(set []byte, at int) bool {
	for {
		batch, _ := cutBatch(set)
		if batch == nil || at < len(batch) {
			return batch == nil || at < crcStart
		}
		set, at = set[len(batch):], at-len(batch)
	}
}

// fuzzVouched mutates one batch and puts its CRC right.
func fuzzVouched(t *testing.T, batch []byte, at int, flip byte) {
	at = crcStart + at%(len(batch)-crcStart)
	batch[at] ^= flip
	patch(batch, 77, nil)
	got, _, err := walkAll(batch, 0, nil, 1000)
	if err != nil || readHeader(batch).attributes&^codecMask != 0 {
		return
	}
	want, err := stock(batch)
	if err != nil {
		t.Fatalf("kafka-go refuses what was walked: %v", err)
	}
	if err := equal(got, want); err != nil {
		t.Fatal(err)
	}
}

func benchmarkSet(b *testing.B) (set []byte, n int) {
	for base := range int64(20) {
		var records []protocol.Record
		for i := range 250 {
			records = append(records, record(fmt.Sprintf("acme/contact-%07d", i), fmt.Sprintf("%0150d", i)))
		}
		set, n = append(set, patch(encode(b, 0, records...), base*250, nil)...), n+250
	}
	return set, n
}

func BenchmarkWalk(b *testing.B) {
	set, n := benchmarkSet(b)
	batch := new(Batch)
	b.SetBytes(int64(len(set)))
	for b.Loop() {
		w := walker{}
		w.walk(set, nil)
		batch.reset()
		if err := w.fill(batch, &limit{1 << 30, 1 << 30}); err != nil || len(batch.Records) != n {
			b.Fatal(len(batch.Records), err)
		}
	}
	b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "records/s")
}

func BenchmarkWalkStock(b *testing.B) {
	set, n := benchmarkSet(b)
	framed := append(binary.BigEndian.AppendUint32(nil, uint32(len(set))), set...)
	b.SetBytes(int64(len(set)))
	for b.Loop() {
		var rs protocol.RecordSet
		if _, err := rs.ReadFrom(bytes.NewReader(framed)); err != nil {
			b.Fatal(err)
		}
		read := 0
		for {
			if _, err := rs.Records.ReadRecord(); err != nil {
				break
			}
			read++
		}
		if read != n {
			b.Fatal(read)
		}
	}
	b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "records/s")
}
