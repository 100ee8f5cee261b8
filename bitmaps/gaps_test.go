package bitmaps

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/RoaringBitmap/roaring/v2"
	"pgregory.net/rapid"
)

// twinContacts writes ascending numbers in the plainest way, with a k.
func twinContacts(numbers []uint32, k int) []byte {
	end := 0
	if len(numbers) > 0 {
		end = int(numbers[len(numbers)-1]) + 1
	}
	coded, header := numbers, uint64(k)
	if len(numbers) > end/2 {
		header, coded = header|inverted, nil
		for n := range uint32(end) {
			if !slices.Contains(numbers, n) {
				coded = append(coded, n)
			}
		}
	}
	b := binary.AppendUvarint(nil, uint64(len(coded))<<5|header)
	if header&inverted != 0 {
		b = binary.AppendUvarint(b, uint64(end))
	}
	var line []bool
	next := uint32(0)
	for _, n := range coded {
		gap := n - next
		next = n + 1
		line = append(append(line, make([]bool, gap>>k)...), true)
		for i := range k {
			line = append(line, gap>>i&1 == 1)
		}
	}
	packed := make([]byte, (len(line)+7)/8)
	for i, bit := range line {
		if bit {
			packed[i/8] |= 1 << (i % 8)
		}
	}
	return append(b, packed...)
}

// twinRead reads the numbers that bytes begin with, bit by bit, and tells how
// many bytes they take; 0 if there are none.
func twinRead(data []byte) (numbers []uint32, taken int) {
	header, n := binary.Uvarint(data)
	if n <= 0 {
		return nil, 0
	}
	rest, end, k := data[n:], uint64(PieceSize), header&15
	if header&inverted != 0 {
		if end, n = binary.Uvarint(rest); n <= 0 {
			return nil, 0
		}
		rest = rest[n:]
	}
	at := 0
	bit := func() uint64 {
		at++
		if at > 8*len(rest) {
			return 0
		}
		return uint64(rest[(at-1)/8]) >> ((at - 1) % 8) & 1
	}
	coded, next := map[uint32]bool{}, uint64(0)
	for range header >> 5 {
		for ; bit() == 0; next += 1 << k {
			if at > 8*len(rest) {
				return nil, 0
			}
		}
		for i := range k {
			next += bit() << i
		}
		if next >= end || at > 8*len(rest) {
			return nil, 0
		}
		coded[uint32(next)] = true
		next++
	}
	if end > PieceSize {
		return nil, 0
	}
	for n := range uint32(end) {
		if coded[n] != (header&inverted != 0) {
			numbers = append(numbers, n)
		}
	}
	return numbers, len(data) - len(rest) + (at+7)/8
}

// TestContactsTwin writes numbers as the twin does, and reads them.
func TestContactsTwin(t *testing.T) {
	check := func(t *rapid.T, numbers []uint32) {
		b := appendContacts(nil, roaring.BitmapOf(numbers...))
		if twin := twinContacts(numbers, int(b[0]&(inverted-1))); !bytes.Equal(b, twin) {
			t.Fatalf("%d is %x, and %x in the plain way", numbers, b, twin)
		}
		r := reader{b: append(b, "more"...)}
		if back := r.contacts(); r.err != nil || string(r.b) != "more" || !slices.Equal(back.ToArray(), numbers) {
			t.Fatalf("%d came back as %d, before %q, %v", numbers, back.ToArray(), r.b, r.err)
		}
	}
	rapid.Check(t, func(t *rapid.T) { check(t, drawNumbers(t)) })
	rapid.Check(t, func(t *rapid.T) {
		density := rapid.Float64Range(0, 1).Draw(t, "density")
		check(t, sample(rapid.IntRange(0, 3000).Draw(t, "of"), density*density, rapid.Uint64().Draw(t, "seed")).ToArray())
	})
}

// sample is numbers below n, each by chance.
func sample(n int, density float64, seed uint64) *roaring.Bitmap {
	b, chance := roaring.New(), rand.New(rand.NewPCG(seed, 1))
	for i := range n {
		if chance.Float64() < density {
			b.AddInt(i)
		}
	}
	return b
}

