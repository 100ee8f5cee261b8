package bitmaps

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"runtime"
	"slices"
	"testing"

	"github.com/redis/go-redis/v9"
	"pgregory.net/rapid"
)

// resealed is data as a payload whose checksum fits.
func resealed(data []byte) []byte { return seal(append(sealed(len(data)), data...)) }

// allocated is how many bytes of memory fn takes.
func allocated(fn func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	fn()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// What decoding may allocate: some, since a few bytes can stand for all contacts
// of a piece, for each series of a day, and a factor of what there is to decode, for slices of the widest
// things that a byte can stand for.
const (
	someMemory   = 160 << 10
	memoryFactor = 300
)

// FuzzDecode gives a decoder any bytes, as they are and under a seal that fits:
// it never panics or allocates what the bytes can't hold, what it refuses is
// damaged, and what it reads is a value that can be written and read again.
func FuzzDecode(f *testing.F) {
	for i, c := range codecs {
		for seed := range 3 {
			if data, err := c.encode(rapid.Custom(c.draw).Example(seed)); err == nil && len(data) < 2000 {
				f.Add(uint8(i), data)
				f.Add(uint8(i), data[sealSize:])
			}
		}
		f.Add(uint8(i), []byte("\x00\x00\x00\x00\xff\xff\xff\xff\x0f")) // counts of things that are missing
	}
	f.Fuzz(func(t *testing.T, which uint8, data []byte) {
		c := codecs[int(which)%len(codecs)]
		checkDecode(t, c, data)
		checkDecode(t, c, resealed(data))
	})
}

func checkDecode(t *testing.T, c codec, data []byte) {
	var v any
	var err error
	if n := allocated(func() { v, err = c.decode(data) }); n > someMemory+memoryFactor*uint64(len(data)) {
		t.Errorf("%s of %x, %d bytes: %d bytes were allocated", c.name, data, len(data), n)
	}
	if err != nil {
		if !errors.Is(err, ErrDamaged) {
			t.Errorf("%s of %x: %v", c.name, data, err)
		}
		return
	}
	if c.name == "events" { // written sorted
		return
	}
	again, err := c.encode(v)
	if err != nil {
		t.Fatalf("%s of %x: %+v can't be written: %v", c.name, data, v, err)
	}
	if back, err := c.decode(again); err != nil || !reflect.DeepEqual(back, v) {
		t.Errorf("%s of %x: %+v came back as %+v, %v", c.name, data, v, back, err)
	}
}

func FuzzEachOp(f *testing.F) {
	for seed := range 40 {
		f.Add(encodeOps(rapid.Custom(drawOps).Example(seed))[sealSize:])
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, entry := range [][]byte{data, resealed(data)} {
			read, err := decodeOps(entry)
			if err != nil {
				if !errors.Is(err, ErrDamaged) {
					t.Errorf("%x: %v", entry, err)
				}
				continue
			}
			if back, err := decodeOps(encodeOps(read)); err != nil || !reflect.DeepEqual(back, read) {
				t.Errorf("%x: %+v came back as %+v, %v", entry, read, back, err)
			}
		}
	})
}

// FuzzReadEntry gives the reader of the changelog an element of the stream with
// any fields.
func FuzzReadEntry(f *testing.F) {
	c := rapid.Custom(drawCheckpoint).Example(1)
	f.Add(uint64(7), encodeOps(rapid.Custom(drawOps).Example(1)), c.Encode(), "", "")
	f.Add(uint64(8), []byte{}, []byte{}, "mine", "yours")
	f.Fuzz(func(t *testing.T, seq uint64, ops, checkpoint []byte, nonce, before string) {
		for _, stored := range [][]byte{checkpoint, resealed(checkpoint)} {
			m := redis.XMessage{ID: fmt.Sprintf("%d-0", seq), Values: map[string]any{
				"e": string(ops), "c": string(stored), "n": nonce, "b": before,
			}}
			e, err := readEntry(m)
			if err != nil {
				if !errors.Is(err, ErrDamaged) {
					t.Errorf("%v: %v", m, err)
				}
				continue
			}
			want, _ := decodeCheckpoint(stored)
			switch {
			case nonce != "" && !reflect.DeepEqual(e, Entry{Seq: seq, Nonce: nonce, Before: before}):
				t.Errorf("%v is %+v, want a take-over", m, e)
			case nonce == "" && !reflect.DeepEqual(e, Entry{Seq: seq, Ops: append([]byte{}, ops...), Checkpoint: want}):
				t.Errorf("%v is %+v, want a commit", m, e)
			}
		}
	})
}

// FuzzRegister writes and reads registers of any records. A record without a
// time of its own and of Kafka's is dated a millisecond before 1970.
func FuzzRegister(f *testing.F) {
	f.Add(int64(1_794_744_000_000), true, int64(1_794_744_000_000), int32(3), int64(7), uint32(4), uint32(70_000))
	f.Add(int64(-1), true, int64(-1), int32(0), int64(0), uint32(0), uint32(1<<32-1))
	f.Add(int64(0), false, int64(0), int32(0), int64(0), uint32(9), uint32(0))
	f.Fuzz(func(t *testing.T, consent int64, flag bool, time int64, partition int32, offset int64, contact, more uint32) {
		const farthest = 1 << 62
		if partition < 0 || consent < -farthest || consent >= farthest || uint64(contact)+uint64(more) > math.MaxUint32 {
			return
		}
		r := Register{Consent: consent, OptedOut: flag, Time: time, Partition: partition, Offset: offset}
		if time == 0 {
			r.Partition, r.Offset = 0, 0 // of no record
		}
		if back, err := DecodeRegisters(EncodeRegisters([]Register{r, {}, r})); err != nil || !slices.Equal(back, []Register{r, {}, r}) {
			t.Errorf("%+v came back as %+v, %v", r, back, err)
		}
		list := []ListRegister{{contact, consent, flag}, {contact + more, time >> 2, !flag}}
		if back, err := DecodeListRegisters(EncodeListRegisters(list)); err != nil || !slices.Equal(back, list) {
			t.Errorf("%+v came back as %+v, %v", list, back, err)
		}
	})
}
