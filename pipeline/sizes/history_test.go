package sizes

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"rollcall/pipeline/catalog"
	"rollcall/pipeline/segment"
)

const partitions = 3

// world is the owners of some partitions of an account, the compacted topic that
// they write to, and what is really so.
type world struct {
	t     *testing.T
	rng   *rand.Rand
	now   time.Time
	log   *catalog.Log
	c     *catalog.Catalog
	every time.Duration
	calm  bool // owners stay, and record each minute

	owners [partitions]*Recorder
	state  [partitions]int
	counts [partitions]map[string]Counts
	topic  [partitions][]kept
	told   [partitions]map[string]part // in it last
	really map[string][]moment
}

type kept struct {
	key string
	rec Record
}

// moment is a change of a segment, as the naive way knows it.
type moment struct {
	at     time.Time // of the record that told it
	change change
}

func newWorld(t *testing.T, seed uint64, zone string) *world {
	w := &world{
		t: t, rng: rand.New(rand.NewPCG(seed, 1)), now: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC), c: catalog.New(),
		every: time.Minute, really: map[string][]moment{},
	}
	w.log = catalog.NewLog(w.c, &catalog.Memory{})
	go w.log.Run(t.Context())
	w.put(catalog.PutAccount{Account: "acme", Timezone: zone, RetentionDays: 730})
	for _, id := range []string{"a", "b"} {
		w.put(catalog.PutSegment{Account: "acme", ID: id, Name: id, Definition: segment.Definition{}})
	}
	for p := range partitions {
		w.told[p] = map[string]part{}
		w.owners[p], w.counts[p] = NewRecorder(w.every), map[string]Counts{"a": {}, "b": {}}
	}
	return w
}

func (w *world) put(e catalog.Entry) {
	w.t.Helper()
	if _, err := w.log.Put(w.t.Context(), e); err != nil {
		w.t.Fatal(err)
	}
}

// step lets some time pass, and things change.
func (w *world) step() {
	for range 1 + w.rng.IntN(90) {
		w.now = w.now.Add(time.Minute)
		for p := range partitions {
			if w.calm {
				w.record(p)
			}
		}
	}
	w.change()
	if !w.calm {
		w.disturb()
	}
}

func (w *world) change() {
	for p := range partitions {
		for id, c := range w.counts[p] {
			if w.rng.IntN(3) > 0 {
				continue
			}
			in, out := w.rng.Int64N(20), w.rng.Int64N(c.Size+1)
			c.Size, c.Entered, c.Exited = c.Size+in-out, c.Entered+in, c.Exited+out
			c.Sendable = w.rng.Int64N(c.Size + 1)
			w.counts[p][id] = c
		}
	}
}

func (w *world) disturb() {
	switch p := w.rng.IntN(partitions); w.rng.IntN(40) {
	case 0: // another owner, who remembers nothing
		w.owners[p] = NewRecorder(w.every)
	case 1: // whose state was made anew, and counts otherwise
		w.owners[p] = NewRecorder(w.every)
		w.state[p]++
		for id, c := range w.counts[p] {
			more := w.rng.Int64N(30)
			c.Entered, c.Exited = c.Size+more, more
			w.counts[p][id] = c
		}
	}
	for p := range partitions {
		if w.rng.IntN(8) > 0 {
			w.record(p)
		}
	}
}

func (w *world) record(p int) {
	all := map[string]Counts{}
	for id, c := range w.counts[p] {
		all[id] = c
	}
	rec := Record{Account: "acme", At: w.now, State: fmt.Sprint("s", w.state[p]), Definitions: w.c.Offset(), Segments: all}
	key, changed := w.owners[p].Record(w.c.Account("acme"), rec)
	if changed == nil {
		return
	}
	w.remember(p, changed)
	w.topic[p] = append(w.topic[p], kept{key, *changed})
}

// remember adds what a record says to what is really so, by its words only.
func (w *world) remember(p int, rec *Record) {
	for id, c := range rec.Segments {
		last, known := w.told[p][id]
		before, state := last.counts, last.state
		w.told[p][id] = part{c, rec.State}
		m := moment{at: rec.At, change: change{c.Sendable - before.Sendable, c.Entered - before.Entered, c.Exited - before.Exited}}
		if !known || state != rec.State {
			m.change.entered, m.change.exited = max(0, c.Size-before.Size), max(0, before.Size-c.Size)
		}
		w.really[id] = append(w.really[id], m)
	}
}

// compact is what Kafka does to the topic, sooner or later.
func (w *world) compact() {
	for p := range w.topic {
		last := map[string]int{}
		for i, k := range w.topic[p] {
			last[k.key] = i
		}
		var left []kept
		for i, k := range w.topic[p] {
			if last[k.key] == i {
				left = append(left, k)
			}
		}
		w.topic[p] = left
	}
}

// history is what somebody has who reads the topic now.
func (w *world) history() *History {
	h := NewHistory()
	order := w.rng.Perm(partitions) // which are read first
	for _, p := range order {
		for _, k := range w.topic[p] {
			h.Take(int32(p), &k.rec, w.c.Account("acme"), w.now)
		}
	}
	return h
}

