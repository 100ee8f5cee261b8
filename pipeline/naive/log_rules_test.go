package naive

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"rollcall/pipeline/segment"
)

func join(ids []string) string { return strings.Join(ids, " ") }

func TestConsent(t *testing.T) {
	at := func(s string) fields { return fields{"at": s} }
	early, late := at("2026-06-01T00:00:00.000Z"), at("2026-06-01T00:00:00.001Z")
	tests := []struct {
		name    string
		in, out fields
		want    consent
	}{
		{"in then out", early, late, optedOut},
		{"out then in", late, early, optedIn},
		{"tie", early, early, optedOut},
		{"tie within a millisecond", at("2026-06-01T00:00:00.0009Z"), early, optedOut},
		{"tie across zones", at("2026-06-01T05:45:00+05:45"), early, optedOut},
		{"tie by Kafka time", nil, at("2026-06-15T12:05:00-04:00"), optedOut},
	}
	for _, test := range tests {
		for _, outFirst := range []bool{false, true} {
			l := newLog("UTC")
			l.exists("a")
			if outFirst {
				l.add("sms.opted_out", "a", noon, test.out)
			}
			l.add("sms.opted_in", "a", noon, test.in)
			if !outFirst {
				l.add("sms.opted_out", "a", noon, test.out)
			}
			expect(t, test.name, Fold(l.world, noon).tenants["acme"].contacts["a"].consent, test.want)
		}
	}
}

func TestListTies(t *testing.T) {
	for _, order := range [][]bool{{true, false}, {false, true}, {true, false, true}} {
		l := newLog("UTC")
		l.exists("a")
		for _, member := range order {
			l.add("lists", "a", noon, fields{"list": "x", "kind": "form", "member": member})
		}
		expect(t, fmt.Sprint(order), l.where(segment.In{Kind: segment.Form, Name: "x"}), "")
		l.add("lists", "a", noon.Add(time.Millisecond), fields{"list": "x", "kind": "form", "member": true})
		expect(t, "later", l.where(segment.In{Kind: segment.Form, Name: "x"}), "a")
	}
}

func TestProfileOrder(t *testing.T) {
	l := newLog("UTC")
	l.add("contacts", "a", noon, fields{"phone": "+12015550123"})
	l.add("contacts", "a", noon, fields{"phone": "+15062345678"})
	l.add("contacts", "a", noon.Add(-1), fields{"phone": "07400123456", "region": "GB"})
	expect(t, "greatest offset of the latest", l.where(segment.PhoneIn{Countries: []string{"CA"}}), "a")
	last := l.world.Records[0]
	last.Partition, last.Offset = partitions, 0
	l.world.Records = append(l.world.Records, last)
	expect(t, "greatest partition before offset", l.where(segment.PhoneIn{Countries: []string{"US"}}), "a")
}

func TestOptOutIsNeverLostToItsTime(t *testing.T) {
	for at, code := range map[string]Code{"soon": BadTime, "2026-06-16T00:00:00Z": ImpossibleTime, "1970-01-01T00:00:00Z": ImpossibleTime} {
		l := newLog("UTC")
		l.exists("a", "b")
		l.add("sms.opted_in", "a", noon, nil)
		l.add("sms.opted_out", "a", noon, fields{"at": at})
		l.add("sms.opted_in", "b", noon, fields{"at": at})
		r := Fold(l.world, noon)
		expect(t, at, r.Outcomes[3], Outcome{DeadLettered, code})
		expect(t, at, r.Outcomes[4], Outcome{DeadLettered, code})
		expect(t, at, l.where(segment.OptedOut{}), "a")
		expect(t, at, l.where(segment.OptedIn{}), "")
	}
}

func TestOptOutIsLostToOtherFaults(t *testing.T) {
	l := newLog("UTC")
	l.exists("a")
	l.add("sms.opted_out", "a", noon, fields{"id": strings.Repeat("x", 1001)})
	l.add("sms.opted_out", "a", noon, fields{"account": "other", "at": "soon"})
	r := Fold(l.world, noon)
	expect(t, "id", r.Outcomes[1], Outcome{DeadLettered, TooLarge})
	expect(t, "account", r.Outcomes[2], Outcome{DeadLettered, UnknownAccount})
	expect(t, "opted out", l.where(segment.OptedOut{}), "")
}

