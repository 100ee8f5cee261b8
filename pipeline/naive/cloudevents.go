package naive

import (
	"encoding/base64"
	"maps"
	"strings"
	"unicode/utf8"
)

// CloudEvents 1.0, in Kafka's two content modes: binary has the attributes in
// headers and the data in the value, structured has both in the value. The
// content type alone says which.

func isBinary(rec Record) bool {
	_, ok := rec.Headers["ce_specversion"]
	return ok && !isStructured(rec)
}

func isStructured(rec Record) bool {
	return strings.HasPrefix(strings.ToLower(rec.Headers["content-type"]), "application/cloudevents")
}

func isCloudEvent(rec Record) bool { return isBinary(rec) || isStructured(rec) }

// cloudEvent returns the plain fields that say the same as a CloudEvent. Its
// type decides the meaning, whatever topic it stands in.
func (c *claim) cloudEvent(rec Record) (map[string]any, Code) {
	read := binaryEvent
	if isStructured(rec) {
		read = structuredEvent
	}
	attributes, data, code := read(rec)
	if code != "" {
		return nil, code
	}
	for _, name := range []string{"specversion", "type", "source", "id", "subject", "time", "account"} {
		v, ok := attributes[name]
		if _, isText := v.(string); ok && v != nil && !isText {
			return nil, BadCloudEvent
		}
	}
	for _, name := range []string{"type", "source", "id"} {
		if v := attributes[name]; v == nil || v == "" {
			return nil, BadCloudEvent
		}
	}
	if attributes["specversion"] != "1.0" {
		return nil, BadCloudEvent
	}
	c.topic, c.source = attributes["type"].(string), attributes["source"].(string)
	if _, ok := required[c.topic]; !ok {
		return nil, UnknownType
	}
	fields := map[string]any{}
	if len(data) > 0 {
		if fields, code = object(data); code != "" {
			return nil, code
		}
	}
	return plain(attributes, fields, string(rec.Key)), ""
}

func binaryEvent(rec Record) (attributes map[string]any, data []byte, code Code) {
	attributes = map[string]any{}
	for name, v := range rec.Headers {
		rest, ok := strings.CutPrefix(name, "ce_")
		if ok && !utf8.ValidString(v) {
			return nil, nil, BadCloudEvent
		}
		if ok {
			attributes[rest] = v
		}
	}
	return attributes, rec.Value, ""
}

func structuredEvent(rec Record) (attributes map[string]any, data []byte, code Code) {
	format, _, _ := strings.Cut(rec.Headers["content-type"], ";")
	if strings.TrimSpace(strings.ToLower(format)) != "application/cloudevents+json" {
		return nil, nil, BadCloudEvent
	}
	attributes, code = object(rec.Value)
	if code != "" {
		return nil, nil, code
	}
	plain, encoded := attributes["data"], attributes["data_base64"]
	if plain != nil && encoded != nil {
		return nil, nil, BadCloudEvent
	}
	if plain != nil {
		return attributes, marshal(plain), ""
	}
	text, isText := encoded.(string)
	if encoded != nil && !isText {
		return nil, nil, BadCloudEvent
	}
	data, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, nil, BadCloudEvent
	}
	return attributes, data, ""
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
