package pipeline

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"rollcall/bitmaps"
	"rollcall/consumers"
	"rollcall/pipeline/catalog"
	"rollcall/pipeline/inputs"
	"rollcall/pipeline/segment"
)

// ViewConfig is what a View needs.
type ViewConfig struct {
	Partitions   int32
	Store        *bitmaps.Store
	Catalog      *catalog.Catalog
	Ends         Ends
	MaxStaleness time.Duration
	Now          func() time.Time
	Inputs       inputs.Set // topics beside those of the contract
}

// Ends tells where Kafka's partitions end.
type Ends interface {
	// Ends returns the high watermark of every partition that a task reads now,
	// by task, and that of the definitions.
	Ends(ctx context.Context) (tasks []map[consumers.TopicPartition]int64, definitions int64, err error)
}

// View answers questions from replicas of all partitions.
type View struct {
	ViewConfig
	replicas []*replica
	ends     endsLog

	mu      sync.Mutex
	watches map[*watch]bool
}

// NewView makes a View that knows nothing before Run.
func NewView(c ViewConfig) *View {
	v := &View{ViewConfig: c, watches: map[*watch]bool{}}
	for p := range c.Partitions {
		v.replicas = append(v.replicas, newReplica(c.Store, c.Catalog, p, v.notify))
	}
	return v
}

// Run follows all partitions until ctx ends.
func (v *View) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	for _, r := range v.replicas {
		g.Go(func() error { return r.Run(ctx) })
	}
	g.Go(func() error { return v.followEnds(ctx) })
	return g.Wait()
}

// Committed takes a commit of this process over as soon as it is durable.
func (v *View) Committed(partition int32, e *bitmaps.Entry, nonce string) {
	v.replicas[partition].offer(e, nonce)
}

func (v *View) replicaOf(account, contact string) *replica {
	return v.replicas[consumers.Partition([]byte(account+"/"+contact), int(v.Partitions))]
}

// today is the account's day.
func (v *View) today(account *catalog.Account) segment.Date {
	return segment.DateOf(v.Now().In(account.Zone))
}

// composed tells whether every partition has composed the segment as defined.
func (v *View) composed(def *catalog.Account, seg string) bool {
	if def == nil || def.Segment(seg) == nil {
		return false
	}
	for _, r := range v.replicas {
		r.mu.RLock()
		behind := r.checkpoint.Definitions <= def.Segment(seg).Version
		r.mu.RUnlock()
		if behind {
			return false
		}
	}
	return true
}

// sameDay is the freshness of an answer that was read piece by piece: all of it
// must be of one day, and that must still be today.
func (v *View) sameDay(account string, day segment.Date, all bool) Freshness {
	return v.ofDay(v.Freshness(account), account, day, all)
}

func (v *View) ofDay(f Freshness, account string, day segment.Date, all bool) Freshness {
	if def := v.Catalog.Account(account); f.Fresh && (!all || def == nil || v.today(def) != day) {
		f.Fresh, f.Missing = false, append(f.Missing, "the account's day has just begun")
	}
	return f
}

// isOn tells whether all that is known of the account is of that day.
func (a *account) isOn(day segment.Date) bool {
	if a != nil {
		for _, p := range a.pieces {
			if p.today != day {
				return false
			}
		}
	}
	return true
}

// Size is of the newest definition, once every partition has composed it.
func (v *View) Size(account, seg string) Size {
	s := Size{Partitions: len(v.replicas)}
	def := v.Catalog.Account(account)
	if def == nil || def.Segment(seg) == nil {
		return s
	}
	version := def.Segment(seg).Version
	for _, r := range v.replicas {
		r.mu.RLock()
		if r.checkpoint.Definitions > version {
			s.Composed++
			r.addSize(&s, account, seg)
		}
		r.mu.RUnlock()
	}
	if s.Ready = s.Composed == s.Partitions; !s.Ready {
		return Size{Composed: s.Composed, Partitions: s.Partitions}
	}
	s.Version = version
	return s
}

func (r *replica) addSize(s *Size, account, seg string) {
	a := r.state.accounts[account]
	if a == nil {
		return
	}
	slot, ok := a.slots[seg]
	if !ok {
		return
	}
	n := r.sizes.count(stateName{r.nonce, r.state.seq}, a, slot)
	s.Members += n.members
	s.Sendable += n.sendable
	s.Entered += int64(a.totals[slot].Entered)
	s.Exited += int64(a.totals[slot].Exited)
}

// Warnings names the lists and messages of a definition that no record has
// mentioned so far.
func (v *View) Warnings(id string, def segment.Definition) []Warning {
	var out []Warning
	for _, ref := range def.References() {
		if ref.Kind != segment.Segment {
			out = v.warn(out, id, ref.Kind.String(), ref.Name, func(a *account) ([]string, bool) {
				_, ok := a.lists.lookup(listKey(ref.Kind, ref.Name))
				return a.listNames(ref.Kind), ok
			})
		}
	}
	for _, names := range def.Messages() {
		for _, name := range names {
			out = v.warn(out, id, "message", name, func(a *account) ([]string, bool) {
				_, ok := a.messages.lookup(name)
				return a.messages.chunk(0, a.messages.next()), ok
			})
		}
	}
	return slices.CompactFunc(out, func(a, b Warning) bool { return a == b })
}

// warn looks for a name in every partition.
func (v *View) warn(out []Warning, id, kind, name string, look func(*account) (names []string, known bool)) []Warning {
	var all []string
	for _, r := range v.replicas {
		r.mu.RLock()
		a := r.state.accounts[id]
		var known bool
		if a != nil {
			var names []string
			names, known = look(a)
			all = append(all, names...)
		}
		r.mu.RUnlock()
		if known {
			return out
		}
	}
	slices.Sort(all)
	w := Warning{Kind: kind, Name: name, Nearest: segment.Nearest(name, slices.Compact(all))}
	w.Message = fmt.Sprintf("no record has mentioned the %s %q so far", kind, name)
	if w.Nearest != "" {
		w.Message += fmt.Sprintf("; did you mean %q?", w.Nearest)
	}
	return append(out, w)
}

// listNames are the names of the account's lists of a kind.
func (a *account) listNames(kind segment.Kind) []string {
	var names []string
	prefix := listKey(kind, "")
	for _, key := range a.lists.all() {
		if name, ok := strings.CutPrefix(key, prefix); ok {
			names = append(names, name)
		}
	}
	return names
}
