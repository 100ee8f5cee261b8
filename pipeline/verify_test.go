package pipeline

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"

	"rollcall/bitmaps"
	"rollcall/consumers"
	"rollcall/pipeline/catalog"
	"rollcall/pipeline/segment"
)

// verifier is the process's. It reads the log in several passes.
func (p *process) verifier() Verifier {
	return Verifier{
		Partitions: p.h.partitions, Store: p.store, Log: gatedLog{p}, Now: p.clock, Limits: VerifyLimits{Records: 20, Differences: 1000, Wait: time.Microsecond},
		Watermarks: func(_ context.Context, tps []consumers.TopicPartition) (marks map[consumers.TopicPartition]consumers.Watermark, err error) {
			err = p.io("watermarks", func() error { marks = p.h.log.marks(tps); return nil })
			return marks, err
		},
	}
}

// verified is what a verification finds.
func (w *world) verified(q VerifyQuery) (found []VerifyDifference, end VerifyEnd) {
	w.t.Helper()
	w.must(w.verifier().Verify(w.t.Context(), q, func(l VerifyLine) error {
		switch {
		case l.Difference != nil:
			found = append(found, *l.Difference)
		case l.End != nil:
			end = *l.End
		}
		return nil
	}))
	return found, end
}

func (w *world) expectVerified(when string) {
	w.t.Helper()
	if found, end := w.verified(VerifyQuery{}); len(found) > 0 || end.Differences > 0 || end.Partitions != len(w.tasks) {
		w.t.Fatalf("%s: %+v, found %+v", when, end, found)
	}
}

// planted is a world of one partition with something of everything, all of it
// in fragments.
type planted struct {
	*world
	redis *miniredis.Miniredis
}

func newPlanted(t *testing.T) *planted {
	w := newWorld(t, 1)
	w.config.Limits = Limits{Changelog: 1, Flush: 1 << 20}
	w.segment("clicked", "all contacts where clicked in last 30 days")
	w.segment("in", "all contacts where opted in and phone in US")
	w.segment("twice", `all contacts where clicked message "m-2" at least 2 times`)
	w.segment("listed", `list "x" where not in form "f"`)
	for i := range 8 {
		c := fmt.Sprint("c", i)
		w.contact(c, "+12125550123")
		w.consent(TopicOptedIn, c, fmt.Sprintf("2026-10-%02d 09:00", i+1))
		w.list("marketing", "x", c, i%2 == 0)
		w.list("form", "f", c, i%3 == 0)
		w.writeLabels(c, i)
		for n := range i + 1 {
			w.behaviour(TopicClicked, c, fmt.Sprint("m-", n%3), fmt.Sprintf("2026-11-%02d 10:00", 1+n))
		}
	}
	w.contact("gone", "+12125550123")
	w.settle()
	w.write(TopicContacts, 0, acme+"/gone", nil)
	w.write(TopicSent, 0, acme+"/c1", []byte("no JSON"))
	w.settle()
	w.reopen()
	w.settle()
	return &planted{w, w.harness.redis.(*miniredis.Miniredis)}
}

// writeLabels writes what the SMS report is of: a title, a reason, and an opt-out by
// message that does not count any more.
func (w *world) writeLabels(contact string, i int) {
	at := func(clock string) string { return w.local(clock).Format(time.RFC3339) }
	w.record(TopicSent, contact, fields{"message": "m-0", "message_name": fmt.Sprint("Title ", i), "at": at("2026-11-01 09:00")})
	w.record(TopicFailed, contact, fields{"message": "m-0", "reason": fmt.Sprint("reason ", i%2), "at": at("2026-11-01 09:30")})
	w.record(TopicOptedOut, contact, fields{"message": fmt.Sprint("m-", i%2), "at": at("2026-09-01 09:00")})
	w.record(TopicLists, contact, fields{"kind": "form", "list": "f", "member": false, "name": fmt.Sprint("Form ", i), "at": at("2026-09-01 09:00")})
}

const headOf0 = "rollcall:{p0}"

func (p *planted) get(field string) []byte {
	p.t.Helper()
	value := p.redis.HGet(acmeKey, field)
	if value == "" {
		keys, _ := p.redis.HKeys(acmeKey)
		p.t.Fatalf("there is no fragment %s among %q", field, keys)
	}
	return []byte(value)
}

func (p *planted) put(field string, value []byte) { p.redis.HSet(acmeKey, field, string(value)) }

// number is a contact's.
func (p *planted) number(contact string) uint32 {
	number, _ := p.task(0).state.accounts[acme].contacts.lookup(contact)
	return number
}

