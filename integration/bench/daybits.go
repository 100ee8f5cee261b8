package main

import (
	"fmt"

	"rollcall/pipeline/segment"
)

// The bitmaps of facts, an empty one, and that of whom a question is about.
const (
	bitExists   = "exists"
	bitOptedIn  = "opted-in"
	bitOptedOut = "opted-out"
	bitUS       = "country:US"
	bitNobody   = "nobody"
	bitMembers  = "members"
)

// maxTimes is up to which number of times a day bitmaps tell apart: the most
// that a question asks for.
const maxTimes = 3

// dayBit is the bitmap of those who did something on a day so many times.
type dayBit struct {
	did   segment.Behaviour
	day   segment.Date
	times int
}

func (d dayBit) name() string { return fmt.Sprintf("%s:%d:%d", d.did, d.day, d.times) }

// bitmaps are one for each fact, and for each behaviour, day and number of times.
func (p *population) bitmaps() map[string]bitmap {
	all := map[string]bitmap{}
	for _, name := range []string{bitExists, bitOptedIn, bitOptedOut, bitUS, bitNobody} {
		all[name] = newBitmap(len(p.people))
	}
	for i, r := range p.people {
		all[bitExists].set(uint32(i))
		if r.optedIn {
			all[bitOptedIn].set(uint32(i))
		}
		if r.optedOut {
			all[bitOptedOut].set(uint32(i))
		}
		if r.country == "US" {
			all[bitUS].set(uint32(i))
		}
	}
	for at, b := range p.dayBits() {
		all[at.name()] = b
	}
	return all
}

func (p *population) dayBits() map[dayBit]bitmap {
	days := map[dayBit]bitmap{}
	for _, e := range p.events {
		for times := 1; times <= maxTimes; times++ {
			at := dayBit{e.did, e.day, times}
			if days[at] == nil {
				days[at] = newBitmap(len(p.people))
			}
			if !days[at].has(e.who) {
				days[at].set(e.who)
				break
			}
		}
	}
	return days
}

// lastDays names the bitmaps of a behaviour in the last days, of those that there are.
func (p *population) lastDays(all map[string]bitmap, did segment.Behaviour, last, times int) []string {
	var names []string
	for day := p.today - segment.Date(last); day <= p.today; day++ {
		for n := 1; n <= times; n++ {
			if name := (dayBit{did, day, n}).name(); all[name] != nil {
				names = append(names, name)
			}
		}
	}
	if names == nil {
		return []string{bitNobody}
	}
	return names
}
