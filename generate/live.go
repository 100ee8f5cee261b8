package generate

import "time"

// recentSends is how many of the last messages sent people may react to.
const recentSends = 4096

// delivery is a message that was sent to a contact.
type delivery struct {
	who int
	m   *message
}

// live makes the stream. Unlike the history it has a rate to keep, so it
// decides for each record what it is to be, in the proportions of the history.
func (g *Generator) live(yield func(Record) bool) {
	g.joined = len(g.people)
	s := stream{Generator: g}
	for n := int64(0); ; n++ {
		at := g.cfg.Now.UnixMilli() + int64(float64(n)*1000/g.cfg.Rate)
		if !yield(s.next(at)) {
			return
		}
	}
}

// stream is where Live stands.
type stream struct {
	*Generator
	message   *message
	since     int64 // when the campaign began
	candidate int   // of the campaign
	recent    []delivery
	sends     int
}

func (s *stream) next(at int64) Record {
	switch u := s.rng.Float64(); {
	case u < 0.03:
		return s.contact(s.anybody(), at)
	case u < 0.06:
		return s.changeList(at)
	case u < 0.065:
		return s.optIn(at)
	case u < 0.19 && len(s.recent) > 0:
		return s.reaction(at)
	}
	return s.send(at)
}

func (s *stream) anybody() int { return s.rng.IntN(len(s.people)) }

func (s *stream) changeList(at int64) Record {
	who, i := s.anybody(), s.rng.IntN(len(lists))
	p := &s.people[who]
	p.lists ^= 1 << i
	return s.out.list(i, p.lists&(1<<i) != 0, at, who, at)
}

func (s *stream) optIn(at int64) Record {
	who := s.anybody()
	s.people[who].consent = optedIn
	return s.out.consent(topicOptedIn, s.newID(), at, who, at, s.consentSource(), "")
}

// send goes on with the campaign, and starts another when it is through or has
// gone on for ten minutes.
func (s *stream) send(at int64) Record {
	const longest = 10 * time.Minute
	if s.message == nil || at-s.since > longest.Milliseconds() {
		s.begin(at)
	}
	for range 2 * len(s.people) {
		if s.candidate == len(s.people) {
			s.begin(at)
		}
		who := (s.candidate + int(s.message.salt>>40)) % len(s.people)
		s.candidate++
		if s.receives(who, s.message) {
			s.remember(delivery{who, s.message})
			return s.sent(who, s.message, at)
		}
	}
	return s.contact(s.anybody(), at) // there is hardly anybody to send to
}

func (s *stream) begin(at int64) {
	m := *s.newMessage() // a copy: g.messages grows
	s.message, s.since, s.candidate = &m, at, 0
}

func (s *stream) remember(d delivery) {
	if len(s.recent) < recentSends {
		s.recent = append(s.recent, d)
	} else {
		s.recent[s.sends%recentSends] = d
	}
	s.sends++
}

// reaction is one to a recent message, rather by the more active: of three
// contacts drawn at random it is the most active that reacts.
func (s *stream) reaction(at int64) Record {
	d := s.recent[s.rng.IntN(len(s.recent))]
	for range 2 {
		other := s.recent[s.rng.IntN(len(s.recent))]
		if s.people[other.who].activity > s.people[d.who].activity {
			d = other
		}
	}
	return s.react(s.kindOfReaction(d.who), d.who, d.m, at)
}

func (s *stream) kindOfReaction(who int) kind {
	if s.people[who].phone != validPhone {
		return fail
	}
	switch u := s.rng.Float64(); {
	case u < 0.68:
		return click
	case u < 0.82:
		return reply
	case u < 0.97:
		return fail
	}
	return optOut
}