// runField is the first run of clicks on a day.
func (p *planted) runField(clock string) string {
	return dayField(series(segment.Clicked), p.day(clock), 0).String()
}

// dayFragment is the fragment of a day.
func (p *planted) dayFragment(clock string) string {
	return bitmaps.Field{Kind: bitmaps.Day, N: [4]uint32{uint32(p.day(clock))}}.String()
}

func (p *planted) editBitmap(field string, contact uint32, on bool) {
	p.t.Helper()
	b, err := bitmaps.DecodeBitmap(p.get(field))
	p.must(err)
	if on {
		b.Add(contact)
	} else {
		b.Remove(contact)
	}
	p.put(field, bitmaps.EncodeBitmap(b))
}

// editDay edits what a day has of a series.
func (p *planted) editDay(clock string, of series, edit func(*bitmaps.DaySeries)) {
	p.t.Helper()
	field := p.dayFragment(clock)
	d, err := bitmaps.DecodeDay(p.get(field))
	p.must(err)
	edit(d.Of(uint8(of)))
	p.put(field, bitmaps.EncodeDay(d))
}

// editClicks edits the first day of clicks.
func (p *planted) editClicks(edit func(*bitmaps.DaySeries)) {
	p.t.Helper()
	p.editDay("2026-11-01 10:00", series(segment.Clicked), edit)
}

// editEvents edits the first run of the day's events, and the day's count of them.
func (p *planted) editEvents(edit func([]bitmaps.Event) []bitmaps.Event) {
	p.t.Helper()
	field := p.runField("2026-11-01 10:00")
	events, err := bitmaps.DecodeEvents(nil, p.get(field))
	p.must(err)
	events = edit(events)
	p.put(field, bitmaps.EncodeEvents(events))
	p.editClicks(func(d *bitmaps.DaySeries) { d.Runs[0] = len(events) })
}

// editSeries edits the only event of some series that is of a contact.
func (p *planted) editSeries(of series, clock, contact string, edit func(*bitmaps.Event)) {
	p.t.Helper()
	at := bitmaps.Field{Kind: bitmaps.Events, N: [4]uint32{uint32(of), uint32(p.day(clock))}}
	for ; ; at.N[3]++ {
		events, err := bitmaps.DecodeEvents(nil, p.get(at.String()))
		p.must(err)
		if i := slices.IndexFunc(events, func(e bitmaps.Event) bool { return e.Contact == p.number(contact) }); i >= 0 {
			edit(&events[i])
			p.put(at.String(), bitmaps.EncodeEvents(events))
			return
		}
	}
}

func (p *planted) editTitles(field string, edit func([]bitmaps.Title)) {
	p.t.Helper()
	titles, err := bitmaps.DecodeTitles(p.get(field))
	p.must(err)
	edit(titles)
	p.put(field, bitmaps.EncodeTitles(titles))
}

// editCounts edits how many events of each message were sent on the day.
func (p *planted) editCounts(edit func(*bitmaps.DaySeries)) {
	p.t.Helper()
	p.editDay("2026-11-01 10:00", sentSeries, edit)
}

func (p *planted) editRegister(contact string, edit func(*bitmaps.Register)) {
	p.t.Helper()
	all, err := bitmaps.DecodeRegisters(p.get("r:0"))
	p.must(err)
	edit(&all[p.number(contact)])
	p.put("r:0", bitmaps.EncodeRegisters(all))
}

func (p *planted) editListRegisters(edit func([]bitmaps.ListRegister) []bitmaps.ListRegister) {
	p.t.Helper()
	all, err := bitmaps.DecodeListRegisters(p.get("t:0:0"))
	p.must(err)
	p.put("t:0:0", bitmaps.EncodeListRegisters(edit(all)))
}

func (p *planted) editNames(field string, edit func([]string)) {
	p.t.Helper()
	names, err := bitmaps.DecodeNames(p.get(field))
	p.must(err)
	edit(names)
	p.put(field, bitmaps.EncodeNames(names))
}

func (p *planted) editCheckpoint(edit func(*bitmaps.Checkpoint)) {
	p.t.Helper()
	head, err := p.store.Head(p.t.Context(), 0)
	p.must(err)
	c := head.Checkpoint
	edit(&c)
	p.redis.HSet(headOf0, "checkpoint", string(c.Encode()))
}

func (p *planted) offset(c *bitmaps.Checkpoint, topic string) *bitmaps.Offset {
	at := slices.IndexFunc(c.Offsets, func(o bitmaps.Offset) bool { return o.Topic == topic })
	return &c.Offsets[at]
}

