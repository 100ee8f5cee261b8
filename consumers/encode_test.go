package consumers

import (
	"bytes"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	"pgregory.net/rapid"
)

// kafkaGoSet is the record set that kafka-go makes of the messages.
func kafkaGoSet(t interface{ Fatal(...any) }, messages []Message, indexes []int) []byte {
	var records []kafka.Record
	for _, i := range indexes {
		m := &messages[i]
		r := kafka.Record{Time: m.Time, Key: kafka.NewBytes(m.Key), Value: kafka.NewBytes(m.Value)}
		for _, h := range m.Headers {
			r.Headers = append(r.Headers, protocol.Header{Key: h.Key, Value: h.Value})
		}
		records = append(records, r)
	}
	var set bytes.Buffer
	if _, err := (&protocol.RecordSet{Version: 2, Records: kafka.NewRecordReader(records...)}).WriteTo(&set); err != nil {
		t.Fatal(err)
	}
	return set.Bytes()
}

// Record sets are those of kafka-go, byte by byte, in buffers that are large enough.
func TestRecordSetsAreThoseOfKafkaGo(t *testing.T) {
	field := rapid.OneOf(rapid.Just([]byte(nil)), rapid.SliceOf(rapid.Byte()), rapid.SliceOfN(rapid.Byte(), 60, 70), rapid.Just(make([]byte, 10_000)))
	message := rapid.Custom(func(t *rapid.T) Message {
		m := Message{Key: field.Draw(t, "key"), Value: field.Draw(t, "value")}
		if ms := rapid.Int64Range(-3, 4e12).Draw(t, "time"); ms > 0 {
			m.Time = time.UnixMilli(ms)
		} else if ms < -1 {
			m.Time = time.UnixMilli(0)
		}
		for range rapid.IntRange(0, 3).Draw(t, "headers") {
			m.Headers = append(m.Headers, Header{rapid.String().Draw(t, "name"), field.Draw(t, "header")})
		}
		return m
	})
	rapid.Check(t, func(r *rapid.T) {
		messages := rapid.SliceOfN(message, 1, 100).Draw(r, "messages")
		var indexes []int
		most := 4 + batchHeaderSize
		for i := range messages {
			if i == 0 || rapid.Bool().Draw(r, "goes along") {
				indexes = append(indexes, i)
				most += messages[i].most()
			}
		}
		var set *buffer
		var want []byte
		synctest.Test(t, func(t *testing.T) { // time stands still
			set, want = newRecordSet(messages, indexes), kafkaGoSet(t, messages, indexes)
		})
		if !bytes.Equal(set.b, want) {
			r.Fatalf("%x, kafka-go makes\n%x", set.b, want)
		}
		if len(set.b) > most {
			r.Fatalf("%d bytes, in a buffer for %d", len(set.b), most)
		}
		set.release()
	})
}

// BenchmarkRecordSet is what it takes to encode 5,000 changes, beside kafka-go.
func BenchmarkRecordSet(b *testing.B) {
	var messages []Message
	var indexes []int
	for i := range 5000 {
		messages = append(messages, Message{
			Key:   fmt.Appendf(nil, "demo/c-%08d", i),
			Value: fmt.Appendf(nil, `{"id":"0123456789abcdef-17/demo/engaged/%d","account":"demo","segment":"engaged","contact":"c-%08d","change":"entered","cause":"definition"}`, i, i),
		})
		indexes = append(indexes, i)
	}
	for name, encode := range map[string]func(){
		"ours":     func() { newRecordSet(messages, indexes).release() },
		"kafka-go": func() { kafkaGoSet(b, messages, indexes) },
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				encode()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(messages)), "ns/message")
		})
	}
}
