package bitmaps

import (
	"errors"
	"reflect"
	"testing"

	"pgregory.net/rapid"
)

// resealed is data as a payload whose checksum fits.
func resealed(data []byte) []byte { return seal(append(sealed(len(data)), data...)) }

// FuzzDecode gives every decoder any bytes, as they are and under a seal that
// fits: none panics, what is refused is damaged, and what is read is a value
// that can be written and read again.
func FuzzDecode(f *testing.F) {
	for _, c := range codecs {
		for seed := range 4 {
			if data, err := c.encode(rapid.Custom(c.draw).Example(seed)); err == nil {
				f.Add(data)
				f.Add(data[sealSize:])
			}
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, c := range codecs {
			checkDecode(t, c, data)
			checkDecode(t, c, resealed(data))
		}
	})
}

func checkDecode(t *testing.T, c codec, data []byte) {
	v, err := c.decode(data)
	if err != nil {
		if !errors.Is(err, ErrDamaged) {
			t.Errorf("%s of %x: %v", c.name, data, err)
		}
		return
	}
	if c.name == "events" { // written sorted
		return
	}
	again, err := c.encode(v)
	if err != nil {
		t.Fatalf("%s of %x: %+v can't be written: %v", c.name, data, v, err)
	}
	if back, err := c.decode(again); err != nil || !reflect.DeepEqual(back, v) {
		t.Errorf("%s of %x: %+v came back as %+v, %v", c.name, data, v, back, err)
	}
}

func FuzzEachOp(f *testing.F) {
	for seed := range 40 {
		f.Add(encodeOps(rapid.Custom(drawOps).Example(seed))[sealSize:])
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, entry := range [][]byte{data, resealed(data)} {
			read, err := decodeOps(entry)
			if err != nil {
				if !errors.Is(err, ErrDamaged) {
					t.Errorf("%x: %v", entry, err)
				}
				continue
			}
			if back, err := decodeOps(encodeOps(read)); err != nil || !reflect.DeepEqual(back, read) {
				t.Errorf("%x: %+v came back as %+v, %v", entry, read, back, err)
			}
		}
	})
}
