package pipeline

import (
	"context"
	"errors"
	"fmt"

	"rollcall/bitmaps"
	"rollcall/pipeline/catalog"
	"rollcall/pipeline/segment"
)

// Explain tells why a contact is in a segment or is not, condition by condition,
// as of one day and one state of its partition.
func (v *View) Explain(ctx context.Context, account, seg, contact string) (Explanation, Freshness, error) {
	def := v.Catalog.Account(account)
	if !v.composed(def, seg) {
		return Explanation{}, v.Freshness(account), ErrNotComposed
	}
	day, sameDay, r := v.today(def), true, v.replicaOf(account, contact)
	var e Explanation
	err := r.retrying(ctx, func() (err error) {
		e, sameDay, err = r.explain(ctx, def, def.Segment(seg), contact, day)
		return err
	})
	if err != nil && !errors.Is(err, ErrNotComposed) {
		err = fmt.Errorf("%w: %v", ErrUnavailable, err)
	}
	return e, v.sameDay(account, day, sameDay), err
}

func (r *replica) explain(ctx context.Context, def *catalog.Account, seg *catalog.Segment, contact string, day segment.Date) (Explanation, bool, error) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if r.checkpoint.Definitions <= newestVersion(def, seg.ID) {
		return Explanation{}, false, ErrNotComposed
	}
	a := r.state.accounts[def.ID]
	slot, defined := a.slotOf(seg.ID)
	is := a.membership(slot, defined, contact)
	x := r.explainer(ctx, def, contact, day)
	origin, where, when := x.definition(seg.Definition)
	if x.err == nil && when.holds != is.Member {
		x.err = fmt.Errorf("%w: the segment was composed for other definitions", errBehind)
	}
	return Explanation{
		Contact: contact, Segment: seg.ID, Known: x.piece.contacts[x.contact].facts.has(exists),
		Member: is.Member, Sendable: is.Sendable, Blocked: is.Blocked, Lapses: when.ends(), Begins: when.begins(),
		Origin: origin, Where: where,
	}, a.isOn(day), x.err
}

// newestVersion is that of a segment, or of one that it stands on.
func newestVersion(def *catalog.Account, id string) int64 {
	s := def.Segment(id)
	version := s.Version
	for _, parent := range s.Parents {
		version = max(version, newestVersion(def, parent))
	}
	return version
}

// explainer explains definitions by what is known of a contact.
type explainer struct {
	def     *catalog.Account
	numbers knownNumbers
	piece   *piece
	contact uint32
	today   segment.Date // of the piece
	events  eventReader
	err     error // the first one

	did  map[dayKey][]bitmaps.Event  // the contact's, as far as they were asked for
	told map[string]*explainedParent // segments whose conditions are in the answer already
}

type explainedParent struct {
	origin Finding
	where  *Finding
	when   timeline
}

// explainer begins with a contact, of whom perhaps nothing is known.
func (r *replica) explainer(ctx context.Context, def *catalog.Account, contact string, day segment.Date) *explainer {
	x := &explainer{def: def, today: day, did: map[dayKey][]bitmaps.Event{}, told: map[string]*explainedParent{}}
	if a := r.state.accounts[def.ID]; a != nil {
		if number, known := a.contacts.lookup(contact); known {
			x.numbers = knownNumbers{a}
			x.piece, x.contact = a.at(number)
			x.today, x.events = x.piece.today, &previewEvents{ctx: ctx, replica: r, piece: x.piece}
			return x
		}
	}
	nobody := newAccount(r.state, def.ID)
	x.numbers, x.piece = knownNumbers{nobody}, newPiece(nobody, 0, &plan{})
	x.piece.grow(1)
	return x
}

// definition explains an origin and a condition, and when both hold.
func (x *explainer) definition(d segment.Definition) (origin Finding, where *Finding, when timeline) {
	origin = x.origin(d.From)
	if d.Where == nil {
		return origin, nil, origin.when
	}
	f := x.condition(d.Where)
	return origin, &f, all(origin.when, f.when)
}

// origin holds only for contacts that exist.
func (x *explainer) origin(o segment.Origin) Finding {
	f := Finding{Condition: o.String(), when: x.has(exists)}
	if o.Kind != segment.AllContacts {
		in := x.in(segment.In(o))
		f.when, f.Parts = all(f.when, in.when), in.Parts
	}
	if !x.has(exists).holds {
		f.Detail = "no contact record so far, or erased since"
	}
	return f.settled()
}

func (x *explainer) condition(c segment.Condition) Finding {
	f := Finding{}
	switch c := c.(type) {
	case segment.All:
		f.Parts = x.conditions(c)
		f.when = all(timelines(f.Parts)...)
	case segment.Any:
		f.Parts = x.conditions(c)
		f.when = anyOf(timelines(f.Parts)...)
	case segment.Not:
		f.Parts = []Finding{x.condition(c.Of)}
		f.when = f.Parts[0].when.not()
	case segment.OptedIn:
		f.when, f.Detail = x.has(optedIn), x.consent()
	case segment.OptedOut:
		f.when, f.Detail = x.has(optedOut), x.consent()
	case segment.ValidPhone:
		f.when, f.Detail = x.has(validPhone), x.phone()
	case segment.PhoneIn:
		f.when, f.Detail = x.phoneIn(c.Countries), x.phone()
	case segment.In:
		f = x.in(c)
	case segment.Did:
		f = x.didOrNot(c)
	}
	f.Condition = segment.Text(c)
	return f.settled()
}

func (x *explainer) conditions(list []segment.Condition) []Finding {
	findings := make([]Finding, len(list))
	for i, c := range list {
		findings[i] = x.condition(c)
	}
	return findings
}

func timelines(findings []Finding) []timeline {
	of := make([]timeline, len(findings))
	for i, f := range findings {
		of[i] = f.when
	}
	return of
}

func (x *explainer) has(f facts) timeline {
	return timeline{holds: x.piece.contacts[x.contact].facts.has(f)}
}

func (x *explainer) phoneIn(codes []string) timeline {
	in := x.piece.contacts[x.contact].country
	for _, code := range codes {
		if at, ok := countryByCode[code]; ok && at != 0 && at == in {
			return timeline{holds: true}
		}
	}
	return timeline{}
}

// in explains a membership. The conditions of a segment are told the first time
// that it is met: many can stand on one.
func (x *explainer) in(in segment.In) Finding {
	if in.Kind != segment.Segment {
		return Finding{when: timeline{holds: x.piece.onList(x.numbers.listNumber(in.Kind, in.Name), x.contact)}}
	}
	parent, again := x.told[in.Name]
	if again {
		return Finding{when: parent.when}
	}
	parent = &explainedParent{}
	parent.origin, parent.where, parent.when = x.definition(x.def.Segment(in.Name).Definition)
	x.told[in.Name] = parent
	f := Finding{when: parent.when, Parts: []Finding{parent.origin}}
	if parent.where != nil {
		f.Parts = append(f.Parts, *parent.where)
	}
	return f
}
