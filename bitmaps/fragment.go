package bitmaps

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/RoaringBitmap/roaring/v2"
)

// PieceSize is how many contact numbers a piece covers.
const PieceSize = 1 << 16

// ChunkSize is how many contacts, messages, lists or reasons a chunk covers.
const ChunkSize = 256

// Kind is the first letter of a fragment's name; the package comment lists them.
type Kind byte

// The kinds of fragments.
const (
	Meta          Kind = 'm'
	IDs           Kind = 'i'
	Registers     Kind = 'r'
	MessageNames  Kind = 'n'
	ListNames     Kind = 'k'
	Reasons       Kind = 'w'
	MessageTitles Kind = 'c'
	ListTitles    Kind = 'g'
	Fact          Kind = 'f'
	Day           Kind = 'd'
	Events        Kind = 'e'
	ListMembers   Kind = 'l'
	ListRegisters Kind = 't'
	Members       Kind = 's'
	Composed      Kind = 'p'
	Erasures      Kind = 'x'
)

// Field names a fragment within its account.
type Field struct {
	Kind Kind
	Name string    // of a Fact or a Segment
	N    [4]uint32 // what the package comment writes in capitals, in order
}

// numbers is how many of N a kind uses.
func (k Kind) numbers() int {
	switch k {
	case Meta:
		return 0
	case Day:
		return 3
	case Events:
		return 4
	case ListMembers, ListRegisters:
		return 2
	}
	return 1
}

func (k Kind) named() bool { return k == Fact || k == Members }

// String is the name of the hash field.
func (f Field) String() string {
	b := make([]byte, 0, 32)
	b = append(b, byte(f.Kind))
	if f.Kind.named() {
		b = append(append(b, ':'), f.Name...)
	}
	for _, n := range f.N[:f.Kind.numbers()] {
		b = strconv.AppendUint(append(b, ':'), uint64(n), 10)
	}
	return string(b)
}

// ParseField is the inverse of Field.String.
func ParseField(s string) (Field, error) {
	bad := fmt.Errorf("%w: fragment name %q", ErrDamaged, s)
	if s == "" || !strings.ContainsRune("mirnkwcgfdeltspx", rune(s[0])) {
		return Field{}, bad
	}
	f := Field{Kind: Kind(s[0])}
	parts := strings.Split(s, ":")
	if parts[0] != s[:1] {
		return Field{}, bad
	}
	parts = parts[1:]
	if f.Kind.named() {
		if len(parts) == 0 {
			return Field{}, bad
		}
		f.Name, parts = parts[0], parts[1:]
	}
	if len(parts) != f.Kind.numbers() {
		return Field{}, bad
	}
	for i, p := range parts {
		n, err := strconv.ParseUint(p, 10, 32)
		if err != nil {
			return Field{}, bad
		}
		f.N[i] = uint32(n)
	}
	return f, nil
}

// EncodeBitmap seals a bitmap of numbers below PieceSize.
func EncodeBitmap(b *roaring.Bitmap) ([]byte, error) {
	out := bytes.NewBuffer(sealed(int(b.GetSerializedSizeInBytes())))
	if _, err := b.WriteTo(out); err != nil {
		return nil, err
	}
	return seal(out.Bytes()), nil
}

// DecodeBitmap checks and reads what EncodeBitmap wrote. The result does not
// alias data.
func DecodeBitmap(data []byte) (*roaring.Bitmap, error) {
	payload, err := unseal(data)
	if err != nil {
		return nil, err
	}
	return decodeBitmap(payload)
}

// DayFragment is what a Day fragment holds.
type DayFragment struct {
	Contacts *roaring.Bitmap
	Runs     []int          // how many events each run of the Events fragments holds
	Counts   []MessageCount // how many of them each message has, by message; nil: they are not counted
	Seq      uint64         // the runs hold the events of changelog entries up to this one
}

// MessageCount is how many events of a message there are.
type MessageCount struct{ Message, Events uint32 }

// EncodeDay seals a Day fragment.
func EncodeDay(d DayFragment) ([]byte, error) {
	b := binary.AppendUvarint(sealed(16+int(d.Contacts.GetSerializedSizeInBytes())), d.Seq)
	b = binary.AppendUvarint(b, uint64(len(d.Runs)))
	for _, n := range d.Runs {
		b = binary.AppendUvarint(b, uint64(n))
	}
	b = appendCounts(b, d.Counts)
	out := bytes.NewBuffer(b)
	if _, err := d.Contacts.WriteTo(out); err != nil {
		return nil, err
	}
	return seal(out.Bytes()), nil
}

// DecodeDay checks and reads what EncodeDay wrote.
func DecodeDay(data []byte) (DayFragment, error) {
	payload, err := unseal(data)
	if err != nil {
		return DayFragment{}, err
	}
	r := reader{b: payload}
	d := DayFragment{Seq: r.uint()}
	for range r.count() {
		d.Runs = append(d.Runs, int(r.uint32()))
	}
	d.Counts = r.counts()
	if r.err != nil {
		return d, r.err
	}
	d.Contacts, err = decodeBitmap(r.b)
	return d, err
}

// appendCounts writes how many counts there are and one more, 0 if there is no
// telling, and the counts.
func appendCounts(b []byte, counts []MessageCount) []byte {
	if counts == nil {
		return binary.AppendUvarint(b, 0)
	}
	b = binary.AppendUvarint(b, uint64(len(counts))+1)
	last := uint32(0)
	for _, c := range counts {
		b = binary.AppendUvarint(b, uint64(c.Message-last))
		b = binary.AppendUvarint(b, uint64(c.Events))
		last = c.Message
	}
	return b
}

func (r *reader) counts() []MessageCount {
	n := r.count()
	if n == 0 {
		return nil
	}
	counts := make([]MessageCount, 0, n-1)
	last := uint64(0)
	for i := range n - 1 {
		by := r.uint32()
		if last += uint64(by); i > 0 && by == 0 || last > math.MaxUint32 {
			r.fail("order of messages")
			return nil
		}
		counts = append(counts, MessageCount{Message: uint32(last), Events: r.uint32()})
	}
	return counts
}

func decodeBitmap(payload []byte) (*roaring.Bitmap, error) {
	b := roaring.New()
	if err := b.UnmarshalBinary(payload); err != nil {
		return nil, fmt.Errorf("%w: %v", ErrDamaged, err)
	}
	if err := b.Validate(); err != nil && !b.IsEmpty() {
		return nil, fmt.Errorf("%w: %v", ErrDamaged, err)
	}
	if b.GetSerializedSizeInBytes() != uint64(len(payload)) || (!b.IsEmpty() && b.Maximum() >= PieceSize) {
		return nil, fmt.Errorf("%w: not the bitmap of one piece", ErrDamaged)
	}
	return b, nil
}
