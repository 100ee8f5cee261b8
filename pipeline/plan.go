package pipeline

import (
	"math"
	"slices"

	"rollcall/pipeline/catalog"
	"rollcall/pipeline/segment"
)

// plan is an account's segments made ready to be evaluated on one day: their
// conditions, and which of them to look at when some fact of a contact changes.
type plan struct {
	today    segment.Date
	oldest   segment.Date // the first kept day
	version  int64        // the definitions below this offset
	segments []*planned   // parents before children
	all      dependents   // every segment

	// Who depends on what.
	sets        []segmentSet                  // of dependents
	facts       [8]dependents                 // by bit
	countries   map[country]dependents        // contacts that move into or out of a country
	lists       map[uint32]dependents         // by list number
	listNumbers []uint32                      // of the lists that conditions name
	since       [segment.Behaviours][]since   // by first day, ascending
	counters    []*counter                    // windows that are counted
	counted     [segment.Behaviours]countedBy // which counters an event moves
	blank       map[blankKey][]int32          // members among contacts of whom nothing but facts is known
}

// planned is one segment of a plan.
type planned struct {
	id       string
	slot     int   // of its column in every piece
	version  int64 // offset of its definition
	member   node
	children segmentSet // those that ask for membership in this one
}

// since lists who depends on an event in a period without a last day.
type since struct {
	period   segment.Period
	day      segment.Date // its first
	segments dependents
}

// counter counts a contact's events, or the days with one, in a window.
type counter struct {
	key      counterKey
	messages []uint32 // counted together; nil: all
	from, to segment.Date
	steps    []step // ascending
}

type counterKey struct {
	behaviour segment.Behaviour
	days      bool   // counts days
	messages  string // the numbers, as a key
	period    segment.Period
}

// step lists who depends on a count of at least k.
type step struct {
	k        uint32
	segments dependents
}

// countedBy finds the counters of a behaviour.
type countedBy struct {
	any       []int32
	byMessage map[uint32][]int32
}

type blankKey struct {
	facts   facts
	country country
}

// add has one more segment depend on something, or the same one again.
func (p *plan) add(d *dependents, seg int32) {
	if *d == 0 {
		*d = p.dependents(nil)
	}
	p.sets[*d] = p.sets[*d].with(int(seg))
}

// dependents gives a set its place.
func (p *plan) dependents(s segmentSet) dependents {
	p.sets = append(p.sets, s)
	return dependents(len(p.sets) - 1)
}

func newPlan(today segment.Date, retentionDays int) *plan {
	return &plan{
		today:     today,
		oldest:    today - segment.Date(retentionDays),
		sets:      make([]segmentSet, 1),
		countries: map[country]dependents{},
		lists:     map[uint32]dependents{},
		blank:     map[blankKey][]int32{},
	}
}

// compile makes a plan. The account numbers the names of lists and messages
// that conditions mention, and the slots of segments.
func compile(a *account, def *catalog.Account, version int64, today segment.Date) *plan {
	p := newPlan(today, def.RetentionDays)
	p.version = version
	c := newCompiler(p, a, def.RetentionDays)
	for i, s := range def.Segments {
		c.add(&planned{id: s.ID, slot: a.slot(s.ID), version: s.Version}, s.Definition)
		c.index[s.ID] = int32(i)
	}
	return c.finish()
}

// numbers gives the numbers that an account has for names.
type numbers interface {
	listNumber(kind segment.Kind, name string) uint32
	messageNumber(name string) uint32
	slot(segment string) int
}

func newCompiler(p *plan, n numbers, retentionDays int) *compiler {
	return &compiler{
		plan: p, account: n, retention: retentionDays,
		index: map[string]int32{}, counters: map[counterKey]int32{},
	}
}

// add compiles a segment.
func (c *compiler) add(s *planned, def segment.Definition) {
	c.segment = int32(len(c.plan.segments))
	s.member = c.definition(def)
	c.plan.segments = append(c.plan.segments, s)
	c.plan.add(&c.plan.all, c.segment)
}

func (c *compiler) finish() *plan {
	for b := range c.plan.since {
		slices.SortFunc(c.plan.since[b], func(x, y since) int { return int(x.day - y.day) })
	}
	return c.plan
}

