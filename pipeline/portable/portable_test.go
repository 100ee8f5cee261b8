package portable

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/RoaringBitmap/roaring/v2"
)

// written is an export of two partitions, the second without accounts.
func written(t *testing.T) (dir string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "new", "export")
	w, err := Create(dir)
	must(t, err)
	m := Manifest{Format: Format, Product: "test", Made: time.Unix(1, 0).UTC(), ErasureKey: KeyCheck([]byte("key"))}
	for p := range int32(2) {
		out, err := w.Partition(p)
		must(t, err)
		if p == 0 {
			writeLines(t, out)
		}
		files, err := out.Close()
		must(t, err)
		m.Partitions = append(m.Partitions, Partition{Partition: p, Files: files, Position: Position{
			Offsets: []Offset{{Topic: "sms.sent", Partition: p, First: -3, Next: 4}}, Outcomes: map[string]int64{"applied": 7},
		}})
	}
	must(t, w.Finish(&m))
	return dir
}

var (
	someContacts = roaring.BitmapOf(0, 7, 1<<16, math.MaxUint32)
	someEvents   = []Event{{Contact: 0, Message: 1, Identity: math.MaxUint64}, {Contact: 7}}
)

func writeLines(t *testing.T, out *PartitionWriter) {
	t.Helper()
	must(t, out.Line(&Line{Account: &Account{ID: "acme", Contacts: 8, Messages: 2}}))
	must(t, out.Line(&Line{Contact: &Contact{Number: 7, ID: "<ü>", Consent: &Consent{At: -1}, Lists: []Listed{{List: 1, At: 2, Member: true}}}}))
	_, err := out.Bitmap(roaring.New())
	must(t, err)
	contacts, err := out.Bitmap(someContacts)
	must(t, err)
	events, err := out.Events(someEvents)
	must(t, err)
	must(t, out.Line(&Line{Day: &Day{Series: "sent", Day: "2026-01-31", Contacts: contacts, Events: events}}))
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestRoundTrip(t *testing.T) {
	e, err := Open(written(t))
	must(t, err)
	if len(e.Partitions) != 2 || e.Product != "test" || e.Partitions[1].Position.Offsets[0] != (Offset{Topic: "sms.sent", Partition: 1, First: -3, Next: 4}) {
		t.Errorf("the manifest is %+v", e.Manifest)
	}
	r, err := e.Read(0)
	must(t, err)
	defer r.Close()
	var lines []*Line
	for {
		l, err := r.Next()
		if err == io.EOF {
			break
		}
		must(t, err)
		lines = append(lines, l)
	}
	if len(lines) != 3 || *lines[0].Account != (Account{ID: "acme", Contacts: 8, Messages: 2}) ||
		!reflect.DeepEqual(lines[1].Contact, &Contact{Number: 7, ID: "<ü>", Consent: &Consent{At: -1}, Lists: []Listed{{List: 1, At: 2, Member: true}}}) {
		t.Fatalf("the lines are %+v", lines)
	}
	b, err := r.Bitmap(lines[2].Day.Contacts)
	must(t, err)
	events, err := r.Events(lines[2].Day.Events)
	must(t, err)
	if !b.Equals(someContacts) || !reflect.DeepEqual(events, someEvents) {
		t.Errorf("read %v and %v", b, events)
	}
	empty, err := r.Bitmap(Ref{Bytes: lines[2].Day.Contacts.At})
	must(t, err)
	if !empty.IsEmpty() {
		t.Errorf("an empty bitmap is read as %v", empty)
	}
}

// Whatever happens to an export's files is found, and named.
func TestDamage(t *testing.T) {
	manifest := func(change func(m map[string]any)) func(t *testing.T, dir string) {
		return func(t *testing.T, dir string) {
			var m map[string]any
			must(t, json.Unmarshal(contents(t, dir, manifestName), &m))
			change(m)
			data, err := json.Marshal(m)
			must(t, err)
			put(t, dir, manifestName, data)
			put(t, dir, checksumName, fmt.Appendf(nil, "%x  %s\n", sha256.Sum256(data), manifestName))
		}
	}
	first := func(m map[string]any) map[string]any { return m["partitions"].([]any)[0].(map[string]any) }
	position := func(m map[string]any) map[string]any { return first(m)["position"].(map[string]any) }
	for name, c := range map[string]struct {
		damage func(t *testing.T, dir string)
		why    []string
	}{
		"cut off":              {func(t *testing.T, dir string) { remove(t, dir, manifestName) }, []string{"cut off"}},
		"no checksum":          {func(t *testing.T, dir string) { remove(t, dir, checksumName) }, []string{checksumName, "missing"}},
		"manifest altered":     {func(t *testing.T, dir string) { alter(t, dir, manifestName) }, []string{manifestName, "altered"}},
		"a missing file":       {func(t *testing.T, dir string) { remove(t, dir, "partition-1.events") }, []string{"partition-1.events", "missing"}},
		"an extra file":        {func(t *testing.T, dir string) { put(t, dir, "partition-2.events", nil) }, []string{"partition-2.events", "not in the manifest"}},
		"a truncated file":     {func(t *testing.T, dir string) { cut(t, dir, "partition-0.ndjson") }, []string{"partition-0.ndjson", "bytes of"}},
		"altered lines":        {func(t *testing.T, dir string) { alter(t, dir, "partition-0.ndjson") }, []string{"partition-0.ndjson", "altered"}},
		"an altered bitmap":    {func(t *testing.T, dir string) { alter(t, dir, "partition-0.roaring") }, []string{"partition-0.roaring", "altered"}},
		"altered events":       {func(t *testing.T, dir string) { alter(t, dir, "partition-0.events") }, []string{"partition-0.events", "altered"}},
		"a newer format":       {manifest(func(m map[string]any) { m["format"], m["more"] = 3, true }), []string{"format 3", "reads 2"}},
		"an older format":      {manifest(func(m map[string]any) { m["format"] = 1 }), []string{"format 1", "reads 2"}},
		"an unknown field":     {manifest(func(m map[string]any) { m["more"] = true }), []string{manifestName, "more"}},
		"no partitions":        {manifest(func(m map[string]any) { m["partitions"] = nil }), []string{"no partitions"}},
		"no position":          {manifest(func(m map[string]any) { position(m)["offsets"] = nil }), []string{"partition 0", "position"}},
		"another partition":    {manifest(func(m map[string]any) { first(m)["partition"] = 1 }), []string{"partition 0", "called 1"}},
		"a file of elsewhere":  {manifest(func(m map[string]any) { first(m)["files"].([]any)[0].(map[string]any)["name"] = "../x" }), []string{"should be partition-0.ndjson"}},
		"an impossible offset": {manifest(func(m map[string]any) { position(m)["offsets"].([]any)[0].(map[string]any)["next"] = -1 }), []string{"offset 0"}},
		"a negative count":     {manifest(func(m map[string]any) { position(m)["outcomes"].(map[string]any)["applied"] = -1 }), []string{"applied"}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := written(t)
			c.damage(t, dir)
			_, err := Open(dir)
			if err == nil {
				t.Fatal("it is opened")
			}
			for _, word := range c.why {
				if !strings.Contains(err.Error(), word) {
					t.Errorf("refused with %q, want it to say %q", err, word)
				}
			}
		})
	}
}