// lose deletes a fragment and corrects the count of them.
func (p *planted) lose(field string) {
	p.get(field)
	p.redis.HDel(acmeKey, field)
	p.redis.HIncr(headOf0+":accounts", acme, -1)
}

// corruptions are what nobody but who recomputes it can find, as the checksums
// and counts are right, and a few others.
var corruptions = []struct {
	name    string
	plant   func(*planted)
	kind    string
	contact string
}{
	{"a bit in a day's bitmap", func(p *planted) {
		p.editClicks(func(d *bitmaps.DaySeries) { d.Contacts.Remove(p.number("c3")) })
	}, "day", "c3"},
	{"a bit too many in a day's bitmap", func(p *planted) {
		p.editDay("2026-11-08 10:00", series(segment.Clicked), func(d *bitmaps.DaySeries) { d.Contacts.Add(p.number("c2")) })
	}, "day", "c2"},
	{"an event removed", func(p *planted) {
		p.editEvents(func(all []bitmaps.Event) []bitmaps.Event { return all[1:] })
	}, "event", "c0"},
	{"an event's identity", func(p *planted) {
		p.editEvents(func(all []bitmaps.Event) []bitmaps.Event { all[0].ID++; return all })
	}, "event", "c0"},
	{"an event of another message", func(p *planted) {
		p.editEvents(func(all []bitmaps.Event) []bitmaps.Event { all[0].Message++; return all })
	}, "event", "c0"},
	{"a membership", func(p *planted) { p.editBitmap("s:in:0", p.number("c5"), false) }, "member", "c5"},
	{"a membership too many", func(p *planted) { p.editBitmap("s:twice:0", p.number("c1"), true) }, "member", "c1"},
	{"a fact", func(p *planted) { p.editBitmap("f:valid:0", p.number("c5"), false) }, "fact", "c5"},
	{"a country", func(p *planted) {
		p.editBitmap("f:US:0", p.number("c4"), false)
	}, "fact", "c4"},
	{"a consent time", func(p *planted) {
		p.editRegister("c2", func(r *bitmaps.Register) { r.Consent++ })
	}, "consent", "c2"},
	{"a contact record's offset", func(p *planted) {
		p.editRegister("c2", func(r *bitmaps.Register) { r.Offset++ })
	}, "contact record", "c2"},
	{"a list register's time", func(p *planted) {
		p.editListRegisters(func(all []bitmaps.ListRegister) []bitmaps.ListRegister { all[6].At--; return all })
	}, "list", "c6"},
	{"a list register removed", func(p *planted) {
		p.editListRegisters(func(all []bitmaps.ListRegister) []bitmaps.ListRegister { return all[:7] })
	}, "list", "c7"},
	{"a bit in a list's bitmap", func(p *planted) { p.editBitmap("l:0:0", p.number("c4"), false) }, "list", "c4"},
	{"ids swapped", func(p *planted) {
		p.editNames("i:0", func(names []string) { names[1], names[2] = names[2], names[1] })
	}, "consent", "c1"},
	{"an id doubled", func(p *planted) {
		p.editNames("i:0", func(names []string) { names[1] = names[2] })
	}, "dictionary", ""},
	{"an id forgotten", func(p *planted) {
		p.editNames("i:0", func(names []string) { names[1] = "" })
	}, "contact", "c1"},
	{"messages swapped", func(p *planted) {
		p.editNames("n:0", func(names []string) { names[0], names[1] = names[1], names[0] })
	}, "event", "c2"},
	{"lists swapped", func(p *planted) {
		p.editNames("k:0", func(names []string) { names[0], names[1] = names[1], names[0] })
	}, "list", "c3"},
	{"a message that a contact opted out of", func(p *planted) {
		p.editSeries(optedOutOf, "2026-09-01 10:00", "c4", func(e *bitmaps.Event) { e.Message++ })
	}, "event", "c4"},
	{"an opt-out by message, as of somebody else", func(p *planted) {
		p.editSeries(optedOutOf, "2026-09-01 10:00", "c4", func(e *bitmaps.Event) { e.Contact = p.number("c5") })
	}, "event", "c5"},
	{"a lost day of opt-outs by message, counted as if it had never been", func(p *planted) {
		p.lose(p.dayFragment("2026-09-01 10:00"))
	}, "day", "c7"},
	{"why sending failed", func(p *planted) {
		p.editSeries(failedFor, "2026-11-01 10:00", "c4", func(e *bitmaps.Event) { e.ID ^= 1 })
	}, "event", "c4"},
	{"why sending failed: for no reason that there is", func(p *planted) {
		p.editSeries(failedFor, "2026-11-01 10:00", "c4", func(e *bitmaps.Event) { e.ID = 77 })
	}, "event", "c4"},
	{"reasons swapped", func(p *planted) {
		p.editNames("w:0", func(names []string) { names[0], names[1] = names[1], names[0] })
	}, "event", "c2"},
	{"a reason doubled", func(p *planted) {
		p.editNames("w:0", func(names []string) { names[1] = names[0] })
	}, "dictionary", ""},
	{"the title of a message, of an earlier record", func(p *planted) {
		p.editTitles("c:0", func(titles []bitmaps.Title) { titles[0].At-- })
	}, "title", ""},
	{"the title of a message, the lesser of one time", func(p *planted) {
		p.editTitles("c:0", func(titles []bitmaps.Title) { titles[0].Text = "Title 6" })
	}, "title", ""},
	{"a title forgotten", func(p *planted) { p.lose("c:0") }, "title", ""},
	{"the title of a list", func(p *planted) {
		p.editTitles("g:0", func(titles []bitmaps.Title) { titles[len(titles)-1] = bitmaps.Title{} })
	}, "title", ""},
	{"how many events a message has", func(p *planted) {
		p.editCounts(func(d *bitmaps.DaySeries) { d.Counts[0].Events++ })
	}, "count", ""},
	{"a count of a message that was not sent", func(p *planted) {
		p.editCounts(func(d *bitmaps.DaySeries) { d.Counts = append(d.Counts, bitmaps.MessageCount{Message: 1, Events: 1}) })
	}, "count", ""},
	{"a lost piece, counted as if it had never been", func(p *planted) { p.lose("s:clicked:0") }, "member", "c7"},
	{"a lost day, likewise", func(p *planted) { p.lose(p.dayFragment("2026-11-08 10:00")) }, "day", "c7"},
	{"a lost account, likewise", func(p *planted) {
		p.redis.Del(acmeKey)
		p.redis.Del(headOf0 + ":accounts")
		p.redis.HSet(headOf0, "accounts", "0")
	}, "contact", "c7"},
	{"a size: a member that is nobody", func(p *planted) { p.editBitmap("s:in:0", 200, true) }, "size", ""},
	{"the totals", func(p *planted) {
		m, err := bitmaps.DecodeMeta(p.get("m"))
		p.must(err)
		m.Totals["in"] = bitmaps.Totals{Entered: m.Totals["in"].Entered + 1, Exited: m.Totals["in"].Exited}
		p.put("m", bitmaps.EncodeMeta(m))
	}, "total", ""},
	{"an erasure", func(p *planted) { p.put("x:0", bitmaps.EncodeErasures(nil)) }, "erasure", ""},
	{"a checkpoint moved back", func(p *planted) {
		p.editCheckpoint(func(c *bitmaps.Checkpoint) { p.offset(c, TopicClicked).Next-- })
	}, "event", "c7"},
	{"the same, with its outcomes", func(p *planted) {
		p.editCheckpoint(func(c *bitmaps.Checkpoint) { p.offset(c, TopicClicked).Next--; c.Outcomes[bitmaps.Applied]-- })
	}, "event", "c7"},
	{"a checkpoint moved beyond the end", func(p *planted) {
		p.editCheckpoint(func(c *bitmaps.Checkpoint) { p.offset(c, TopicSent).Next += 3; c.Outcomes[bitmaps.Applied] += 3 })
	}, "checkpoint", ""},
	{"an outcome taken for another", func(p *planted) {
		p.editCheckpoint(func(c *bitmaps.Checkpoint) { c.Outcomes[bitmaps.Applied]++; c.Outcomes[bitmaps.DeadLettered]-- })
	}, "outcomes", ""},
	{"definitions that there are not", func(p *planted) {
		p.editCheckpoint(func(c *bitmaps.Checkpoint) { c.Definitions += 100 })
	}, "checkpoint", ""},
	{"nothing left", func(p *planted) { p.redis.FlushAll() }, "head", ""},
	{"a stale generation", func(p *planted) { p.redis.HSet(headOf0, "nonce", "000000000000000000000000") }, "head", ""},
	{"an unsealed bit", func(p *planted) {
		value := p.get("s:in:0")
		value[len(value)-1] ^= 1
		p.put("s:in:0", value)
	}, "damaged", ""},
	{"a lost piece", func(p *planted) { p.redis.HDel(acmeKey, "s:in:0") }, "damaged", ""},
	{"a lost run of events", func(p *planted) { p.lose(p.runField("2026-11-01 10:00")) }, "damaged", ""},
}

