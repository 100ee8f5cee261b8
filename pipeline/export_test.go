package pipeline

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"

	"rollcall/bitmaps"
	"rollcall/consumers"
	"rollcall/pipeline/catalog"
	"rollcall/pipeline/history"
	"rollcall/pipeline/naive"
	"rollcall/pipeline/portable"
)

func (p *process) exporter() Exporter {
	return Exporter{Partitions: p.h.partitions, Store: p.store, Log: gatedLog{p}, Now: p.clock, Product: "test", Wait: time.Microsecond}
}

func (p *process) importer() Importer {
	return Importer{Partitions: p.h.partitions, Store: p.store, Log: gatedLog{p}, Watermarks: p.watermarks, Now: p.clock}
}

// export exports to a new directory.
func (w *world) export() (dir string) {
	w.t.Helper()
	dir = filepath.Join(w.t.TempDir(), "export")
	w.must(w.exporter().Export(w.t.Context(), dir))
	return dir
}

// expectRefused wants an import to fail for what is named, and to touch nothing.
func (w *world) expectRefused(m Importer, dir string, why ...string) {
	w.t.Helper()
	before, err := w.store.Head(w.t.Context(), 0)
	w.must(err)
	err = m.Import(w.t.Context(), dir)
	if err == nil {
		w.t.Fatalf("imported, though %q", why)
	}
	for _, word := range why {
		if !strings.Contains(err.Error(), word) {
			w.t.Errorf("refused with %v, want it to say %q", err, word)
		}
	}
	if after, err := w.store.Head(w.t.Context(), 0); err != nil || after.Seq != before.Seq || after.Nonce != before.Nonce {
		w.t.Errorf("a refused import moved the state from %+v to %+v, %v", before, after, err)
	}
	if left, err := w.store.Incoming().Head(w.t.Context(), 0); err != nil || left.Nonce != "" {
		w.t.Errorf("a refused import left %+v, %v", left, err)
	}
}

// exported is a world with something of everything, and contacts in two pieces.
func exported(t *testing.T) *world {
	w := newWorld(t, 3)
	w.task(w.partitionOf("ann")).state.account([]byte(acme)).contacts.skipTo(bitmaps.PieceSize - 1)
	people(w)
	w.segment("clicked", "all contacts where clicked in last 30 days")
	w.segment("in", "all contacts where opted in and phone in US")
	w.segment("twice", `all contacts where replied message "m-2" at least 2 times`)
	w.segment("listed", `list "x" where not in form "f"`)
	for i, contact := range []string{"ann", "bob", "cat", "dan", "eve", "gone"} {
		w.list("marketing", "x", contact, i%2 == 0)
		w.list("form", "f", contact, i%3 == 0)
	}
	w.writeLabels("ann", 0)
	w.settle()
	w.write(TopicContacts, w.partitionOf("gone"), acme+"/gone", nil)
	w.write(TopicSent, 0, acme+"/ann", []byte("no JSON"))
	w.expect("in", "ann")
	return w
}

// An export is the same however the state lies in Redis, and an import gives
// back what was exported, to the byte.
func TestExportImportRoundTrip(t *testing.T) {
	w := exported(t)
	first := w.export()
	for p := range w.tasks { // all of it in fragments
		w.must(w.tasks[p].drain(t.Context()))
	}
	w.expectSameExport(first, w.export())
	told := len(w.published())
	w.loseRedis()
	w.must(w.importer().Import(t.Context(), first))
	w.expectSameExport(first, w.export())
	w.expect("in", "ann")
	w.expect("clicked", "ann dan")
	w.expectVerified("imported")
	if again := len(w.published()); again != told {
		t.Errorf("%d changes are told again", again-told)
	}
	w.contact("hal", "2015550177")
	w.consent(TopicOptedIn, "hal", "2026-11-02 12:00")
	w.expect("in", "ann hal")
	if changes := w.published(); len(changes) != told+1 || changes[len(changes)-1].Contact == "" {
		t.Errorf("told %+v", changes[told:])
	}
	w.reopen()
	w.expect("in", "ann hal")
	w.expectVerified("and read on")
	if keys, err := w.config.Store.Incoming().Accounts(t.Context(), 0); err != nil || len(keys) > 0 {
		t.Errorf("the import left %v, %v", keys, err)
	}
}

