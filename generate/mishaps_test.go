package generate

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestMishaps(t *testing.T) {
	cfg := config()
	cfg.Repeats, cfg.Late, cfg.Bad = 0.01, 0.01, 0.005
	g := generator(t, cfg)
	seen := map[string]bool{}
	var repeats, late, bad, all int
	for r := range g.History() {
		all++
		var f fields
		at := time.Time{}
		err := json.Unmarshal(r.Value, &f)
		if err == nil && f.At != "" {
			at, err = time.Parse(time.RFC3339, f.At)
		}
		switch impossible := at.Year() == 9999 || at.Year() == 1970; {
		case err != nil, impossible, f.Account != "acme", r.Topic == "sms.clicked" && f.Message == "":
			bad++
		case f.ID != "" && seen[f.ID]:
			repeats++
		case f.Message != "" && r.At.Sub(at) > time.Minute:
			late++
		}
		seen[f.ID] = true
	}
	if c := g.Counts(); c != (Counts{all, repeats, late, bad}) {
		t.Errorf("the generator counts %+v, the reader %d records, %d repeats, %d late, %d bad", c, all, repeats, late, bad)
	}
	between(t, "repeats", float64(repeats)/float64(all), 0.009, 0.011)
	between(t, "late", float64(late)/float64(all), 0.005, 0.011)
	between(t, "bad", float64(bad)/float64(all), 0.004, 0.006)
}

// TestMishapsChangeNothingElse: what is not late or spoilt is as without them.
func TestMishapsChangeNothingElse(t *testing.T) {
	cfg := config()
	cfg.Contacts = 1000
	want := fingerprint(slices.Collect(generator(t, cfg).History()))
	cfg.Repeats, cfg.Bad = 0.05, 0.05
	seen := map[string]bool{}
	var good []Record
	for r := range generator(t, cfg).History() {
		var f fields
		err := json.Unmarshal(r.Value, &f)
		if err != nil || f.ID == "" && strings.HasPrefix(r.Topic, "sms.") || f.ID != "" && seen[f.ID] {
			continue
		}
		seen[f.ID] = true
		good = append(good, r)
	}
	if got := fingerprint(good); got != want {
		t.Error("without its repeats and bad records the history is another one")
	}
}
