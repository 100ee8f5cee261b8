package consumers

import (
	"time"

	"github.com/segmentio/kafka-go/protocol/fetch"
)

// partState is where a part stands in the fetcher.
type partState uint8

const (
	leaderless partState = iota // in fetcher.lost, until a leader is found
	idle                        // in its broker's idle list: may be fetched
	flying                      // in a request
	full                        // has enough waiting for its reader
	failed                      // its last chunk is an error that won't go away
	removed                     // its feed is closed
)

// maxChunks is how many fetched pieces may wait for the reader of a part.
const maxChunks = 2

// part is a partition that somebody reads, as the fetcher sees it. All of it
// is guarded by fetcher.mu.
type part struct {
	tp     TopicPartition
	notify func() // tells the reader that there is a chunk
	state  partState
	broker *broker // that leads it, if one is known

	offset   int64   // to fetch next
	chunks   []chunk // fetched and not yet taken
	waiting  int     // bytes of chunks
	urgent   bool    // is fetched however much waits elsewhere
	logStart int64   // as of the newest answer
	high     int64   // high watermark, likewise

	served   time.Time // when there was data last
	failures int       // in a row
	retryAt  time.Time // when leaderless
	cut      bool      // the last fetch gave only a piece of a batch
}

// busyFor is how long after an answer with data a part counts as busy.
const busyFor = 200 * time.Millisecond

func (p *part) busy(now time.Time) bool { return now.Sub(p.served) < busyFor }

// chunk is a fetched record set of one part, or an error in place of it.
type chunk struct {
	set     *buffer
	aborted []abortedTransaction
	err     error
}

func (c *chunk) size() int {
	if c.set == nil {
		return 0
	}
	return len(c.set.b)
}

func (p *part) push(c chunk) {
	p.chunks = append(p.chunks, c)
	p.waiting += c.size()
	p.notify()
}

// fail ends the fetching of a part with an error for its reader.
func (p *part) fail(err error) {
	p.state = failed
	p.push(chunk{err: err})
}

// take accepts the record set of an answer. It says whether there was anything
// in it.
func (p *part) take(res *fetchResponsePartition, first bool) bool {
	p.failures = 0
	p.high, p.logStart = res.HighWatermark, res.LogStartOffset
	set := res.RecordSet.buf
	if set == nil {
		return false
	}
	next, walkable := scanSet(set.b)
	if !walkable {
		// A broker gives the first partition of a request that has data at
		// least one whole batch, however large. So if this was the first, and
		// not for the first time, the batch's declared length is wrong.
		if p.cut && first {
			p.fail(&CorruptError{p.tp, p.offset, "a batch that does not end"})
		}
		p.cut = true
		set.release()
		return false
	}
	p.cut = false
	p.offset = max(p.offset, next)
	p.push(chunk{set: set, aborted: abortedOf(res.AbortedTransactions)})
	return true
}

func abortedOf(list []fetch.ResponseTransaction) []abortedTransaction {
	if len(list) == 0 {
		return nil
	}
	aborted := make([]abortedTransaction, len(list))
	for i, t := range list {
		aborted[i] = abortedTransaction{producer: t.ProducerID, first: t.FirstOffset}
	}
	return aborted
}
