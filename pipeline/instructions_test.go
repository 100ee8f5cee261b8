//go:build !race

package pipeline

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"rollcall/bitmaps"
	"rollcall/integration/servers"
)

var countedBatches = flag.Int("counted-batches", 0, "process so many batches, for TestInstructionsPerRecord to count the instructions")

const (
	// instructionsPerRecord is what a record may take. It takes 6,000 on amd64, and
	// 50 more or less from one run to the next.
	instructionsPerRecord = 6700

	countedRuns     = 20
	countedContacts = 501 // an odd number, so that each opts in and out by turns
	countedSegments = 50
)

// TestInstructionsPerRecord bounds the instructions that records of known
// contacts take on their way through a task with 50 segments: clicks, consents
// and contact records by turns. Unlike a time, their number depends neither on
// the machine nor on what else it does. The test's binary runs under valgrind,
// once with so many batches and once with twice as many: the difference is what
// the batches take, without what comes before them.
func TestInstructionsPerRecord(t *testing.T) {
	if *countedBatches > 0 {
		processCounted(t, *countedBatches)
		return
	}
	if runtime.GOARCH != "amd64" {
		t.Skip("the bound is for amd64")
	}
	valgrind := servers.Valgrind(t)
	few, many := instructions(t, valgrind, countedRuns), instructions(t, valgrind, 2*countedRuns)
	perRecord := (many - few) / (countedRuns * 3 * countedContacts)
	t.Logf("%d instructions a record", perRecord)
	if perRecord > instructionsPerRecord || perRecord < instructionsPerRecord/2 {
		t.Errorf("%d instructions a record, want at most %d, and not so few that this bounds nothing", perRecord, instructionsPerRecord)
	}
}

var countedInstructions = regexp.MustCompile(`I +refs: +([0-9,]+)`)

// instructions is how many this test takes for a number of batches.
func instructions(t *testing.T, valgrind string, runs int) int {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	child := exec.CommandContext(ctx, valgrind, "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null",
		os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v", fmt.Sprint("-counted-batches=", runs))
	child.Env = append(os.Environ(), "GOGC=off", "GOMAXPROCS=1", "GODEBUG=asyncpreemptoff=1")
	out, err := child.CombinedOutput()
	found := countedInstructions.FindSubmatch(out)
	if err != nil || found == nil || !strings.Contains(string(out), "--- PASS: "+t.Name()) {
		t.Fatalf("valgrind: %v\n%s", err, out)
	}
	n, err := strconv.Atoi(strings.ReplaceAll(string(found[1]), ",", ""))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// processCounted lets a task process some of always as many batches.
func processCounted(t *testing.T, runs int) {
	w := newWorld(t, 1)
	for i, text := range benchSegments(countedSegments) {
		w.segment(fmt.Sprintf("s%d", i), text)
	}
	w.config.Store, w.config.Publish, w.config.Limits = bitmaps.Discard(), false, Limits{}
	task, err := Open(t.Context(), w.config, 0, w.log.taskMarks(0, 1))
	w.must(err)
	batches := w.knownContacts(1+2*countedRuns, countedContacts)
	for _, batch := range batches[:1+runs] {
		w.must(task.Process(t.Context(), batch))
	}
}
