package bitmaps

import (
	"errors"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/RoaringBitmap/roaring/v2"
	"pgregory.net/rapid"
)

// codec is one pair of Encode and Decode, with values in a form that
// reflect.DeepEqual can compare.
type codec struct {
	name   string
	draw   func(t *rapid.T) any
	encode func(v any) ([]byte, error)
	decode func(data []byte) (any, error)
}

// composed and day are what a codec's several values are in one.
type (
	composed struct {
		Today       int32
		Definitions int64
	}
	daySeries struct {
		Series   uint8
		Contacts []uint32
		Runs     []int
		Counts   []MessageCount
	}
	day struct {
		Seq    uint64
		Series []daySeries
	}
)

func plain[V any](encode func(V) []byte) func(any) ([]byte, error) {
	return func(v any) ([]byte, error) { return encode(v.(V)), nil }
}

func boxed[V any](decode func([]byte) (V, error)) func([]byte) (any, error) {
	return func(data []byte) (any, error) { return decode(data) }
}

func drawn[V any](draw func(*rapid.T) V) func(*rapid.T) any {
	return func(t *rapid.T) any { return draw(t) }
}

var codecs = []codec{
	{"bitmap", drawn(drawNumbers), encodeNumbers, decodeNumbers},
	{"day", drawn(drawDay), encodeDay, decodeDay},
	{"names", drawn(drawNames), plain(EncodeNames), boxed(DecodeNames)},
	{"titles", drawn(drawTitles), plain(EncodeTitles), boxed(DecodeTitles)},
	{"registers", drawn(drawRegisters), plain(EncodeRegisters), boxed(DecodeRegisters)},
	{"list registers", drawn(drawListRegisters), plain(EncodeListRegisters), boxed(DecodeListRegisters)},
	{"events", drawn(drawEvents), plain(EncodeEvents), func(data []byte) (any, error) { return DecodeEvents(nil, data) }},
	{"meta", drawn(drawMeta), plain(EncodeMeta), boxed(DecodeMeta)},
	{"composed", drawn(drawComposed), plain(encodeComposed), boxed(decodeComposed)},
	{"erasures", drawn(drawErasures), plain(EncodeErasures), boxed(DecodeErasures)},
	{"checkpoint", drawn(drawCheckpoint), plain(func(c Checkpoint) []byte { return c.Encode() }), boxed(decodeCheckpoint)},
	{"entry", drawn(drawOps), plain(encodeOps), boxed(decodeOps)},
}

func TestCodecsRoundTrip(t *testing.T) {
	for _, c := range codecs {
		t.Run(c.name, rapid.MakeCheck(func(t *rapid.T) {
			v := c.draw(t)
			data, err := c.encode(v)
			if err != nil {
				t.Fatal(err)
			}
			back, err := c.decode(data)
			if err != nil || !reflect.DeepEqual(back, v) {
				t.Fatalf("%+v came back as %+v, %v", v, back, err)
			}
		}))
	}
}

func TestCodecsSeeDamage(t *testing.T) {
	for _, c := range codecs {
		t.Run(c.name, rapid.MakeCheck(func(t *rapid.T) {
			data, err := c.encode(c.draw(t))
			if err != nil {
				t.Fatal(err)
			}
			damaged := damage(t, data)
			if v, err := c.decode(damaged); !errors.Is(err, ErrDamaged) {
				t.Fatalf("%x for %x is read as %+v, %v", damaged, data, v, err)
			}
		}))
	}
}

// damage changes a stored value as disks, bugs and newer versions do.
func damage(t *rapid.T, data []byte) []byte {
	data = slices.Clone(data)
	switch rapid.SampledFrom([]string{"bit", "cut", "longer", "format", "other"}).Draw(t, "damage") {
	case "bit":
		data[rapid.IntRange(0, len(data)-1).Draw(t, "byte")] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
	case "cut":
		data = data[:rapid.IntRange(0, len(data)-1).Draw(t, "length")]
	case "longer":
		data = append(data, rapid.SliceOfN(rapid.Byte(), 1, 20).Draw(t, "more")...)
	case "format":
		data[0] = rapid.Byte().Filter(func(b byte) bool { return b != Format }).Draw(t, "format")
	default: // but for the few that are something whole by chance, such as nothing under a seal
		whole := func(b []byte) bool { _, err := unseal(b); return err == nil }
		data = rapid.SliceOfN(rapid.Byte(), 0, 40).Filter(func(b []byte) bool { return !whole(b) }).Draw(t, "other bytes")
	}
	return data
}

// A payload can be damaged before it is sealed, by a bug: the checksum fits then.
func TestCodecsSeeTrailingBytesUnderTheSeal(t *testing.T) {
	open := []string{"day", "names", "titles", "registers", "list registers", "erasures", "entry"} // they read on to the end
	for _, c := range codecs {
		if slices.Contains(open, c.name) {
			continue
		}
		t.Run(c.name, rapid.MakeCheck(func(t *rapid.T) {
			data, _ := c.encode(c.draw(t))
			longer := seal(append(slices.Clone(data), rapid.SliceOfN(rapid.Byte(), 1, 9).Draw(t, "more")...))
			if v, err := c.decode(longer); !errors.Is(err, ErrDamaged) {
				t.Fatalf("read as %+v, %v", v, err)
			}
		}))
	}
}

