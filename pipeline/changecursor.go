package pipeline

import (
	"encoding/base64"
	"encoding/json"
	"strconv"
	"strings"
)

// changeCursor is a place in TopicSegmentChanges, by partition.
type changeCursor []cursorPart

type cursorPart struct {
	Next int64    `json:"n"`
	Told []toldBy `json:"t,omitempty"`
}

// toldBy says that all of a writer's commits up to one are told.
type toldBy struct {
	Writer string `json:"w"`
	Seq    uint64 `json:"s"`
}

func (c changeCursor) String() string {
	encoded, _ := json.Marshal(c) // can't fail
	return base64.RawURLEncoding.EncodeToString(encoded)
}

func parseChangeCursor(s string) (c changeCursor, err error) {
	encoded, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil {
		return nil, err
	}
	return c, json.Unmarshal(encoded, &c)
}

// toldCommits finds out which changes were told before. Publishers tell commit
// by commit in their order, and after a crash begin again with an earlier one;
// so what is of a commit before the newest of its writer is told again, and of
// the newest the ids are remembered.
type toldCommits struct {
	told    []toldBy // commits that are told whole, the newest writer last
	current toldBy   // what is being told
	ids     map[string]bool
	others  map[string]bool // ids of changes that are of no commit
}

// maxWriters bounds the writers that are remembered. Each takeover of a
// partition makes one, and what was not known to be told is told by the next.
const maxWriters = 4

// take tells whether a change was told before, and if not, whether it is the
// first of a commit.
func (t *toldCommits) take(id string) (again, begins bool) {
	commit, ok := commitOf(id)
	if !ok {
		if t.others == nil {
			t.others = map[string]bool{}
		}
		again, t.others[id] = t.others[id], true
		return again, false
	}
	for _, known := range t.told {
		if known.Writer == commit.Writer && commit.Seq <= known.Seq {
			return true, false
		}
	}
	if commit == t.current {
		again, t.ids[id] = t.ids[id], true
		return again, false
	}
	t.finish()
	t.current, t.ids = commit, map[string]bool{id: true}
	return false, true
}

// finish notes that the current commit is told whole. The list is made anew, as
// cursors have it.
func (t *toldCommits) finish() {
	if t.ids == nil {
		return
	}
	var told []toldBy
	for _, known := range t.told {
		if known.Writer != t.current.Writer {
			told = append(told, known)
		}
	}
	told = append(told, t.current)
	t.told = told[max(0, len(told)-maxWriters):]
}

// commitOf reads the commit in the id of a change: writer-seq/account/segment/number.
// What was told to make up for another change has more in its id.
func commitOf(id string) (c toldBy, ok bool) {
	parts := strings.Split(id, "/")
	if len(parts) != 4 {
		return c, false
	}
	at := strings.LastIndexByte(parts[0], '-')
	if at < 1 {
		return c, false
	}
	seq, err := strconv.ParseUint(parts[0][at+1:], 10, 64)
	return toldBy{parts[0][:at], seq}, err == nil
}