func TestRepeats(t *testing.T) {
	l := newLog("UTC")
	l.exists("a")
	add := func(topic, message string, at time.Time, id string) {
		l.add(topic, "a", at, fields{"message": message, "id": id})
	}
	add("sms.sent", "m", noon, "1")
	add("sms.sent", "m", noon.Add(time.Hour), "1") // the same day
	add("sms.sent", "m", noon.AddDate(0, 0, 1), "1")
	add("sms.sent", "n", noon, "1")
	add("sms.clicked", "m", noon, "1")
	add("sms.sent", "m", noon, "") // without an id each is its own
	add("sms.sent", "m", noon, "")
	want := []Verdict{Applied, Applied, Repeated, Applied, Applied, Applied, Applied, Applied}
	for i, o := range Fold(l.world, noon).Outcomes {
		expect(t, fmt.Sprint("record ", i), o.Verdict, want[i])
	}
	expect(t, "sent", l.where(segment.Did{Frequency: segment.Frequency{Kind: segment.Exactly, K: 5}}), "a")
}

// What an erasure takes away doesn't depend on where in the log it is read.
func TestErasureInEveryOrder(t *testing.T) {
	l := newLog("America/New_York")
	before, after := noon.Add(-time.Hour), noon.AddDate(0, 0, 1)
	l.add("contacts", "a", before, fields{"phone": "+12015550123"})
	l.add("sms.sent", "a", before, fields{"message": "m"})
	l.add("sms.clicked", "a", noon.Add(2*time.Hour), fields{"message": "m"}) // later, but of that day
	l.add("sms.replied", "a", after, fields{"message": "m"})
	l.add("sms.opted_in", "a", before, nil)
	l.add("sms.opted_out", "a", noon, nil)
	l.add("lists", "a", noon, fields{"list": "x", "kind": "form", "member": true})
	l.add("lists", "a", noon.Add(time.Millisecond), fields{"list": "y", "kind": "form", "member": true})
	tombstone := l.append(record("contacts", "a", noon, nil))
	l.append(record("contacts", "a", noon, []byte(`{"account":"acme","contact":"a","phone":"+12015550123"}`)))
	records := l.world.Records
	permutations(records, func(order []Record) {
		l.world.Records = order
		expect(t, "erased", l.matching(segment.Definition{}), "")
	})
	l.world.Records = records
	l.append(record("contacts", "a", after, []byte(`{"account":"acme","contact":"a"}`)))
	check := func(how string) {
		t.Helper()
		r := Fold(l.world, after)
		c, ok := r.tenants["acme"].contacts["a"]
		expect(t, how, ok, true)
		expect(t, how+": phone", c.phone.valid, false)
		expect(t, how+": consent", c.consent, unknown)
		expect(t, how+": erased list", c.lists[list{"form", "x"}].member, false)
		expect(t, how+": later list", c.lists[list{"form", "y"}].member, true)
		expect(t, how+": events", len(c.events) == 1 && c.events[0].behaviour == segment.Replied, true)
	}
	check("by tombstone")
	l.world.Records = slices.DeleteFunc(l.world.Records, func(r Record) bool { return r.Value == nil })
	l.world.Erasures = []Erasure{{"acme", "a", noon.UnixMilli()}, {"acme", "a", before.UnixMilli()}, {"no", "a", after.UnixMilli()}}
	check("by the API")
	l.world.Erasures = nil
	tombstone.Value = []byte(" null\n")
	l.world.Records = append(l.world.Records, misplaced(tombstone, "acme/a"))
	check("by a literal null in the wrong partition")
}

// permutations visits enough orders: all rotations of records and of their reverse.
func permutations(records []Record, visit func([]Record)) {
	for _, base := range [][]Record{records, reversed(records)} {
		for i := range base {
			visit(slices.Concat(base[i:], base[:i]))
		}
	}
}

