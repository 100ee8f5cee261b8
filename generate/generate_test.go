package generate

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nyaruka/phonenumbers"
)

var now = time.Date(2026, 3, 1, 9, 30, 0, 0, time.UTC)

func config() Config {
	return Config{Account: "acme", Contacts: 4000, Days: 30, Now: now, Seed: 7}
}

func generator(t testing.TB, cfg Config) *Generator {
	t.Helper()
	g, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// take is the first n records of a stream.
func take(n int, s iter.Seq[Record]) []Record {
	var all []Record
	for r := range s {
		if all = append(all, r); len(all) == n {
			break
		}
	}
	return all
}

func fingerprint(records []Record) string {
	h := sha256.New()
	for _, r := range records {
		fmt.Fprintf(h, "%s %s %s %d\n", r.Topic, r.Key, r.Value, r.At.UnixNano())
	}
	return fmt.Sprintf("%x", h.Sum(nil)[:8])
}

func TestSameConfigSameRecords(t *testing.T) {
	run := func(change func(*Config)) string {
		cfg := config()
		cfg.Contacts, cfg.Days, cfg.Repeats, cfg.Late, cfg.Bad = 500, 10, 0.01, 0.01, 0.01
		if change != nil {
			change(&cfg)
		}
		g := generator(t, cfg)
		all := slices.Collect(g.History())
		return fingerprint(append(all, take(2000, g.Live())...))
	}
	if first, second := run(nil), run(nil); first != second {
		t.Error("the same config gave different records")
	}
	if run(nil) == run(func(c *Config) { c.Seed++ }) {
		t.Error("another seed gave the same records")
	}
}

// fields is any record's value.
type fields struct {
	ID, Account, Contact, Message, At, URL, Reason, Source, Phone, Region, List, Kind, Name string

	MessageName string `json:"message_name"`
	Member      *bool
}

func parse(t *testing.T, r Record) fields {
	t.Helper()
	var f fields
	d := json.NewDecoder(bytes.NewReader(r.Value))
	d.DisallowUnknownFields()
	if err := d.Decode(&f); err != nil {
		t.Fatalf("%s %s: %v", r.Topic, r.Value, err)
	}
	if want := f.Account + "/" + f.Contact; string(r.Key) != want || f.Account != "acme" {
		t.Fatalf("%s has key %s", r.Value, r.Key)
	}
	return f
}

func TestRecordsAreWellFormed(t *testing.T) {
	g := generator(t, config())
	records := append(slices.Collect(g.History()), take(20_000, g.Live())...)
	ids := map[string]bool{}
	previous := records[0].At
	for _, r := range records {
		f := parse(t, r)
		if r.At.Before(previous) {
			t.Fatalf("%s is written at %v, after a record of %v", r.Value, r.At, previous)
		}
		previous = r.At
		complete := false
		switch r.Topic {
		case "sms.sent":
			complete = f.Message != "" && f.MessageName != ""
		case "sms.clicked":
			complete = f.Message != "" && f.URL != ""
		case "sms.failed":
			complete = f.Message != "" && f.Reason != ""
		case "sms.replied":
			complete = f.Message != ""
		case "sms.opted_in", "sms.opted_out":
			complete = f.Source != ""
		case "contacts":
			complete = f.ID == "" && f.At == ""
		case "lists":
			complete = f.List != "" && f.Name != "" && f.Member != nil &&
				(f.Kind == "marketing" || f.Kind == "form" || f.Kind == "webinar")
		}
		if !complete {
			t.Fatalf("%s: %s lacks something", r.Topic, r.Value)
		}
		if strings.HasPrefix(r.Topic, "sms.") {
			if f.ID == "" || ids[f.ID] {
				t.Fatalf("%s: the id is missing or not new", r.Value)
			}
			ids[f.ID] = true
		}
		if at, err := time.Parse(time.RFC3339, f.At); f.At != "" && (err != nil || at.After(r.At)) {
			t.Fatalf("%s: at is not a time up to %v: %v", r.Value, r.At, err)
		}
	}
}

// TestPhones checks the phones against the library that judges them later.
func TestPhones(t *testing.T) {
	g := generator(t, config())
	for i := range countries {
		c := &countries[i]
		for range 400 {
			typed, region := g.typedPhone(c)
			n, err := phonenumbers.Parse(typed, region)
			if err != nil || !phonenumbers.IsValidNumber(n) || phonenumbers.GetRegionCodeForNumber(n) != c.region {
				t.Fatalf("%s: %q (region %q) is no valid phone there: %v", c.region, typed, region, err)
			}
			typed = g.invalidPhone(c)
			if n, err := phonenumbers.Parse(typed, c.region); err == nil && phonenumbers.IsValidNumber(n) {
				t.Fatalf("%s: %q is valid", c.region, typed)
			}
		}
	}
}

func TestPhonesOfContacts(t *testing.T) {
	valid, invalid, none := 0, 0, 0
	for r := range generator(t, Config{Account: "acme", Contacts: 5000, Now: now}).History() {
		if r.Topic != "contacts" {
			continue
		}
		f := parse(t, r)
		n, err := phonenumbers.Parse(f.Phone, f.Region)
		switch {
		case f.Phone == "":
			none++
		case err == nil && phonenumbers.IsValidNumber(n):
			valid++
		default:
			invalid++
		}
	}
	between(t, "valid", float64(valid)/5000, 0.90, 0.94)
	between(t, "invalid", float64(invalid)/5000, 0.04, 0.06)
	between(t, "none", float64(none)/5000, 0.02, 0.04)
}

func TestLiveKeepsTheRate(t *testing.T) {
	cfg := config()
	cfg.Rate = 250
	g := generator(t, cfg)
	all := take(50_001, g.Live())
	if first, last := all[0].At, all[50_000].At; !first.Equal(now) || last.Sub(first) != 200*time.Second {
		t.Errorf("50,000 records at 250 a second go from %v to %v", first, last)
	}
	topics := map[string]float64{}
	for _, r := range all {
		topics[r.Topic]++
	}
	sent := topics["sms.sent"]
	between(t, "sent", sent/50_001, 0.7, 0.9)
	between(t, "clicks per send", topics["sms.clicked"]/sent, 0.08, 0.12)
	between(t, "replies per send", topics["sms.replied"]/sent, 0.015, 0.025)
	for _, topic := range []string{"contacts", "lists", "sms.failed", "sms.opted_in", "sms.opted_out"} {
		if topics[topic] == 0 {
			t.Errorf("no %s in 50,000 records", topic)
		}
	}
}

func TestLiveHonoursOptOuts(t *testing.T) {
	cfg := config()
	cfg.Contacts, cfg.Days = 2000, 5
	g := generator(t, cfg)
	count(t, func(yield func(Record) bool) {
		for r := range g.History() {
			yield(r)
		}
		for _, r := range take(50_000, g.Live()) {
			yield(r)
		}
	})
}

func TestOneContactIsEnough(t *testing.T) {
	g := generator(t, Config{Account: "a", Contacts: 1, Days: 2, Now: now})
	for range g.History() {
	}
	if got := len(take(1000, g.Live())); got != 1000 {
		t.Errorf("Live ended after %d records", got)
	}
}

func TestNewRefuses(t *testing.T) {
	for _, cfg := range []Config{
		{Contacts: 1}, {Account: `a"`, Contacts: 1}, {Account: "a"},
		{Account: "a", Contacts: 1, Days: -1}, {Account: "a", Contacts: 1, Rate: -1},
	} {
		if _, err := New(cfg); err == nil {
			t.Errorf("New accepts %+v", cfg)
		}
	}
}

func BenchmarkHistory(b *testing.B) {
	cfg := config()
	cfg.Contacts = 100_000
	for n := 0; n < b.N; {
		for range generator(b, cfg).History() {
			if n++; n >= b.N {
				break
			}
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "records/s")
}

func BenchmarkLive(b *testing.B) {
	n := 0
	for range generator(b, config()).Live() {
		if n++; n >= b.N {
			break
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "records/s")
}
