package generate

import (
	"fmt"
	"iter"
	"slices"
	"testing"
)

// tally is what a history adds up to.
type tally struct {
	topics  map[string]int
	consent map[string]string // contact: topic of the latest
	clicks  map[string]int    // by contact
	known   map[string]bool   // contacts seen
	sentTo  map[string]int
}

func count(t *testing.T, records iter.Seq[Record]) tally {
	n := tally{map[string]int{}, map[string]string{}, map[string]int{}, map[string]bool{}, map[string]int{}}
	for r := range records {
		f := parse(t, r)
		n.topics[r.Topic]++
		switch r.Topic {
		case "contacts":
			n.known[f.Contact] = true
		case "sms.opted_in", "sms.opted_out":
			n.consent[f.Contact] = r.Topic
		case "sms.clicked":
			n.clicks[f.Contact]++
		case "sms.sent":
			n.sentTo[f.Contact]++
			if !n.known[f.Contact] || n.consent[f.Contact] != "sms.opted_in" {
				t.Fatalf("%s was sent a message, known %v, consent %q", f.Contact, n.known[f.Contact], n.consent[f.Contact])
			}
		}
	}
	return n
}

func TestHistoryIsLifelike(t *testing.T) {
	for seed := range uint64(3) {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) { testLifelike(t, seed) })
	}
}

func testLifelike(t *testing.T, seed uint64) {
	cfg := config()
	cfg.Seed, cfg.Contacts = seed, 4000
	n := count(t, generator(t, cfg).History())
	if len(n.known) != cfg.Contacts {
		t.Errorf("%d contacts of %d", len(n.known), cfg.Contacts)
	}
	in, out := 0, 0
	for _, topic := range n.consent {
		if topic == "sms.opted_in" {
			in++
		} else {
			out++
		}
	}
	people, sent := float64(cfg.Contacts), float64(n.topics["sms.sent"])
	between(t, "opted in", float64(in)/people, 0.595, 0.645)
	between(t, "opted out", float64(out)/people, 0.065, 0.095)
	between(t, "sends per contact", sent/people, 6, 10)
	between(t, "clicks per send", float64(n.topics["sms.clicked"])/sent, 0.08, 0.13)
	between(t, "replies per send", float64(n.topics["sms.replied"])/sent, 0.015, 0.025)
	between(t, "failures per send", float64(n.topics["sms.failed"])/sent, 0.02, 0.06)
	between(t, "share of the clicks that the most active tenth makes", topTenth(n.clicks, cfg.Contacts), 0.3, 0.9)
}

func between(t *testing.T, what string, got, low, high float64) {
	t.Helper()
	t.Logf("%s: %.4f", what, got)
	if got < low || got > high {
		t.Errorf("%s: %.4f, want %g to %g", what, got, low, high)
	}
}

func topTenth(clicks map[string]int, people int) float64 {
	var by []int
	total := 0
	for _, n := range clicks {
		by = append(by, n)
		total += n
	}
	slices.SortFunc(by, func(a, b int) int { return b - a })
	top := 0
	for _, n := range by[:min(len(by), people/10)] {
		top += n
	}
	return float64(top) / float64(total)
}
