package generate

import (
	"math"
	"time"
)

// consent is what a contact said last.
type consent uint8

const (
	unknown consent = iota
	optedIn
	optedOut
)

// phoneKind is what a contact entered as phone.
type phoneKind uint8

const (
	validPhone phoneKind = iota
	invalidPhone
	noPhone
)

// Shares of the population when it joins. Opt-outs after messages bring a month's
// history to about 62 % opted in and 8 % opted out.
const (
	joinOptedIn  = 0.655
	joinOptedOut = 0.05

	haveInvalidPhone = 0.05
	haveNoPhone      = 0.03

	oldHands = 0.92 // were there before the history begins
)

// person is a contact, as small as it can be: there may be millions.
type person struct {
	activity float32 // how likely to react, 1 on average
	lists    uint16  // bit i: on lists[i]
	country  uint8   // index in countries
	phone    phoneKind
	consent  consent
}

func (g *Generator) newPerson() person {
	p := person{activity: g.newActivity(), country: g.pickCountry()}
	switch u := g.rng.Float64(); {
	case u < joinOptedIn:
		p.consent = optedIn
	case u < joinOptedIn+joinOptedOut:
		p.consent = optedOut
	}
	switch u := g.rng.Float64(); {
	case u < haveInvalidPhone:
		p.phone = invalidPhone
	case u < haveInvalidPhone+haveNoPhone:
		p.phone = noPhone
	}
	for i, l := range lists {
		if g.chance(l.share) {
			p.lists |= 1 << i
		}
	}
	return p
}

// newActivity draws from a Pareto distribution, cut off at 8: half of the people
// are at 0.6 or below, a hundredth at 8.
func (g *Generator) newActivity() float32 {
	const least, most, alpha = 0.37, 8, 1.45
	return float32(min(most, least*math.Pow(1-g.rng.Float64(), -1/alpha)))
}

// join writes all that is known of a contact when it appears at a time (in
// milliseconds), and reports whether the reader wants more.
func (g *Generator) join(who int, at int64, oldHand bool, yield func(Record) bool) bool {
	p := &g.people[who]
	since := at
	if oldHand {
		since -= g.within(365 * 24 * time.Hour)
	}
	if !yield(g.contact(who, at)) {
		return false
	}
	if p.consent != unknown && !yield(g.out.consent(topicOptedIn, g.newID(), at, who, since, g.consentSource(), "")) {
		return false
	}
	if p.consent == optedOut {
		left := since + (at-since)*g.rng.Int64N(100)/100
		if !yield(g.out.consent(topicOptedOut, g.newID(), at, who, left, "preference-center", "")) {
			return false
		}
	}
	for i := range lists {
		if p.lists&(1<<i) == 0 {
			continue
		}
		if !yield(g.out.list(i, true, at, who, since)) {
			return false
		}
		if leaves := at + g.within(60*24*time.Hour); g.chance(0.08) && leaves < g.cfg.Now.UnixMilli() {
			g.agenda.add(event{at: leaves, kind: leaveList, who: uint32(who), what: uint32(i)})
		}
	}
	return true
}

// contact writes the contact's record, with the phone typed anew.
func (g *Generator) contact(who int, at int64) Record {
	p := &g.people[who]
	c := &countries[p.country]
	switch p.phone {
	case noPhone:
		return g.out.contact(at, who, "", c.region)
	case invalidPhone:
		return g.out.contact(at, who, g.invalidPhone(c), c.region)
	}
	phone, region := g.typedPhone(c)
	return g.out.contact(at, who, phone, region)
}

func (g *Generator) consentSource() string {
	return [...]string{"checkout", "web-form", "keyword", "import"}[g.rng.IntN(4)]
}
