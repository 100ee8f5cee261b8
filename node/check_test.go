package node

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestProbesAreTheRightsOfREADME holds what is tried against the user that
// README tells to make.
func TestProbesAreTheRightsOfREADME(t *testing.T) {
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, acl, _ := strings.Cut(strings.ReplaceAll(string(readme), "\\\n", " "), "ACL SETUSER rollcall")
	acl, _, _ = strings.Cut(acl, "\n")
	var want, got []string
	for _, word := range strings.Fields(acl) {
		if command, ok := strings.CutPrefix(word, "+"); ok {
			want = append(want, command)
		}
	}
	for _, p := range append(probes("k"), clusterProbes()...) {
		got = append(got, p.command)
	}
	slices.Sort(want)
	slices.Sort(got)
	if len(want) == 0 || !slices.Equal(got, want) {
		t.Errorf("tried are\n%q, README has\n%q", got, want)
	}
}

func TestApart(t *testing.T) {
	at := time.Unix(1000, 0)
	for offset, want := range map[time.Duration]time.Duration{
		0: 0, time.Second: 0, 2 * time.Second: 0, 5 * time.Second: 3 * time.Second, -4 * time.Second: 4 * time.Second,
	} {
		if got := apart(at.Add(offset), at, at.Add(2*time.Second)); got != want {
			t.Errorf("%v: %v, want %v", offset, got, want)
		}
	}
}
