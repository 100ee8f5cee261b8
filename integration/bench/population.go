package main

import (
	"rollcall/pipeline/naive"
	"rollcall/pipeline/segment"
)

// population is what the log says of an account's contacts, worked out in the
// naive way: what the rivals are loaded with, which are spared to read records,
// to find repeats and to tell days by a time zone.
type population struct {
	people []resident // by number
	events []happening
	today  segment.Date
}

// resident is a contact that exists.
type resident struct {
	optedIn, optedOut bool
	country           string // of its valid phone; empty: it has none
}

// happening is a behaviour of a contact on a day.
type happening struct {
	who uint32
	did segment.Behaviour
	day segment.Date
}

func newPopulation(today segment.Date) *population {
	return &population{today: today}
}

// add takes over the contacts that a result knows of an account.
func (p *population) add(r *naive.Result, account string) {
	for _, id := range r.Contacts(account) {
		known, who := r.Known(account, id), uint32(len(p.people))
		p.people = append(p.people, resident{known.OptedIn, known.OptedOut, known.Country})
		for _, e := range known.Events {
			p.events = append(p.events, happening{who, e.Behaviour, e.Day})
		}
	}
}