// TestVerifyFindsCorruption plants one after the other.
func TestVerifyFindsCorruption(t *testing.T) {
	for _, c := range corruptions {
		t.Run(c.name, func(t *testing.T) {
			p := newPlanted(t)
			p.expectVerified("before")
			c.plant(p)
			found, end := p.verified(VerifyQuery{})
			if !slices.ContainsFunc(found, func(d VerifyDifference) bool { return d.Kind == c.kind && d.Contact == c.contact }) {
				t.Errorf("%+v does not name a %s of %q: %+v", end, c.kind, c.contact, found)
			}
			if int(end.Differences) < len(found) {
				t.Errorf("%d differences at the end, %d were told", end.Differences, len(found))
			}
		})
	}
}

func TestVerifyPart(t *testing.T) {
	p := newPlanted(t)
	p.editBitmap("s:in:0", p.number("c5"), false)
	for _, part := range []struct {
		query VerifyQuery
		kinds string
	}{
		{VerifyQuery{Account: acme}, "member size total"},
		{VerifyQuery{Account: acme, Segment: "in"}, "member size total"},
		{VerifyQuery{Account: acme, Segment: "clicked"}, ""},
		{VerifyQuery{Account: acme, Contacts: []string{"c5", "c6"}}, "member"},
		{VerifyQuery{Account: acme, Contacts: []string{"c6"}}, ""},
		{VerifyQuery{Sample: 1000}, "member"},
		{VerifyQuery{Partitions: []int32{1}}, ""},
		{VerifyQuery{Account: "another"}, ""},
	} {
		var kinds []string
		found, end := p.verified(part.query)
		for _, d := range found {
			kinds = append(kinds, d.Kind)
		}
		if got := strings.Join(kinds, " "); got != part.kinds {
			t.Errorf("%+v finds %q, want %q: %+v", part.query, got, part.kinds, end)
		}
	}
	_, all := p.verified(VerifyQuery{})
	_, some := p.verified(VerifyQuery{Sample: 2})
	if all.Contacts != 9 || some.Contacts >= all.Contacts {
		t.Errorf("of %d contacts, %d are a sample of about 2", all.Contacts, some.Contacts)
	}
}