// compiler compiles one segment after the other into a plan.
type compiler struct {
	plan      *plan
	account   numbers
	retention int
	segment   int32 // the one being compiled
	index     map[string]int32
	counters  map[counterKey]int32
}

func (c *compiler) definition(d segment.Definition) node {
	parts := []node{c.fact(exists)}
	if d.From.Kind != segment.AllContacts {
		parts = append(parts, c.in(d.From.Kind, d.From.Name))
	}
	if d.Where != nil {
		parts = append(parts, c.condition(d.Where))
	}
	return node{op: opAll, kids: parts}
}

func (c *compiler) condition(cond segment.Condition) node {
	switch cond := cond.(type) {
	case segment.All:
		return node{op: opAll, kids: c.conditions(cond)}
	case segment.Any:
		return node{op: opAny, kids: c.conditions(cond)}
	case segment.Not:
		return not(c.condition(cond.Of))
	case segment.OptedIn:
		return c.fact(optedIn)
	case segment.OptedOut:
		return c.fact(optedOut)
	case segment.ValidPhone:
		return c.fact(validPhone)
	case segment.PhoneIn:
		return c.phoneIn(cond.Countries)
	case segment.In:
		return c.in(cond.Kind, cond.Name)
	case segment.Did:
		return c.did(cond)
	}
	panic("a condition that the language does not have")
}

func (c *compiler) conditions(list []segment.Condition) []node {
	nodes := make([]node, len(list))
	for i, cond := range list {
		nodes[i] = c.condition(cond)
	}
	return nodes
}

func (c *compiler) fact(f facts) node {
	c.plan.add(&c.plan.facts[f.bit()], c.segment)
	return node{op: opFact, facts: f}
}

func (c *compiler) phoneIn(codes []string) node {
	n := node{op: opCountry, countries: &[4]uint64{}}
	for _, code := range codes {
		at, known := countryByCode[code]
		if !known || at == 0 {
			continue // a country without phone numbers of its own
		}
		n.countries[at/64] |= 1 << (at % 64)
		dependsOn(c, c.plan.countries, at)
	}
	return n
}

func (c *compiler) in(kind segment.Kind, name string) node {
	if kind == segment.Segment {
		if at, ok := c.index[name]; ok {
			parent := c.plan.segments[at]
			parent.children = parent.children.with(int(c.segment))
		}
		return node{op: opMember, number: uint32(c.account.slot(name))}
	}
	list := c.account.listNumber(kind, name)
	dependsOn(c, c.plan.lists, list)
	at := slices.Index(c.plan.listNumbers, list)
	if at < 0 {
		at = len(c.plan.listNumbers)
		c.plan.listNumbers = append(c.plan.listNumbers, list)
	}
	return node{op: opList, number: uint32(at)}
}

func (c *compiler) did(d segment.Did) node {
	switch d.Messages.Mode {
	case segment.AllOf:
		n := node{op: opAll}
		for _, name := range d.Messages.Names {
			n.kids = append(n.kids, c.often(d, []string{name}))
		}
		return n
	case segment.NoneOf:
		return not(c.often(d, d.Messages.Names))
	case segment.AnyOf:
		return c.often(d, d.Messages.Names)
	}
	return c.often(d, nil)
}

func (c *compiler) often(d segment.Did, messages []string) node {
	k := d.Frequency.K
	switch d.Frequency.Kind {
	case segment.AtLeast:
		return c.atLeast(d, messages, k, false)
	case segment.AtMost:
		return not(c.atLeast(d, messages, k+1, false))
	case segment.Exactly:
		return node{op: opAll, kids: []node{c.atLeast(d, messages, k, false), not(c.atLeast(d, messages, k+1, false))}}
	case segment.AtLeastDays:
		return c.atLeast(d, messages, k, true)
	}
	return c.atLeast(d, messages, 1, false)
}