func TestDecodeCapsTheSize(t *testing.T) {
	if _, err := DecodeBitmap(seal(sealed(MaxValue)[:MaxValue+1])); !errors.Is(err, ErrDamaged) {
		t.Errorf("a value over the cap: %v", err)
	}
	many := make([]string, ChunkSize+1)
	if _, err := DecodeNames(EncodeNames(many)); !errors.Is(err, ErrDamaged) {
		t.Errorf("more names than a chunk has: %v", err)
	}
	if _, err := DecodeTitles(EncodeTitles(make([]Title, ChunkSize+1))); !errors.Is(err, ErrDamaged) {
		t.Errorf("more titles than a chunk has: %v", err)
	}
	if _, err := DecodeRegisters(EncodeRegisters(make([]Register, ChunkSize+1))); !errors.Is(err, ErrDamaged) {
		t.Errorf("more registers than a chunk has: %v", err)
	}
}

func TestDecodedBitmapDoesNotAlias(t *testing.T) {
	data := EncodeBitmap(roaring.BitmapOf(1, 2, 3, 70, 65535))
	b, err := DecodeBitmap(data)
	if err != nil {
		t.Fatal(err)
	}
	clear(data)
	if got := b.ToArray(); !slices.Equal(got, []uint32{1, 2, 3, 70, 65535}) {
		t.Errorf("after its bytes were reused: %v", got)
	}
}

func must[V any](v V, err error) V {
	if err != nil {
		panic(err)
	}
	return v
}

func orNil[T any](s []T) []T {
	if len(s) == 0 {
		return nil
	}
	return s
}

func drawSlice[T any](t *rapid.T, label string, most int, draw func(*rapid.T) T) []T {
	return orNil(rapid.SliceOfN(rapid.Custom(draw), 0, most).Draw(t, label))
}

// drawNumbers are the ascending members of a piece: few, many, or in runs.
func drawNumbers(t *rapid.T) []uint32 {
	b := roaring.New()
	for range rapid.IntRange(0, 4).Draw(t, "ranges") {
		from := rapid.Uint64Range(0, PieceSize-1).Draw(t, "from")
		step := rapid.Uint64Range(1, 9).Draw(t, "step")
		for n := range rapid.Uint64Range(0, 6000).Draw(t, "n") {
			if at := from + n*step; at < PieceSize {
				b.Add(uint32(at))
			}
		}
	}
	return orNil(b.ToArray())
}

func encodeNumbers(v any) ([]byte, error) {
	b := roaring.BitmapOf(v.([]uint32)...)
	b.RunOptimize()
	return EncodeBitmap(b), nil
}

func decodeNumbers(data []byte) (any, error) {
	b, err := DecodeBitmap(data)
	if err != nil {
		return nil, err
	}
	return orNil(b.ToArray()), nil
}

func drawDay(t *rapid.T) day {
	d := day{Seq: rapid.Uint64().Draw(t, "seq")}
	for of := range uint8(8) {
		if rapid.Bool().Draw(t, "none") {
			continue
		}
		d.Series = append(d.Series, daySeries{
			Series: of, Contacts: drawNumbers(t), Counts: drawCounts(t),
			Runs: drawSlice(t, "runs", 12, func(t *rapid.T) int { return rapid.IntRange(0, 1<<20).Draw(t, "run") }),
		})
	}
	return d
}

// drawCounts are counts by message, or none because there is no telling.
func drawCounts(t *rapid.T) []MessageCount {
	if rapid.Bool().Draw(t, "not counted") {
		return nil
	}
	counts := []MessageCount{}
	for _, message := range drawAscending(t, "messages", 20) {
		counts = append(counts, MessageCount{message, rapid.Uint32().Draw(t, "events")})
	}
	return counts
}

func encodeDay(v any) ([]byte, error) {
	d := DayFragment{Seq: v.(day).Seq}
	for _, of := range v.(day).Series {
		d.Series = append(d.Series, DaySeries{Series: of.Series, Contacts: roaring.BitmapOf(of.Contacts...), Runs: of.Runs, Counts: of.Counts})
	}
	return EncodeDay(d), nil
}

func decodeDay(data []byte) (any, error) {
	d, err := DecodeDay(data)
	if err != nil {
		return nil, err
	}
	v := day{Seq: d.Seq}
	for _, of := range d.Series {
		v.Series = append(v.Series, daySeries{of.Series, orNil(of.Contacts.ToArray()), of.Runs, of.Counts})
	}
	return v, nil
}

func drawNames(t *rapid.T) []string { return drawSlice(t, "names", ChunkSize, drawText) }

