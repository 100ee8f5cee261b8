package pipeline

import (
	"cmp"
	"slices"

	"github.com/RoaringBitmap/roaring/v2"

	"rollcall/bitmaps"
	"rollcall/pipeline/segment"
)

// The changelog is folded into fragments in rounds: a round takes the fragments
// that changed since the one before and rewrites a few of them with every
// commit, as they are then. When it is through, the changelog forgets what the
// round began with.
// maxRounds bounds the changelog, in Limits.Changelog, when rounds write a lot:
// a round begins when as much was appended as the one before wrote.
const maxRounds = 16

// flushQueue is the fragments that are behind the changelog.
type flushQueue struct {
	waiting map[fragment]struct{} // for the next round
	round   []fragment            // being flushed
	upTo    uint64                // the changelog entries that the round folds
	size    int                   // bytes appended to the changelog since the round began
	written int                   // bytes of fragments written in this round
	enough  int                   // bytes in the changelog that begin the next round
	folded  uint64                // changelog entries before this one are in the fragments
	limits  *Limits
	erased  struct {
		cut  uint64 // an entry that erases, and is to leave the changelog with all before it; 0: none
		due  int64  // Unix ms; when
		last uint64 // the newest entry that erases
	}
}

// erasedStay is how long the changelog still names a contact that was erased,
// in ms, if no round comes before: long enough for replicas to have read it.
const erasedStay = 10_000

// erase notes that an entry erases a contact.
func (q *flushQueue) erase(seq uint64, now int64) {
	if q.limits == nil {
		return
	}
	q.erased.last = seq
	if q.erased.cut == 0 {
		q.erased.cut, q.erased.due = seq, now+erasedStay
	}
}

// overdue tells whether a contact that was erased is to leave the changelog,
// which waits for no more to be appended then.
func (q *flushQueue) overdue(now int64) bool { return q.erased.cut > 0 && now >= q.erased.due }

// trimmed notes that the changelog begins at an entry now.
func (q *flushQueue) trimmed(from uint64, now int64) {
	if from <= q.erased.cut {
		return
	}
	q.erased.cut = 0
	if q.erased.last >= from {
		q.erased.cut, q.erased.due = q.erased.last, now+erasedStay
	}
}

type fragment struct {
	account *account
	field   bitmaps.Field
}

// add queues a fragment, unless the state is only followed.
func (q *flushQueue) add(a *account, f bitmaps.Field) {
	if q.limits == nil {
		return
	}
	if q.waiting == nil {
		q.waiting = map[fragment]struct{}{}
	}
	q.waiting[fragment{a, f}] = struct{}{}
}

// compareFragments puts an account's fragments together.
func compareFragments(a, b fragment) int {
	return cmp.Or(cmp.Compare(a.account.id, b.account.id), cmp.Compare(a.field.Kind, b.field.Kind),
		cmp.Compare(a.field.Name, b.field.Name), slices.Compare(a.field.N[:], b.field.N[:]))
}

// forget drops the fragments of an account.
func (q *flushQueue) forget(account string) {
	for f := range q.waiting {
		if f.account.id == account {
			delete(q.waiting, f)
		}
	}
	kept := q.round[:0]
	for _, f := range q.round {
		if f.account.id != account {
			kept = append(kept, f)
		}
	}
	q.round = kept
}

// take encodes the fragments that go with the commit numbered seq.
func (q *flushQueue) take(seq uint64, entry int, now int64) (writes []bitmaps.Write, err error) {
	q.size += entry
	if len(q.round) == 0 {
		due := q.overdue(now) && q.folded <= q.erased.cut
		if q.size < max(q.enough, q.limits.Changelog) && !due {
			return nil, nil
		}
		for f := range q.waiting {
			q.round = append(q.round, f)
		}
		slices.SortFunc(q.round, compareFragments)
		clear(q.waiting)
		q.upTo, q.size, q.written = seq, 0, 0
	}
	budget := q.limits.Flush
	for budget > 0 && len(q.round) > 0 {
		f := q.round[len(q.round)-1]
		q.round = q.round[:len(q.round)-1]
		before := len(writes)
		if writes, err = f.account.encode(writes, f.field); err != nil {
			return nil, err
		}
		for _, w := range writes[before:] {
			budget -= len(w.Field) + len(w.Value)
		}
	}
	q.written += q.limits.Flush - budget
	if len(q.round) == 0 {
		q.enough = min(q.written, maxRounds*q.limits.Changelog)
		q.folded = q.upTo + 1
	}
	return writes, nil
}

