package history

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"rollcall/pipeline/naive"
	"rollcall/pipeline/segment"
)

var everything = Options{Erasures: true, Inbox: true, CloudEvents: true}

const seeds = 150

func TestSeedDecides(t *testing.T) {
	for seed := range uint64(20) {
		if !reflect.DeepEqual(New(seed, everything), New(seed, everything)) {
			t.Fatalf("seed %d makes different histories", seed)
		}
	}
	if reflect.DeepEqual(New(1, everything), New(2, everything)) {
		t.Error("seeds 1 and 2 make the same history")
	}
}

// Logs and clocks are such as Kafka's are.
func TestLogs(t *testing.T) {
	for seed := range uint64(seeds) {
		h := New(seed, everything)
		now := time.Time{}
		offsets, times := map[partition]int64{}, map[partition]int64{}
		for i, s := range h.Steps {
			at := fmt.Sprintf("%v, step %d", h, i)
			if !s.Now.After(now) {
				t.Fatalf("%s: the clock stands", at)
			}
			now = s.Now
			for _, run := range s.Runs {
				p := partition{run.Topic, run.Partition}
				for _, rec := range run.Records {
					next, known := offsets[p]
					if rec.Topic != run.Topic || rec.Partition != run.Partition || known && rec.Offset <= next {
						t.Fatalf("%s: offset %d after %d", at, rec.Offset, next)
					}
					if rec.Time < times[p] || rec.Time > now.UnixMilli()+3000 {
						t.Fatalf("%s: Kafka time %d", at, rec.Time)
					}
					offsets[p], times[p] = rec.Offset, rec.Time
				}
			}
		}
	}
}

// At every step segments stand only on segments that exist, in an order without circles.
func TestDefinitionsStand(t *testing.T) {
	for seed := range uint64(seeds) {
		h := New(seed, everything)
		for i := range h.Steps {
			for _, a := range h.World(i + 1).Accounts {
				for id, def := range a.Segments {
					for _, parent := range parents(def) {
						if _, ok := a.Segments[parent]; !ok || parent >= id {
							t.Fatalf("%v, step %d: %s stands on %s", h, i, id, parent)
						}
					}
				}
			}
		}
	}
}

// Definitions are in normal form, and such that their account accepts them.
func TestDefinitionsAreAcceptable(t *testing.T) {
	for seed := range uint64(seeds) {
		h := New(seed, everything)
		for _, a := range h.World(len(h.Steps)).Accounts {
			for id, def := range a.Segments {
				back, err := segment.Limits{RetentionDays: a.RetentionDays}.Parse(def.Text())
				if err != nil || !reflect.DeepEqual(back, def) {
					t.Fatalf("%v: %s: %s came back as %s, %v", h, id, def, back, err)
				}
			}
		}
	}
}

func parents(def segment.Definition) []string {
	var ids []string
	if def.From.Kind == segment.Segment {
		ids = append(ids, def.From.Name)
	}
	walk(def.Where, func(c segment.Condition) {
		if in, ok := c.(segment.In); ok && in.Kind == segment.Segment {
			ids = append(ids, in.Name)
		}
	})
	return ids
}

func walk(cond segment.Condition, visit func(segment.Condition)) {
	visit(cond)
	var of []segment.Condition
	switch c := cond.(type) {
	case segment.All:
		of = c
	case segment.Any:
		of = c
	case segment.Not:
		of = []segment.Condition{c.Of}
	}
	for _, c := range of {
		walk(c, visit)
	}
}

// Nothing that can differ between two implementations is left out.
func TestVariety(t *testing.T) {
	seen := map[string]int{}
	for seed := range uint64(seeds) {
		h := New(seed, everything)
		for _, s := range h.Steps {
			for _, c := range s.Changes {
				seen[fmt.Sprintf("change: created %t, put %t", c.Created != nil, c.Definition != nil)]++
			}
		}
		count(seen, h.World(len(h.Steps)), h.Steps[len(h.Steps)-1].Now)
	}
	for _, what := range expected() {
		if seen[what] < 3 {
			t.Errorf("%s: seen %d times", what, seen[what])
		}
	}
}

func count(seen map[string]int, w naive.World, now time.Time) {
	r := naive.Fold(w, now)
	for i, o := range r.Outcomes {
		seen[fmt.Sprintf("verdict %d", o.Verdict)]++
		seen["code "+string(o.Code)]++
		seen["topic "+w.Records[i].Topic]++
		if o.Verdict == naive.DeadLettered && w.Records[i].Topic == topicOptedOut {
			seen["opted out "+string(o.Code)]++
		}
	}
	for _, a := range w.Accounts {
		seen["zone "+a.Timezone]++
		for id, def := range a.Segments {
			seen[fmt.Sprintf("origin %d", def.From.Kind)]++
			n, all := len(r.Members(a.ID, id)), len(r.Contacts(a.ID))
			seen[fmt.Sprintf("members: some %t, all %t", n > 0, n == all)]++
			seen[fmt.Sprintf("sendable: some %t", len(r.Sendable(a.ID, id)) > 0)]++
			walk(def.Where, func(c segment.Condition) { countCondition(seen, c) })
		}
	}
}

