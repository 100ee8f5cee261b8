package naive

import "strconv"

const (
	topicSent     = "sms.sent"
	topicClicked  = "sms.clicked"
	topicFailed   = "sms.failed"
	topicReplied  = "sms.replied"
	topicOptedIn  = "sms.opted_in"
	topicOptedOut = "sms.opted_out"
	topicContacts = "contacts"
	topicLists    = "lists"
	topicInbox    = "rollcall.inbox"
)

// place is where a record stands in Kafka.
type place struct {
	topic     string
	partition int32
	offset    int64
}

// stood returns where a record first stood, and its Kafka time there.
func stood(rec Record) (place, int64, Code) {
	if rec.Topic != topicInbox {
		return place{rec.Topic, rec.Partition, rec.Offset}, rec.Time, ""
	}
	topic, ok := rec.Headers["rollcall-topic"]
	partition, err1 := strconv.ParseUint(rec.Headers["rollcall-partition"], 10, 31)
	offset, err2 := strconv.ParseUint(rec.Headers["rollcall-offset"], 10, 63)
	at, err3 := strconv.ParseInt(rec.Headers["rollcall-time"], 10, 64)
	if !ok || err1 != nil || err2 != nil || err3 != nil {
		return place{}, 0, BadHeaders
	}
	return place{topic, int32(partition), int64(offset)}, at, ""
}

// unpacked gives a record of the inbox, whose own key tells it from others there,
// the key and the value that it first had.
func unpacked(rec Record) Record {
	if key, ok := rec.Headers["rollcall-key"]; ok {
		rec.Key = []byte(key)
	}
	if _, ok := rec.Headers["rollcall-null"]; ok {
		rec.Value = nil
	}
	return rec
}

// Partition returns where a key belongs, as the Java client's default
// partitioner has it.
func Partition(key []byte, partitions int32) int32 {
	return int32(murmur2(key)&0x7fffffff) % partitions
}

// murmur2 is the hash of org.apache.kafka.common.utils.Utils.
func murmur2(data []byte) uint32 {
	const m = 0x5bd1e995
	h := 0x9747b28c ^ uint32(len(data))
	for ; len(data) >= 4; data = data[4:] {
		k := uint32(data[0]) | uint32(data[1])<<8 | uint32(data[2])<<16 | uint32(data[3])<<24
		k *= m
		k ^= k >> 24
		k *= m
		h = h*m ^ k
	}
	for i := len(data) - 1; i >= 0; i-- {
		h ^= uint32(data[i]) << (8 * i)
		if i == 0 {
			h *= m
		}
	}
	h ^= h >> 13
	h *= m
	return h ^ h>>15
}
