package pipeline

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"rollcall/bitmaps"
	"rollcall/consumers"
)

// endsEvery is how often Kafka is asked where its partitions end.
const endsEvery = 500 * time.Millisecond

// endsLog remembers where Kafka's partitions ended lately.
type endsLog struct {
	mu    sync.Mutex
	known []ends // oldest first
}

// ends is where partitions ended at a moment.
type ends struct {
	at          time.Time // before the question was asked
	tasks       []map[consumers.TopicPartition]int64
	definitions int64
}

// keptEnds bounds what is remembered.
const keptEnds = 64

func (l *endsLog) Run(ctx context.Context, from Ends, now func() time.Time) error {
	ticker := time.NewTicker(endsEvery)
	defer ticker.Stop()
	for {
		at := now()
		tasks, definitions, err := from.Ends(ctx)
		switch {
		case err == nil:
			l.add(ends{at, tasks, definitions})
		case ctx.Err() == nil:
			slog.Warn("reading where the log ends failed, will retry", "err", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

func (l *endsLog) add(e ends) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.known = append(l.known, e)
	if len(l.known) > keptEnds {
		l.known = slices.Delete(l.known, 0, len(l.known)-keptEnds)
	}
}

// newest returns what is remembered, newest first.
func (l *endsLog) newest() []ends {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := slices.Clone(l.known)
	slices.Reverse(out)
	return out
}

// Freshness says since when everything in Kafka is in the state, and on which
// day the account stands. It is fresh if that is recent, and the day today.
func (v *View) Freshness(account string) Freshness {
	f := Freshness{Position: v.position()}
	known := v.ends.newest()
	for i, e := range known {
		behind := v.behind(&e)
		if len(behind) == 0 {
			f.AsOf, f.Missing = e.at, nil
			break
		}
		if i == 0 {
			f.Missing = behind
		}
	}
	switch age := v.Now().Sub(f.AsOf); {
	case len(known) == 0:
		f.Missing = []string{"where the log ends is not known yet"}
	case f.AsOf.IsZero():
	case age > v.MaxStaleness && len(f.Missing) == 0:
		f.Missing = []string{fmt.Sprintf("where the log ends was last known %s ago", age.Round(time.Millisecond))}
	case age <= v.MaxStaleness:
		f.Missing = v.wrongDay(account)
	}
	f.Fresh = len(f.Missing) == 0
	return f
}

// behind names the partitions that have not been read up to those ends.
func (v *View) behind(e *ends) (missing []string) {
	if at := v.Catalog.Offset(); at < e.definitions {
		missing = append(missing, fmt.Sprintf("definitions: read to %d of %d", at, e.definitions))
	}
	for p, r := range v.replicas {
		r.mu.RLock()
		for tp, high := range e.tasks[p] {
			if next := r.next[tp]; next < high {
				missing = append(missing, fmt.Sprintf("%s: applied to %d of %d", tp, next, high))
			}
		}
		if composed := r.checkpoint.Definitions; composed < e.definitions {
			missing = append(missing, fmt.Sprintf("partition %d: composed for definitions to %d of %d", p, composed, e.definitions))
		}
		r.mu.RUnlock()
	}
	slices.Sort(missing)
	return missing
}

// wrongDay names the partitions where the account's day is not today's.
func (v *View) wrongDay(account string) (missing []string) {
	def := v.Catalog.Account(account)
	if def == nil {
		return nil
	}
	today := v.today(def)
	for p, r := range v.replicas {
		r.mu.RLock()
		if !r.state.accounts[account].isOn(today) {
			missing = append(missing, fmt.Sprintf("partition %d: the account's day is not %s yet", p, today))
		}
		r.mu.RUnlock()
	}
	return missing
}

// position names the state that answers: for each partition the take-over under
// which it was committed, and the commit.
func (v *View) position() string {
	var b strings.Builder
	for i, r := range v.replicas {
		r.mu.RLock()
		if i > 0 {
			b.WriteByte('-')
		}
		b.WriteString(r.nonce[:min(8, len(r.nonce))] + "." + strconv.FormatUint(r.state.seq, 10))
		r.mu.RUnlock()
	}
	return b.String()
}

// Status is an account's, or the whole product's if account is empty.
func (v *View) Status(account string) Status {
	s := Status{Freshness: v.Freshness(account), Outcomes: map[string]int64{}, DeadLetters: map[string]int64{}}
	var newest ends
	if known := v.ends.newest(); len(known) > 0 {
		newest = known[0]
	}
	for p, r := range v.replicas {
		s.Partitions = append(s.Partitions, r.status(p, account, newest, &s))
	}
	return s
}

func (r *replica) status(number int, account string, e ends, s *Status) PartitionStatus {
	r.mu.RLock()
	defer r.mu.RUnlock()
	p := PartitionStatus{Partition: number, Lag: map[string]int64{}, Position: fmt.Sprintf("%s.%d", r.nonce, r.state.seq)}
	for o, n := range r.checkpoint.Outcomes {
		s.Outcomes[bitmaps.Outcome(o).String()] += n
	}
	for code, n := range r.checkpoint.Reasons {
		s.DeadLetters[code] += n
	}
	if e.tasks == nil {
		return p
	}
	p.Fresh = true
	for tp, high := range e.tasks[number] {
		lag := max(0, high-r.next[tp])
		p.Lag[tp.Topic] += lag
		p.Fresh = p.Fresh && lag == 0
	}
	if a := r.state.accounts[account]; a != nil && len(a.pieces) > 0 {
		p.Today = a.pieces[0].today.String()
	}
	return p
}