func reversed(records []Record) []Record {
	r := slices.Clone(records)
	slices.Reverse(r)
	return r
}

func TestForwarding(t *testing.T) {
	for _, key := range []string{"acme/a", "acme/b", "a", ""} {
		l := newLog("UTC")
		l.exists("a")
		original := misplaced(record("sms.sent", "a", noon, []byte(`{"account":"acme","contact":"a","message":"m"}`)), key)
		original.Offset = 7
		copied := record(topicInbox, "a", noon.AddDate(0, 0, 3), original.Value)
		copied.Headers = map[string]string{
			"rollcall-topic": "sms.sent", "rollcall-partition": fmt.Sprint(original.Partition),
			"rollcall-offset": "7", "rollcall-time": fmt.Sprint(noon.UnixMilli()),
		}
		again := copied
		again.Offset = 1
		for _, records := range [][]Record{{original}, {copied}, {original, copied}, {copied, original, again}} {
			w := clone(l.world)
			w.Records = append(w.Records, records...)
			r := Fold(w, noon)
			once := segment.Did{
				Frequency: segment.Frequency{Kind: segment.Exactly, K: 1},
				Period:    segment.Period{Kind: segment.On, From: on("2026-06-15")},
			}
			expect(t, key, join(r.Matching("acme", segment.Definition{Where: once})), "a")
			if len(records) == 3 {
				verdicts := []Verdict{r.Outcomes[1].Verdict, r.Outcomes[2].Verdict, r.Outcomes[3].Verdict}
				expect(t, key, fmt.Sprintf("%d", verdicts), fmt.Sprintf("%d", []Verdict{Applied, Forwarded, Repeated}))
			}
		}
	}
}

// Fold sees a set of records: neither their order between topic partitions nor repeats of identified behaviours matter.
func TestOrderAndRepeatsDontMatter(t *testing.T) {
	for seed := range uint64(50) {
		rng := rand.New(rand.NewPCG(seed, 1))
		l := scramble(rng)
		want := snapshot(l.world)
		for range 5 {
			w := clone(l.world)
			for _, rec := range w.Records {
				if isBehaviour(rec.Topic) && strings.Contains(string(rec.Value), `"id"`) && rng.IntN(2) == 0 {
					rec.Offset += 1000
					w.Records = append(w.Records, rec)
				}
			}
			rng.Shuffle(len(w.Records), func(i, j int) { w.Records[i], w.Records[j] = w.Records[j], w.Records[i] })
			if got := snapshot(w); got != want {
				t.Fatalf("seed %d: got\n%s\nwant\n%s", seed, got, want)
			}
		}
	}
}

func scramble(rng *rand.Rand) *fakeLog {
	l := newLog("America/New_York")
	topics := []string{"sms.sent", "sms.clicked", "sms.opted_in", "sms.opted_out", "contacts", "lists", "tombstone"}
	for range 60 {
		at := noon.Add(-time.Duration(rng.IntN(10)) * 6 * time.Hour)
		contact := []string{"a", "b", "c"}[rng.IntN(3)]
		f := fields{"message": "m", "list": "x", "kind": "form", "member": rng.IntN(2) == 0, "phone": "+12015550123"}
		if rng.IntN(2) == 0 {
			f["id"] = fmt.Sprint(rng.IntN(3))
		}
		switch topic := topics[rng.IntN(len(topics))]; {
		case topic != "tombstone":
			l.add(topic, contact, at, f)
		case rng.IntN(3) == 0:
			l.append(record("contacts", contact, at.AddDate(0, 0, -1), nil))
		}
	}
	return l
}

// snapshot says all that can be asked of a world.
func snapshot(w World) string {
	r := Fold(w, noon)
	var b strings.Builder
	for _, id := range r.Contacts("acme") {
		c := r.tenants["acme"].contacts[id]
		slices.SortFunc(c.events, func(a, b event) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
		fmt.Fprintln(&b, id, c)
	}
	return b.String()
}
