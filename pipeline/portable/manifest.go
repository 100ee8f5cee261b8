package portable

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Format is the version of everything that this package writes, and the only
// one that it reads.
const Format = 2

// ErrDamaged is returned for an export that is not what was written.
var ErrDamaged = errors.New("damaged export")

// Manifest is what an export holds, and where it stands.
type Manifest struct {
	Format     int         `json:"format"`
	Product    string      `json:"product"`           // the version that made it
	Made       time.Time   `json:"made"`              // when that began
	ErasureKey string      `json:"erasure_key_check"` // see KeyCheck
	Partitions []Partition `json:"partitions"`        // all of the state's, in order
}

// Partition is one partition, as it was after one commit.
type Partition struct {
	Partition int32    `json:"partition"`
	Position  Position `json:"position"`
	Files     []File   `json:"files"`
}

// Position is the part of the log that a partition's state is the fold of.
type Position struct {
	Commit        string           `json:"commit"`            // as the status showed it
	Definitions   int64            `json:"definitions"`       // every account is composed for those below this offset
	Offsets       []Offset         `json:"offsets"`           // of every partition of a topic that was read
	Outcomes      map[string]int64 `json:"outcomes"`          // how the offsets consumed ended; they add up to them
	Reasons       map[string]int64 `json:"reasons"`           // why records were dead letters or ignored, by code
	Replays       []Replay         `json:"replays,omitempty"` // those that went on
	PhoneMetadata string           `json:"phone_metadata"`    // the library that facts of phones were derived with
	Unpublished   int64            `json:"unpublished"`       // changed memberships that were not told to others yet: an import does not tell of them
}

// Offset is how far one partition of one topic was read.
type Offset struct {
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
	First     int64  `json:"first"` // where the state began; negative once a topic was created anew
	Next      int64  `json:"next"`  // the first offset that is not in the state
}

// Replay is how far the copies that a replay makes of a partition of a topic
// are in the state.
type Replay struct {
	Replay    int64            `json:"replay"` // the offset of its entry in rollcall.definitions
	Topic     string           `json:"topic"`
	Partition int32            `json:"partition"`
	Planned   bool             `json:"planned"` // From and End are known
	From      int64            `json:"from"`
	End       int64            `json:"end"`
	Next      int64            `json:"next"` // the first offset whose copy is not in the state
	Read      int64            `json:"read"` // records before Next
	Outcomes  map[string]int64 `json:"outcomes"`
}

// File is a file of the export.
type File struct {
	Name   string `json:"name"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"` // in hexadecimal
}

// The names of an export's files.
const (
	manifestName = "manifest.json"
	checksumName = "manifest.json.sha256"
	maxManifest  = 64 << 20 // bytes
)

// fileNames are a partition's files, in the order of Partition.Files.
func fileNames(partition int32) [3]string {
	base := fmt.Sprintf("partition-%d", partition)
	return [3]string{base + ".ndjson", base + ".roaring", base + ".events"}
}

// DecodeManifest reads and checks a manifest.
func DecodeManifest(data []byte) (*Manifest, error) {
	var m Manifest
	var version struct {
		Format int `json:"format"`
	}
	if err := json.Unmarshal(data, &version); err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrDamaged, manifestName, err)
	}
	if version.Format != Format {
		return nil, fmt.Errorf("%s: the export has format %d, this binary reads %d", manifestName, version.Format, Format)
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&m); err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrDamaged, manifestName, err)
	}
	if len(m.Partitions) == 0 {
		return nil, fmt.Errorf("%w: %s: no partitions", ErrDamaged, manifestName)
	}
	for i := range m.Partitions {
		if err := m.Partitions[i].check(int32(i)); err != nil {
			return nil, fmt.Errorf("%w: %s: partition %d: %w", ErrDamaged, manifestName, i, err)
		}
	}
	return &m, nil
}

func (p *Partition) check(number int32) error {
	names := fileNames(number)
	if p.Partition != number || len(p.Files) != len(names) {
		return fmt.Errorf("it is called %d and has %d files", p.Partition, len(p.Files))
	}
	for i, f := range p.Files {
		sum, err := hex.DecodeString(f.SHA256)
		if f.Name != names[i] || f.Bytes < 0 || err != nil || len(sum) != 32 {
			return fmt.Errorf("file %d should be %s, with its length and checksum", i, names[i])
		}
	}
	return p.Position.check()
}

func (p *Position) check() error {
	if p.Definitions < 0 || p.Unpublished < 0 || len(p.Offsets) == 0 {
		return errors.New("it has no position")
	}
	for i, o := range p.Offsets {
		same := func(other Offset) bool { return other.Topic == o.Topic && other.Partition == o.Partition }
		if o.Topic == "" || o.Partition < 0 || o.Next < max(o.First, 0) || slices.IndexFunc(p.Offsets, same) != i {
			return fmt.Errorf("offset %d can't be", i)
		}
	}
	counted := []map[string]int64{p.Outcomes, p.Reasons}
	for i, r := range p.Replays {
		if min(r.Replay, int64(r.Partition), r.From, r.End, r.Next, r.Read) < 0 {
			return fmt.Errorf("replay %d can't be", i)
		}
		counted = append(counted, r.Outcomes)
	}
	for _, counts := range counted {
		for name, n := range counts {
			if n < 0 {
				return fmt.Errorf("%s is counted %d times", name, n)
			}
		}
	}
	return nil
}
