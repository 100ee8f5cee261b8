package soak

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Report adds up what was done and what was seen. It is for one goroutine.
type Report struct {
	Seed           uint64
	Kills, Faults  map[string]int
	Recoveries     map[string][]time.Duration // by kind of strike
	QuietPoints    int
	Compared       int // memberships
	Written, Acked int // records
	Changes, Again int // published; of them those told more than once
	Right          int // answers that a witness got
	NotFresh       int
	Refused        int // requests without an answer
	Took           time.Duration
}

// NewReport begins with nothing.
func NewReport(seed uint64) *Report {
	return &Report{Seed: seed, Kills: map[string]int{}, Faults: map[string]int{}, Recoveries: map[string][]time.Duration{}}
}

// Struck counts a strike.
func (r *Report) Struck(s Strike) {
	if s.Kill != Nobody {
		r.Kills[string(s.Kill)]++
	}
	if s.Fault != None {
		r.Faults[string(s.Fault)+" on "+string(s.On)]++
	}
}

// Recovered notes how long it took after a kind of strike until all was well.
func (r *Report) Recovered(kind string, took time.Duration) {
	r.Recoveries[kind] = append(r.Recoveries[kind], took)
}

// String is the report for people.
func (r *Report) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "seed %d, %v\n", r.Seed, r.Took.Round(time.Second))
	counts(&b, "kills", r.Kills)
	counts(&b, "faults of the network", r.Faults)
	fmt.Fprintf(&b, "records: %d written, %d acknowledged\n", r.Written, r.Acked)
	fmt.Fprintf(&b, "quiet points: %d, with %d memberships compared\n", r.QuietPoints, r.Compared)
	fmt.Fprintf(&b, "changes: %d published, %d of them more than once\n", r.Changes, r.Again)
	fmt.Fprintf(&b, "witnesses: %d answers were right, %d not fresh; %d requests got none\n", r.Right, r.NotFresh, r.Refused)
	fmt.Fprintf(&b, "%-32s %5s %8s %8s\n", "recovery after", "times", "median", "worst")
	for _, kind := range slices.Sorted(maps.Keys(r.Recoveries)) {
		all := slices.Sorted(slices.Values(r.Recoveries[kind]))
		fmt.Fprintf(&b, "%-32s %5d %8s %8s\n", kind, len(all), seconds(all[len(all)/2]), seconds(all[len(all)-1]))
	}
	return b.String()
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.1f s", d.Seconds()) }

func counts(b *strings.Builder, what string, of map[string]int) {
	total := 0
	var parts []string
	for _, kind := range slices.Sorted(maps.Keys(of)) {
		total += of[kind]
		parts = append(parts, fmt.Sprintf("%d %s", of[kind], kind))
	}
	fmt.Fprintf(b, "%s: %d", what, total)
	if total > 0 {
		fmt.Fprintf(b, " (%s)", strings.Join(parts, ", "))
	}
	b.WriteByte('\n')
}
