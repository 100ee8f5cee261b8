package pipeline

import (
	"cmp"
	"context"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"

	"github.com/cespare/xxhash/v2"

	"rollcall/pipeline/catalog"
	"rollcall/pipeline/segment"
)

const (
	// streamBatch is how many contacts are yielded together.
	streamBatch = 500
	// streamScan is how many contacts are looked at under one lock for each that
	// may be yielded.
	streamScan = 32
)

// Stream yields who is on a list or in a segment, in the order of their numbers,
// partition by partition, and the cursor after them. A contact's number never
// changes, so who was a member throughout is yielded exactly once, and nobody
// else more than once. The contacts of a batch are looked at together, right
// before they are yielded, and nobody is looked at while a batch is yielded. It
// stops at yield's first error, and returns it.
func (v *View) Stream(ctx context.Context, account string, of segment.Origin, q StreamQuery, yield func(contacts []string, cursor string) error) (int64, Freshness, error) {
	def := v.Catalog.Account(account)
	if !v.streamable(def, of) {
		return 0, v.Freshness(account), ErrNotComposed
	}
	at, err := parseCursor(q.Cursor)
	if err != nil {
		return 0, v.Freshness(account), err
	}
	q.Batch = cmp.Or(q.Batch, streamBatch)
	day, sameDay, count := v.today(def), true, int64(0)
	for ; int(at.partition) < len(v.replicas); at = (cursor{partition: at.partition + 1}) {
		for more := true; more; {
			var batch []string
			batch, more, err = v.replicas[at.partition].batch(account, of, &q, &at, day, &sameDay)
			if err == nil && len(batch) > 0 {
				err = yield(batch, at.String())
			}
			if err = cmp.Or(err, ctx.Err()); err != nil {
				return count, v.sameDay(account, day, sameDay), err
			}
			count += int64(len(batch))
		}
	}
	if now := v.Catalog.Account(account); now == nil || versionOf(now, of) != versionOf(def, of) {
		return count, v.Freshness(account), ErrNotComposed // those of one definition, and then of another
	}
	return count, v.sameDay(account, day, sameDay), nil
}

func (v *View) streamable(def *catalog.Account, of segment.Origin) bool {
	if of.Kind == segment.Segment {
		return v.composed(def, of.Name)
	}
	return def != nil
}

// versionOf is that of the newest definition that says who is meant.
func versionOf(def *catalog.Account, of segment.Origin) int64 {
	if of.Kind != segment.Segment {
		return 0
	}
	if def.Segment(of.Name) == nil {
		return -1
	}
	return newestVersion(def, of.Name)
}

// batch reads the next members from at on, and moves it.
func (r *replica) batch(account string, of segment.Origin, q *StreamQuery, at *cursor, day segment.Date, sameDay *bool) (out []string, more bool, err error) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if at.lineage != "" && at.lineage != r.checkpoint.Lineage {
		return nil, false, ErrCursorGone
	}
	at.lineage = r.checkpoint.Lineage
	a := r.state.accounts[account]
	if a == nil {
		return nil, false, nil
	}
	*sameDay = *sameDay && a.isOn(day)
	wanted := exists
	if q.SendableOnly {
		wanted = sendable
	}
	has := a.audience(of)
	end := min(at.number+uint32(streamScan*q.Batch), a.contacts.next())
	for ; at.number < end && len(out) < q.Batch; at.number++ {
		if p, n := a.at(at.number); has(p, n) && p.contacts[n].facts.has(wanted) {
			if id := a.contacts.bytes(at.number); len(id) > 0 && q.has(id) {
				out = append(out, string(id))
			}
		}
	}
	return out, at.number < a.contacts.next(), nil
}

// audience tells who is on a list or in a segment.
func (a *account) audience(of segment.Origin) func(p *piece, contact uint32) bool {
	if of.Kind == segment.Segment {
		slot := knownNumbers{a}.slot(of.Name)
		return func(p *piece, contact uint32) bool { return p.members.has(slot, contact) }
	}
	list := knownNumbers{a}.listNumber(of.Kind, of.Name)
	return func(p *piece, contact uint32) bool { return p.onList(list, contact) }
}

// has tells whether a contact is in the slice that is asked for.
func (q *StreamQuery) has(contact []byte) bool {
	return q.Slices <= 1 || xxhash.Sum64(contact)%uint64(q.Slices) == uint64(q.Slice-1)
}

// cursor is a place in a stream: the next contact's number, in the state of a
// partition that was begun under the name lineage.
type cursor struct {
	partition int32
	number    uint32
	lineage   string
}

func (c cursor) String() string {
	return base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, "%d.%d.%s", c.partition, c.number, c.lineage))
}

func parseCursor(s string) (c cursor, err error) {
	if s == "" {
		return c, nil
	}
	b, err := base64.RawURLEncoding.DecodeString(s)
	parts := strings.Split(string(b), ".")
	if err != nil || len(parts) != 3 {
		return c, ErrCursorGone
	}
	partition, err1 := strconv.ParseInt(parts[0], 10, 32)
	number, err2 := strconv.ParseUint(parts[1], 10, 32)
	if cmp.Or(err1, err2) != nil || partition < 0 {
		return c, ErrCursorGone
	}
	return cursor{int32(partition), uint32(number), parts[2]}, nil
}