func countCondition(seen map[string]int, c segment.Condition) {
	seen[fmt.Sprintf("condition %T", c)]++
	switch c := c.(type) {
	case segment.In:
		seen[fmt.Sprintf("in %d", c.Kind)]++
	case segment.Did:
		seen[fmt.Sprintf("behaviour %d", c.Behaviour)]++
		seen[fmt.Sprintf("messages %d", c.Messages.Mode)]++
		seen[fmt.Sprintf("frequency %d", c.Frequency.Kind)]++
		seen[fmt.Sprintf("period %d", c.Period.Kind)]++
	}
}

func expected() []string {
	all := []string{
		"change: created true, put false", "change: created false, put true", "change: created false, put false",
		"members: some true, all true", "members: some true, all false", "members: some false, all false",
		"sendable: some true", "topic " + topicInbox, "opted out bad-time", "opted out impossible-time",
		"code " + string(naive.BadHeaders), "code " + string(naive.UnknownTopic), "condition <nil>",
	}
	for _, f := range faults {
		all = append(all, "code "+string(f.code))
	}
	for _, topic := range topics {
		all = append(all, "topic "+topic)
	}
	for _, zone := range zones {
		all = append(all, "zone "+zone)
	}
	for _, c := range []segment.Condition{
		segment.All{}, segment.Any{}, segment.Not{}, segment.OptedIn{}, segment.OptedOut{},
		segment.ValidPhone{}, segment.PhoneIn{}, segment.In{}, segment.Did{},
	} {
		all = append(all, fmt.Sprintf("condition %T", c))
	}
	for name, n := range map[string]int{
		"verdict": 4, "origin": 5, "behaviour": 4, "messages": 4, "frequency": 5, "period": 7,
	} {
		for i := range n {
			all = append(all, fmt.Sprint(name, " ", i))
		}
	}
	return append(all, "in 1", "in 2", "in 3", "in 4")
}

// Each fault gives the code that it is there for, whatever the topic.
func TestFaults(t *testing.T) {
	for _, f := range faults {
		tried := 0
		for seed := range uint64(300) {
			m := &maker{
				rng: rand.New(rand.NewPCG(seed, 1)), labels: rand.New(rand.NewPCG(seed, 6)), options: Options{}.withDefaults(),
				next: map[partition]int64{}, last: map[partition]int64{},
			}
			m.begin()
			m.account()
			m.chooseTimes(m.now.Add(-time.Hour))
			d := m.draft()
			if d.tombstone || !f.spoil(m, &d) {
				continue
			}
			tried++
			rec := naive.Record{Topic: d.topic, Key: []byte("acme/" + d.contact), Value: m.encode(d)}
			m.append(&rec)
			w := naive.World{Partitions: 3, Accounts: []naive.Account{m.accounts[0].Account}, Records: []naive.Record{rec}}
			if o := naive.Fold(w, m.now).Outcomes[0]; o.Code != f.code {
				t.Errorf("%s: got %q for %s %.200q", f.code, o.Code, d.topic, rec.Value)
			}
		}
		if tried == 0 {
			t.Errorf("%s: never tried", f.code)
		}
	}
}

func TestInterleave(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	var runs []Run
	for p := range int32(3) {
		run := Run{Topic: topicSent, Partition: p}
		for offset := range int64(20) {
			run.Records = append(run.Records, naive.Record{Topic: topicSent, Partition: p, Offset: offset})
		}
		runs = append(runs, run)
	}
	merged := Interleave(rng, runs)
	for p, run := range runs {
		own := slices.DeleteFunc(slices.Clone(merged), func(r naive.Record) bool { return r.Partition != int32(p) })
		if !reflect.DeepEqual(own, run.Records) {
			t.Errorf("partition %d is out of order", p)
		}
	}
	if reflect.DeepEqual(merged, Interleave(rng, runs)) {
		t.Error("the same order twice")
	}
}

// What history makes up, naive folds to one answer in whatever order.
func TestFoldIgnoresOrder(t *testing.T) {
	for seed := range uint64(seeds) {
		h := New(seed, everything)
		rng := rand.New(rand.NewPCG(seed, 3))
		w, now := h.World(len(h.Steps)), h.Steps[len(h.Steps)-1].Now
		want := answers(w, now)
		var runs []Run
		for _, s := range h.Steps {
			runs = append(runs, s.Runs...)
		}
		for range 3 {
			w.Records = Interleave(rng, runs)
			if got := answers(w, now); !reflect.DeepEqual(got, want) {
				t.Fatalf("%v: got %v, want %v", h, got, want)
			}
		}
	}
}

func answers(w naive.World, now time.Time) map[string][]string {
	r := naive.Fold(w, now)
	all := map[string][]string{}
	for _, a := range w.Accounts {
		for id := range a.Segments {
			all[a.ID+"/"+id] = r.Members(a.ID, id)
		}
	}
	return all
}

func BenchmarkFold(b *testing.B) {
	h := New(1, Options{})
	w, now := h.World(len(h.Steps)), h.Steps[len(h.Steps)-1].Now
	for b.Loop() {
		answers(w, now)
	}
	b.ReportMetric(float64(len(w.Records)), "records")
}

func BenchmarkNew(b *testing.B) {
	for b.Loop() {
		New(1, everything)
	}
}
