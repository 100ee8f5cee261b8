package segment

import (
	"slices"
	"strings"
)

// ParseJSON reads a definition in its JSON form, {"from": ..., "where": ...},
// and normalises it. Of other fields beside these two only those named are let
// stand, such as the id and name of a segment; within them and "where" none is.
// A where that is null is refused, lest a client that lost its condition
// address everybody. Its errors are of type *Error.
func ParseJSON(data []byte, beside ...string) (Definition, error) {
	return Limits{}.ParseJSON(data, beside...)
}

// ParseJSON is the function ParseJSON under the limits of an account.
func (l Limits) ParseJSON(data []byte, beside ...string) (Definition, error) {
	root, e := parseTree(data)
	if e != nil {
		return Definition{}, e
	}
	r := reader{limits: l}
	d := r.definition(root, beside).Normalise()
	if r.err != nil {
		return Definition{}, r.err
	}
	if e := checkExtent(d); e != nil {
		return Definition{}, e.at("where")
	}
	return d, nil
}

// UnmarshalJSON is ParseJSON. Unlike what is usual, null is an error: the zero
// Definition is all contacts.
func (d *Definition) UnmarshalJSON(data []byte) error {
	parsed, err := ParseJSON(data)
	if err != nil {
		return err
	}
	*d = parsed
	return nil
}

// reader makes a definition of JSON values. It keeps the first fault.
type reader struct {
	limits Limits
	err    *Error
}

var originFields = append([]string{"all_contacts"}, namedKinds...)

const originForm = `an origin: {"all_contacts":true}, or a name as in {"list":"spring-sale"}, {"form":...}, {"webinar":...} or {"segment":...}`

func (r *reader) definition(root node, beside []string) (d Definition) {
	hasFrom := false
	for _, f := range r.fields(root, "", `an object of "from" and "where"`) {
		switch {
		case f.name == "from":
			hasFrom = true
			d.From = r.origin(f.value)
		case f.name == "where":
			d.Where = r.condition(f.value, "where", 1)
		case !slices.Contains(beside, f.name):
			r.unknown("", f.name, append([]string{"from", "where"}, beside...))
		}
	}
	if !hasFrom {
		r.fail("from", &Error{Expected: originForm, Found: "nothing"})
	}
	return d
}

func (r *reader) origin(n node) Origin {
	f, ok := r.single(n, "from", originForm)
	at := field("from", f.name)
	kind, known := constant[Kind](kindWords, f.name)
	switch {
	case !ok:
	case f.name == "all_contacts":
		if !r.boolean(f.value, at) {
			r.fail(at, &Error{Expected: "true", Found: "false"})
		}
	case known && kind != AllContacts:
		return Origin{Kind: kind, Name: r.name(f.value, at)}
	default:
		r.unknown("from", f.name, originFields)
	}
	return Origin{}
}

// single is the only field of the object n.
func (r *reader) single(n node, path, expected string) (jsonField, bool) {
	fields := r.fields(n, path, expected)
	switch {
	case r.err != nil:
		return jsonField{}, false
	case len(fields) == 0:
		r.fail(path, &Error{Expected: expected, Found: "an empty object"})
		return jsonField{}, false
	case len(fields) > 1:
		r.fail(field(path, fields[1].name), &Error{
			Expected: "only one field here", Found: quote(fields[1].name) + " beside " + quote(fields[0].name)})
		return jsonField{}, false
	}
	return fields[0], true
}

func (r *reader) fields(n node, path, expected string) []jsonField {
	if n.kind != objectNode {
		r.fail(path, &Error{Expected: expected, Found: n.found()})
	}
	return n.fields
}

// list reads an array that is not empty.
func list[T any](r *reader, n node, path, expected string, read func(node, string) T) []T {
	switch {
	case n.kind != arrayNode:
		r.fail(path, &Error{Expected: expected, Found: n.found()})
	case len(n.items) == 0:
		r.fail(path, &Error{Expected: expected, Found: "an empty array"})
	}
	values := make([]T, len(n.items))
	for i, element := range n.items {
		values[i] = read(element, item(path, i))
	}
	return values
}

func (r *reader) boolean(n node, path string) bool {
	if n.kind != boolNode {
		r.fail(path, &Error{Expected: "true or false", Found: n.found()})
	}
	return n.truth
}

func (r *reader) name(n node, path string) string {
	s := r.text(n, path, "a name")
	if e := checkName(s); e != nil {
		r.fail(path, e)
	}
	return s
}

func (r *reader) country(n node, path string) string {
	code, e := parseCountry(r.text(n, path, "an ISO 3166-1 alpha-2 country code such as \"US\""))
	if e != nil {
		r.fail(path, e)
	}
	return code
}

func (r *reader) date(n node, path string) Date {
	d, e := parseDate(r.text(n, path, "a date such as \"2026-01-31\""))
	if e != nil {
		r.fail(path, e)
	}
	return d
}

func (r *reader) text(n node, path, expected string) string {
	if n.kind != stringNode {
		r.fail(path, &Error{Expected: expected, Found: n.found()})
	}
	return n.text
}

func (r *reader) count(n node, path, unit string) int {
	if n.kind != numberNode {
		r.fail(path, &Error{Expected: countError("", unit).Expected, Found: n.found()})
	}
	value, e := parseCount(n.text, unit)
	if e != nil {
		r.fail(path, e)
	}
	return value
}

// unknown refuses a field of the object at path.
func (r *reader) unknown(path, name string, known []string) {
	r.fail(field(path, name), &Error{
		Expected:   either(known),
		Found:      quote(name),
		Suggestion: nearest(strings.ReplaceAll(name, "-", "_"), known),
	})
}

func (r *reader) fail(path string, e *Error) {
	if r.err == nil {
		r.err = e.at(path)
	}
}
