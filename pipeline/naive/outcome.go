package naive

// Outcome is what became of a record.
type Outcome struct {
	Verdict Verdict
	Code    Code // why, if it was dead-lettered
}

// Verdict is the kind of an Outcome.
type Verdict uint8

const (
	// Applied records were taken into account, with or without effect.
	Applied Verdict = iota
	// Repeated records are behaviours that an earlier one of World.Records
	// has reported already. Earlier is by place in World.Records, whatever was
	// erased or is too old: a pipeline that reads in another order, or forgets,
	// can tell applied and repeated apart otherwise, but not their sum.
	Repeated
	// Forwarded records stand under another key or in another partition than
	// they should. They count, as if the forwarded copy had been read too.
	Forwarded
	// DeadLettered records can't be read. They don't count, except for
	// opt-outs at an unusable time, which apply at their Kafka time, and opt-outs
	// that name an impossible message, which apply without it.
	DeadLettered
	// Skipped records of the inbox say nothing: they have Kafka's compaction
	// take another out.
	Skipped
)

// Code says why a record can't be read.
type Code string

// The codes, in the order in which they are looked for where a record has
// several faults; BadName, BadKind and the second half of TooLarge are one step.
const (
	BadHeaders     Code = "bad-headers"     // a record in the inbox doesn't say where it first stood
	UnknownTopic   Code = "unknown-topic"   // it doesn't stand, or first stood, in one of the eight topics
	TooLarge       Code = "too-large"       // a value of more than 1 MiB, or a text of more than 1,000 bytes
	NotJSON        Code = "not-json"        // not one JSON object in UTF-8
	BadCloudEvent  Code = "bad-cloudevent"  // of another version or format, or without type, source or id
	UnknownType    Code = "unknown-type"    // a CloudEvent that means none of the eight topics
	WrongType      Code = "wrong-type"      // a known field has another JSON type
	MissingField   Code = "missing-field"   // a field that is needed is absent or null
	BadContact     Code = "bad-contact"     // not 1 to 200 bytes of UTF-8
	BadAccount     Code = "bad-account"     // not an account id
	UnknownAccount Code = "unknown-account" // no such account
	BadName        Code = "bad-name"        // a message or list name that isn't 1 to 200 bytes
	BadKind        Code = "bad-kind"        // a kind of list that doesn't exist
	BadTime        Code = "bad-time"        // not RFC 3339 with a zone
	ImpossibleTime Code = "impossible-time" // before 2000, or too far ahead of the Kafka time
)

// gather takes a record into the evidence about its contact.
func (r *Result) gather(rec Record) Outcome {
	if rec.Topic == topicInbox {
		if rec.Value == nil && rec.Headers["rollcall-topic"] == "" {
			return Outcome{Verdict: Skipped}
		}
		rec = unpacked(rec)
	}
	c, code := r.read(rec)
	if code != "" && !optOutAllTheSame(c, code) {
		return Outcome{DeadLettered, code}
	}
	key := c.account + "/" + c.contact
	misplaced := string(rec.Key) != key || rec.Partition != Partition([]byte(key), r.world.Partitions)
	repeat := false
	if !misplaced || !r.world.Alone {
		repeat = r.tenants[c.account].take(c, misplaced)
	}
	switch {
	case code != "" && rec.Headers["rollcall-error-code"] == "": // else it was one where it first stood
		return Outcome{DeadLettered, code}
	case misplaced:
		return Outcome{Verdict: Forwarded}
	case repeat:
		return Outcome{Verdict: Repeated}
	}
	return Outcome{Verdict: Applied}
}

// optOutAllTheSame says whether only the time of an opt-out is unusable, or the
// message that it names: an opt-out is never lost to that.
func optOutAllTheSame(c claim, code Code) bool {
	return c.topic == topicOptedOut && (code == BadTime || code == ImpossibleTime || code == BadName)
}