// naively resamples all changes, however old.
func (w *world) naively(id string, edges []time.Time) []Point {
	points := []Point{}
	for i := range len(edges) - 1 {
		p, known := Point{At: edges[i]}, false
		for _, m := range w.really[id] {
			if m.at.After(edges[i+1]) {
				continue
			}
			known = true
			p.Size += m.change.entered - m.change.exited
			p.Sendable += m.change.sendable
			if m.at.After(edges[i]) {
				p.Entered += m.change.entered
				p.Exited += m.change.exited
			}
		}
		if known {
			points = append(points, p)
		}
	}
	return points
}

// TestHistoryAgreesWithTheNaiveOne reads what is left of the topic, and follows
// it from the beginning, with steps as fine as what is that old is known by.
func TestHistoryAgreesWithTheNaiveOne(t *testing.T) {
	for seed := range uint64(8) {
		zone := []string{"UTC", "America/New_York", "Asia/Kolkata", "Europe/Berlin"}[seed%4]
		t.Run(fmt.Sprint(seed, zone), func(t *testing.T) {
			w := newWorld(t, seed, zone)
			follower := NewHistory()
			var taken [partitions]int
			steps := 100 + w.rng.IntN(1500)
			if w.calm = seed == 1 || seed == 2; w.calm {
				steps = 2500 // some 80 days
			}
			for range steps {
				w.step()
				for p := range w.topic {
					for _, k := range w.topic[p][taken[p]:] {
						follower.Take(int32(p), &k.rec, w.c.Account("acme"), w.now)
					}
					taken[p] = len(w.topic[p])
				}
			}
			readers := map[string]*History{"reader": w.history(), "follower": follower}
			w.compact()
			left := w.history()
			if w.calm {
				readers["reader of what is left"] = left
			} else if got, want := left.now(w), follower.now(w); got != want {
				t.Errorf("what is left says %s now, want %s", got, want)
			}
			account := w.c.Account("acme")
			for _, tt := range []struct {
				step string
				from time.Duration
			}{{"1d", 200 * 24 * time.Hour}, {"7d", 200 * 24 * time.Hour}, {"1h", 59 * 24 * time.Hour}, {"6h", 59 * 24 * time.Hour}, {"1m", 47 * time.Hour}, {"5m", 47 * time.Hour}} {
				step, err := ParseStep(tt.step)
				if err != nil {
					t.Fatal(err)
				}
				edges, err := step.Edges(w.now.Add(-tt.from), w.now, account.Zone)
				if err != nil {
					t.Fatal(err)
				}
				for _, id := range []string{"a", "b"} {
					want := w.naively(id, edges)
					for name, h := range readers {
						got := h.Points(account, id, edges)
						if h == left && len(got) > 0 { // who came and went before the first record that is left is not known
							got[0].Entered, got[0].Exited = want[0].Entered, want[0].Exited
						}
						if !slices.Equal(got, want) {
							t.Fatalf("%s, %s by %s: %s", name, id, tt.step, firstDifference(got, want))
						}
					}
				}
			}
		})
	}
}

// now is how large the segments are, without what became of them.
func (h *History) now(w *world) string {
	edges, _ := Step{Days: 1}.Edges(w.now.Add(-time.Minute), w.now, time.UTC)
	text := ""
	for _, id := range []string{"a", "b"} {
		for _, p := range h.Points(w.c.Account("acme"), id, edges[len(edges)-2:]) {
			text += fmt.Sprintf("%s %d %d ", id, p.Size, p.Sendable)
		}
	}
	return text
}

func firstDifference(got, want []Point) string {
	for i := range min(len(got), len(want)) {
		if got[i] != want[i] {
			return fmt.Sprintf("point %d of %d is %+v, want %+v", i, len(want), got[i], want[i])
		}
	}
	return fmt.Sprintf("%d points, want %d", len(got), len(want))
}

// TestHistoryIsBounded records every ten minutes for 900 days.
func TestHistoryIsBounded(t *testing.T) {
	w := newWorld(t, 1, "UTC")
	h, keys := NewHistory(), map[string]bool{}
	total := Counts{}
	const times = 900 * 24 * 6
	w.owners[0] = NewRecorder(10 * time.Minute)
	for i := range times {
		w.now = w.now.Add(10 * time.Minute)
		total.Entered, total.Size = total.Entered+1, total.Size+1
		rec := Record{Account: "acme", At: w.now, State: "s", Definitions: w.c.Offset(), Segments: map[string]Counts{"a": total}}
		key, changed := w.owners[0].Record(w.c.Account("acme"), rec)
		keys[key] = true
		h.Take(0, changed, w.c.Account("acme"), w.now)
		if spans := len(h.accounts["acme"].series["a"].spans); spans > 288+6+1440+24+800+2 {
			t.Fatalf("%d spans after %d records", spans, i)
		}
	}
	if len(keys) > 288+1440+800 {
		t.Errorf("%d keys", len(keys))
	}
	edges, _ := Step{Days: 30}.Edges(w.now.Add(-890*24*time.Hour), w.now, time.UTC)
	points := h.Points(w.c.Account("acme"), "a", edges)
	if last := points[len(points)-1]; last.Size != times {
		t.Errorf("the last point is %+v", last)
	}
	for _, p := range points[5 : len(points)-1] {
		if p.Entered != 30*24*6 {
			t.Errorf("%+v", p)
		}
	}
}

