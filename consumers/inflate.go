package consumers

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/klauspost/compress/zstd"
	"github.com/segmentio/kafka-go/compress"
)

var errInflatesTooLarge = errors.New("inflates to more than is allowed")

// inflate decompresses the records of a batch. A result of more than limit
// bytes is refused: a megabyte can be made to inflate to gigabytes.
func inflate(codec compress.Compression, src []byte, limit int) (*buffer, error) {
	c := codec.Codec()
	if c == nil {
		return nil, fmt.Errorf("unknown compression %d", codec)
	}
	if codec == compress.Snappy && !snappyWithin(src, limit) {
		return nil, fmt.Errorf("%s: malformed, or %w", c.Name(), errInflatesTooLarge)
	}
	r := newInflater(c, src)
	defer r.Close()
	out, err := readAll(r, newBuffer(4*len(src)), limit)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.Name(), err)
	}
	return out, nil
}

// maxWindow is the largest window that a zstd frame may ask for. The decoder
// allocates it, so that a frame of ten bytes can cost half a gigabyte if it is
// allowed to. It is what the reference implementation takes by default, and
// what the highest level of compression asks for.
const maxWindow = 128 << 20

// newInflater reads src with kafka-go's codec, but for zstd, for which it takes
// a decoder that bounds the window.
func newInflater(c compress.Codec, src []byte) io.ReadCloser {
	if c.Code() != int8(compress.Zstd) {
		return c.NewReader(bytes.NewReader(src))
	}
	d := zstdDecoders.Get().(*zstd.Decoder)
	_ = d.Reset(bytes.NewReader(src)) // fails for decoders that were closed
	return zstdReader{d}
}

var zstdDecoders = sync.Pool{New: func() any {
	d, _ := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow)) // fails for options out of range
	return d
}}

// zstdReader gives its decoder back when it is closed.
type zstdReader struct{ *zstd.Decoder }

func (r zstdReader) Close() error {
	err := r.Reset(nil)
	zstdDecoders.Put(r.Decoder)
	return err
}

// readAll reads r to its end into buf, or into a larger one that replaces it.
func readAll(r io.Reader, buf *buffer, limit int) (*buffer, error) {
	mem := buf.b[:cap(buf.b)]
	for n := 0; ; {
		if n == len(mem) {
			grown := newBuffer(2 * n)
			copy(grown.b, mem)
			buf.release()
			buf, mem = grown, grown.b[:cap(grown.b)]
		}
		k, err := r.Read(mem[n:])
		n += k
		if n > limit {
			err = errInflatesTooLarge
		}
		if err == io.EOF {
			buf.b = mem[:n]
			return buf, nil
		}
		if err != nil {
			buf.release()
			return nil, err
		}
	}
}

var xerialMagic = []byte{130, 'S', 'N', 'A', 'P', 'P', 'Y', 0}

// snappyWithin says whether the sizes that a snappy stream declares, framed or
// not, are within its bytes and the limit: the codec allocates what they say.
func snappyWithin(src []byte, limit int) bool {
	if !bytes.HasPrefix(src, xerialMagic) || len(src) < 16 {
		n, _ := binary.Uvarint(src)
		return n <= uint64(limit)
	}
	for src, total := src[16:], uint64(0); len(src) > 0; {
		if len(src) < 4 {
			return false
		}
		size := uint64(binary.BigEndian.Uint32(src))
		if size == 0 || size > uint64(len(src)-4) {
			return false
		}
		n, _ := binary.Uvarint(src[4 : 4+size])
		if total += n; total > uint64(limit) {
			return false
		}
		src = src[4+size:]
	}
	return true
}
