package history

import (
	"bytes"
	"slices"
	"strings"
	"time"

	"rollcall/pipeline/naive"
)

// fault spoils a draft in a way that has a code. It says false, and changes
// nothing, where it can't be applied. Every fault stands alone, so that the
// order of checks doesn't matter.
type fault struct {
	code  naive.Code
	spoil func(*maker, *draft) bool
}

var faults = []fault{
	{naive.NotJSON, (*maker).garble},
	{naive.MissingField, (*maker).omit},
	{naive.WrongType, (*maker).mistype},
	{naive.BadContact, (*maker).misnameContact},
	{naive.BadAccount, (*maker).misnameAccount},
	{naive.UnknownAccount, (*maker).unknownAccount},
	{naive.BadName, (*maker).misname},
	{naive.BadKind, (*maker).misnameKind},
	{naive.BadTime, (*maker).misdate},
	{naive.ImpossibleTime, (*maker).dateImpossibly},
	{naive.TooLarge, (*maker).enlarge},
}

// spoil applies some fault that can be.
func (m *maker) spoil(d *draft) {
	if d.tombstone {
		d.key = pick(m, []string{d.account, "nobody/" + d.contact, d.account + "/", "ACME/" + d.contact})
		return
	}
	for !pick(m, faults).spoil(m, d) {
	}
}

var (
	anyFields   = []string{"account", "contact"}
	eventFields = []string{"account", "contact", "message"}
	needed      = map[string][]string{
		topicSent: eventFields, topicClicked: eventFields, topicFailed: eventFields, topicReplied: eventFields,
		topicOptedIn: anyFields, topicOptedOut: anyFields, topicContacts: anyFields,
		topicLists: {"account", "contact", "list", "kind", "member"},
	}
)

func dated(d *draft) bool { return d.topic != topicContacts }

func (m *maker) garble(d *draft) bool {
	whole := m.encode(*d)
	d.raw = pick(m, [][]byte{
		whole[:bytes.LastIndexByte(whole, '}')],
		slices.Concat(whole, []byte("{}")),
		slices.Concat([]byte("["), whole, []byte("]")),
		bytes.Replace(whole, []byte(`"account"`), []byte("\"\xff\":1,\"account\""), 1),
		[]byte(`"text"`),
		{},
	})
	return true
}

func (m *maker) omit(d *draft) bool {
	name := pick(m, needed[d.topic])
	if m.oneIn(2) {
		delete(d.fields, name)
	} else {
		d.fields[name] = nil
	}
	d.raw = marshal(d.fields) // without oddities, which might make up for it
	return true
}

// mistype leaves the time of an opt-out alone: what a number there means is nobody's rule.
func (m *maker) mistype(d *draft) bool {
	names := needed[d.topic]
	switch d.topic {
	case topicContacts:
		names = append(slices.Clip(names), "phone", "region")
	case topicLists, topicOptedIn, topicSent:
		names = append(slices.Clip(names), "at")
	}
	d.fields[pick(m, names)] = pick(m, []any{17, []string{"x"}, map[string]any{"x": 1}})
	d.raw = marshal(d.fields)
	return true
}

func (m *maker) misnameContact(d *draft) bool {
	d.fields["contact"] = pick(m, []string{"", strings.Repeat("x", 201), strings.Repeat("ζ", 101)})
	return true
}

func (m *maker) misnameAccount(d *draft) bool {
	d.fields["account"] = pick(m, []string{"", "ACME", "-acme", "acme\n", strings.Repeat("a", 41)})
	return true
}

// unknownAccount is one that never comes about: when a record is read doesn't matter then.
func (m *maker) unknownAccount(d *draft) bool {
	d.fields["account"] = "nobody"
	if m.oneIn(2) {
		d.account = "nobody"
	}
	return true
}

func (m *maker) misname(d *draft) bool {
	name := "message"
	switch d.topic {
	case topicLists:
		name = "list"
	case topicContacts:
		return false
	case topicOptedIn, topicOptedOut: // which need not name one
		d.fields[name] = strings.Repeat("x", 201)
		return true
	}
	d.fields[name] = pick(m, []string{"", strings.Repeat("x", 201)})
	return true
}

func (m *maker) misnameKind(d *draft) bool {
	if d.topic != topicLists {
		return false
	}
	d.fields["kind"] = pick(m, []string{"", "Form", "list"})
	return true
}

func (m *maker) misdate(d *draft) bool {
	if !dated(d) {
		return false
	}
	d.fields["at"] = pick(m, []string{"", "yesterday", "2026-03-08", "2026-03-08T10:00:00", "2026-13-08T10:00:00Z", "1772964000"})
	return true
}

func (m *maker) dateImpossibly(d *draft) bool {
	if !dated(d) {
		return false
	}
	late := m.now.Add(time.Hour + time.Duration(m.rng.IntN(100))*time.Hour)
	d.fields["at"] = pick(m, []string{
		m.format(late.UnixMilli()), "1999-12-31T23:59:59.999Z", "2000-01-01T00:00:00+00:01", "1970-01-01T00:00:00Z",
	})
	return true
}

// enlarge seldom makes a whole value too large: those slow a test down.
func (m *maker) enlarge(d *draft) bool {
	if m.oneIn(100) {
		d.raw = append(m.encode(*d), bytes.Repeat([]byte(" "), 1<<20)...)
		return true
	}
	name := map[string]string{topicContacts: "phone", topicLists: "name"}[d.topic]
	if name == "" {
		name = "id"
	}
	d.fields[name] = strings.Repeat("1", 1001)
	return true
}

func (m *maker) spoilHeaders(h map[string]string) {
	name := pick(m, []string{"rollcall-topic", "rollcall-partition", "rollcall-offset", "rollcall-time"})
	if m.oneIn(2) {
		delete(h, name)
		return
	}
	h[name] = pick(m, []string{"", "x", "-", "1.5"})
}