func drawTitles(t *rapid.T) []Title {
	return drawSlice(t, "titles", ChunkSize, func(t *rapid.T) Title {
		return Title{At: rapid.Int64().Draw(t, "at"), Text: drawText(t)}
	})
}

func drawText(t *rapid.T) string {
	return strings.ToValidUTF8(rapid.StringN(0, 60, 200).Draw(t, "text"), "")
}

var drawTime = rapid.Int64Range(0, 1<<50) // Unix ms

func drawRegisters(t *rapid.T) []Register {
	return drawSlice(t, "registers", ChunkSize, func(t *rapid.T) Register {
		r := Register{Consent: drawTime.Draw(t, "consent"), OptedOut: rapid.Bool().Draw(t, "out"), Time: drawTime.Draw(t, "time")}
		if r.Time != 0 {
			r.Partition, r.Offset = rapid.Int32Min(0).Draw(t, "partition"), rapid.Int64Min(0).Draw(t, "offset")
		}
		return r
	})
}

func drawListRegisters(t *rapid.T) []ListRegister {
	var out []ListRegister
	for _, contact := range drawAscending(t, "contacts", 50) {
		out = append(out, ListRegister{Contact: contact, At: drawTime.Draw(t, "at"), Member: rapid.Bool().Draw(t, "member")})
	}
	return out
}

func drawAscending(t *rapid.T, label string, most int) []uint32 {
	numbers := rapid.SliceOfNDistinct(rapid.Uint32(), 0, most, rapid.ID).Draw(t, label)
	slices.Sort(numbers)
	return orNil(numbers)
}

func drawEvent(t *rapid.T) Event {
	return Event{rapid.Uint32().Draw(t, "contact"), rapid.Uint32().Draw(t, "message"), rapid.Uint64().Draw(t, "id")}
}

// drawEvents are sorted, as in a run.
func drawEvents(t *rapid.T) []Event {
	events := drawSlice(t, "events", 100, drawEvent)
	slices.SortFunc(events, CompareEvents)
	return events
}

func drawMeta(t *rapid.T) AccountMeta {
	u32, u64 := rapid.Uint32(), rapid.Uint64()
	return AccountMeta{
		Seq: u64.Draw(t, "seq"), Contacts: u32.Draw(t, "contacts"), Messages: u32.Draw(t, "messages"), Lists: u32.Draw(t, "lists"),
		Reasons: u32.Draw(t, "reasons"),
		Totals: rapid.MapOfN(rapid.Custom(drawText), rapid.Custom(func(t *rapid.T) Totals {
			return Totals{u64.Draw(t, "entered"), u64.Draw(t, "exited")}
		}), 0, 20).Draw(t, "totals"),
	}
}

func drawComposed(t *rapid.T) composed {
	return composed{rapid.Int32().Draw(t, "today"), rapid.Int64().Draw(t, "definitions")}
}

func encodeComposed(c composed) []byte { return EncodeComposed(c.Today, c.Definitions) }

func decodeComposed(data []byte) (c composed, err error) {
	c.Today, c.Definitions, err = DecodeComposed(data)
	return c, err
}

func drawErasures(t *rapid.T) map[[16]byte]int64 {
	return rapid.MapOfN(rapid.Custom(drawHash), rapid.Int64(), 0, 30).Draw(t, "erasures")
}

func drawHash(t *rapid.T) (h [16]byte) {
	copy(h[:], rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "hash"))
	return h
}

func drawCheckpoint(t *rapid.T) Checkpoint {
	whole := rapid.Int64Min(0)
	c := Checkpoint{
		Definitions: rapid.Int64().Draw(t, "definitions"), Changelog: rapid.Uint64().Draw(t, "changelog"),
		Lineage: drawText(t), Metadata: drawText(t),
		Offsets: drawSlice(t, "offsets", 20, func(t *rapid.T) Offset {
			return Offset{drawText(t), rapid.Int32Min(0).Draw(t, "partition"), whole.Draw(t, "first"), whole.Draw(t, "next")}
		}),
		Reasons: maps.Collect(maps.All(rapid.MapOfN(rapid.Custom(drawText), whole, 0, 9).Draw(t, "reasons"))),
		Replays: drawSlice(t, "replays", 3, func(t *rapid.T) Replayed {
			return Replayed{
				Replay: whole.Draw(t, "replay"), Topic: drawText(t), Partition: rapid.Int32Min(0).Draw(t, "partition"),
				Planned: rapid.Bool().Draw(t, "planned"), From: rapid.Int64Range(0, 1<<60).Draw(t, "from"), End: whole.Draw(t, "end"),
				Next: whole.Draw(t, "next"), Read: whole.Draw(t, "read"), Outcomes: [Outcomes]int64{whole.Draw(t, "outcome")},
			}
		}),
	}
	for i := range c.Outcomes {
		c.Outcomes[i] = whole.Draw(t, "outcome")
	}
	return c
}
