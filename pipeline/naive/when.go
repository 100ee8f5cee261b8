package naive

import (
	"fmt"
	"regexp"
	"strings"
	"sync"
	"time"
	_ "time/tzdata" // the same days on machines without zone data

	"rollcall/pipeline/segment"
)

const ahead = 5 * 60 * 1000 // ms by which at may be later than the Kafka time

var year2000 = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli()

// rfc3339 refuses what time.Parse lets pass: fractions after a comma, hours of
// one digit, and zones that are a day or more away. It also takes t and z, as
// the standard does.
var rfc3339 = regexp.MustCompile(`(?i)^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)$`)

// date settles the time of a claim, which is its Kafka time until then.
func (c *claim) date(fields map[string]any) Code {
	text, ok := fields["at"].(string)
	if !ok || c.topic == topicContacts {
		return ""
	}
	t, err := time.Parse(time.RFC3339, strings.ToUpper(text))
	if err != nil || !rfc3339.MatchString(text) {
		return BadTime
	}
	at := t.UnixMilli()
	if at < year2000 || at > c.kafkaTime+ahead {
		return ImpossibleTime
	}
	c.at = min(at, c.kafkaTime)
	return ""
}

// day returns the calendar day of a moment in a zone.
func day(ms int64, zone *time.Location) segment.Date {
	y, m, d := time.UnixMilli(ms).In(zone).Date()
	return segment.Date(time.Date(y, m, d, 0, 0, 0, 0, time.UTC).Unix() / 86400)
}

var zones sync.Map // name to *time.Location: loading one reads a file

func zoneOf(account Account) *time.Location {
	if z, ok := zones.Load(account.Timezone); ok {
		return z.(*time.Location)
	}
	z, err := time.LoadLocation(account.Timezone)
	if err != nil {
		panic(fmt.Sprintf("naive: account %s: %v", account.ID, err))
	}
	zones.Store(account.Timezone, z)
	return z
}
