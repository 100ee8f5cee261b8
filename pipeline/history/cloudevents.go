package history

import (
	"maps"

	"rollcall/pipeline/naive"
)

// cloudEvent rewrites a record of a behaviour or consent as a CloudEvent that
// says the same, if it has an id, which a CloudEvent can't be without.
func (m *maker) cloudEvent(rec *naive.Record, d draft) {
	if id, _ := d.fields["id"].(string); id == "" {
		return
	}
	attributes := map[string]any{"specversion": "1.0", "type": d.topic, "source": "/sender"}
	data := maps.Clone(d.fields)
	for field, name := range map[string]string{"id": "id", "contact": "subject", "at": "time", "account": "account"} {
		if v, _ := data[field].(string); v != "" {
			attributes[name] = v
		}
		delete(data, field)
	}
	if m.foreign.IntN(2) == 0 {
		attributes["data"] = data
		rec.Value = marshal(attributes)
		rec.Headers = map[string]string{"content-type": "application/cloudevents+json; charset=UTF-8"}
		return
	}
	rec.Value = marshal(data)
	rec.Headers = map[string]string{"content-type": "application/json"}
	for name, v := range attributes {
		rec.Headers["ce_"+name] = v.(string)
	}
}
