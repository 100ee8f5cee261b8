package pipeline

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"rollcall/bitmaps"
	"rollcall/pipeline/portable"
)

// FuzzImport gives an import any lines, bitmaps and events: what it refuses is
// damaged, and what it takes can be opened, read on from and asked, or is called
// damaged then.
func FuzzImport(f *testing.F) {
	w := fuzzBase(f)
	dir := filepath.Join(f.TempDir(), "export")
	err := Exporter{Partitions: 1, Store: w.config.Store, Log: w.log, Now: w.config.Now, Wait: 1}.Export(context.Background(), dir)
	if err != nil {
		f.Fatal(err)
	}
	read := func(name string) []byte {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			f.Fatal(err)
		}
		return data
	}
	lines, roaring, events := read("partition-0.ndjson"), read("partition-0.roaring"), read("partition-0.events")
	f.Add(lines, roaring, events)
	for _, edit := range [][2]string{
		{`"number":1,`, `"number":4000000000,`}, {`"bytes":`, `"bytes":9`}, {`"definitions":`, `"definitions":-`}, {`"today":"2`, `"today":"9`},
		{`"at":`, `"at":-9`}, {`"contacts":6`, `"contacts":66666`},
	} {
		f.Add(bytes.Replace(lines, []byte(edit[0]), []byte(edit[1]), 1), roaring, events)
	}
	f.Fuzz(func(t *testing.T, lines, roaring, events []byte) {
		reader := func() *portable.Reader {
			return portable.NewReader(bytes.NewReader(lines), bytes.NewReader(roaring), int64(len(roaring)), bytes.NewReader(events), int64(len(events)))
		}
		if takesAll(reader()) {
			return
		}
		w := newFuzzWorld(t)
		if err := w.imports(reader()); err != nil {
			if !errors.Is(err, portable.ErrDamaged) {
				t.Errorf("refused with %v", err)
			}
			return
		}
		_, _ = w.run(), w.ask() // whatever they find
	})
}

// takesAll tells of numbers that are possible, and would take all the memory there is.
func takesAll(r *portable.Reader) bool {
	for {
		l, err := r.Next()
		if err != nil {
			return false
		}
		if a := l.Account; a != nil && max(a.Contacts, a.Messages, a.Lists, a.Reasons) > 1<<17 {
			return true
		}
	}
}

// imports puts a partition in the place of the state, as Importer does.
func (w *fuzzWorld) imports(r *portable.Reader) error {
	ctx, store := context.Background(), w.config.Store
	beside, _, _, err := store.Incoming().Open(ctx, 0)
	if err != nil {
		return err
	}
	n := &incoming{held: beside, standings: newState(w.config.Catalog, nil, fuzzNow.UnixMilli())}
	if err := n.read(ctx, r); err != nil {
		return err
	}
	held, _, _, err := store.Open(ctx, 0)
	if err != nil {
		return err
	}
	at := held.Replacement(n.held)
	c := bitmaps.Checkpoint{Lineage: at.Nonce, Changelog: at.First, Writer: at.Nonce, Seq: at.Seq}
	for tp := range w.log.taskMarks(0, 1) {
		c.Offsets = append(c.Offsets, bitmaps.Offset{Topic: tp.Topic, Partition: tp.Partition})
	}
	return held.Replace(ctx, n.held, c.Encode(), bitmaps.SealEntry(bitmaps.NewEntry(nil)))
}
