package naive

import (
	"rollcall/pipeline/segment"
)

// Known is all that is known of a contact, whether it exists or not. The zero
// Known is of one of whom nothing is.
type Known struct {
	Exists              bool
	ValidPhone          bool
	Country             string // of a valid phone: ISO 3166-1 alpha-2, or 001
	OptedIn, OptedOut   bool
	ConsentTime         int64   // ms since 1970, if it is opted in or out
	Profile             Profile // the latest contacts record, if it exists
	Lists               map[List]Listed
	Events              []Event           // in no order
	OptedOutOf          map[Messaged]bool // messages that an opt-out names
	FailedFor           map[Failure]bool
	Titles              map[Titled]Title // by the contact's own records
	Erased              bool
	ErasedUntil         int64 // ms since 1970, if it was erased
	Remains, RemainsNow bool  // something is known that was not erased; and of the kept days
}

// Profile says where a contacts record first stood, and since when.
type Profile struct {
	Time      int64 // Kafka time, ms since 1970
	Partition int32
	Offset    int64
}

// List names a list; Kind is as in records.
type List struct{ Kind, Name string }

// Listed is the latest record of a contact on a list.
type Listed struct {
	Time   int64 // ms since 1970
	Member bool
}

// Event is a behaviour on a day of the account. Its identity is ID, and of a
// CloudEvent Source too; without an ID it is where the record first stood.
type Event struct {
	Behaviour  segment.Behaviour
	Message    string
	Day        segment.Date
	Source, ID string
	Topic      string
	Partition  int32
	Offset     int64
}

// Said returns the ids of all contacts that a record that counts is about, in no order.
func (r *Result) Said(account string) (ids []string) {
	if t := r.tenants[account]; t != nil {
		for id := range t.said {
			ids = append(ids, id)
		}
	}
	return ids
}

// Member tells whether a contact is in a segment.
func (r *Result) Member(account, segment, id string) bool {
	t := r.tenants[account]
	return t != nil && t.members(segment)[id]
}

// Known returns what is known of a contact.
func (r *Result) Known(account, id string) (k Known) {
	t := r.tenants[account]
	if t == nil || t.said[id] == nil {
		return k
	}
	e := t.said[id]
	k.tellConsent(e)
	k.tellProfile(t, e)
	k.Lists = map[List]Listed{}
	for l, said := range e.memberships() {
		k.Lists[List{l.kind, l.name}] = Listed{said.at, said.member}
	}
	for _, ev := range t.kept(e) {
		k.Events = append(k.Events, ev.exported())
	}
	k.tellLabels(t, e)
	if e.erased != never {
		k.Erased, k.ErasedUntil = true, e.erased
	}
	k.RemainsNow = k.Exists || k.OptedIn || k.OptedOut || len(k.Lists) > 0 || len(k.Events) > 0
	k.Remains = k.RemainsNow
	for ev := range e.events {
		k.Remains = k.Remains || !t.erased(e, ev)
	}
	return k
}

func (k *Known) tellConsent(e *evidence) {
	state, at := e.consent()
	k.OptedIn, k.OptedOut = state == optedIn, state == optedOut
	if state != unknown {
		k.ConsentTime = at
	}
}

func (k *Known) tellProfile(t *tenant, e *evidence) {
	p, ok := t.profile(e)
	if !ok {
		return
	}
	phone := t.phone(p)
	k.Exists, k.ValidPhone, k.Country = true, phone.valid, phone.country
	k.Profile = Profile{p.kafkaTime, p.stood.partition, p.stood.offset}
}

func (e event) exported() Event {
	return Event{
		Behaviour: e.behaviour, Message: e.message, Day: e.day, Source: e.identity.source, ID: e.identity.id,
		Topic: e.identity.stood.topic, Partition: e.identity.stood.partition, Offset: e.identity.stood.offset,
	}
}
