package naive

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"rollcall/pipeline/segment"
)

// Dump describes what is known of a contact, for a person who looks into a
// difference. It shows facts derived from the phone, never the phone.
func (r *Result) Dump(account, id string) string {
	t := r.tenants[account]
	if t == nil || t.said[id] == nil {
		return "never seen\n"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "today %s, first kept day %s\n", date(t.today), date(t.firstDay))
	if e := t.said[id]; e.erased != never {
		fmt.Fprintf(&b, "erased up to %s\n", moment(e.erased))
	}
	if c, ok := t.contacts[id]; ok {
		c.dump(&b)
	} else {
		b.WriteString("does not exist\n")
	}
	t.said[id].dump(&b)
	for _, s := range slices.Sorted(maps.Keys(t.Segments)) {
		fmt.Fprintf(&b, "segment %s: %t\n", s, t.members(s)[id])
	}
	return b.String()
}

func (c contact) dump(b *strings.Builder) {
	fmt.Fprintf(b, "phone valid %t, country %q, consent %s\n", c.phone.valid, c.phone.country, c.consent)
	var lines []string
	for l, said := range c.lists {
		lines = append(lines, fmt.Sprintf("list %s %q: %t\n", l.kind, l.name, said.member))
	}
	for _, e := range c.events {
		lines = append(lines, fmt.Sprintf("counts: %s %s %q %+v\n",
			date(e.day), behaviourName(e.behaviour), e.message, e.identity))
	}
	slices.Sort(lines)
	b.WriteString(strings.Join(lines, ""))
}

func (e *evidence) dump(b *strings.Builder) {
	for _, said := range [][]claim{e.consents, e.lists, e.profiles} {
		for _, c := range said {
			fmt.Fprintf(b, "said: %s at %s, kafka time %s, first stood at %s/%d@%d\n", c.topic,
				moment(c.at), moment(c.kafkaTime), c.stood.topic, c.stood.partition, c.stood.offset)
		}
	}
	fmt.Fprintf(b, "said: %d different events\n", len(e.events))
}

func behaviourName(of segment.Behaviour) string {
	for name, b := range behaviours {
		if b == of {
			return name
		}
	}
	return "?"
}

func date(d segment.Date) string {
	return time.Unix(int64(d)*86400, 0).UTC().Format(time.DateOnly)
}

func moment(ms int64) string {
	return time.UnixMilli(ms).UTC().Format("2006-01-02T15:04:05.000Z")
}
