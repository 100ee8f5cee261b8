package bitmaps

import (
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
	case Events:
		return 4
	case Day, ListMembers, ListRegisters:
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
func EncodeBitmap(b *roaring.Bitmap) []byte { return seal(appendContacts(sealed(0), b)) }

// DecodeBitmap checks and reads what EncodeBitmap wrote. The result does not
// alias data.
func DecodeBitmap(data []byte) (*roaring.Bitmap, error) {
	payload, err := unseal(data)
	if err != nil {
		return nil, err
	}
	r := reader{b: payload}
	return r.contacts(), r.done()
}

// DayFragment is what a Day fragment holds.
type DayFragment struct {
	Seq    uint64      // the runs hold the events of changelog entries up to this one
	Series []DaySeries // ascending
}

// DaySeries is what a day has of a series.
type DaySeries struct {
	Series   uint8 // below 8
	Contacts *roaring.Bitmap
	Runs     []int          // how many events each run of the Events fragments holds
	Counts   []MessageCount // how many of them each message has, by message; nil: they are not counted
}

// Of is what the day has of a series; nil: nothing.
func (d *DayFragment) Of(series uint8) *DaySeries {
	for i := range d.Series {
		if d.Series[i].Series == series {
			return &d.Series[i]
		}
	}
	return nil
}

// MessageCount is how many events of a message there are.
type MessageCount struct{ Message, Events uint32 }

const (
	seriesMask = 1<<3 - 1
	isCounted  = 1 << 3
	runsShift  = 4
)

// EncodeDay seals a Day fragment.
func EncodeDay(d DayFragment) []byte {
	b := binary.AppendUvarint(sealed(64), d.Seq)
	for i := range d.Series {
		b = d.Series[i].append(b)
	}
	return seal(b)
}

// append writes how many runs there are with what series they are of, and whether
// their events are counted; their sizes; the counts; and the contacts.
func (d *DaySeries) append(b []byte) []byte {
	head := uint64(len(d.Runs))<<runsShift | uint64(d.Series)
	if d.Counts != nil {
		head |= isCounted
	}
	b = binary.AppendUvarint(b, head)
	for _, n := range d.Runs {
		b = binary.AppendUvarint(b, uint64(n))
	}
	if d.Counts != nil {
		b = appendCounts(b, d.Counts)
	}
	return appendContacts(b, d.Contacts)
}

// DecodeDay checks and reads what EncodeDay wrote.
func DecodeDay(data []byte) (DayFragment, error) {
	payload, err := unseal(data)
	if err != nil {
		return DayFragment{}, err
	}
	r := reader{b: payload}
	d := DayFragment{Seq: r.uint()}
	for len(r.b) > 0 {
		of := r.daySeries()
		if n := len(d.Series); n > 0 && of.Series <= d.Series[n-1].Series {
			r.fail("order of series")
		}
		d.Series = append(d.Series, of)
	}
	return d, r.done()
}

func (r *reader) daySeries() DaySeries {
	head := r.uint()
	d := DaySeries{Series: uint8(head & seriesMask)}
	runs := head >> runsShift
	if runs > uint64(len(r.b)) {
		r.fail("runs")
	}
	for range runs {
		if r.err != nil {
			break
		}
		d.Runs = append(d.Runs, int(r.uint32()))
	}
	if head&isCounted != 0 {
		d.Counts = r.counts()
	}
	d.Contacts = r.contacts()
	return d
}

func appendCounts(b []byte, counts []MessageCount) []byte {
	b = binary.AppendUvarint(b, uint64(len(counts)))
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
	counts := make([]MessageCount, 0, n)
	last := uint64(0)
	for i := range n {
		by := r.uint32()
		if last += uint64(by); i > 0 && by == 0 || last > math.MaxUint32 {
			r.fail("order of messages")
			return nil
		}
		counts = append(counts, MessageCount{Message: uint32(last), Events: r.uint32()})
	}
	return counts
}
