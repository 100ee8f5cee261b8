package pipeline

import (
	"cmp"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"

	"rollcall/bitmaps"
	"rollcall/pipeline/naive"
	"rollcall/pipeline/segment"
)

// eventRow is a stored event of an account, by its contact.
type eventRow struct {
	number  uint32
	of      series
	day     segment.Date
	message uint32
	id      uint64
}

// eventRows are all events of the account, sorted by contact.
func (a *account) eventRows() (rows []eventRow) {
	for _, p := range a.pieces {
		for of := range series(allSeries) {
			for day, d := range p.days[of] {
				if d.table == nil {
					d.load(nil)
				}
				for _, e := range d.table.events {
					rows = append(rows, eventRow{p.of(e.Contact), of, day, e.Message, e.ID})
				}
			}
		}
	}
	slices.SortFunc(rows, func(x, y eventRow) int { return cmp.Compare(x.number, y.number) })
	return rows
}

// events compares a contact's events, and the bitmaps of their days.
func (a *accountComparison) events(id string, number uint32, want *naive.Known) {
	got, said := map[string][]uint64{}, map[string][]uint64{}
	days, saidDays := map[string]string{}, map[string]string{}
	at, _ := slices.BinarySearchFunc(a.rows, number, func(r eventRow, n uint32) int { return cmp.Compare(r.number, n) })
	for ; at < len(a.rows) && a.rows[at].number == number; at++ {
		r := a.rows[at]
		what, id := eventWords(r.of, r.day, a.account.messages.name(r.message)), r.id
		if r.of == failedFor {
			what, id = reasonWords(what, a.account.reasons.name(uint32(r.id))), 0
		}
		got[what] = append(got[what], id)
	}
	for _, e := range expectedEvents(want) {
		said[e.what] = append(said[e.what], e.id)
		saidDays[dayWords(e.of, e.day)] = "in the bitmap"
	}
	p, contact := a.account.at(number)
	for of := range series(allSeries) {
		for day, d := range p.days[of] {
			if d.bits.Contains(contact) {
				days[dayWords(of, day)] = "in the bitmap"
			}
		}
	}
	a.differences("day", id, days, saidDays)
	a.differences("event", id, countEvents(got), countEvents(said))
}

// expectedEvent is an event that the log tells of, and what differences call it.
type expectedEvent struct {
	of   series
	day  segment.Date
	what string
	id   uint64
}

// expectedEvents are those of all series.
func expectedEvents(want *naive.Known) (all []expectedEvent) {
	for _, e := range want.Events {
		of := series(e.Behaviour)
		all = append(all, expectedEvent{of, e.Day, eventWords(of, e.Day, e.Message), identityOf(e)})
	}
	for o := range want.OptedOutOf {
		all = append(all, expectedEvent{optedOutOf, o.Day, eventWords(optedOutOf, o.Day, o.Message), 0})
	}
	for f := range want.FailedFor {
		what := reasonWords(eventWords(failedFor, f.Day, f.Message), f.Reason)
		all = append(all, expectedEvent{failedFor, f.Day, what, 0})
	}
	return all
}

func dayWords(of series, day segment.Date) string { return fmt.Sprintf("%s on %s", of, day) }

func eventWords(of series, day segment.Date, message string) string {
	if message == "" {
		return dayWords(of, day) + ", a message without a name"
	}
	return fmt.Sprintf("%s, message %q", dayWords(of, day), message)
}

func reasonWords(event, reason string) string {
	if reason == "" {
		return event + ", a reason without a name"
	}
	return fmt.Sprintf("%s, reason %q", event, reason)
}

// identityOf is how an event's identity is stored.
func identityOf(e naive.Event) uint64 {
	stored := event{id: []byte(e.ID)}
	if e.Source != "" {
		stored.source = []byte(e.Source)
	}
	stored.origin.Topic, stored.origin.Partition, stored.origin.offset = e.Topic, e.Partition, e.Offset
	return identity(&stored)
}

// countEvents says how many events there are of each kind, and which.
func countEvents(ids map[string][]uint64) map[string]string {
	counts := map[string]string{}
	for what, all := range ids {
		slices.Sort(all)
		counts[what] = fmt.Sprintf("%d, of identity %x", len(all), all[:min(len(all), 3)])
		if len(all) > 3 {
			sum := uint64(0)
			for _, id := range all {
				sum = sum*31 + id
			}
			counts[what] += fmt.Sprintf("..., together %x", sum)
		}
	}
	return counts
}

