package pipeline

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"rollcall/pipeline/naive"
)

func (a *accountComparison) facts(id string, number uint32, want *naive.Known) {
	p, contact := a.account.at(number)
	got := p.contacts[contact]
	for _, f := range []struct {
		fact facts
		want bool
	}{{exists, want.Exists}, {optedIn, want.OptedIn}, {optedOut, want.OptedOut}, {validPhone, want.ValidPhone}} {
		if has := got.facts.has(f.fact); has != f.want {
			a.differ("fact", id, factNames[f.fact], yesOrNo(has), yesOrNo(f.want))
		}
	}
	if in := countryByCode[want.Country]; got.country != in {
		a.differ("fact", id, "country", got.country.String(), in.String())
	}
}

func yesOrNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// registers compares since when consent and the contact are as they are.
func (a *accountComparison) registers(id string, number uint32, want *naive.Known) {
	p, contact := a.account.at(number)
	got := p.register[contact]
	if got.Consent != want.ConsentTime || got.OptedOut != want.OptedOut {
		a.differ("consent", id, "", consentWords(got.Consent, got.OptedOut), consentWords(want.ConsentTime, want.OptedOut))
	}
	profile := naive.Profile{Time: got.Time, Partition: got.Partition, Offset: got.Offset}
	if profile != want.Profile {
		a.differ("contact record", id, "", profileWords(profile), profileWords(want.Profile))
	}
}

func consentWords(at int64, out bool) string {
	switch {
	case at == 0:
		return "unknown"
	case out:
		return "opted out at " + instant(at)
	}
	return "opted in at " + instant(at)
}

func profileWords(p naive.Profile) string {
	if p == (naive.Profile{}) {
		return "none"
	}
	return fmt.Sprintf("of %s, partition %d, offset %d", instant(p.Time), p.Partition, p.Offset)
}

func instant(ms int64) string { return time.UnixMilli(ms).UTC().Format("2006-01-02T15:04:05.000Z") }

// lists compares the contact's records on all lists, and the lists' bitmaps.
func (a *accountComparison) lists(id string, number uint32, want *naive.Known) {
	p, contact := a.account.at(number)
	got := map[string]string{}
	for list, l := range p.lists {
		r, ok := l.registers.get(contact)
		if ok || l.members.Contains(contact) {
			got[listWords(a.account.lists.name(list))] = listedWords(l.members.Contains(contact), r.member, r.at)
		}
	}
	said := map[string]string{}
	for l, r := range want.Lists {
		said[l.Kind+" list "+l.Name] = listedWords(r.Member, r.Member, r.Time)
	}
	a.differences("list", id, got, said)
}

// listWords names a list by its key.
func listWords(key string) string {
	for word, kind := range listKinds {
		if name, ok := strings.CutPrefix(key, listKey(kind, "")); ok {
			return word + " list " + name
		}
	}
	return "a list without a name"
}

// listedWords says what the bitmap and the register of a list say of a contact.
func listedWords(member, said bool, at int64) string {
	if member != said {
		return fmt.Sprintf("%s in the bitmap, %s at %s", membershipWord(member), membershipWord(said), instant(at))
	}
	return membershipWord(member) + " at " + instant(at)
}

// differences names what two descriptions, by what they are of, don't agree in.
func (a *accountComparison) differences(kind, id string, got, want map[string]string) {
	for _, what := range slices.Sorted(maps.Keys(got)) {
		if got[what] != want[what] {
			a.differ(kind, id, what, got[what], orNothing(want[what]))
		}
	}
	for _, what := range slices.Sorted(maps.Keys(want)) {
		if _, ok := got[what]; !ok {
			a.differ(kind, id, what, "nothing", want[what])
		}
	}
}

func orNothing(s string) string {
	if s == "" {
		return "nothing"
	}
	return s
}