// What is told is bounded, and the rest is counted.
func TestVerifyTellsSome(t *testing.T) {
	p := newPlanted(t)
	for _, contact := range []string{"c1", "c2", "c3", "c4", "c5"} {
		p.editRegister(contact, func(r *bitmaps.Register) { r.Consent++ })
	}
	v := p.verifier()
	v.Limits.Differences = 2
	var told []int64
	p.must(v.Verify(t.Context(), VerifyQuery{}, func(l VerifyLine) error {
		if l.Difference != nil {
			told = append(told, l.Difference.More)
		}
		return nil
	}))
	if !slices.Equal(told, []int64{0, 0, 3}) {
		t.Errorf("of 5 differences, told are %v; want two, and that there are 3 more", told)
	}
}

// Records of an account that did not exist yet are dead letters, and count in a
// state that is made anew since.
func TestVerifyRecordsBeforeTheirAccount(t *testing.T) {
	w := newWorld(t, 1)
	early := func() {
		w.write(TopicContacts, 0, "late/c1", []byte(`{"account":"late","contact":"c1"}`))
		w.settle()
	}
	early()
	w.harness.put(catalog.PutAccount{Account: "late", Timezone: "UTC", RetentionDays: 30})
	w.settle()
	w.expectVerified("with a record from before the account")
	w.loseRedis()
	w.settle()
	w.expectVerified("made anew")
}

// Days that are over, definitions that change and erasures leave nothing wrong.
func TestVerifyAfterDays(t *testing.T) {
	w := newWorld(t, 2)
	w.segment("recent", "all contacts where clicked in last 2 days")
	for i := range 6 {
		c := fmt.Sprint("c", i)
		w.contact(c, "+12125550123")
		w.behaviour(TopicClicked, c, "m", fmt.Sprintf("2026-11-%02d 10:00", 10+i))
	}
	for day := range 5 {
		w.settle()
		w.expectVerified(fmt.Sprint("day ", day))
		w.now = w.now.AddDate(0, 0, 1)
		w.segment("edited", fmt.Sprintf("all contacts where clicked in last %d days", day+1))
		w.write(TopicContacts, w.partitionOf(fmt.Sprint("c", day)), acme+"/"+fmt.Sprint("c", day), nil)
	}
}
