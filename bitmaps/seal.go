package bitmaps

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
)

// Format is the version of everything this package writes, and the only one
// that it reads.
const Format = 5

// MaxValue caps the size of a stored value, in bytes.
const MaxValue = 16 << 20

// ErrDamaged is returned for bytes that are not what was written.
var ErrDamaged = errors.New("damaged")

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

const sealSize = 5 // format, CRC-32C

// seal puts format and checksum before a payload that was appended to
// a buffer begun with sealSize free bytes.
func seal(b []byte) []byte {
	b[0] = Format
	binary.LittleEndian.PutUint32(b[1:], crc32.Checksum(b[sealSize:], castagnoli))
	return b
}

func sealed(capacity int) []byte { return make([]byte, sealSize, sealSize+capacity) }

// unseal checks a stored value and returns its payload.
func unseal(b []byte) ([]byte, error) {
	switch {
	case len(b) < sealSize || len(b) > MaxValue:
		return nil, fmt.Errorf("%w: %d bytes", ErrDamaged, len(b))
	case b[0] != Format:
		return nil, fmt.Errorf("%w: format %d, this binary reads %d", ErrDamaged, b[0], Format)
	case binary.LittleEndian.Uint32(b[1:]) != crc32.Checksum(b[sealSize:], castagnoli):
		return nil, fmt.Errorf("%w: checksum differs", ErrDamaged)
	}
	return b[sealSize:], nil
}
