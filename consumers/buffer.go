package consumers

import (
	"math/bits"
	"sync"
)

// buffer is a reusable piece of memory. Fetched bytes and inflated batches live
// in buffers until the task that read them asks for more.
type buffer struct {
	b    []byte // as long as was asked for
	pool *sync.Pool
}

const (
	smallestBuffer = 9  // log2: 512 bytes
	largestBuffer  = 24 // log2: 16 MiB; larger ones are left to the collector
)

var bufferPools [largestBuffer + 1]sync.Pool

// newBuffer returns a buffer of n bytes with any content.
func newBuffer(n int) *buffer {
	class := max(bits.Len(uint(max(n, 1)-1)), smallestBuffer)
	if class > largestBuffer {
		return &buffer{b: make([]byte, n)}
	}
	pool := &bufferPools[class]
	if b, _ := pool.Get().(*buffer); b != nil {
		b.b = b.b[:n]
		return b
	}
	return &buffer{b: make([]byte, n, 1<<class), pool: pool}
}

// release gives the memory back. Nothing may alias it any more.
func (b *buffer) release() {
	if b != nil && b.pool != nil {
		b.pool.Put(b)
	}
}
