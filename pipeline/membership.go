package pipeline

import (
	"context"
	"slices"

	"rollcall/consumers"
)

// Check answers for each contact, in their order. Those of a partition are looked
// at together.
func (v *View) Check(_ context.Context, account, seg string, contacts []string) ([]Membership, Freshness, error) {
	def := v.Catalog.Account(account)
	if !v.composed(def, seg) {
		return nil, v.Freshness(account), ErrNotComposed
	}
	day, sameDay := v.today(def), true
	answers := make([]Membership, len(contacts))
	for p, places := range v.byPartition(account, contacts) {
		if len(places) == 0 {
			continue
		}
		r := v.replicas[p]
		r.mu.RLock()
		a := r.state.accounts[account]
		slot, defined := a.slotOf(seg)
		for _, i := range places {
			answers[i] = a.membership(slot, defined, contacts[i])
		}
		sameDay = sameDay && a.isOn(day)
		r.mu.RUnlock()
	}
	return answers, v.sameDay(account, day, sameDay), nil
}

// byPartition are the places in contacts of those of each partition.
func (v *View) byPartition(account string, contacts []string) [][]int32 {
	places := make([][]int32, v.Partitions)
	key := append([]byte(account), '/')
	for i, contact := range contacts {
		key = append(key[:len(account)+1], contact...)
		p := consumers.Partition(key, int(v.Partitions))
		places[p] = append(places[p], int32(i))
	}
	return places
}

// membership is the answer about one contact; slot is the segment's, if it is
// defined. a may be nil.
func (a *account) membership(slot int, defined bool, contact string) Membership {
	m := Membership{Contact: contact}
	var known facts
	if a != nil {
		if number, ok := a.contacts.lookup(contact); ok {
			p, n := a.at(number)
			m.Member, known = defined && p.members.has(slot, n), p.contacts[n].facts
		}
	}
	m.Blocked = blocked[bit(m.Member)][known]
	m.Sendable = len(m.Blocked) == 0
	return m
}

// blocked is why a contact is not sendable: by whether it is a member, and by
// what is known of it. The lists are everybody's, and not nil.
var blocked = func() (reasons [2][256][]string) {
	for member := range reasons {
		for known := range reasons[member] {
			reasons[member][known] = slices.Clip(whyBlocked(member == 1, facts(known)))
		}
	}
	return reasons
}()

func whyBlocked(member bool, known facts) []string {
	reasons := []string{}
	if !member {
		reasons = append(reasons, "not_member")
	}
	if !known.has(validPhone) {
		reasons = append(reasons, "invalid_phone")
	}
	switch {
	case known.has(optedOut):
		reasons = append(reasons, "opted_out")
	case !known.has(optedIn):
		reasons = append(reasons, "not_opted_in")
	}
	return reasons
}
