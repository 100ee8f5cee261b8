package generate

import (
	"bytes"
	"fmt"
	"iter"
	"strings"
	"time"
)

// withMishaps puts repeats and bad records between those of from, and counts.
func (g *Generator) withMishaps(from iter.Seq[Record]) iter.Seq[Record] {
	return func(yield func(Record) bool) {
		var past memory
		emit := func(r Record) bool {
			g.counts.Records++
			return yield(r)
		}
		for r := range from {
			if !emit(r) {
				return
			}
			if g.cfg.Repeats > 0 {
				past.add(r)
				if again, ok := g.repeat(&past, r.At); ok && !emit(again) {
					return
				}
			}
			if g.mishap(g.cfg.Bad) {
				g.counts.Bad++
				if !emit(g.spoil(r)) {
					return
				}
			}
		}
	}
}

func (g *Generator) mishap(share float64) bool {
	return share > 0 && g.mishaps.Float64() < share
}

// dated is the date of a behaviour written at a time: the same, or late.
func (g *Generator) dated(at int64) int64 {
	if !g.mishap(g.cfg.Late) {
		return at
	}
	g.counts.Late++
	return at - time.Hour.Milliseconds() - g.mishaps.Int64N((71 * time.Hour).Milliseconds())
}

// memory holds the last events that carry an id.
type memory struct {
	records [8192]Record
	added   int
}

func (m *memory) add(r Record) {
	if strings.HasPrefix(r.Topic, "sms.") {
		m.records[m.added%len(m.records)] = r
		m.added++
	}
}

// repeat picks a record to be written once more.
func (g *Generator) repeat(past *memory, at time.Time) (Record, bool) {
	if past.added == 0 || !g.mishap(g.cfg.Repeats) {
		return Record{}, false
	}
	g.counts.Repeats++
	r := past.records[g.mishaps.IntN(min(past.added, len(past.records)))]
	r.At = at
	return r, true
}

// spoil makes up a click that can't be applied, for another reason each time.
func (g *Generator) spoil(r Record) Record {
	contact := string(r.Key[bytes.IndexByte(r.Key, '/')+1:])
	bad := Record{Topic: topicClicked, Key: r.Key, At: r.At}
	value := func(account, contact, message, at string) []byte {
		return fmt.Appendf(nil, `{"account":%s,"contact":%s,"message":%s,"at":%s}`, account, contact, message, at)
	}
	account, contact, now := quoted(g.cfg.Account), quoted(contact), quoted(r.At.Format(time.RFC3339))
	switch g.counts.Bad % 7 {
	case 0: // not JSON
		bad.Value = []byte(`<click contact="?"/>`)
	case 1: // cut off
		whole := value(account, contact, `"m-1"`, now)
		bad.Value = whole[:len(whole)-20]
	case 2: // without a message
		bad.Value = fmt.Appendf(nil, `{"account":%s,"contact":%s,"at":%s}`, account, contact, now)
	case 3: // of an account that nobody has
		bad.Key = append([]byte("no-such-account/"), r.Key[bytes.IndexByte(r.Key, '/')+1:]...)
		bad.Value = value(`"no-such-account"`, contact, `"m-1"`, now)
	case 4: // in the far future
		bad.Value = value(account, contact, `"m-1"`, `"9999-01-01T00:00:00Z"`)
	case 5: // before there was SMS marketing
		bad.Value = value(account, contact, `"m-1"`, `"1970-01-01T00:00:00Z"`)
	case 6: // a date in another format
		bad.Value = value(account, contact, `"m-1"`, `"yesterday"`)
	}
	return bad
}

func quoted(s string) string { return `"` + s + `"` }
