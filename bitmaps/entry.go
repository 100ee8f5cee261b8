package bitmaps

import (
	"encoding/binary"
	"fmt"
)

// Code says what an Op changes.
type Code byte

// The ops of a changelog entry and the fields of Op they use.
const (
	OpAccount     Code = iota + 1 // Name: the ops that follow are of this account
	OpContact                     // Number, Name: the contact with this id has this number
	OpMessage                     // Number, Name
	OpList                        // Number, Kind, Name
	OpReason                      // Number, Name: why sends failed
	OpTitle                       // Flag: of a list, not of a message; Number, Time, Name: what it is called, by a record of then
	OpFacts                       // Number, Facts, Country
	OpConsent                     // Number, Time, Flag: opted out
	OpVersion                     // Number, Time, Partition, Offset: of the latest contact record
	OpListMember                  // List, Number, Time, Flag: member
	OpEvents                      // Series, Day, Events
	OpMembers                     // Name: the segment, Cause, On, Off
	OpComposed                    // Number: the piece, Day: today, Offset: definitions
	OpErase                       // Hash, Time: records of this contact up to then count no more
	OpForget                      // Number, Day: no events up to Day; Flag: and no contact, Name: its id
	OpDropDays                    // Number: the piece, Day: the first one kept
	OpDropSegment                 // Name
	OpDropAccount
)

// Cause says why memberships changed.
type Cause byte

// The causes of changes.
const (
	CauseEvent Cause = iota + 1
	CauseWindow
	CauseDefinition
	CauseReplay
)

// Op is one change of state. Ops say what is from now on, so that applying one
// twice, or late in a run of ops that is applied whole, does no harm.
type Op struct {
	Code      Code
	Kind      byte
	Facts     byte
	Series    byte
	Cause     Cause
	Flag      bool
	Country   string
	Name      string
	Number    uint32
	List      uint32
	Day       int32
	Partition int32
	Time      int64
	Offset    int64
	Hash      [16]byte
	Events    []Event
	On, Off   []uint32 // contact numbers, ascending
}

// NewEntry begins a changelog entry, reusing buf's memory.
func NewEntry(buf []byte) []byte { return append(buf[:0], make([]byte, sealSize)...) }

// AppendOp adds an op to an entry.
func AppendOp(b []byte, op *Op) []byte {
	b = append(b, byte(op.Code))
	switch op.Code {
	case OpAccount, OpDropSegment:
		b = appendString(b, op.Name)
	case OpContact, OpMessage, OpReason:
		b = appendString(binary.AppendUvarint(b, uint64(op.Number)), op.Name)
	case OpList:
		b = appendString(append(binary.AppendUvarint(b, uint64(op.Number)), op.Kind), op.Name)
	case OpTitle:
		b = appendFlagged(binary.AppendUvarint(b, uint64(op.Number)), op.Time, op.Flag)
		b = appendString(b, op.Name)
	case OpFacts:
		b = append(binary.AppendUvarint(b, uint64(op.Number)), op.Facts)
		b = appendString(b, op.Country)
	case OpConsent:
		b = appendFlagged(binary.AppendUvarint(b, uint64(op.Number)), op.Time, op.Flag)
	case OpVersion:
		b = binary.AppendVarint(binary.AppendUvarint(b, uint64(op.Number)), op.Time)
		b = binary.AppendVarint(binary.AppendVarint(b, int64(op.Partition)), op.Offset)
	case OpListMember:
		b = binary.AppendUvarint(binary.AppendUvarint(b, uint64(op.List)), uint64(op.Number))
		b = appendFlagged(b, op.Time, op.Flag)
	case OpEvents:
		b = binary.AppendVarint(append(b, op.Series), int64(op.Day))
		b = appendEvents(b, op.Events)
	case OpMembers:
		b = append(appendString(b, op.Name), byte(op.Cause))
		b = appendNumbers(appendNumbers(b, op.On), op.Off)
	case OpComposed:
		b = binary.AppendVarint(binary.AppendUvarint(b, uint64(op.Number)), int64(op.Day))
		b = binary.AppendVarint(b, op.Offset)
	case OpErase:
		b = binary.AppendVarint(append(b, op.Hash[:]...), op.Time)
	case OpForget:
		b = appendFlagged(binary.AppendUvarint(b, uint64(op.Number)), int64(op.Day), op.Flag)
		b = appendString(b, op.Name)
	case OpDropDays:
		b = binary.AppendVarint(binary.AppendUvarint(b, uint64(op.Number)), int64(op.Day))
	}
	return b
}

