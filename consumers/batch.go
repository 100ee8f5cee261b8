package consumers

import "slices"

// Batch is what one call of [Feed.Next] hands on. It and all that its records
// refer to are valid until the next call.
type Batch struct {
	// Records are contiguous per topic partition and in offset order there.
	Records []Record
	// Next says where to read on, for every partition that moved. A partition
	// moves past control records, aborted transactions and compacted gaps too,
	// so there may be an entry without a record.
	Next []NextOffset
	// Skipped is the number of offsets passed that gave no record. With
	// len(Records) it adds up to what Next moved by.
	Skipped int64

	held []*buffer // what the records lie in
}

// NextOffset is the first offset of a partition that was not yet handed on.
type NextOffset struct {
	TopicPartition
	Offset int64
}

// Moved says whether the batch holds anything new.
func (b *Batch) Moved() bool { return len(b.Next) > 0 }

// grow adds a record with any content to a batch that may get so many.
func (b *Batch) grow(most int) *Record {
	n := len(b.Records)
	if n == cap(b.Records) {
		b.reserve(most)
	}
	b.Records = b.Records[:n+1]
	return &b.Records[n]
}

// reserve makes room for more records. A batch that is not small gets it for all
// at once: to grow by and by is to copy them several times.
func (b *Batch) reserve(most int) {
	const small, large = 256, 1 << 15
	more := min(most, large)
	if len(b.Records) < small {
		more = min(more, max(len(b.Records), 1))
	}
	b.Records = slices.Grow(b.Records, more)
}

func (b *Batch) shrink() { b.Records = b.Records[:len(b.Records)-1] }

func (b *Batch) hold(buf *buffer) {
	if buf != nil {
		b.held = append(b.held, buf)
	}
}

// reset makes the batch empty and gives the memory of its records back.
func (b *Batch) reset() {
	for i, buf := range b.held {
		buf.release()
		b.held[i] = nil
	}
	b.held = b.held[:0]
	b.Records, b.Next, b.Skipped = b.Records[:0], b.Next[:0], 0
}
