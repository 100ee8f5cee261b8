package main

import (
	"cmp"
	"fmt"
	"maps"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"

	"rollcall/api"
)

type statusCmd struct{}

type statusAnswer struct {
	Version string `json:"version"`
	Account string `json:"account"`
	api.Status
}

func (statusCmd) Run(s *session) error {
	return call(s, "GET", "/v1/status", nil, func(a statusAnswer) { showStatus(s, a) })
}

func showStatus(s *session, a statusAnswer) {
	s.printf("server %s, account %s: %s\n", cmp.Or(a.Version, "?"), cmp.Or(a.Account, "(all)"), freshLine(a.Freshness))
	if a.DataLost {
		s.printf("DATA LOST: not rebuildable from the log; nothing is fresh until it is mended, or accepted by name:\n")
		for _, reason := range a.DataLostReasons {
			s.printf("  %s\n", reason)
		}
	}
	for _, l := range a.Losses {
		s.printf("  rollcall loss accept %s %d --from %d --to %d\n", l.Topic, l.Partition, l.From, l.To)
	}
	t := newTable(s, "PARTITION", "FRESH", "TODAY", "LAG", "POSITION", "OWNER")
	for _, p := range a.Partitions {
		t.row(strconv.Itoa(p.Partition), yesNo(p.Fresh), cmp.Or(p.Today, "-"), lag(p.Lag), p.Position, cmp.Or(p.Owner, "-"))
	}
	t.Flush()
	showCounts(s, "RECORDS", a.Outcomes)
	showCounts(s, "DEAD LETTERS", a.DeadLetters)
	showCounts(s, "IGNORED", a.Ignored)
}

func freshLine(f api.Freshness) string {
	if f.Fresh {
		return "fresh"
	}
	return "not fresh: " + strings.Join(f.Missing, ", ")
}

// lag names the topics that are behind.
func lag(byTopic map[string]int64) string {
	var behind []string
	for _, topic := range slices.Sorted(maps.Keys(byTopic)) {
		if byTopic[topic] > 0 {
			behind = append(behind, fmt.Sprintf("%s %d", topic, byTopic[topic]))
		}
	}
	return cmp.Or(strings.Join(behind, ", "), "0")
}

func showCounts(s *session, heading string, counts map[string]int64) {
	if len(counts) == 0 {
		return
	}
	t := newTable(s, heading, "")
	defer t.Flush()
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		t.row(name, strconv.FormatInt(counts[name], 10))
	}
}

type versionCmd struct{}

func (versionCmd) Run(s *session) error {
	s.printf("rollcall %s\n", buildVersion())
	return nil
}

// release is set by the linker for releases.
var release string

func buildVersion() string {
	if release != "" {
		return release
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
}