// TestDeletedSegments leaves nothing of a segment to the next one of its name.
func TestDeletedSegments(t *testing.T) {
	w := newWorld(t, 2, "UTC")
	record := func(size int64) {
		w.now = w.now.Add(time.Hour)
		w.counts[0]["a"] = Counts{Size: size, Entered: size}
		w.record(0)
	}
	points := func(h *History) []Point {
		edges, _ := Step{Days: 1}.Edges(w.now.Add(-time.Hour), w.now, time.UTC)
		return h.Points(w.c.Account("acme"), "a", edges)
	}
	record(7)
	h := w.history()
	if got := points(h); len(got) != 1 || got[0].Size != 7 {
		t.Errorf("before: %+v", got)
	}
	w.put(catalog.DeleteSegment{Account: "acme", ID: "a"})
	if got := points(h); len(got) != 0 {
		t.Errorf("deleted: %+v", got)
	}
	w.put(catalog.PutSegment{Account: "acme", ID: "a", Name: "a", Definition: segment.Definition{}})
	for name, h := range map[string]*History{"who followed": h, "who reads": w.history()} {
		if got := points(h); len(got) != 0 {
			t.Errorf("created again, %s: %+v", name, got)
		}
	}
	record(7) // by chance, as many as before
	for name, h := range map[string]*History{"who reads": w.history()} {
		if got := points(h); len(got) != 1 || got[0].Size != 7 || got[0].Entered != 7 {
			t.Errorf("recorded again, %s: %+v", name, got)
		}
	}
	w.put(catalog.PutSegment{Account: "acme", ID: "a", Name: "edited", Definition: segment.Definition{}})
	if got := points(w.history()); len(got) != 1 {
		t.Errorf("edited: %+v", got)
	}
	h = w.history()
	h.Keep(func(string) bool { return false })
	if got := points(h); len(got) != 0 {
		t.Errorf("of a deleted account: %+v", got)
	}
}

func TestSteps(t *testing.T) {
	for _, s := range []string{"", "1", "d", "0d", "-1d", "1.5h", "1w", "1s", "99999d", "1 d"} {
		if _, err := ParseStep(s); err == nil {
			t.Errorf("%q is taken", s)
		}
	}
	berlin, _ := time.LoadLocation("Europe/Berlin")
	at := func(s string) time.Time {
		t.Helper()
		moment, err := time.Parse(time.RFC3339, s)
		if err != nil {
			t.Fatal(err)
		}
		return moment
	}
	for _, tt := range []struct {
		step     Step
		from, to string
		first    string
		last     string
		n        int
	}{
		{Step{Days: 1}, "2026-03-28T12:00:00Z", "2026-03-30T12:00:00Z", "2026-03-27T23:00:00Z", "2026-03-30T22:00:00Z", 3}, // 23 hours
		{Step{Time: time.Hour}, "2026-03-28T12:10:00Z", "2026-03-28T14:00:00Z", "2026-03-28T12:00:00Z", "2026-03-28T14:00:00Z", 2},
		{Step{Time: 6 * time.Hour}, "2026-03-28T12:10:00Z", "2026-03-28T13:00:00Z", "2026-03-28T11:00:00Z", "2026-03-28T17:00:00Z", 1},
	} {
		edges, err := tt.step.Edges(at(tt.from), at(tt.to), berlin)
		if err != nil || len(edges) != tt.n+1 || !edges[0].Equal(at(tt.first)) || !edges[tt.n].Equal(at(tt.last)) {
			t.Errorf("%+v: %v %v", tt, edges, err)
		}
	}
	for _, tt := range [][2]string{{"2026-01-02T00:00:00Z", "2026-01-02T00:00:00Z"}, {"2026-01-02T00:00:00Z", "2026-01-01T00:00:00Z"}, {"2026-01-01T00:00:00Z", "2026-01-08T00:00:00Z"}} {
		if edges, err := (Step{Time: time.Minute}).Edges(at(tt[0]), at(tt[1]), berlin); err == nil {
			t.Errorf("%s: %d edges", tt, len(edges))
		}
	}
	if n := cmp.Compare(len(steps(t)), MaxPoints); n != 0 {
		t.Errorf("%d points", len(steps(t)))
	}
}

// steps are as many as there may be.
func steps(t *testing.T) []time.Time {
	from := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	edges, err := Step{Time: time.Minute}.Edges(from, from.Add(MaxPoints*time.Minute), time.UTC)
	if err != nil {
		t.Fatal(err)
	}
	return edges[1:]
}
