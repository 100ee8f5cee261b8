package naive

import (
	"math"
	"time"

	"rollcall/pipeline/segment"
)

// tenant is an account, what the log says of its contacts, and what is true of them.
type tenant struct {
	Account
	zone     *time.Location
	today    segment.Date
	firstDay segment.Date // the oldest day that is kept

	said     map[string]*evidence
	contacts map[string]contact         // those that exist, once settled
	memo     map[string]map[string]bool // members by segment
	phones   map[[2]string]phone        // by what was typed and region
}

// evidence is everything the log says of one contact, in no order.
type evidence struct {
	erased   int64          // the latest erasure, ms, or never
	events   map[event]bool // true: reported where it belongs
	consents []claim
	lists    []claim
	profiles []claim
	failures map[Failure]bool
	titles   map[Messaged]Title // by day, since days are erased, and leave
}

// never is before every time that Kafka knows, -1 included.
const never = math.MinInt64

// contact is what is true of a contact.
type contact struct {
	phone   phone
	consent consent
	lists   map[list]listed
	events  []event
}

// listed is what was said last of a contact and a list.
type listed struct {
	at     int64 // ms
	member bool
}

// event is a behaviour of a contact. Equal ones are one.
type event struct {
	behaviour segment.Behaviour
	message   string
	day       segment.Date
	identity  identity
}

// identity tells events apart: by the id they were given, else by where they first stood.
type identity struct {
	source, id string // source only of CloudEvents
	stood      place  // zero if there is an id
}

type list struct{ kind, name string }

type consent uint8

const (
	unknown consent = iota
	optedIn
	optedOut
)

func (c consent) String() string {
	return [...]string{"unknown", "opted in", "opted out"}[c]
}

func newTenant(a Account) *tenant {
	return &tenant{Account: a, zone: zoneOf(a), said: map[string]*evidence{}, phones: map[[2]string]phone{}}
}

// redefine takes other definitions over, and another moment.
func (t *tenant) redefine(a Account, now time.Time) {
	if a.RetentionDays == 0 {
		a.RetentionDays = 730
	}
	t.Account, t.zone = a, zoneOf(a)
	t.contacts, t.memo = map[string]contact{}, map[string]map[string]bool{}
	t.today = day(now.UnixMilli(), t.zone)
	t.firstDay = t.today - segment.Date(a.RetentionDays)
}

func (t *tenant) evidence(contact string) *evidence {
	e := t.said[contact]
	if e == nil {
		e = &evidence{erased: never, events: map[event]bool{}, failures: map[Failure]bool{}, titles: map[Messaged]Title{}}
		t.said[contact] = e
	}
	return e
}

// take adds a claim to what is said of its contact. It is a repeat if it is a
// behaviour that was reported before, where it belongs.
func (t *tenant) take(c claim, misplaced bool) (repeat bool) {
	e := t.evidence(c.contact)
	switch {
	case c.erase:
		e.erase(c.kafkaTime)
	case c.topic == topicContacts:
		e.profiles = append(e.profiles, c)
	case c.topic == topicLists:
		e.lists = append(e.lists, c)
	case c.topic == topicOptedIn, c.topic == topicOptedOut:
		e.consents = append(e.consents, c)
	default:
		ev := t.event(c)
		repeat = e.events[ev]
		e.events[ev] = repeat || !misplaced
		e.label(c, ev.day)
	}
	return repeat
}

func (e *evidence) erase(at int64) { e.erased = max(e.erased, at) }

var behaviours = map[string]segment.Behaviour{
	topicSent:    segment.Sent,
	topicClicked: segment.Clicked,
	topicFailed:  segment.Failed,
	topicReplied: segment.Replied,
}

func isBehaviour(topic string) bool {
	_, ok := behaviours[topic]
	return ok
}

// event returns the behaviour that a claim reports.
func (t *tenant) event(c claim) event {
	e := event{behaviour: behaviours[c.topic], message: c.message, day: day(c.at, t.zone)}
	if c.id == "" {
		e.identity.stood = c.stood
	} else {
		e.identity.source, e.identity.id = c.source, c.id
	}
	return e
}
