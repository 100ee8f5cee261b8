package bitmaps

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"
)

// EncodeNames seals up to ChunkSize names by their place in the chunk; an empty
// name is a place that nothing holds.
func EncodeNames(names []string) []byte {
	b := sealed(len(names) * 16)
	for _, name := range names {
		b = appendString(b, name)
	}
	return seal(b)
}

// DecodeNames reads what EncodeNames wrote.
func DecodeNames(data []byte) ([]string, error) {
	payload, err := unseal(data)
	if err != nil {
		return nil, err
	}
	r := reader{b: payload}
	var names []string
	for len(r.b) > 0 && len(names) <= ChunkSize {
		names = append(names, r.string())
	}
	if len(names) > ChunkSize {
		return nil, fmt.Errorf("%w: more than %d names", ErrDamaged, ChunkSize)
	}
	return names, r.done()
}

// Title is what people call a message or a list.
type Title struct {
	At   int64 // Unix ms of the latest record that says so
	Text string
}

// EncodeTitles seals up to ChunkSize titles by their place in the chunk; an empty
// one is of what nobody has called anything.
func EncodeTitles(titles []Title) []byte {
	b := sealed(len(titles) * 30)
	for _, t := range titles {
		b = appendString(binary.AppendVarint(b, t.At), t.Text)
	}
	return seal(b)
}

// DecodeTitles reads what EncodeTitles wrote.
func DecodeTitles(data []byte) ([]Title, error) {
	payload, err := unseal(data)
	if err != nil {
		return nil, err
	}
	r := reader{b: payload}
	var titles []Title
	for len(r.b) > 0 && len(titles) < ChunkSize {
		titles = append(titles, Title{At: r.int(), Text: r.string()})
	}
	return titles, r.done()
}

// Register is what a contact's latest consent event and contact record were,
// so that an older one changes nothing.
type Register struct {
	Consent   int64 // Unix ms of the latest consent event; 0: none
	OptedOut  bool  // what that event said
	Time      int64 // Kafka time of the latest contact record, Unix ms; 0: none
	Partition int32 // where that record first stood
	Offset    int64
}

// EncodeRegisters seals the registers of a chunk's contacts.
func EncodeRegisters(registers []Register) []byte {
	b := sealed(len(registers) * 20)
	for _, r := range registers {
		consent := uint64(r.Consent) << 1
		if r.OptedOut {
			consent |= 1
		}
		b = binary.AppendUvarint(b, consent)
		b = binary.AppendUvarint(b, uint64(r.Time))
		if r.Time != 0 {
			b = binary.AppendUvarint(b, uint64(r.Partition))
			b = binary.AppendUvarint(b, uint64(r.Offset))
		}
	}
	return seal(b)
}

// DecodeRegisters reads what EncodeRegisters wrote.
func DecodeRegisters(data []byte) ([]Register, error) {
	payload, err := unseal(data)
	if err != nil {
		return nil, err
	}
	r := reader{b: payload}
	var out []Register
	for len(r.b) > 0 && len(out) < ChunkSize {
		consent := r.uint()
		reg := Register{Consent: int64(consent) >> 1, OptedOut: consent&1 == 1, Time: int64(r.uint())}
		if reg.Time != 0 {
			reg.Partition, reg.Offset = r.partition(), int64(r.uint())
		}
		out = append(out, reg)
	}
	return out, r.done()
}

// ListRegister is a contact's latest record on one list.
type ListRegister struct {
	Contact uint32
	At      int64 // Unix ms
	Member  bool
}

// EncodeListRegisters seals the registers of one list and chunk, sorted by contact.
func EncodeListRegisters(registers []ListRegister) []byte {
	b := sealed(len(registers) * 9)
	last := uint32(0)
	for _, r := range registers {
		at := uint64(r.At) << 1
		if r.Member {
			at |= 1
		}
		b = binary.AppendUvarint(b, uint64(r.Contact-last))
		b = binary.AppendUvarint(b, at)
		last = r.Contact
	}
	return seal(b)
}

// DecodeListRegisters reads what EncodeListRegisters wrote.
func DecodeListRegisters(data []byte) ([]ListRegister, error) {
	payload, err := unseal(data)
	if err != nil {
		return nil, err
	}
	r := reader{b: payload}
	var out []ListRegister
	last := uint32(0)
	for len(r.b) > 0 {
		last += r.uint32()
		at := r.uint()
		out = append(out, ListRegister{Contact: last, At: int64(at) >> 1, Member: at&1 == 1})
	}
	return out, r.done()
}

// Event is one event of a contact on the day and of the series that it is filed
// under.
type Event struct {
	Contact uint32
	Message uint32
	ID      uint64 // hash of the event's identity
}

// CompareEvents orders events as a run does: contact, message, identity.
func CompareEvents(a, b Event) int {
	return cmp.Or(cmp.Compare(a.Contact, b.Contact), cmp.Compare(a.Message, b.Message), cmp.Compare(a.ID, b.ID))
}

// EncodeEvents sorts events in place and seals them as a run: about 10 bytes each.
func EncodeEvents(events []Event) []byte {
	slices.SortFunc(events, CompareEvents)
	return seal(appendEvents(sealed(len(events)*12), events))
}

// DecodeEvents appends the events of a run to dst.
func DecodeEvents(dst []Event, data []byte) ([]Event, error) {
	payload, err := unseal(data)
	if err != nil {
		return dst, err
	}
	r := reader{b: payload}
	dst = r.events(dst)
	return dst, r.done()
}

// appendEvents writes a count and events; sorted ones are shorter.
func appendEvents(b []byte, events []Event) []byte {
	b = binary.AppendUvarint(b, uint64(len(events)))
	last := uint32(0)
	for _, e := range events {
		b = binary.AppendVarint(b, int64(e.Contact)-int64(last))
		b = binary.AppendUvarint(b, uint64(e.Message))
		b = binary.LittleEndian.AppendUint64(b, e.ID)
		last = e.Contact
	}
	return b
}

func (r *reader) events(dst []Event) []Event {
	n := r.count()
	last := uint32(0)
	for range n {
		last += uint32(r.int())
		dst = append(dst, Event{Contact: last, Message: r.uint32(), ID: r.fixed64()})
		if r.err != nil {
			break
		}
	}
	return dst
}
