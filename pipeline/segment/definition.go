// Package segment is the language in which audience segments are defined: an
// origin and a condition, as text and as JSON.
//
//	segment   = origin [ "where" condition ]
//	origin    = "all contacts" | ( "list" | "form" | "webinar" | "segment" ) NAME
//	condition = criterion | "not" condition | condition "and" condition
//	          | condition "or" condition | "(" condition ")"
//	criterion = "opted in" | "opted out" | "valid phone" | "phone in" COUNTRY { "," COUNTRY }
//	          | "in" ( "list" | "form" | "webinar" | "segment" ) NAME
//	          | ( "sent" | "clicked" | "failed" | "replied" ) [ messages ] [ frequency ] [ period ]
//	messages  = "message" NAME | ( "any of" | "all of" | "none of" ) "messages" NAME { "," NAME }
//	frequency = ( "at least" | "at most" | "exactly" ) K "times" | "on at least" K "days"
//	period    = "in last" N "days" | "between" N "and" M "days ago" | "on" DATE
//	          | "between" DATE "and" DATE | "before" DATE | "since" DATE | "ever"
//
// Not binds tighter than and, which binds tighter than or. Keywords and countries are
// read in either case, "1 time" and "1 day" are read too, and printed; a NAME is
// a JSON string of 1 to 200 bytes; K, N and M are from 1 to 10,000.
//
// Parse and ParseJSON give definitions in one normal form (see Normalise), which
// Text and MarshalJSON print, so each form turns into the other without loss.
package segment

// Definition says who is in a segment: everybody of From for whom Where holds.
type Definition struct {
	From  Origin
	Where Condition // nil: everybody in the origin
}

// Origin is the audience that a segment starts from.
type Origin struct {
	Kind Kind
	Name string // empty for AllContacts
}

// Kind names what an origin, or an In criterion, points at.
type Kind uint8

const (
	AllContacts Kind = iota
	List
	Form
	Webinar
	Segment
)

// Condition is one of All, Any, Not, OptedIn, OptedOut, ValidPhone, PhoneIn, In and Did.
type Condition interface{ condition() }

type (
	// All holds when each of its conditions holds.
	All []Condition
	// Any holds when at least one of its conditions holds.
	Any []Condition
	// Not holds for everybody in the origin for whom Of does not.
	Not struct{ Of Condition }

	// OptedIn holds when the latest consent event is an opt-in.
	OptedIn struct{}
	// OptedOut holds when the latest consent event is an opt-out.
	OptedOut struct{}
	// ValidPhone holds when the phone parses and is valid for its region.
	ValidPhone struct{}
	// PhoneIn holds when the valid phone's country is one of Countries
	// (ISO 3166-1 alpha-2, upper case, each once).
	PhoneIn struct{ Countries []string }
	// In holds for the current members of a list, form, webinar or segment.
	In struct {
		Kind Kind // not AllContacts
		Name string
	}
	// Did holds when the contact's events of a behaviour, restricted to
	// Messages and Period, meet Frequency.
	Did struct {
		Behaviour Behaviour
		Messages  Messages
		Frequency Frequency
		Period    Period
	}
)

func (All) condition()        {}
func (Any) condition()        {}
func (Not) condition()        {}
func (OptedIn) condition()    {}
func (OptedOut) condition()   {}
func (ValidPhone) condition() {}
func (PhoneIn) condition()    {}
func (In) condition()         {}
func (Did) condition()        {}

// Behaviour is what happens to a contact on a message.
type Behaviour uint8

const (
	Sent Behaviour = iota
	Clicked
	Failed
	Replied
	Behaviours = 4 // how many there are
)

// Messages restricts events to messages by name; the zero value is any message.
type Messages struct {
	Mode  MessagesMode
	Names []string // each once, empty for AnyMessage
}

// MessagesMode says how Messages.Names are meant.
type MessagesMode uint8

const (
	// AnyMessage counts events of all messages.
	AnyMessage MessagesMode = iota
	// AnyOf counts the events of the named messages together.
	AnyOf
	// AllOf asks each named message to meet frequency and period by itself.
	AllOf
	// NoneOf is the negation of AnyOf at the default frequency.
	NoneOf
)

// Frequency says how often; the zero value is at least once.
type Frequency struct {
	Kind FrequencyKind
	K    int // 1 to 10,000; 0 for AtLeastOnce
}

// FrequencyKind is the unit and the direction of a Frequency.
type FrequencyKind uint8

const (
	AtLeastOnce FrequencyKind = iota // the default; "at least 1 times" normalises to it
	AtLeast                          // at least K times, K > 1 when normalised
	AtMost                           // at most K times, zero included
	Exactly                          // exactly K times
	AtLeastDays                      // on at least K distinct days, K > 1 when normalised
)

// Period restricts events to days of the account's zone; the zero value is Ever.
type Period struct {
	Kind     PeriodKind
	N, M     int  // LastDays: N; DaysAgo: between N and M days ago, N < M
	From, To Date // On: From; Between: both included; Before: To, excluded; Since: From, included
}

// PeriodKind is the form of a Period.
type PeriodKind uint8

const (
	Ever PeriodKind = iota // all kept days
	LastDays
	DaysAgo
	On
	Between
	Before
	Since
)

// Date is a calendar day, as days since 1970-01-01.
type Date int32