// SealEntry finishes an entry.
func SealEntry(b []byte) []byte { return seal(b) }

// EachOp reads an entry's ops in order. The op, but for its strings, is valid
// until fn returns.
func EachOp(entry []byte, fn func(op *Op) error) error {
	payload, err := unseal(entry)
	if err != nil {
		return err
	}
	r := reader{b: payload}
	var op Op
	for len(r.b) > 0 {
		r.op(&op)
		if r.err != nil {
			return r.err
		}
		if err := fn(&op); err != nil {
			return err
		}
	}
	return r.done()
}

func (r *reader) op(op *Op) {
	*op = Op{Code: Code(r.byte()), Events: op.Events[:0], On: op.On[:0], Off: op.Off[:0]}
	switch op.Code {
	case OpAccount, OpDropSegment:
		op.Name = r.string()
	case OpContact, OpMessage, OpReason:
		op.Number, op.Name = r.uint32(), r.string()
	case OpList:
		op.Number, op.Kind, op.Name = r.uint32(), r.byte(), r.string()
	case OpTitle:
		op.Number = r.uint32()
		op.Time, op.Flag = r.flagged()
		op.Name = r.string()
	case OpFacts:
		op.Number, op.Facts, op.Country = r.uint32(), r.byte(), r.string()
	case OpConsent:
		op.Number = r.uint32()
		op.Time, op.Flag = r.flagged()
	case OpVersion:
		op.Number, op.Time, op.Partition, op.Offset = r.uint32(), r.int(), int32(r.int()), r.int()
	case OpListMember:
		op.List, op.Number = r.uint32(), r.uint32()
		op.Time, op.Flag = r.flagged()
	case OpEvents:
		op.Series, op.Day = r.byte(), int32(r.int())
		op.Events = r.events(op.Events)
	case OpMembers:
		op.Name, op.Cause = r.string(), Cause(r.byte())
		op.On, op.Off = r.numbers(op.On), r.numbers(op.Off)
	case OpComposed:
		op.Number, op.Day, op.Offset = r.uint32(), int32(r.int()), r.int()
	case OpErase:
		r.hash(&op.Hash)
		op.Time = r.int()
	case OpForget:
		op.Number = r.uint32()
		day, gone := r.flagged()
		op.Day, op.Flag, op.Name = int32(day), gone, r.string()
	case OpDropDays:
		op.Number, op.Day = r.uint32(), int32(r.int())
	case OpDropAccount:
	default:
		r.err = fmt.Errorf("%w: op %d", ErrDamaged, op.Code)
	}
}

func (r *reader) hash(h *[16]byte) {
	if len(r.b) < len(h) {
		r.fail("hash")
		return
	}
	r.b = r.b[copy(h[:], r.b):]
}

func appendFlagged(b []byte, v int64, flag bool) []byte {
	v <<= 1
	if flag {
		v |= 1
	}
	return binary.AppendVarint(b, v)
}

func (r *reader) flagged() (int64, bool) {
	v := r.int()
	return v >> 1, v&1 == 1
}

func appendNumbers(b []byte, numbers []uint32) []byte {
	b = binary.AppendUvarint(b, uint64(len(numbers)))
	last := uint32(0)
	for _, n := range numbers {
		b = binary.AppendUvarint(b, uint64(n-last))
		last = n
	}
	return b
}

func (r *reader) numbers(dst []uint32) []uint32 {
	last := uint32(0)
	for range r.count() {
		last += r.uint32()
		dst = append(dst, last)
	}
	return dst
}