// TestContactsAreShort holds the bytes of numbers by chance against the least
// that they can take, and those of any numbers against a plain bitmap, of which they may be a
// little longer if they are far from chance.
func TestContactsAreShort(t *testing.T) {
	for _, density := range []float64{0.0003, 0.001, 0.004, 0.01, 0.03, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 0.95, 0.999, 1} {
		numbers := sample(PieceSize, density, 7)
		p := float64(numbers.GetCardinality()) / PieceSize
		least := 0.0
		if p < 1 {
			least = PieceSize * -(p*math.Log2(p) + (1-p)*math.Log2(1-p)) / 8
		}
		if n := len(appendContacts(nil, numbers)); float64(n) > 1.045*least+8 {
			t.Errorf("%d numbers take %d bytes, and at least %.0f", numbers.GetCardinality(), n, least)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		numbers := drawNumbers(t)
		end := 0
		if len(numbers) > 0 {
			end = int(slices.Max(numbers)) + 1
		}
		if n := len(appendContacts(nil, roaring.BitmapOf(numbers...))); float64(n) > 1.1*float64(end)/8+8 {
			t.Errorf("%d numbers below %d take %d bytes", len(numbers), end, n)
		}
	})
}

// FuzzContacts reads any bytes as contacts, as the twin does.
func FuzzContacts(f *testing.F) {
	for i, density := range []float64{0, 0.002, 0.1, 0.5, 0.9, 1} {
		f.Add(appendContacts(nil, sample(300, density, uint64(i))))
	}
	f.Add([]byte{1<<5 | 15, 1 << 2, 0, 0})                    // 65,536
	f.Add([]byte{0xff, 0xff, 0x7f, 0xff})                     // more than there are bytes
	f.Add(append([]byte{1<<5 | 1}, make([]byte, 9000)...))    // a gap that does not end
	f.Add([]byte{1<<5 | inverted, 0xff, 0xff, 0xff, 0x7f, 1}) // beyond the piece
	f.Fuzz(func(t *testing.T, data []byte) {
		numbers, taken := twinRead(data)
		r := reader{b: data}
		read := r.contacts()
		switch {
		case (r.err == nil) != (taken > 0) || r.err != nil && !errors.Is(r.err, ErrDamaged):
			t.Errorf("%x: %v, and %d bytes in the plain way", data, r.err, taken)
		case r.err == nil && (!slices.Equal(read.ToArray(), numbers) || len(r.b) != len(data)-taken):
			t.Errorf("%x is %d with %d left, and %d with %d in the plain way", data, read.ToArray(), len(r.b), numbers, len(data)-taken)
		}
	})
}

// BenchmarkContacts writes and reads numbers by chance, in memory as package
// roaring has them, and beside that the same in its own format.
func BenchmarkContacts(b *testing.B) {
	for _, n := range []int{1000, PieceSize} {
		for _, density := range []float64{0.01, 0.03, 0.24, 0.5, 0.97} {
			numbers := sample(n, density, 1)
			stored := appendContacts(nil, numbers)
			theirs, err := numbers.ToBytes()
			if err != nil {
				b.Fatal(err)
			}
			run := func(name string, size int, fn func()) {
				b.Run(fmt.Sprintf("of=%d/density=%g/%s", n, density, name), func(b *testing.B) {
					b.ReportAllocs()
					for b.Loop() {
						fn()
					}
					each := float64(numbers.GetCardinality())
					b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/each, "ns/number")
					b.ReportMetric(float64(8*size)/each, "bits/number")
				})
			}
			buffer := make([]byte, 0, 2*PieceSize)
			run("write", len(stored), func() { _ = appendContacts(buffer, numbers) })
			run("roaring-write", len(theirs), func() { _, _ = numbers.WriteTo(bytes.NewBuffer(buffer)) })
			run("read", len(stored), func() { r := reader{b: stored}; _ = r.contacts() })
			run("roaring-read", len(theirs), func() {
				read := roaring.New()
				if err := read.UnmarshalBinary(theirs); err != nil || read.Validate() != nil {
					b.Fatal(err)
				}
			})
		}
	}
}
