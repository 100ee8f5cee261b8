package bitmaps

import (
	"encoding/binary"
	"math/bits"
	"sync"

	"github.com/RoaringBitmap/roaring/v2"
)

// spread is a piece, a bit for each number.
type spread [PieceSize / 64]uint64

var spreads = sync.Pool{New: func() any { return new(spread) }}

// inverted says that the gaps are of the numbers that are missing.
const inverted = 1 << 4

// appendContacts writes numbers below PieceSize as the gaps between them, in Rice
// codes:
//
//	header  uvarint: how many gaps << 5 | inverted | k
//	end     uvarint: all numbers are below, those that are missing too; only if inverted
//	gaps    from the lowest bit of each byte on: gap>>k zeros, a one, the lowest k bits of the gap
//
// With k = 0 the gaps are a plain bitmap. Of a share p of all numbers each takes
// about log2(1/p) + 1.5 bits, which is within a few hundredths of the least if they
// are by chance, and at most half a bit more however they lie. A roaring container
// takes 16 bits for each, or one for each number that there could be.
func appendContacts(b []byte, numbers *roaring.Bitmap) []byte {
	if numbers.IsEmpty() {
		return append(b, 0)
	}
	s := spreads.Get().(*spread)
	defer spreads.Put(s)
	end, count := int(numbers.Maximum())+1, int(numbers.GetCardinality())
	words := s[:(end+63)/64]
	clear(words)
	numbers.WriteDenseTo(words)
	if count <= end/2 {
		k := gapsParameter(count, end)
		return appendGaps(binary.AppendUvarint(b, uint64(count<<5|k)), words, k)
	}
	for i := range words {
		words[i] = ^words[i]
	}
	words[len(words)-1] &= 1<<((end-1)%64) - 1 // the last number is there
	count = end - count
	k := gapsParameter(count, end)
	b = binary.AppendUvarint(b, uint64(count<<5|inverted|k))
	return appendGaps(binary.AppendUvarint(b, uint64(end)), words, k)
}

// gapsParameter is the k that makes count gaps between numbers below end the
// shortest, if they are by chance (A. Kiely, Selecting the Golomb Parameter in
// Rice Coding, 2004): the logarithm of 0.9625 times a mean gap and a half.
func gapsParameter(count, end int) int {
	return max(0, bits.Len(uint((2*end-count)*77/(160*max(count, 1))))-1)
}

// appendGaps writes the gaps between the bits that are set. The masks of k and n,
// which are below them, spare what shifts by more would take.
func appendGaps(b []byte, words []uint64, k int) []byte {
	for len(words) > 0 && words[len(words)-1] == 0 {
		words = words[:len(words)-1]
	}
	if k == 0 {
		return appendPlain(b, words)
	}
	var out uint64 // bits that are not written yet
	n, next := 0, 0
	for i, w := range words {
		for ; w != 0; w &= w - 1 {
			number := i*64 + bits.TrailingZeros64(w)
			gap := number - next
			next = number + 1
			for n += gap >> (k & 15); n >= 64; n -= 64 {
				b = binary.LittleEndian.AppendUint64(b, out)
				out = 0
			}
			low := uint64(gap)&(1<<(k&15)-1)<<1 | 1
			out |= low << (n & 63)
			if n += k + 1; n >= 64 {
				b = binary.LittleEndian.AppendUint64(b, out)
				n -= 64
				out = low >> ((k + 1 - n) & 63)
			}
		}
	}
	return appendLast(b, out, n)
}

// appendPlain writes gaps with k = 0, a word at once.
func appendPlain(b []byte, words []uint64) []byte {
	if len(words) == 0 {
		return b
	}
	last := words[len(words)-1]
	for _, w := range words[:len(words)-1] {
		b = binary.LittleEndian.AppendUint64(b, w)
	}
	return appendLast(b, last, bits.Len64(last))
}

// appendLast writes the lowest n bits of a word.
func appendLast(b []byte, w uint64, n int) []byte {
	for ; n > 0; n -= 8 {
		b = append(b, byte(w))
		w >>= 8
	}
	return b
}

// contacts reads what appendContacts wrote.
func (r *reader) contacts() *roaring.Bitmap {
	header := r.uint()
	k, end, count := int(header&(inverted-1)), uint64(PieceSize), header>>5
	if header&inverted != 0 {
		end = r.uint()
	}
	if end > PieceSize || count > end || count > 8*uint64(len(r.b)) {
		r.fail("bitmap")
	}
	if r.err != nil {
		return roaring.New()
	}
	s := spreads.Get().(*spread)
	defer spreads.Put(s)
	words := s[:(end+63)/64]
	clear(words)
	if k == 0 {
		r.plain(words, int(count), end)
	} else {
		r.gaps(words, int(count), end, k)
	}
	if header&inverted != 0 && r.err == nil && end > 0 {
		for i := range words {
			words[i] = ^words[i]
		}
		words[len(words)-1] &= ^uint64(0) >> (-end % 64)
	}
	return roaring.FromDense(words, true)
}

// gaps sets a bit for the end of each gap. The masks are as in appendGaps.
func (r *reader) gaps(words []uint64, count int, end uint64, k int) {
	at, number, w, left := 0, ^uint64(0), uint64(0), 0 // left is how many bits w has, those from at on
	for range count {
		gap, zeros := uint64(1), bits.TrailingZeros64(w)
		if zeros+1+k > left {
			for w = window(r.b, at); w&(1<<fewZeros-1) == 0; w = window(r.b, at) {
				at, gap = at+fewZeros, gap+fewZeros<<k
				if gap > end || at >= 8*len(r.b) {
					r.fail("bitmap")
					return
				}
			}
			left, zeros = windowBits, bits.TrailingZeros64(w)
		}
		taken := zeros + 1 + k
		number += gap + uint64(zeros)<<(k&15) + w>>((zeros+1)&63)&(1<<(k&15)-1)
		if number >= end {
			r.fail("bitmap")
			return
		}
		words[number/64] |= 1 << (number % 64)
		at, left, w = at+taken, left-taken, w>>(taken&63)
	}
	r.take((at + 7) / 8)
}

// plain reads gaps with k = 0, a word at once.
func (r *reader) plain(words []uint64, count int, end uint64) {
	at := 0
	for i := 0; count > 0; i++ {
		if 8*i >= len(r.b) || i == len(words) {
			r.fail("bitmap")
			return
		}
		w := window(r.b, 64*i)
		for n := bits.OnesCount64(w); n > count; n-- {
			w &^= 1 << (bits.Len64(w) - 1)
		}
		words[i], count, at = w, count-bits.OnesCount64(w), 64*i+bits.Len64(w)
	}
	if uint64(at) > end {
		r.fail("bitmap")
	}
	r.take((at + 7) / 8)
}

// take passes over bytes.
func (r *reader) take(n int) {
	if n > len(r.b) {
		r.fail("bitmap")
		return
	}
	r.b = r.b[n:]
}

const (
	windowBits = 57
	// fewZeros leave room for a one and the greatest k in a window.
	fewZeros = windowBits - 1 - 15
)

// window is the bits of b from a place on: at least windowBits, and zeros where
// there are no more.
func window(b []byte, at int) uint64 {
	b = b[min(at/8, len(b)):]
	if len(b) >= 8 {
		return binary.LittleEndian.Uint64(b) >> (at % 8)
	}
	var last [8]byte
	copy(last[:], b)
	return binary.LittleEndian.Uint64(last[:]) >> (at % 8)
}