func contents(t *testing.T, dir, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, name))
	must(t, err)
	return data
}

func put(t *testing.T, dir, name string, data []byte) {
	t.Helper()
	must(t, os.WriteFile(filepath.Join(dir, name), data, 0o600))
}

func remove(t *testing.T, dir, name string) {
	t.Helper()
	must(t, os.Remove(filepath.Join(dir, name)))
}

func alter(t *testing.T, dir, name string) {
	t.Helper()
	data := contents(t, dir, name)
	data[len(data)/2] ^= 1
	put(t, dir, name, data)
}

func cut(t *testing.T, dir, name string) {
	t.Helper()
	data := contents(t, dir, name)
	put(t, dir, name, data[:len(data)-1])
}

// An export is written to a directory of its own, and never over another.
func TestCreateWantsAnEmptyDirectory(t *testing.T) {
	dir := written(t)
	if _, err := Create(dir); err == nil || !strings.Contains(err.Error(), "not empty") {
		t.Errorf("created over an export: %v", err)
	}
	if info, err := os.Stat(filepath.Join(dir, manifestName)); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("others can read it: %v, %v", info.Mode(), err)
	}
}

// FuzzManifest decodes any manifest: it is refused, or comes back the same.
func FuzzManifest(f *testing.F) {
	f.Add([]byte(`{"format":1,"partitions":[]}`))
	f.Add([]byte(`{"format":2}`))
	f.Add([]byte(`{"format":1,"product":"p","made":"2026-01-31T00:00:00Z","erasure_key_check":"","partitions":[{"partition":0,
		"position":{"commit":"x.1","definitions":1,"offsets":[{"topic":"t","partition":0,"first":0,"next":1}],"outcomes":{"applied":1},"reasons":{},
		"phone_metadata":"","unpublished":0},"files":[` + strings.Join([]string{seedFile(0), seedFile(1), seedFile(2)}, ",") + `]}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := DecodeManifest(data)
		if err != nil {
			return
		}
		again, err := json.Marshal(m)
		must(t, err)
		back, err := DecodeManifest(again)
		must(t, err)
		if twice, err := json.Marshal(back); err != nil || !bytes.Equal(twice, again) {
			t.Errorf("%s came back as %s, %v", again, twice, err)
		}
	})
}

func seedFile(i int) string {
	return fmt.Sprintf(`{"name":%q,"bytes":0,"sha256":"%064d"}`, fileNames(0)[i], 0)
}

// FuzzReader reads any files: it ends, never panics, and what it refuses is damaged.
func FuzzReader(f *testing.F) {
	var b bytes.Buffer
	_, _ = someContacts.WriteTo(&b) // never fails
	f.Add([]byte(`{"segment":{"id":"s","entered":1,"exited":0,"members":{"at":0,"bytes":8}}}`), b.Bytes(), make([]byte, 32), int64(0), int64(b.Len()))
	f.Add([]byte(`{"account":{"id":"a"},"piece":{}}{}[]`), []byte{}, []byte{1}, int64(1), int64(math.MaxInt64))
	f.Fuzz(func(t *testing.T, lines, bitmaps, events []byte, at, size int64) {
		r := NewReader(bytes.NewReader(lines), bytes.NewReader(bitmaps), int64(len(bitmaps)), bytes.NewReader(events), int64(len(events)))
		var err error
		for n := 0; err == nil; n++ {
			if n > len(lines) {
				t.Fatal("it does not end")
			}
			_, err = r.Next()
		}
		_, noBitmap := r.Bitmap(Ref{At: at, Bytes: size})
		_, noEvents := r.Events(Ref{At: at, Bytes: size})
		for _, err := range []error{err, noBitmap, noEvents} {
			if err != nil && err != io.EOF && !errors.Is(err, ErrDamaged) {
				t.Errorf("refused with %v", err)
			}
		}
	})
}
