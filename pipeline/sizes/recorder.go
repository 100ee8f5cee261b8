package sizes

import (
	"fmt"
	"time"

	"rollcall/pipeline/catalog"
	"rollcall/pipeline/segment"
)

// Recorder decides what the owner of a partition records. Records are keyed so
// that a compacted topic keeps what a Series tells apart, and no more: a record
// takes the place of one that is too old to be known by the minute, but one that
// closes an hour or a day that of one too old to be known by the hour or the day.
// For that, it says what changed since the last of its kind. A Recorder that is
// new says all, and closes nothing before the hour is over. It is for one
// goroutine.
type Recorder struct {
	every    time.Duration
	accounts map[string]*told
}

// told is what was recorded of an account, by kind of record.
type told [kinds]struct {
	slot   int64
	counts map[string]stated
}

// stated are the counts of a segment since it was created.
type stated struct {
	created int64
	Counts
}

// The kinds of records.
const (
	ofATime  = iota
	ofAnHour // closes one
	ofADay
	kinds
)

// NewRecorder returns a Recorder that is asked as often as every says.
func NewRecorder(every time.Duration) *Recorder {
	return &Recorder{every: every, accounts: map[string]*told{}}
}

// Forget has all be recorded again, because something did not arrive.
func (r *Recorder) Forget() { clear(r.accounts) }

// ring is how many slots there are for each kind of record.
func (r *Recorder) ring(kind int) int64 {
	return [kinds]int64{int64(MinutesFor / r.every), int64(HoursFor / time.Hour), int64(DaysFor / (24 * time.Hour))}[kind]
}

// slots is where a moment belongs, by kind of record. Not everywhere do hours
// begin when they do in UTC.
func (r *Recorder) slots(at time.Time, zone *time.Location) [kinds]int64 {
	at = at.In(zone)
	_, offset := at.Zone()
	return [kinds]int64{at.UnixNano() / int64(r.every), (at.Unix() + int64(offset%3600)) / 3600, int64(segment.DateOf(at))}
}

// Record says what to record of an account now, and by which key; nil: nothing.
// rec has what is true now.
func (r *Recorder) Record(def *catalog.Account, rec Record) (key string, changed *Record) {
	before := r.accounts[def.ID]
	slots := r.slots(rec.At, def.Zone)
	if before == nil {
		before = &told{}
		r.accounts[def.ID] = before
		for kind := range before {
			before[kind].slot, before[kind].counts = slots[kind], map[string]stated{}
		}
	}
	kind := ofATime
	for k := ofAnHour; k < kinds; k++ {
		if before[k].slot != slots[k] {
			kind = k
		}
	}
	all := rec.Segments
	rec.Segments = map[string]Counts{}
	for k := range kind + 1 {
		before[k].slot = slots[k]
		for id, counts := range all {
			now := stated{def.Segment(id).Created, counts}
			if was, ok := before[k].counts[id]; !ok || was != now {
				before[k].counts[id], rec.Segments[id] = now, counts
			}
		}
		for id := range before[k].counts {
			if _, there := all[id]; !there {
				delete(before[k].counts, id)
			}
		}
	}
	if len(rec.Segments) == 0 {
		return "", nil
	}
	return fmt.Sprintf("%s/%c%d", def.ID, "thd"[kind], slots[kind]%r.ring(kind)), &rec
}

// Drop forgets an account.
func (r *Recorder) Drop(account string) { delete(r.accounts, account) }