// All that a checkpoint says of the log comes back.
func TestExportedPosition(t *testing.T) {
	want := bitmaps.Checkpoint{
		Definitions: 7, Offsets: []bitmaps.Offset{{Topic: TopicSent, Partition: 9, First: -3, Next: 4}},
		Outcomes: [bitmaps.Outcomes]int64{1, 2, 3, 4, 5, 6, 7}, Reasons: map[string]int64{"bad-json": 4}, Metadata: "m",
		Replays: []bitmaps.Replayed{{Replay: 5, Topic: TopicSent, Partition: 9, Planned: true, From: 1, End: 9, Next: 3, Read: 2, Outcomes: [bitmaps.Outcomes]int64{0, 1}}},
	}
	s := &stored{at: bitmaps.Head{Checkpoint: want}}
	m := portable.Manifest{Partitions: []portable.Partition{{Position: exportedPosition(s)}}}
	i := &importing{export: &portable.Export{Manifest: &m}, definitions: catalog.New()}
	if got, err := i.checkpoint(0); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v came back as %+v, %v", want, got, err)
	}
	m.Partitions[0].Position.Outcomes["evaporated"] = 1
	if _, err := i.checkpoint(0); !errors.Is(err, portable.ErrDamaged) {
		t.Errorf("an unknown outcome is taken: %v", err)
	}
}

// expectSameExport holds all but the manifests against each other.
func (w *world) expectSameExport(a, b string) {
	w.t.Helper()
	first, err := portable.Open(a)
	w.must(err)
	second, err := portable.Open(b)
	w.must(err)
	for p, part := range first.Partitions {
		other := second.Partitions[p]
		if !slices.Equal(part.Files, other.Files) {
			x, _ := os.ReadFile(filepath.Join(a, part.Files[0].Name))
			y, _ := os.ReadFile(filepath.Join(b, part.Files[0].Name))
			w.t.Errorf("partition %d: exported as\n%s, then as\n%s", p, x, y)
		}
		if fmt.Sprint(part.Position.Offsets, part.Position.Outcomes) != fmt.Sprint(other.Position.Offsets, other.Position.Outcomes) {
			w.t.Errorf("partition %d: exported at %+v, then at %+v", p, part.Position, other.Position)
		}
	}
}

// Redis is lost and the log is cut off: an import is the way out, and the state
// that it makes begins where the exported one began.
func TestImportCoversTheGap(t *testing.T) {
	w, tp := lossy(t)
	dir := w.export()
	w.contact("bob", "2015550124")
	w.consent(TopicOptedIn, "bob", "2026-11-01 12:00")
	w.expect("in", "ann bob")
	told := len(w.published())
	w.cutOff(tp, 1)
	w.loseRedis()
	loss := bitmaps.Loss{Topic: tp.Topic, From: 0, To: 1}
	w.expectLost(loss)
	w.must(w.importer().Import(t.Context(), dir))
	w.expect("in", "ann bob")
	if again := len(w.published()); again != told {
		t.Errorf("%d changes are told again", again-told)
	}
	for range 3 {
		w.must(w.view.askEnds(t.Context()))
	}
	if s := w.view.Status(acme); s.DataLost || !s.Freshness.Fresh {
		t.Errorf("after the import, the status is %+v", s)
	}
	w.expectRefused(w.importer(), dir, "ahead of the export", "--replace")
	w.loseRedis()
	w.expectLost(loss) // it can't be made anew from what the log has now
	w.must(w.importer().Import(t.Context(), dir))
	w.expect("in", "ann bob")
}

// In a cluster with a progress of its own, the beginning is that of the state.
func TestImportIntoNewClusterRemembersTheBeginning(t *testing.T) {
	w, tp := lossy(t)
	dir := w.export()
	w.cutOff(tp, 1)
	w.recreate(consumers.TopicPartition{Topic: TopicProgress})
	w.loseRedis()
	w.settle() // it began here, and knows of nothing before
	w.expectRefused(w.importer(), dir, "healthy")
	m := w.importer()
	m.Replace = true
	w.must(m.Import(t.Context(), dir))
	w.expectFenced()
	w.expect("in", "ann")
	w.loseRedis()
	w.expectLost(bitmaps.Loss{Topic: tp.Topic, From: 0, To: 1})
}

// expectFenced wants running owners to notice, and lets them go.
func (w *world) expectFenced() {
	w.t.Helper()
	for p, task := range w.tasks {
		if task != nil && task.confirm(w.t.Context()) == nil {
			w.t.Errorf("the owner of partition %d does not notice", p)
		}
	}
	w.reopen()
}

// What was erased after the export is not there after the import, and what was
// erased before does not come back.
func TestImportAppliesLaterErasures(t *testing.T) {
	w := exported(t)
	dir := w.export()
	w.now = w.now.Add(time.Minute)
	w.write(TopicContacts, w.partitionOf("ann"), acme+"/ann", nil)
	w.expect("in", "")
	w.loseRedis()
	m := w.importer()
	w.must(m.Import(t.Context(), dir))
	for p := range w.tasks {
		w.task(int32(p)) // before it has read anything
	}
	for _, contact := range []string{"ann", "gone"} {
		if _, known := w.tasks[w.partitionOf(contact)].state.accounts[acme].contacts.lookup(contact); known {
			t.Errorf("%s is back", contact)
		}
	}
	w.expect("in", "")
	w.expect("clicked", "dan")
	w.expectVerified("imported")
}

