package naive

import (
	"cmp"
	"strings"

	"github.com/nyaruka/phonenumbers"
)

// settle works out what is true of every contact that exists.
func (t *tenant) settle() {
	for id, e := range t.said {
		if p, ok := t.profile(e); ok {
			t.contacts[id] = t.contact(e, p)
		}
	}
}

// known is what is true of a contact that may not exist: then it has no phone.
func (t *tenant) known(id string) contact {
	if c, exists := t.contacts[id]; exists || t.said[id] == nil {
		return c
	}
	e := t.said[id]
	said, _ := e.consent()
	return contact{consent: said, lists: e.memberships(), events: t.kept(e)}
}

func (t *tenant) contact(e *evidence, profile claim) contact {
	said, _ := e.consent()
	return contact{phone: t.phone(profile), consent: said, lists: e.memberships(), events: t.kept(e)}
}

// kept are the events that no erasure took away and that are not too old.
func (t *tenant) kept(e *evidence) (kept []event) {
	for ev := range e.events {
		if !t.erased(e, ev) && ev.day >= t.firstDay {
			kept = append(kept, ev)
		}
	}
	return kept
}

func (t *tenant) erased(e *evidence, ev event) bool {
	return e.erased != never && ev.day <= day(e.erased, t.zone)
}

// profile returns the latest contacts record that no erasure took away.
func (t *tenant) profile(e *evidence) (claim, bool) {
	var latest claim
	found := false
	for _, p := range e.profiles {
		if p.kafkaTime > e.erased && (!found || t.compareProfiles(p, latest) > 0) {
			latest, found = p, true
		}
	}
	return latest, found
}

// compareProfiles orders by Kafka time, partition and offset. Records of two
// topics can have all three in common: then a valid phone is the later, and of
// valid ones that of the later country in the alphabet.
func (t *tenant) compareProfiles(a, b claim) int {
	return cmp.Or(
		cmp.Compare(a.kafkaTime, b.kafkaTime),
		cmp.Compare(a.stood.partition, b.stood.partition),
		cmp.Compare(a.stood.offset, b.stood.offset),
		cmp.Compare(t.phone(a).country, t.phone(b).country), // empty if not valid
	)
}

// consent is the last writer's word, and of when; of equal times the opt-out's.
func (e *evidence) consent() (state consent, last int64) {
	for _, c := range e.consents {
		out := c.topic == topicOptedOut
		switch {
		case c.at <= e.erased:
		case out && (state == unknown || c.at >= last):
			state, last = optedOut, c.at
		case !out && (state == unknown || c.at > last):
			state, last = optedIn, c.at
		}
	}
	return state, last
}

// memberships is the last writer's word for each list; of equal times, not a member.
func (e *evidence) memberships() map[list]listed {
	last := map[list]listed{}
	for _, c := range e.lists {
		before, known := last[c.list]
		switch {
		case c.at <= e.erased:
		case !known || c.at > before.at || c.at == before.at && !c.member:
			last[c.list] = listed{c.at, c.member}
		}
	}
	return last
}

// phone is what is known of a telephone number.
type phone struct {
	valid   bool
	country string // ISO 3166-1 alpha-2, or 001
}

// phone derives the facts about a profile's phone, each different one once.
func (t *tenant) phone(profile claim) phone {
	region := strings.ToUpper(cmp.Or(profile.region, t.DefaultRegion))
	typed := [2]string{profile.phone, region}
	p, ok := t.phones[typed]
	if !ok {
		p = parsePhone(profile.phone, region)
		t.phones[typed] = p
	}
	return p
}

func parsePhone(typed, region string) phone {
	number, err := phonenumbers.Parse(typed, region)
	if err != nil || !phonenumbers.IsValidNumber(number) {
		return phone{}
	}
	return phone{valid: true, country: phonenumbers.GetRegionCodeForNumber(number)}
}