// compareSizes compares how many members the bitmaps have, which is what is
// shown as sizes, and the totals of who entered and exited.
func (a *accountComparison) compareSizes() {
	for _, seg := range a.def.Segments {
		if a.Segment != "" && a.Segment != seg.ID {
			continue
		}
		var members, sendable, all int64
		slot, ok := a.account.slots[seg.ID]
		for _, p := range a.account.pieces {
			if !ok || slot >= len(p.members) {
				continue
			}
			m, s := p.members[slot].count(&p.sendable)
			all += m
			if def := a.defined[defined{a.id, p.version}]; def != nil && def.Segment(seg.ID) != nil {
				members, sendable = members+m, sendable+s
			}
		}
		if want := a.size(seg.ID); *want != [2]int64{members, sendable} {
			a.differ("size", "", seg.ID, sizeWords(members, sendable), sizeWords(want[0], want[1]))
		}
		total := bitmaps.Totals{}
		if ok {
			total = a.account.totals[slot]
		}
		if int64(total.Entered)-int64(total.Exited) != all {
			a.differ("total", "", seg.ID, fmt.Sprintf("%d entered, %d exited", total.Entered, total.Exited), fmt.Sprintf("%d more entered than exited", all))
		}
	}
}

func sizeWords(members, sendable int64) string {
	return fmt.Sprintf("%d members, %d sendable", members, sendable)
}

// dictionary looks whether names and numbers are one to one, and whether there
// is nothing without a name.
func (a *accountComparison) dictionary() {
	for _, of := range []struct {
		what  string
		names *numbering
	}{{"contact", &a.account.contacts}, {"message", &a.account.messages}, {"list", &a.account.lists}, {"reason", &a.account.reasons}} {
		for number, name := range of.names.all() {
			if twin, _ := of.names.lookup(name); name != "" && twin != number {
				a.differ("dictionary", "", fmt.Sprintf("%s %d", of.what, number), fmt.Sprintf("the name of %s %d", of.what, twin), "a name of its own")
			}
		}
	}
	for number, id := range a.account.contacts.all() {
		switch what := a.leftovers(number); {
		case id == "" && what != "":
			a.differ("dictionary", "", fmt.Sprintf("contact %d", number), "no id, but "+what, "nothing")
		case id != "" && naive.Partition([]byte(a.id+"/"+id), a.Verifier.Partitions) != a.partition:
			a.differ("dictionary", id, fmt.Sprintf("contact %d", number), fmt.Sprintf("in partition %d", a.partition), "in another")
		}
	}
	for _, p := range a.account.pieces {
		if n := p.of(0) + uint32(len(p.contacts)); n > a.account.contacts.next() {
			a.differ("dictionary", "", fmt.Sprintf("contacts from %d on", a.account.contacts.next()), "something is known of them", "nothing")
		}
	}
}

// leftovers names something that is stored of a contact's number.
func (a *accountComparison) leftovers(number uint32) string {
	if int(number/bitmaps.PieceSize) >= len(a.account.pieces) {
		return ""
	}
	p, contact := a.account.at(number)
	if int(contact) >= len(p.contacts) {
		return ""
	}
	if c := p.contacts[contact]; c.facts != 0 || c.country != 0 {
		return "facts"
	}
	for _, seg := range a.def.Segments {
		if slot, ok := a.account.slots[seg.ID]; ok && p.members.has(slot, contact) {
			return "a member of " + seg.ID
		}
	}
	for _, l := range p.lists {
		if l.members.Contains(contact) {
			return "on a list"
		}
	}
	for of := range series(allSeries) {
		for day, d := range p.days[of] {
			if d.bits.Contains(contact) {
				return dayWords(of, day)
			}
		}
	}
	return ""
}

// compareErasures compares who was erased, and when.
func (a *accountComparison) compareErasures() {
	for hash, at := range a.told.erasures[a.id] {
		a.erasures[hash] = max(at, a.erasures[hash])
	}
	words := func(times map[[16]byte]int64) map[string]string {
		m := map[string]string{}
		for hash, at := range times {
			m["hash "+hex.EncodeToString(hash[:])] = "erased up to " + instant(at)
		}
		return m
	}
	a.differences("erasure", "", words(a.account.erasures), words(maps.Clone(a.erasures)))
}
