package pipeline

import (
	"bytes"
	"errors"

	"rollcall/consumers"
	"rollcall/pipeline/cloudevents"
)

// cloudEvent reads a CloudEvent. Its type says what it means, whatever topic it
// stands in, and its attributes stand for the fields that they are named for.
func (d *decoder) cloudEvent(r *consumers.Record, e *event, mode cloudevents.Mode) Code {
	ce, err := cloudevents.Read(r, mode)
	switch {
	case errors.Is(err, cloudevents.ErrNotJSON):
		return NotJSON
	case err != nil:
		return BadCloudEvent
	case !d.use(ce.Attributes["type"]):
		return UnknownType
	}
	e.kind, e.behaviour, e.optOut = d.shape.kind, d.shape.behaviour, d.shape.optOut
	d.object.reset()
	if ce.Data != nil && !d.object.read(ce.Data) {
		return NotJSON
	}
	d.attribute(fieldID, ce, "id")
	d.attribute(fieldContact, ce, "subject")
	d.attribute(fieldAt, ce, "time")
	d.object.set(fieldAccount, 'n', nil)
	if account, _, ok := bytes.Cut(r.Key, []byte("/")); ok {
		d.object.set(fieldAccount, '"', account)
	}
	d.attribute(fieldAccount, ce, "account")
	e.source = []byte(ce.Attributes["source"])
	return d.fields(e)
}

// attribute lets an attribute that is there stand for a field.
func (d *decoder) attribute(f field, ce cloudevents.Event, name string) {
	if text, ok := ce.Attributes[name]; ok {
		d.object.set(f, '"', []byte(text))
	}
}

// mapped reads a record of a topic that is not the contract's, as what it means.
func (d *decoder) mapped(r *consumers.Record, e *event) Code {
	in := d.inputs[e.origin.Topic] // of a dead letter that is retried not the inbox
	if in == nil {
		return BadHeaders
	}
	e.mapped = true
	if in.Plain {
		e.means = in.Topic
		d.use(e.means)
		return d.read(r, e)
	}
	if tooLarge(r) {
		return TooLarge
	}
	t := in.Translate(r)
	if t.Problem != "" {
		e.ignored = t.Ignored
		return Code(t.Problem)
	}
	e.means, e.translated = t.Topic, t.Value
	d.use(e.means)
	e.kind, e.behaviour, e.optOut = d.shape.kind, d.shape.behaviour, d.shape.optOut
	if !d.object.read(t.Value) {
		return NotJSON
	}
	return d.fields(e)
}