// An import into a state that is ahead goes back and reads on, with nothing told twice.
func TestImportReplaces(t *testing.T) {
	w := exported(t)
	dir := w.export()
	w.contact("hal", "2015550177")
	w.consent(TopicOptedIn, "hal", "2026-11-02 12:00")
	w.segment("later", "all contacts where opted in")
	w.expect("in", "ann hal")
	w.now = w.now.AddDate(0, 0, 3)
	w.expect("later", "ann hal")
	told := len(w.published())
	w.expectRefused(w.importer(), dir, "ahead of the export")
	m := w.importer()
	m.Replace = true
	w.must(m.Import(t.Context(), dir))
	w.expectFenced()
	w.expect("in", "ann hal")
	w.expect("later", "ann hal")
	w.expectVerified("imported")
	if again := len(w.published()); again != told {
		t.Errorf("%d changes are told again", again-told)
	}
}

func TestImportRefuses(t *testing.T) {
	w, tp := lossy(t)
	w.consent(TopicOptedIn, "bob", "2026-11-01 12:00")
	w.settle()
	dir := w.export()
	t.Run("a healthy state", func(t *testing.T) { w.expectRefused(w.importer(), dir, "partition 0", "healthy", "--replace") })
	t.Run("another number of partitions", func(t *testing.T) {
		m := w.importer()
		m.Partitions = 4
		w.expectRefused(m, dir, "1 partitions", "4")
	})
	w.loseRedis()
	t.Run("a log that ends before", func(t *testing.T) {
		kept := w.log.of(tp)
		w.recreate(tp)
		w.expectRefused(w.importer(), dir, tp.String(), "offset 2", "ends at 0", "another cluster")
		w.log.records[tp] = kept
	})
	t.Run("other definitions", func(t *testing.T) {
		kept := w.log.of(definitionsTP)
		w.recreate(definitionsTP)
		w.expectRefused(w.importer(), dir, TopicDefinitions)
		w.log.records[definitionsTP] = kept[:len(kept)-1]
		w.expectRefused(w.importer(), dir, TopicDefinitions, "ends at")
		w.log.records[definitionsTP] = kept
	})
	t.Run("a gap", func(t *testing.T) {
		w.cutOff(tp, 5)
		w.expectRefused(w.importer(), dir, tp.String(), "3 records are missing", "--allow-gap")
	})
	m := w.importer()
	m.AllowGap = true
	w.must(m.Import(t.Context(), dir))
	loss := bitmaps.Loss{Topic: tp.Topic, From: 2, To: 5}
	w.expectLost(loss)
	w.acceptLoss(loss)
	w.expect("in", "ann")
}

// An import that is cut off anywhere leaves every partition as it was or as it
// is to be, can be run again, and then leaves nothing behind.
func TestImportCutOff(t *testing.T) {
	for _, fate := range []fate{failBefore, failAfter} {
		w, tp := lossy(t)
		w.consent(TopicOptedIn, "bob", "2026-11-01 12:00")
		w.contact("bob", "2015550124")
		w.expect("in", "ann bob")
		dir := w.export()
		w.consent(TopicOptedOut, "bob", "2026-11-02 12:00")
		w.expect("in", "ann")
		w.cutOff(tp, 1) // it can't be made anew
		m := w.importer()
		m.Replace = true
		tries, err := 0, error(nil)
		for done := false; !done; tries++ {
			w.fuse, w.fate = tries+1, fate
			err = m.Import(t.Context(), dir)
			done = w.fuse > 0 // there was nothing left to go wrong
			w.fuse, w.fate = 0, fine
			w.reopen()
			w.expect("in", "ann")
		}
		if err != nil || tries < 10 {
			t.Errorf("after %d tries: %v", tries, err)
		}
		server := w.redis.(*miniredis.Miniredis)
		if keys := server.Keys(); slices.ContainsFunc(keys, func(key string) bool { return strings.Contains(key, ":incoming") }) {
			t.Errorf("left is %q", keys)
		}
	}
}

