package consumers

import (
	"math/rand/v2"
	"testing"

	"github.com/segmentio/kafka-go"
)

// The vectors are those of Kafka's own UtilsTest.
func TestMurmur2(t *testing.T) {
	for key, want := range map[string]int32{
		"21":                         -973932308,
		"foobar":                     -790332482,
		"a-little-bit-long-string":   -985981536,
		"a-little-bit-longer-string": -1486304829,
		"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
		"abc": 479470107,
	} {
		if got := int32(murmur2([]byte(key))); got != want {
			t.Errorf("murmur2(%q) is %d, want %d", key, got, want)
		}
	}
}

func TestPartitionAgreesWithKafkaGo(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	for range 2000 {
		key := make([]byte, rnd.IntN(40))
		for i := range key {
			key[i] = byte(rnd.Uint32())
		}
		partitions := make([]int, 1+rnd.IntN(100))
		for i := range partitions {
			partitions[i] = i
		}
		want := kafka.Murmur2Balancer{Consistent: true}.Balance(kafka.Message{Key: key}, partitions...)
		if got := Partition(key, len(partitions)); int(got) != want {
			t.Fatalf("Partition(%x, %d) is %d, want %d", key, len(partitions), got, want)
		}
	}
}

func TestPartitionDoesNotAllocate(t *testing.T) {
	key := []byte("acme/contact-1")
	if n := testing.AllocsPerRun(100, func() { Partition(key, 16) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
