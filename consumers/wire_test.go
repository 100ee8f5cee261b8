package consumers

import (
	"bytes"
	"reflect"
	"strings"
	"testing"

	"github.com/segmentio/kafka-go/protocol/fetch"
	"github.com/segmentio/kafka-go/protocol/listoffsets"
	"github.com/segmentio/kafka-go/protocol/rawproduce"
)

// kafka-go encodes our requests by the positions of its own fields.
func TestRequestsHaveTheFieldsOfKafkaGo(t *testing.T) {
	for _, pair := range [][2]any{
		{fetchRequest{}, fetch.Request{}},
		{listOffsetsRequest{}, listoffsets.Request{}},
		{produceRequest{}, rawproduce.Request{}},
	} {
		ours, theirs := reflect.TypeOf(pair[0]), reflect.TypeOf(pair[1])
		if ours.NumField() != theirs.NumField()+1 {
			t.Errorf("%v has %d fields, %v has %d", ours, ours.NumField(), theirs, theirs.NumField())
			continue
		}
		for i := range theirs.NumField() {
			if a, b := ours.Field(i), theirs.Field(i); a.Name != b.Name || a.Type != b.Type {
				t.Errorf("field %d of %v is %s %v, want %s %v", i, ours, a.Name, a.Type, b.Name, b.Type)
			}
		}
	}
}

// The answer differs from kafka-go's only in the type of the record set.
func TestFetchResponseHasTheFieldsOfKafkaGo(t *testing.T) {
	ours, theirs := reflect.TypeFor[fetchResponsePartition](), reflect.TypeFor[fetch.ResponsePartition]()
	for i := range max(ours.NumField(), theirs.NumField()) {
		if a, b := ours.Field(i), theirs.Field(i); a.Name != b.Name || a.Tag != b.Tag {
			t.Errorf("field %d is %s %s, want %s %s", i, a.Name, a.Tag, b.Name, b.Tag)
		}
	}
}

func TestRecordSetReadsWhatItWrites(t *testing.T) {
	for _, content := range []string{"", "x", strings.Repeat("x", 100_000)} {
		set := recordSet{buf: newBuffer(len(content))}
		copy(set.buf.b, content)
		var wire bytes.Buffer
		set.WriteTo(&wire)
		var got recordSet
		n, err := got.ReadFrom(&wire)
		if err != nil || string(got.bytes()) != content || n != int64(4+len(content)) {
			t.Errorf("%d bytes: read %d of %d, %v", len(content), len(got.bytes()), n, err)
		}
	}
	for _, wire := range []string{"", "\x00", "\x00\x00\x00\x05abc", "\x7f\xff\xff\xffabc"} {
		if _, err := new(recordSet).ReadFrom(strings.NewReader(wire)); err == nil {
			t.Errorf("%q was read", wire)
		}
	}
	if n, err := new(recordSet).ReadFrom(strings.NewReader("\xff\xff\xff\xff")); n != 4 || err != nil {
		t.Errorf("null: %d, %v", n, err)
	}
}

func TestBuffersFitWhatIsAsked(t *testing.T) {
	for _, n := range []int{0, 1, 511, 512, 513, 1 << 20, 1<<24 + 1} {
		for range 3 {
			b := newBuffer(n)
			if len(b.b) != n {
				t.Errorf("asked for %d, got %d", n, len(b.b))
			}
			b.b = b.b[:0]
			b.release()
		}
	}
}