func (c *compiler) atLeast(d segment.Did, messages []string, k int, days bool) node {
	// A window that is over, or not yet begun, stays a window: it has no days.
	from, to, _ := d.Period.Window(c.plan.today, c.retention)
	if k == 1 && messages == nil {
		if to == segment.MaxDate {
			return c.since(d.Behaviour, d.Period, from)
		}
		days = true // any event makes a day, and days need no events at hand
	}
	at := c.counter(d, messages, days, from, to)
	c.watch(c.plan.counters[at], uint32(k))
	return node{op: opCount, number: uint32(at), k: uint32(k)}
}

func (c *compiler) since(b segment.Behaviour, period segment.Period, day segment.Date) node {
	list := &c.plan.since[b]
	at := slices.IndexFunc(*list, func(s since) bool { return s.period == period })
	if at < 0 {
		at = len(*list)
		*list = append(*list, since{period: period, day: day})
	}
	c.plan.add(&(*list)[at].segments, c.segment)
	return node{op: opSince, behaviour: b, day: uint16(min(day, math.MaxUint16))}
}

func (c *compiler) counter(d segment.Did, names []string, days bool, from, to segment.Date) int32 {
	var messages []uint32
	for _, name := range names {
		messages = append(messages, c.account.messageNumber(name))
	}
	slices.Sort(messages)
	key := counterKey{behaviour: d.Behaviour, days: days, messages: messageKey(messages), period: d.Period}
	if at, ok := c.counters[key]; ok {
		return at
	}
	at := int32(len(c.plan.counters))
	c.counters[key] = at
	c.plan.counters = append(c.plan.counters, &counter{key: key, messages: messages, from: from, to: to})
	c.plan.counted[d.Behaviour].add(at, messages)
	return at
}

func (c *countedBy) add(counter int32, messages []uint32) {
	if messages == nil {
		c.any = append(c.any, counter)
		return
	}
	if c.byMessage == nil {
		c.byMessage = map[uint32][]int32{}
	}
	for _, m := range messages {
		c.byMessage[m] = append(c.byMessage[m], counter)
	}
}

func messageKey(messages []uint32) string {
	runes := make([]byte, 0, 4*len(messages))
	for _, m := range messages {
		runes = append(runes, byte(m), byte(m>>8), byte(m>>16), byte(m>>24))
	}
	return string(runes)
}

// watch has the segment depend on a count of at least k.
func (c *compiler) watch(of *counter, k uint32) {
	at, found := slices.BinarySearchFunc(of.steps, k, func(s step, k uint32) int { return int(s.k) - int(k) })
	if !found {
		of.steps = slices.Insert(of.steps, at, step{k: k})
	}
	c.plan.add(&of.steps[at].segments, c.segment)
}

// dependsOn has the segment depend on what a key stands for.
func dependsOn[K comparable](c *compiler, m map[K]dependents, key K) {
	d := m[key]
	c.plan.add(&d, c.segment)
	m[key] = d
}

// covers tells whether the window has the day.
func (c *counter) covers(day segment.Date) bool { return c.from <= day && day <= c.to }

// takesEvents tells whether it takes more than to know who has an event on a day.
func (c *counter) takesEvents() bool { return !c.key.days || c.messages != nil }

// isTimes tells whether it counts events of whatever message.
func (c *counter) isTimes() bool { return !c.key.days && c.messages == nil }

// counts tells whether events of the message are counted.
func (c *counter) counts(message uint32) bool {
	return c.messages == nil || slices.Contains(c.messages, message)
}

// renameMessage puts a message's number in the place of its placeholder.
func (p *plan) renameMessage(placeholder, number uint32) {
	for b := range p.counted {
		by := p.counted[b].byMessage
		counters, ok := by[placeholder]
		if !ok {
			continue
		}
		by[number] = counters
		delete(by, placeholder)
		for _, at := range counters {
			c := p.counters[at]
			c.messages[slices.Index(c.messages, placeholder)] = number
			slices.Sort(c.messages)
			c.key.messages = messageKey(c.messages)
		}
	}
}

// renameList puts a list's number in the place of its placeholder.
func (p *plan) renameList(placeholder, number uint32) {
	if at := slices.Index(p.listNumbers, placeholder); at >= 0 {
		p.listNumbers[at] = number
		p.lists[number] = p.lists[placeholder]
		delete(p.lists, placeholder)
	}
}