// encode appends a fragment as it is now.
func (a *account) encode(writes []bitmaps.Write, f bitmaps.Field) ([]bitmaps.Write, error) {
	var value []byte
	switch f.Kind {
	case bitmaps.Meta:
		value = a.encodeMeta()
	case bitmaps.IDs:
		value = bitmaps.EncodeNames(a.contacts.chunk(f.N[0], bitmaps.ChunkSize))
	case bitmaps.MessageNames:
		value = bitmaps.EncodeNames(a.messages.chunk(f.N[0], bitmaps.ChunkSize))
	case bitmaps.ListNames:
		value = bitmaps.EncodeNames(a.lists.chunk(f.N[0], bitmaps.ChunkSize))
	case bitmaps.Reasons:
		value = bitmaps.EncodeNames(a.reasons.chunk(f.N[0], bitmaps.ChunkSize))
	case bitmaps.MessageTitles:
		value = bitmaps.EncodeTitles(a.messageTitles.chunk(f.N[0]))
	case bitmaps.ListTitles:
		value = bitmaps.EncodeTitles(a.listTitles.chunk(f.N[0]))
	case bitmaps.Registers:
		value = a.encodeRegisters(f.N[0])
	case bitmaps.Erasures:
		value = bitmaps.EncodeErasures(a.erasures)
	case bitmaps.Composed:
		plan := a.pieces[f.N[0]].plan
		value = bitmaps.EncodeComposed(int32(plan.today), plan.version)
	case bitmaps.Fact:
		a.pieces[f.N[0]].queued.removeFact(f.Name)
		value = bitmaps.EncodeBitmap(a.pieces[f.N[0]].withFact(f.Name))
	case bitmaps.Members:
		value = a.encodeMembers(f)
	case bitmaps.ListMembers:
		l := a.pieces[f.N[1]].lists[f.N[0]]
		l.queued = false
		value = bitmaps.EncodeBitmap(l.members)
	case bitmaps.ListRegisters:
		value = a.encodeListRegisters(f)
	case bitmaps.Day:
		return a.encodeDay(writes, f)
	}
	if value == nil {
		return writes, nil
	}
	return append(writes, bitmaps.Write{Account: a.id, Field: f.String(), Value: value}), nil
}

// encodeMeta leaves out the segments whose members never changed, so that they
// cost nothing here either.
func (a *account) encodeMeta() []byte {
	totals := map[string]bitmaps.Totals{}
	for slot, id := range a.segments {
		if id != "" && a.totals[slot] != (bitmaps.Totals{}) {
			totals[id] = a.totals[slot]
		}
	}
	return bitmaps.EncodeMeta(bitmaps.AccountMeta{
		Seq: a.state.seq, Contacts: a.contacts.next(), Messages: a.messages.next(), Lists: a.lists.next(), Reasons: a.reasons.next(),
		Totals: totals,
	})
}

func (a *account) encodeRegisters(chunk uint32) []byte {
	p, from := a.at(chunk * bitmaps.ChunkSize)
	p.queued.registers.remove(chunk)
	to := min(int(from)+bitmaps.ChunkSize, len(p.register))
	return bitmaps.EncodeRegisters(p.register[from:to])
}

func (a *account) encodeListRegisters(f bitmaps.Field) []byte {
	p, from := a.at(f.N[1] * listChunk)
	return bitmaps.EncodeListRegisters(p.lists[f.N[0]].registers.flush(from / listChunk))
}

func (a *account) encodeMembers(f bitmaps.Field) []byte {
	p := a.pieces[f.N[0]]
	slot, ok := a.slots[f.Name]
	if !ok || slot >= len(p.members) {
		return nil // the segment is gone
	}
	p.members[slot].dirty = false
	return bitmaps.EncodeBitmap(roaring.FromDense(p.members[slot].words, true))
}

// encodeDay writes the pending events of all series of a day, and the fragment
// that says which runs there are then.
func (a *account) encodeDay(writes []bitmaps.Write, f bitmaps.Field) (_ []bitmaps.Write, err error) {
	day, p := segment.Date(f.N[0]), a.pieces[f.N[1]]
	fragment, changed := bitmaps.DayFragment{Seq: a.state.seq}, false
	for of := range series(allSeries) {
		d := p.days[of][day]
		if d == nil {
			continue
		}
		if d.queued {
			changed = true
			if writes, err = p.encodeEvents(writes, d, of, day); err != nil {
				return writes, err
			}
		}
		d.flushedAt = fragment.Seq
		fragment.Series = append(fragment.Series, bitmaps.DaySeries{
			Series: uint8(of), Contacts: d.bits, Runs: d.runs, Counts: d.storedCounts(),
		})
	}
	if !changed { // it was written since it was queued, or has left
		return writes, nil
	}
	return append(writes, bitmaps.Write{Account: a.id, Field: f.String(), Value: bitmaps.EncodeDay(fragment)}), nil
}

// encodeEvents writes the pending events of a series as a run, merged with the
// runs before it when these are due, or with all of them to leave out forgotten
// contacts.
func (p *piece) encodeEvents(writes []bitmaps.Write, d *daySet, of series, day segment.Date) ([]bitmaps.Write, error) {
	a := p.account
	first, events, err := p.nextRun(d, of, day)
	if err != nil {
		return writes, err
	}
	if of.counted() {
		d.countRuns(first, events)
	}
	runs, f := append([]int(nil), d.runs[:first]...), dayField(of, day, p.number)
	if len(events) > 0 {
		f.N[3] = uint32(first)
		runs = append(runs, len(events))
		value := bitmaps.EncodeEvents(a.state.sorter.events(events))
		writes = append(writes, bitmaps.Write{Account: a.id, Field: f.String(), Value: value})
	}
	for gone := len(runs); gone < len(d.runs); gone++ {
		f.N[3] = uint32(gone)
		writes = append(writes, bitmaps.Write{Account: a.id, Field: f.String()})
	}
	d.runs, d.pending, d.logged, d.queued, d.forgotten = runs, nil, 0, false, nil
	return writes, nil
}

// nextRun is the place and the events of the run to write.
func (p *piece) nextRun(d *daySet, of series, day segment.Date) (first int, events []bitmaps.Event, err error) {
	first = len(d.runs)
	if len(d.pending) > 0 {
		first = min(first, mergeFrom(append(d.runs, len(d.pending))))
	}
	if len(d.forgotten) > 0 {
		first = 0
	}
	if first == len(d.runs) {
		return first, d.pending, nil
	}
	if err := p.load(d, of, day); err != nil {
		return 0, nil, err
	}
	skip := 0
	for _, n := range d.runs[:first] {
		skip += n
	}
	return first, d.table.events[skip:], nil
}
