package generate

import "time"

const (
	day        = 24 * time.Hour
	sendWindow = 2 * time.Hour // over which a campaign's messages go out
)

// How people react to a message, on average.
const (
	clickRate  = 0.085 // with those who click twice, near 0.11 a message
	replyRate  = 0.017
	optOutRate = 0.004
	failRate   = 0.02 // at a valid phone; at an invalid one always

	clickAgain    = 0.15 // clicked a second time
	sendToInvalid = 0.3  // of those with an invalid phone, before someone notices
	sampleShare   = 0.15
)

// history plays the past, event by event.
func (g *Generator) history(yield func(Record) bool) {
	start := g.cfg.Now.Add(-time.Duration(g.cfg.Days) * day).UnixMilli()
	if !g.populate(start, yield) {
		return
	}
	g.planCampaigns(start)
	end := g.cfg.Now.UnixMilli()
	for len(g.agenda) > 0 {
		e := g.agenda.next()
		if e.at >= end {
			break
		}
		if !g.play(e, yield) {
			return
		}
	}
	g.agenda = nil
}

// populate writes the contacts that were there before the campaigns, and all of
// them if there are none.
func (g *Generator) populate(start int64, yield func(Record) bool) bool {
	before := len(g.people)
	if g.cfg.Days > 0 {
		before = int(oldHands * float64(before))
	}
	for ; g.joined < before; g.joined++ {
		if !g.join(g.joined, start, true, yield) {
			return false
		}
	}
	if before < len(g.people) {
		g.agenda.add(event{at: start + g.joinEvery(), kind: joinNext})
	}
	return true
}

// joinEvery spreads those who join later over the history.
func (g *Generator) joinEvery() int64 {
	late := len(g.people) - int(oldHands*float64(len(g.people)))
	return int64(g.cfg.Days) * day.Milliseconds() / int64(late+1)
}

// planCampaigns puts two a day on the agenda, one on Saturdays and Sundays.
func (g *Generator) planCampaigns(start int64) {
	for d := range g.cfg.Days {
		date := time.UnixMilli(start).UTC().Add(time.Duration(d) * day).Truncate(day)
		campaigns := 2
		if w := date.Weekday(); w == time.Saturday || w == time.Sunday {
			campaigns = 1
		}
		for range campaigns {
			morning := date.Add(13 * time.Hour).UnixMilli()
			g.newMessage()
			g.agenda.add(event{at: max(start, morning+g.within(9*time.Hour)), kind: sendNext, what: uint32(len(g.messages) - 1)})
		}
	}
}

// play lets an event happen, which may put others on the agenda, and reports
// whether the reader wants more.
func (g *Generator) play(e event, yield func(Record) bool) bool {
	who := int(e.who)
	switch e.kind {
	case joinNext:
		return g.playJoin(e, yield)
	case sendNext:
		return g.playSend(e, yield)
	case leaveList:
		g.people[who].lists &^= 1 << e.what
		return yield(g.out.list(int(e.what), false, e.at, who, e.at))
	default:
		return yield(g.react(e.kind, who, &g.messages[e.what], e.at))
	}
}

func (g *Generator) playJoin(e event, yield func(Record) bool) bool {
	who := g.joined
	g.joined++
	if g.joined < len(g.people) {
		g.agenda.add(event{at: e.at + g.joinEvery(), kind: joinNext})
	}
	return g.join(who, e.at, false, yield)
}

// playSend sends a campaign's message to its next recipient and puts the one
// after on the agenda. Candidates are taken in the order of their numbers from
// a place that differs between campaigns.
func (g *Generator) playSend(e event, yield func(Record) bool) bool {
	m := &g.messages[e.what]
	for n := int(e.who); n < len(g.people); n++ {
		who := (n + int(m.salt>>40)) % len(g.people)
		if who >= g.joined || !g.receives(who, m) {
			continue
		}
		g.agenda.add(event{at: e.at + g.sendDelay(n+1) - g.sendDelay(int(e.who)), kind: sendNext, who: uint32(n + 1), what: e.what})
		g.planReactions(who, e.what, e.at)
		return yield(g.sent(who, m, e.at))
	}
	return true
}

// sendDelay is when a campaign comes to its nth candidate, after its beginning.
func (g *Generator) sendDelay(n int) int64 {
	return sendWindow.Milliseconds() * int64(n) / int64(len(g.people))
}

// receives says whether a campaign is sent to a contact: who opted in, entered
// some phone, and is in the audience.
func (g *Generator) receives(who int, m *message) bool {
	p := &g.people[who]
	if p.consent != optedIn || p.phone == noPhone || p.phone == invalidPhone && !g.chance(sendToInvalid) {
		return false
	}
	switch m.audience {
	case everybody:
		return true
	case sample: // the more active, the likelier
		return g.chance(sampleShare * float64(p.activity))
	}
	return p.lists&(1<<m.audience) != 0
}

// planReactions decides what a contact will do about a message just sent.
func (g *Generator) planReactions(who int, what uint32, at int64) {
	p := &g.people[who]
	add := func(k kind, after int64) {
		g.agenda.add(event{at: at + 1 + after, kind: k, who: uint32(who), what: what})
	}
	if p.phone != validPhone || g.chance(failRate) {
		add(fail, g.within(2*time.Minute))
		return
	}
	if g.chance(clickRate * float64(p.activity)) {
		add(click, g.after(2*time.Hour))
		if g.chance(clickAgain) {
			add(click, g.after(12*time.Hour))
		}
	}
	if g.chance(replyRate * float64(p.activity)) {
		add(reply, g.after(time.Hour))
	}
	if g.chance(optOutRate) {
		add(optOut, g.after(30*time.Minute))
	}
}

func (g *Generator) sent(who int, m *message, at int64) Record {
	return g.out.behaviour(topicSent, g.newID(), at, who, g.dated(at), m, "message_name", m.name)
}

// react writes what a contact did about a message.
func (g *Generator) react(k kind, who int, m *message, at int64) Record {
	id := g.newID()
	switch k {
	case click:
		return g.out.behaviour(topicClicked, id, at, who, g.dated(at), m, "url", "https://shop.example/"+m.id)
	case reply:
		return g.out.behaviour(topicReplied, id, at, who, g.dated(at), m, "", "")
	case fail:
		return g.out.behaviour(topicFailed, id, at, who, g.dated(at), m, "reason", failures[g.rng.IntN(len(failures))])
	default:
		g.people[who].consent = optedOut
		return g.out.consent(topicOptedOut, id, at, who, at, "STOP", m.id)
	}
}
