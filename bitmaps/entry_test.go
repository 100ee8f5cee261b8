package bitmaps

import (
	"errors"
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// ops are generators of every kind of op, with the fields that it uses.
var ops = map[Code]func(t *rapid.T) Op{
	OpAccount: func(t *rapid.T) Op { return Op{Name: drawText(t)} },
	OpContact: func(t *rapid.T) Op { return Op{Number: drawNumber(t), Name: drawText(t)} },
	OpMessage: func(t *rapid.T) Op { return Op{Number: drawNumber(t), Name: drawText(t)} },
	OpList: func(t *rapid.T) Op {
		return Op{Number: drawNumber(t), Kind: rapid.Byte().Draw(t, "kind"), Name: drawText(t)}
	},
	OpReason: func(t *rapid.T) Op { return Op{Number: drawNumber(t), Name: drawText(t)} },
	OpTitle: func(t *rapid.T) Op {
		return Op{Number: drawNumber(t), Time: drawTime.Draw(t, "time"), Flag: rapid.Bool().Draw(t, "list"), Name: drawText(t)}
	},
	OpFacts: func(t *rapid.T) Op {
		return Op{Number: drawNumber(t), Facts: rapid.Byte().Draw(t, "facts"), Country: drawText(t)}
	},
	OpConsent: func(t *rapid.T) Op {
		return Op{Number: drawNumber(t), Time: drawTime.Draw(t, "time"), Flag: rapid.Bool().Draw(t, "out")}
	},
	OpVersion: func(t *rapid.T) Op {
		return Op{Number: drawNumber(t), Time: rapid.Int64().Draw(t, "time"), Partition: rapid.Int32().Draw(t, "partition"),
			Offset: rapid.Int64().Draw(t, "offset")}
	},
	OpListMember: func(t *rapid.T) Op {
		return Op{List: drawNumber(t), Number: drawNumber(t), Time: drawTime.Draw(t, "time"), Flag: rapid.Bool().Draw(t, "member")}
	},
	OpEvents: func(t *rapid.T) Op { // in order of arrival
		return Op{Series: rapid.Byte().Draw(t, "series"), Day: rapid.Int32().Draw(t, "day"),
			Events: drawSlice(t, "events", 20, drawEvent)}
	},
	OpMembers: func(t *rapid.T) Op {
		return Op{Name: drawText(t), Cause: Cause(rapid.Byte().Draw(t, "cause")), On: drawAscending(t, "on", 20),
			Off: drawAscending(t, "off", 20)}
	},
	OpComposed: func(t *rapid.T) Op {
		return Op{Number: drawNumber(t), Day: rapid.Int32().Draw(t, "day"), Offset: rapid.Int64().Draw(t, "offset")}
	},
	OpErase: func(t *rapid.T) Op { return Op{Hash: drawHash(t), Time: rapid.Int64().Draw(t, "time")} },
	OpForget: func(t *rapid.T) Op {
		return Op{Number: drawNumber(t), Day: rapid.Int32().Draw(t, "day"), Flag: rapid.Bool().Draw(t, "gone"), Name: drawText(t)}
	},
	OpDropDays:    func(t *rapid.T) Op { return Op{Number: drawNumber(t), Day: rapid.Int32().Draw(t, "day")} },
	OpDropSegment: func(t *rapid.T) Op { return Op{Name: drawText(t)} },
	OpDropAccount: func(t *rapid.T) Op { return Op{} },
}

func drawNumber(t *rapid.T) uint32 { return rapid.Uint32().Draw(t, "number") }

func drawOp(t *rapid.T) Op {
	code := Code(rapid.IntRange(int(OpAccount), int(OpDropAccount)).Draw(t, "code"))
	op := ops[code](t)
	op.Code = code
	return op
}

func drawOps(t *rapid.T) []Op { return drawSlice(t, "ops", 12, drawOp) }

func encodeOps(ops []Op) []byte {
	b := NewEntry(nil)
	for i := range ops {
		b = AppendOp(b, &ops[i])
	}
	return SealEntry(b)
}

func decodeOps(data []byte) (out []Op, err error) {
	err = EachOp(data, func(op *Op) error {
		c := *op // what op points at is used again
		c.Events, c.On, c.Off = orNil(slices.Clone(op.Events)), orNil(slices.Clone(op.On)), orNil(slices.Clone(op.Off))
		out = append(out, c)
		return nil
	})
	return out, err
}

func TestEveryOpRoundTrips(t *testing.T) {
	for code := OpAccount; code <= OpDropAccount; code++ {
		rapid.Check(t, func(t *rapid.T) {
			draw, ok := ops[code]
			if !ok {
				t.Fatalf("no test of op %d", code)
			}
			op := draw(t)
			op.Code = code
			back, err := decodeOps(encodeOps([]Op{op}))
			if err != nil || len(back) != 1 || !reflect.DeepEqual(back[0], op) {
				t.Fatalf("%+v came back as %+v, %v", op, back, err)
			}
		})
	}
}

func TestEachOp(t *testing.T) {
	entry := encodeOps([]Op{{Code: OpAccount, Name: "a"}, {Code: OpDropSegment, Name: "s"}, {Code: OpDropAccount}})
	mine, calls := errors.New("mine"), 0
	err := EachOp(entry, func(op *Op) error {
		calls++
		if op.Code == OpDropSegment {
			return mine
		}
		return nil
	})
	if err != mine || calls != 2 {
		t.Errorf("%d calls, %v", calls, err)
	}
	for _, code := range []byte{0, byte(OpDropAccount) + 1, 255} {
		if _, err := decodeOps(seal(append(NewEntry(nil), code))); !errors.Is(err, ErrDamaged) {
			t.Errorf("op %d: %v", code, err)
		}
	}
}

func TestEntryReusesItsBuffer(t *testing.T) {
	b := AppendOp(NewEntry(nil), &Op{Code: OpAccount, Name: "a long name to be overwritten"})
	b = SealEntry(b)
	again := NewEntry(b)
	if &again[0] != &b[0] || len(again) != sealSize {
		t.Error("not begun anew in the same memory")
	}
	again = AppendOp(again, &Op{Code: OpAccount, Name: "b"})
	if len(again) == sealSize {
		t.Error("empty with an op in it")
	}
	if got, err := decodeOps(SealEntry(again)); err != nil || len(got) != 1 || got[0].Name != "b" {
		t.Errorf("%+v, %v", got, err)
	}
}
