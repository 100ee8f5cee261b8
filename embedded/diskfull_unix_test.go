//go:build unix

package embedded_test

import (
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/segmentio/kafka-go"

	"rollcall/embedded"
)

// TestFilesAtTheirLimit has the system refuse to let files grow, in the middle
// of a record.
func TestFilesAtTheirLimit(t *testing.T) {
	signal.Ignore(syscall.SIGXFSZ)
	t.Cleanup(func() { signal.Reset(syscall.SIGXFSZ) })
	var before syscall.Rlimit
	must(t, syscall.Getrlimit(syscall.RLIMIT_FSIZE, &before))
	testFullDisk(t, t.TempDir(), large, func() (room func()) {
		must(t, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: 100_000, Max: before.Max}))
		return func() { must(t, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &before)) }
	})
}

// load is how many records are written before the disk is full, and how large
// they may be.
type load struct{ records, size int }

var (
	large = load{20, 4000}
	// small has as many entries in the index of the log as fit into a page of
	// memory: the next one finds no room, though its record does.
	small = load{4096 / 15, 50}
)

// testFullDisk has the disk below dir full for a while. A record is refused, or
// it is there from then on: while the disk is full, when there is room again,
// and after the next start, whether the process crashed or ended.
func testFullDisk(t *testing.T, dir string, first load, fill func() (room func())) {
	data := filepath.Join(dir, "data")
	s := runQuietly(t, data)
	must(t, createTopic(t.Context(), s.Kafka()))
	l := &ledger{t: t, size: first.size, acknowledged: map[string]bool{}}
	if refused := l.write(s, first.records); refused > 0 {
		t.Fatalf("%d records are refused before the disk is full", refused)
	}

	room := fill()
	defer func() { room() }()
	l.writeUntilRefused(s)
	l.expect("the disk is full", s)
	crash, known := leftIn(t, data), *l

	room()
	if refused := l.write(s, 20); refused > 0 {
		t.Errorf("there is room again, and %d of 20 records are refused", refused)
	}
	l.expect("there is room again", s)
	later, knownLater := leftIn(t, data), *l

	room = fill()
	l.writeUntilRefused(s)
	must(t, s.Close())
	room()
	l.goesOn("it ended on a full disk", data)
	known.goesOn("it crashed on a full disk", crash)
	knownLater.goesOn("it crashed when there was room again", later)
}

func runQuietly(t *testing.T, data string) *embedded.Servers {
	t.Helper()
	return run(t, embedded.Config{DataDir: data, Log: slog.New(slog.DiscardHandler)})
}

// leftIn is a copy of what a process leaves in a directory that crashes now.
func leftIn(t *testing.T, data string) (dir string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "data")
	must(t, os.CopyFS(dir, os.DirFS(data)))
	return dir
}

// ledger remembers which records were acknowledged.
type ledger struct {
	t            *testing.T
	size         int // of the largest record
	written      []string
	acknowledged map[string]bool
}

// write writes n records, one by one, and says how many were refused.
func (l *ledger) write(s *embedded.Servers, n int) (refused int) {
	l.t.Helper()
	w := writer(s.Kafka())
	defer w.Close()
	w.MaxAttempts = 1
	for range n {
		value := fmt.Sprintf("%d %s", len(l.written), strings.Repeat("x", len(l.written)*997%l.size))
		l.written = append(l.written, value)
		if err := w.WriteMessages(l.t.Context(), kafka.Message{Value: []byte(value)}); err != nil {
			refused++
			continue
		}
		l.acknowledged[value] = true
	}
	return refused
}

// writeUntilRefused writes until the smallest records find no room any more.
func (l *ledger) writeUntilRefused(s *embedded.Servers) {
	l.t.Helper()
	for range 100 {
		if l.write(s, 10) == 10 {
			return
		}
	}
	l.t.Fatal("the disk never is full")
}

// expect reads everything: each acknowledged record is there once, in its place.
func (l *ledger) expect(when string, s *embedded.Servers) {
	l.t.Helper()
	messages := read(l.t, s.Kafka())
	for i, m := range messages {
		if m.Offset != int64(i) {
			l.t.Fatalf("%s: record %d has offset %d", when, i, m.Offset)
		}
	}
	got, want := values(messages), []string{}
	for _, value := range l.written {
		if l.acknowledged[value] {
			want = append(want, value)
		}
	}
	l.t.Logf("%s: %d of %d records were acknowledged, %d are there", when, len(want), len(l.written), len(got))
	if !slices.Equal(got, want) {
		l.t.Errorf("%s: other records are there than were acknowledged", when)
	}
}

// goesOn starts anew with what was left.
func (l *ledger) goesOn(when, dir string) {
	l.t.Helper()
	s := runQuietly(l.t, dir)
	l.expect(when+", and was started again", s)
	if refused := l.write(s, 5); refused > 0 {
		l.t.Errorf("%s: started again it refuses %d of 5 records", when, refused)
	}
	l.expect(when+", and goes on", s)
	must(l.t, s.Close())
}
