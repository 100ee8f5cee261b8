package pipeline

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"rollcall/consumers"
	"rollcall/pipeline/catalog"
)

// A snapshot is a segment's recipients as they were at a moment. It can't be
// recomputed, so it is written to a topic of our own: an entry of the definitions
// says that it begins, chunks of ids go to the partitions of their contacts, and
// another entry says that all of them are written. Contacts go by their ids, as
// their numbers are others after a rebuild.

// MaxFrozen is how many recipients a snapshot may have.
const MaxFrozen = 10_000_000

var (
	// ErrTooManyFrozen means that a segment has more than MaxFrozen recipients.
	ErrTooManyFrozen = fmt.Errorf("a snapshot has at most %d recipients", MaxFrozen)
	// ErrSnapshotGone means that a snapshot was deleted.
	ErrSnapshotGone = errors.New("the snapshot was deleted")
	// errChunkMissing means that Kafka has lost a part of a snapshot.
	errChunkMissing = errors.New("a chunk of the snapshot is not in Kafka")
)

// Definitions writes entries; *catalog.Log does.
type Definitions interface {
	Put(ctx context.Context, e catalog.Entry) (offset int64, err error)
}

// Snapshots takes and reads frozen lists. It is safe for concurrent use.
type Snapshots struct {
	view        *View
	log         Log
	definitions Definitions

	turn  chan struct{} // held by whoever takes one: it is in memory meanwhile
	chunk int           // bytes of ids that are in one, about; as JSON they may take more
	most  int64         // recipients that one may have

	mu     sync.Mutex
	places map[partKey]*chunkPlaces
}

// NewSnapshots takes them of what a view knows.
func NewSnapshots(v *View, log Log, d Definitions) *Snapshots {
	return &Snapshots{view: v, log: log, definitions: d, turn: make(chan struct{}, 1), chunk: 64 << 10, most: MaxFrozen, places: map[partKey]*chunkPlaces{}}
}

// frozenChunk is the value of a record of rollcall.snapshots.
type frozenChunk struct {
	// Contacts are the recipients. One that was erased since leaves an empty
	// text, so that cursors and counts stay.
	Contacts []string `json:"contacts"`
	// Returned says when those recipients had been erased last that had come
	// back by then: Unix ms, by index. Whoever was erased later is not meant.
	Returned map[int]int64 `json:"returned,omitempty"`
}

// chunkKey names a chunk within its partition.
type chunkKey struct {
	account  string
	snapshot int64
	chunk    int
}

func (k chunkKey) String() string { return fmt.Sprintf("%s/%d/%d", k.account, k.snapshot, k.chunk) }

func parseChunkKey(key []byte) (k chunkKey, ok bool) {
	parts := strings.Split(string(key), "/")
	if len(parts) != 3 {
		return k, false
	}
	snapshot, err := strconv.ParseInt(parts[1], 10, 64)
	chunk, err2 := strconv.Atoi(parts[2])
	return chunkKey{parts[0], snapshot, chunk}, err == nil && err2 == nil && snapshot >= 0 && chunk >= 0
}

// chunks splits the recipients into chunks of so many bytes.
func (f *frozenPart) chunks(bytes int) (chunks []frozenChunk) {
	for from := 0; from < len(f.contacts); {
		c, size, to := frozenChunk{}, 0, from
		for ; to < len(f.contacts) && (to == from || size+len(f.contacts[to]) <= bytes); to++ {
			size += len(f.contacts[to]) + 3 // quotes and comma
			if at := f.returned[to]; at > 0 {
				if c.Returned == nil {
					c.Returned = map[int]int64{}
				}
				c.Returned[to-from] = at
			}
		}
		c.Contacts = f.contacts[from:to]
		chunks = append(chunks, c)
		from = to
	}
	return chunks
}

// message is a chunk as a record.
func (c *frozenChunk) message(k chunkKey, partition int32) (consumers.Message, error) {
	value, err := json.Marshal(c)
	return consumers.Message{Topic: TopicSnapshots, Partition: partition, Key: []byte(k.String()), Value: value}, err
}

func readChunk(value []byte) (c frozenChunk, err error) {
	if err := json.Unmarshal(value, &c); err != nil {
		return c, fmt.Errorf("not a chunk of a snapshot: %w", err)
	}
	return c, nil
}

// thin takes whoever was erased out of a chunk, and tells whether there was anybody.
func (c *frozenChunk) thin(erased *erasedContacts, account string) (changed bool) {
	for i, id := range c.Contacts {
		if id != "" && erased.erasedAt(account, id) > c.Returned[i] {
			c.Contacts[i] = ""
			delete(c.Returned, i)
			changed = true
		}
	}
	return changed
}
