package naive

import (
	"maps"
	"strings"
)

// CloudEvents 1.0, in Kafka's two content modes: binary has the attributes in
// headers and the data in the value, structured has both in the value.

func isBinary(rec Record) bool {
	_, ok := rec.Headers["ce_specversion"]
	return ok
}

func isStructured(rec Record) bool {
	return strings.HasPrefix(rec.Headers["content-type"], "application/cloudevents+json")
}

func isCloudEvent(rec Record) bool { return isBinary(rec) || isStructured(rec) }

// unwrap turns a CloudEvent into the plain fields that say the same. Its type
// decides the meaning, whatever topic it stands in.
func (c *claim) unwrap(rec Record, value map[string]any) (map[string]any, Code) {
	attributes, data := value, value
	if isStructured(rec) {
		var ok bool
		if data, ok = value["data"].(map[string]any); !ok && value["data"] != nil {
			return nil, WrongType
		}
	} else {
		attributes = map[string]any{}
		for name, v := range rec.Headers {
			if rest, ok := strings.CutPrefix(name, "ce_"); ok {
				attributes[rest] = v
			}
		}
	}
	c.topic, _ = attributes["type"].(string)
	if _, ok := required[c.topic]; !ok {
		return nil, UnknownTopic
	}
	c.source, _ = attributes["source"].(string)
	return plain(attributes, data, string(rec.Key)), ""
}

func plain(attributes, data map[string]any, key string) map[string]any {
	fields := map[string]any{}
	maps.Copy(fields, data)
	for name, attribute := range map[string]string{"id": "id", "contact": "subject", "at": "time"} {
		if v := attributes[attribute]; v != nil {
			fields[name] = v
		}
	}
	fields["account"] = attributes["account"]
	if account, _, ok := strings.Cut(key, "/"); ok && fields["account"] == nil {
		fields["account"] = account
	}
	return fields
}
