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
	added int    // ever
	read  readTo // as it was found out last
}

// readTo is up to when everything has been read, or what is missing. It is the same
// as long as nothing of what it is of has changed.
type readTo struct {
	position    string
	definitions int64
	added       int
	asOf        time.Time // zero: not yet
	missing     []string
}

// ends is where partitions ended at a moment.
type ends struct {
	at          time.Time // before the question was asked
	tasks       []map[consumers.TopicPartition]int64
	definitions int64
	read        time.Time // when the producers' partitions had been read up to here; zero: not yet
	cut         []bitmaps.Loss
}

// keptEnds bounds what is remembered.
const keptEnds = 64

// followEnds asks again and again until ctx ends.
func (v *View) followEnds(ctx context.Context) error {
	ticker := time.NewTicker(endsEvery)
	defer ticker.Stop()
	for {
		if err := v.askEnds(ctx); err != nil && ctx.Err() == nil {
			slog.Warn("reading where the log ends failed, will retry", "err", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// askEnds asks where the log ends. Before that it notes what of the answers so
// far has been read, and how far the replicas are: a log that ends before that
// was created anew, or cut off.
func (v *View) askEnds(ctx context.Context) error {
	v.ends.newest(v.readUpTo, v.Now())
	e := ends{at: v.Now()}
	reached, definitions := v.reached(), v.Catalog.Offset()
	var err error
	if e.tasks, e.definitions, err = v.Ends.Ends(ctx); err != nil {
		return err
	}
	for p, task := range e.tasks {
		for _, tp := range sortedPartitions(task) {
			if high := task[tp]; reached[p][tp] > high {
				e.cut = append(e.cut, bitmaps.Loss{Topic: tp.Topic, Partition: tp.Partition, From: reached[p][tp], To: 0})
			}
		}
	}
	if definitions > e.definitions {
		e.cut = append(e.cut, bitmaps.Loss{Topic: TopicDefinitions, From: definitions, To: e.definitions})
	}
	v.ends.add(e)
	return nil
}

// reached is how far the replicas have read, by partition.
func (v *View) reached() []map[consumers.TopicPartition]int64 {
	reached := make([]map[consumers.TopicPartition]int64, len(v.replicas))
	for p, r := range v.replicas {
		r.mu.RLock()
		reached[p] = r.next // never changed, only replaced
		r.mu.RUnlock()
	}
	return reached
}

// losses is what Kafka has lost: what the owners say of it, and what is seen here.
func (v *View) losses(newest []ends) []bitmaps.Loss {
	var losses []bitmaps.Loss
	for _, r := range v.replicas {
		r.mu.RLock()
		losses = append(losses, r.checkpoint.Lost...)
		r.mu.RUnlock()
	}
	if len(newest) == 0 {
		return losses
	}
	for _, l := range newest[0].cut {
		told := func(o bitmaps.Loss) bool { return o.Topic == l.Topic && o.Partition == l.Partition }
		if !slices.ContainsFunc(losses, told) {
			losses = append(losses, l)
		}
	}
	return losses
}

func (l *endsLog) add(e ends) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.known, l.added = append(l.known, e), l.added+1
	if len(l.known) > keptEnds {
		l.known = slices.Delete(l.known, 0, len(l.known)-keptEnds)
	}
}

// newest returns what is remembered, newest first, having noted with readUpTo
// which of it has been read, and how much was added ever.
func (l *endsLog) newest(readUpTo func(*ends) bool, now time.Time) (known []ends, added int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range l.known {
		if e := &l.known[i]; e.read.IsZero() && readUpTo(e) {
			e.read = now
		}
	}
	known = slices.Clone(l.known)
	slices.Reverse(known)
	return known, l.added
}

// Freshness says since when everything in Kafka is in the state, and on which
// day the account stands. It is fresh if that is recent, and the day today.
//
// A record in the wrong partition is forwarded to the inbox before its own
// partition counts as read. So what was written before a moment is in the state
// once the producers' partitions were read up to their ends at that moment, and
// the inbox up to its end at some moment after that.
func (v *View) Freshness(account string) Freshness {
	read, known := v.readTo()
	f := Freshness{Position: read.position, AsOf: read.asOf, Missing: slices.Clone(read.missing)}
	losses, troubles := v.losses(known), v.troubles()
	switch age := v.Now().Sub(f.AsOf); {
	case len(losses) > 0:
		f.Missing = nil
		for _, l := range losses {
			f.Missing = append(f.Missing, "data lost: "+l.String())
		}
	case len(known) == 0:
		f.Missing = []string{"where the log ends is not known yet"}
	case f.AsOf.IsZero() || age > v.MaxStaleness:
		if asked := known[0].at; v.Now().Sub(asked) > v.MaxStaleness {
			f.Missing = append(f.Missing, "where the log ends was known last at "+asked.UTC().Format(time.RFC3339))
		}
		if f.Missing = append(troubles, f.Missing...); len(f.Missing) == 0 {
			f.Missing = []string{"the inbox was not asked for since the other topics were read"}
		}
	default:
		f.Missing = append(troubles, v.wrongDay(account)...)
	}
	f.Fresh = len(f.Missing) == 0
	return f
}

// readTo finds out up to when everything has been read, unless it is known. With it
// comes where the log ended last, if anything is known of that.
func (v *View) readTo() (readTo, []ends) {
	r := readTo{position: v.position(), definitions: v.Catalog.Offset()}
	if known, newest, ok := v.ends.same(r); ok {
		return known, newest
	}
	known, added := v.ends.newest(v.readUpTo, v.Now())
	r.added = added
	r.asOf, r.missing = v.lookBack(known)
	if v.position() == r.position && v.Catalog.Offset() == r.definitions { // else it is of something later
		v.ends.keep(r)
	}
	return r, known[:min(1, len(known))]
}

// lookBack looks for the latest ends that everything has been read up to.
func (v *View) lookBack(known []ends) (asOf time.Time, missing []string) {
	var inbox time.Time // up to then the inbox has been read
	for i := range known {
		e := &known[i]
		if inbox.IsZero() && len(v.behind(e, inboxOnly)) == 0 {
			inbox = e.at
		}
		// A replica whose Redis went back to an older state has to read on again.
		if !e.read.IsZero() && !inbox.IsZero() && !inbox.Before(e.read) && v.readUpTo(e) {
			return e.at, missing
		}
		if i == 0 {
			missing = append(v.behind(e, sourcesOnly), v.behind(e, inboxOnly)...)
		}
	}
	return asOf, missing
}

// same returns what was found out of just this, and where the log ended last.
func (l *endsLog) same(r readTo) (known readTo, newest []ends, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	known = l.read
	if l.added == 0 || known.position != r.position || known.definitions != r.definitions || known.added != l.added {
		return known, nil, false
	}
	return known, slices.Clone(l.known[len(l.known)-1:]), true
}

func (l *endsLog) keep(r readTo) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.read = r
}

// readUpTo tells whether the producers' partitions have been read up to their ends.
func (v *View) readUpTo(e *ends) bool { return len(v.behind(e, sourcesOnly)) == 0 }

// side says which partitions a question is about.
type side bool

const (
	sourcesOnly side = false // and the definitions
	inboxOnly   side = true
)

// behind names the partitions that have not been read up to those ends.
func (v *View) behind(e *ends, of side) (missing []string) {
	if at := v.Catalog.Offset(); of == sourcesOnly && at < e.definitions {
		missing = append(missing, fmt.Sprintf("definitions: read to %d of %d", at, e.definitions))
	}
	for p, r := range v.replicas {
		r.mu.RLock()
		for tp, high := range e.tasks[p] {
			if next := r.next[tp]; next < high && side(tp.Topic == TopicInbox) == of {
				missing = append(missing, fmt.Sprintf("%s: applied to %d of %d", tp, next, high))
			}
		}
		if composed := r.checkpoint.Definitions; of == sourcesOnly && composed < e.definitions {
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

// troubles names the partitions whose state is damaged, or of another format.
func (v *View) troubles() (missing []string) {
	for p, r := range v.replicas {
		r.mu.RLock()
		if r.trouble != "" {
			missing = append(missing, fmt.Sprintf("partition %d: %s", p, r.trouble))
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
	s := Status{Freshness: v.Freshness(account), Outcomes: map[string]int64{}, DeadLetters: map[string]int64{}, Ignored: map[string]int64{}}
	var newest ends
	known, _ := v.ends.newest(func(*ends) bool { return false }, v.Now())
	if len(known) > 0 {
		newest = known[0]
	}
	s.Losses = v.losses(known)
	s.DataLost = len(s.Losses) > 0
	for p, r := range v.replicas {
		s.Partitions = append(s.Partitions, r.status(p, account, newest, &s))
	}
	return s
}

func addTo(sums, counts map[string]int64) {
	for name, n := range counts {
		sums[name] += n
	}
}

func (r *replica) status(number int, account string, e ends, s *Status) PartitionStatus {
	r.mu.RLock()
	defer r.mu.RUnlock()
	p := PartitionStatus{Partition: number, Lag: map[string]int64{}, Position: fmt.Sprintf("%s.%d", r.nonce, r.state.seq)}
	if account == "" { // they are of all accounts together
		for o, n := range r.checkpoint.Outcomes {
			s.Outcomes[bitmaps.Outcome(o).String()] += n
		}
		deadLetters, ignored := splitReasons(r.checkpoint.Reasons)
		addTo(s.DeadLetters, deadLetters)
		addTo(s.Ignored, ignored)
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
