package pipeline

import (
	"math"
	"slices"

	"rollcall/bitmaps"
	"rollcall/pipeline/segment"
)

// smsTally is what came of messages in some partitions.
type smsTally struct {
	totals   SMSCounts
	messages map[string]*SMSCounts
	titles   map[string]bitmaps.Title // of messages
	days     map[segment.Date]*SMSCounts
	reasons  map[string]int64
	onDay    bool
}

func newSMSTally() *smsTally {
	return &smsTally{messages: map[string]*SMSCounts{}, titles: map[string]bitmaps.Title{}, days: map[segment.Date]*SMSCounts{}, reasons: map[string]int64{}}
}

// take adds another partition's tally.
func (t *smsTally) take(other *smsTally) {
	t.totals.add(&other.totals)
	for id, counts := range other.messages {
		countsOf(t.messages, id).add(counts)
		t.titles[id] = laterOf(t.titles[id], other.titles[id])
	}
	for day, counts := range other.days {
		countsOf(t.days, day).add(counts)
	}
	for reason, n := range other.reasons {
		t.reasons[reason] += n
	}
}

// countsOf are the counts of something, begun if need be.
func countsOf[K comparable](of map[K]*SMSCounts, key K) *SMSCounts {
	if of[key] == nil {
		of[key] = &SMSCounts{}
	}
	return of[key]
}

func (c *SMSCounts) add(other *SMSCounts) {
	c.Sent += other.Sent
	c.Delivered += other.Delivered
	c.Clicked += other.Clicked
	c.Replied += other.Replied
	c.Failed += other.Failed
	c.OptedOut += other.OptedOut
	c.Clicks += other.Clicks
}

// cameOf is what came of messages that a contact was sent.
type cameOf struct {
	delivered, clicked, replied, failed, optedOut bool
	clicks                                        int
}

// and is what came of these messages and others.
func (o cameOf) and(other cameOf) cameOf {
	return cameOf{
		o.delivered || other.delivered, o.clicked || other.clicked, o.replied || other.replied, o.failed || other.failed,
		o.optedOut || other.optedOut, o.clicks + other.clicks,
	}
}

// count counts a contact.
func (c *SMSCounts) count(o cameOf) {
	c.Sent++
	c.Delivered += one(o.delivered)
	c.Clicked += one(o.clicked)
	c.Replied += one(o.replied)
	c.Failed += one(o.failed)
	c.OptedOut += one(o.optedOut)
	c.Clicks += int64(o.clicks)
}

func one(is bool) int64 {
	if is {
		return 1
	}
	return 0
}

// smsCount counts the contacts of one partition, by the numbers of messages and
// reasons there.
type smsCount struct {
	totals   SMSCounts
	messages map[uint32]*SMSCounts
	days     map[segment.Date]*SMSCounts
	reasons  map[uint32]int64

	byDay map[segment.Date]cameOf // of the contact at hand; scratch
	why   []uint32                // likewise
}

// noReason stands for failures of which no reason was given.
const noReason = math.MaxUint32

func newSMSCount() *smsCount {
	return &smsCount{messages: map[uint32]*SMSCounts{}, days: map[segment.Date]*SMSCounts{}, reasons: map[uint32]int64{}, byDay: map[segment.Date]cameOf{}}
}

// piece counts the contacts of a piece.
func (c *smsCount) piece(e *smsEvents) {
	for sends := e.of[sentSeries]; len(sends) > 0; {
		c.contact(sends.next(), e)
	}
}

// contact counts a contact, by what it was sent.
func (c *smsCount) contact(sends smsRow, e *smsEvents) {
	clear(c.byDay)
	c.why = c.why[:0]
	var total cameOf
	for len(sends) > 0 {
		sent := sends.take(sends[0].pair())
		total = total.and(c.pair(sent, e))
	}
	c.totals.count(total)
	for day, o := range c.byDay {
		countsOf(c.days, day).count(o)
	}
	slices.Sort(c.why)
	for _, reason := range slices.Compact(c.why) {
		c.reasons[reason]++
	}
}

// pair counts a message that the contact was sent, once or on several days, and
// tells what came of it since the first.
func (c *smsCount) pair(sent smsRow, e *smsEvents) (since cameOf) {
	pair, first := sent[0].pair(), sent[0].day()
	var after [failedFor]smsRow
	for of := range after {
		if series(of) != sentSeries {
			after[of] = e.of[of].take(pair)
		}
	}
	for i := len(sent) - 1; i >= 0; i-- { // the first is the last one
		if day := sent[i].day(); i == 0 || day != sent[i-1].day() {
			since = outcome(&after, day)
			c.byDay[day] = c.byDay[day].and(since)
		}
	}
	countsOf(c.messages, sent[0].message()).count(since)
	reasons := e.takeFailures(pair, first)
	if since.failed && len(reasons) == 0 {
		reasons = append(reasons, noReason)
	}
	if since.failed {
		c.why = append(c.why, reasons...)
	}
	return since
}

// outcome is what came of a message since a day.
func outcome(after *[failedFor]smsRow, day segment.Date) cameOf {
	happened := func(b segment.Behaviour) bool { return after[b].since(day) > 0 }
	failed := happened(segment.Failed)
	return cameOf{
		delivered: !failed, failed: failed, clicked: happened(segment.Clicked), replied: happened(segment.Replied),
		optedOut: after[optedOutOf].since(day) > 0, clicks: after[segment.Clicked].since(day),
	}
}
