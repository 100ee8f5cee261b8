package segment

import "slices"

// Ref is a list, form, webinar or segment that a definition mentions.
type Ref struct {
	Kind Kind // not AllContacts
	Name string
}

// References are what the definition's origin and conditions mention, each
// once, in order of first mention. Whether they exist is for the caller to say.
func (d Definition) References() []Ref {
	var refs []Ref
	add := func(r Ref) {
		if r.Kind != AllContacts && !slices.Contains(refs, r) {
			refs = append(refs, r)
		}
	}
	add(Ref(d.From))
	walk(d.Where, func(c Condition) {
		if in, ok := c.(In); ok {
			add(Ref(in))
		}
	})
	return refs
}

// Messages are the names of the messages that the definition's conditions
// mention, by behaviour, each once, in order of first mention.
func (d Definition) Messages() [Behaviours][]string {
	var names [Behaviours][]string
	walk(d.Where, func(c Condition) {
		if did, ok := c.(Did); ok {
			names[did.Behaviour] = append(names[did.Behaviour], did.Messages.Names...)
		}
	})
	for b := range names {
		names[b] = once(names[b], func(s string) string { return s })
	}
	return names
}

// ReachesBack tells whether a condition is about all days up to some day, and so
// only about those of them that the account keeps.
func (d Definition) ReachesBack() bool {
	back := false
	walk(d.Where, func(c Condition) {
		did, ok := c.(Did)
		back = back || ok && (did.Period.Kind == Ever || did.Period.Kind == Before)
	})
	return back
}

// walk visits c and all conditions in it, in the order in which they are written.
func walk(c Condition, visit func(Condition)) {
	visit(c)
	for _, inner := range parts(c) {
		walk(inner, visit)
	}
}