// For any history: what is imported and read on from there is what a fold of all
// of the log comes to, though the log no longer has what was exported.
func TestImportReadsOn(t *testing.T) {
	for seed := range uint64(some(40)) {
		hist := history.New(seed, historyShapes[seed%uint64(len(historyShapes))])
		w := &world{harness: newHarness(t, hist.Partitions, seed)}
		w.now = hist.Steps[0].Now
		for _, a := range hist.Accounts {
			w.account(a)
		}
		half := len(hist.Steps) / 2
		w.live(hist.Steps[:half])
		dir := w.export()
		w.live(hist.Steps[half:])
		w.loseRedis()
		e, err := portable.Open(dir)
		w.must(err)
		for _, p := range e.Partitions {
			for _, o := range p.Position.Offsets {
				if slices.Contains(sourceTopics[:8], o.Topic) {
					w.cutOff(consumers.TopicPartition{Topic: o.Topic, Partition: o.Partition}, o.Next)
				}
			}
		}
		w.must(w.importer().Import(t.Context(), dir))
		w.settle()
		w.follow()
		all := hist.World(len(hist.Steps))
		w.compare(all.Accounts, naive.Fold(all, w.now), w.process)
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

// live lets the world go on by steps of a history.
func (w *world) live(steps []history.Step) {
	w.t.Helper()
	for _, step := range steps {
		w.now = step.Now
		for _, c := range step.Changes {
			w.change(c)
		}
		for _, run := range step.Runs {
			w.log.append(run)
		}
		w.settle()
	}
}

// What fits its checksum and can't be is refused before anything is touched.
func TestImportRefusesWhatCannotBe(t *testing.T) {
	w := exported(t)
	dir := w.export()
	w.loseRedis()
	lines := string(readFile(t, dir, w.linesOf("ann")))
	for name, c := range map[string]struct{ from, to, why string }{
		"a contact twice":             {`{"contact":{"number":65536,`, `{"contact":{"number":65535,`, "contact 65535"},
		"a contact beyond the last":   {`{"contact":{"number":65536,`, `{"contact":{"number":999999,`, "contact 999999"},
		"a country that is none":      {`"code":"US"`, `"code":"XX"`, "country"},
		"a fact that is none":         {`"name":"opted_in"`, `"name":"opted_on"`, "opted_on"},
		"a series that is none":       {`"series":"sent"`, `"series":"bent"`, "bent"},
		"a day that is none":          {`"day":"2026-11-12"`, `"day":"2026-11-32"`, "2026-11-32"},
		"a list of no kind":           {`"kind":"marketing"`, `"kind":"market"`, "market"},
		"an account that can't be":    {`{"account":{"id":"acme"`, `{"account":{"id":"Acme"`, "account"},
		"definitions of the future":   {`"definitions":`, `"definitions":9`, TopicDefinitions},
		"a segment that can't be":     {`{"segment":{"id":"in"`, `{"segment":{"id":"i:n"`, "segment"},
		"lines before any account":    {lines[:strings.Index(lines, "\n")+1], "", "before the first account"},
		"a line of nothing":           {"\n{\"piece\"", "\n{}\n{\"piece\"", "none"},
		"a bitmap beyond the file":    {`"contacts":{"at":106,`, `"contacts":{"at":1000000,`, "points at"},
		"a reason beyond the last":    {`"reasons":1`, `"reasons":0`, "reason 0"},
		"a title that says nothing":   {`"text":"Title 0"`, `"text":""`, "title"},
		"contacts of too few numbers": {`"contacts":65542`, `"contacts":65540`, "contact"},
	} {
		t.Run(name, func(t *testing.T) {
			if !strings.Contains(lines, c.from) {
				t.Fatalf("%q is not in\n%s", c.from, lines)
			}
			forged := w.forge(dir, strings.Replace(lines, c.from, c.to, 1))
			w.expectRefused(w.importer(), forged, c.why)
			if !errors.Is(w.importer().Import(t.Context(), forged), portable.ErrDamaged) && c.why != TopicDefinitions {
				t.Error("it is not called damaged")
			}
		})
	}
	w.must(w.importer().Import(t.Context(), dir))
}

func (w *world) linesOf(contact string) string {
	return fmt.Sprintf("partition-%d.ndjson", w.partitionOf(contact))
}

func readFile(t *testing.T, dir, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// forge copies an export with other lines of ann's partition, and with checksums that fit.
func (w *world) forge(dir, lines string) (forged string) {
	w.t.Helper()
	forged = w.t.TempDir()
	e, err := portable.Open(dir)
	w.must(err)
	w.must(os.CopyFS(forged, os.DirFS(dir)))
	name := w.linesOf("ann")
	w.must(os.WriteFile(filepath.Join(forged, name), []byte(lines), 0o600))
	for _, manifest := range []string{"manifest.json", "manifest.json.sha256"} {
		w.must(os.Remove(filepath.Join(forged, manifest)))
	}
	sum := sha256.Sum256([]byte(lines))
	e.Partitions[w.partitionOf("ann")].Files[0] = portable.File{Name: name, Bytes: int64(len(lines)), SHA256: hex.EncodeToString(sum[:])}
	w.must(portable.Finish(forged, e.Manifest))
	return forged
}
