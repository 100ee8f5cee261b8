package pipeline

import (
	"archive/zip"
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rollcall/pipeline/segment"
)

// zoneNames are all the zones that Go's own copy of the IANA database has.
func zoneNames(t *testing.T) (names []string) {
	t.Helper()
	goroot, _ := exec.CommandContext(t.Context(), "go", "env", "GOROOT").Output()
	zones, err := zip.OpenReader(filepath.Join(strings.TrimSpace(string(goroot)), "lib", "time", "zoneinfo.zip"))
	if err != nil {
		t.Logf("only a few zones: %v", err)
		return []string{"UTC", "America/New_York", "Asia/Kathmandu", "Europe/Dublin", "Africa/Casablanca", "Australia/Lord_Howe",
			"Pacific/Apia", "America/Sao_Paulo", "Asia/Tehran", "Antarctica/Troll", "Pacific/Kwajalein", "Africa/Monrovia"}
	}
	defer zones.Close()
	for _, f := range zones.File {
		if !strings.HasSuffix(f.Name, "/") {
			names = append(names, f.Name)
		}
	}
	return names
}

// TestZoneDays holds days against the standard library's, in every zone, at
// random moments and around every change of the clocks from 1960 to 2060.
func TestZoneDays(t *testing.T) {
	names, transitions := zoneNames(t), 0
	rng := rand.New(rand.NewPCG(1, 1))
	for _, name := range names {
		location, err := time.LoadLocation(name)
		if err != nil {
			t.Fatal(err)
		}
		z := newZone(location)
		for range 200 {
			checkDay(t, z, name, rng.Int64N(130*365*dayMS)-30*365*dayMS)
		}
		changes := clockChanges(location)
		transitions += len(changes)
		rng.Shuffle(len(changes), func(i, j int) { changes[i], changes[j] = changes[j], changes[i] })
		for _, at := range changes {
			for _, around := range []int64{-3_600_000, -1, 0, 1, 3_600_000, dayMS} {
				checkDay(t, z, name, at+around)
			}
		}
	}
	t.Logf("%d zones, %d changes of the clocks", len(names), transitions)
}

func checkDay(t *testing.T, z *zone, name string, ms int64) {
	t.Helper()
	at := time.UnixMilli(ms).In(z.location)
	if got, want := z.day(ms), segment.DateOf(at); got != want {
		t.Fatalf("%s: %s is day %s, want %s", name, at, got, want)
	}
}

// clockChanges are the moments from 1960 to 2060 at which a zone's offset changes, Unix ms.
func clockChanges(l *time.Location) (changes []int64) {
	at := time.Date(1960, 1, 1, 0, 0, 0, 0, time.UTC).In(l)
	for {
		_, end := at.ZoneBounds()
		if end.IsZero() || end.Year() > 2060 {
			return changes
		}
		if !end.After(at) { // of the last day of a leap year ZoneBounds says that it is over
			at = at.Add(24 * time.Hour)
			continue
		}
		changes, at = append(changes, end.UnixMilli()), end
	}
}

// A zone looks up few spans, on any day: it is asked for every event.
func TestZoneRemembersFewSpans(t *testing.T) {
	location, err := time.LoadLocation("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	for year := 2000; year < 2045; year++ {
		z := newZone(location)
		begin := time.Date(year, 12, 31, 12, 0, 0, 0, time.UTC).UnixMilli()
		for ms := begin; ms < begin+1000; ms++ {
			z.day(ms)
		}
		if len(z.spans) > 3 {
			t.Errorf("%d spans after 1,000 questions on the last day of %d", len(z.spans), year)
		}
	}
}
