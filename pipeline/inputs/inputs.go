// Package inputs says what records mean that others write in their own shape:
// a table, read from a file, from the types of a topic's events to the topics
// of the contract, and from its fields to the contract's.
package inputs

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Set is the topics that are mapped, by name.
type Set map[string]*Input

// Input is what a topic's records mean.
type Input struct {
	// Topic is what all of its records mean; empty if that goes by their types.
	Topic string
	// Plain says that the records are of the contract's own shape, or CloudEvents
	// that say what they mean.
	Plain bool

	kind     sources
	types    map[string]rule
	fields   map[string]sources
	layout   string // of times: rfc3339, unix or unix_ms
	unknown  bool   // records of other types are ignored, not refused
	unmapped bool   // likewise those that don't say whose they are
	stop     map[string]bool
	start    map[string]bool
}

// rule is what a type of event means.
type rule struct {
	Topic    string             `json:"topic"`    // of the contract, or "ignore"
	Fields   map[string]sources `json:"fields"`   // instead of those of the table
	Keywords sources            `json:"keywords"` // text that may turn it into an opt-out or an opt-in
}

// ignore is the topic of a type that is left out.
const ignore = "ignore"

// table is an input as it is written down.
type table struct {
	Preset   string             `json:"preset"`
	Topic    string             `json:"topic"`
	Type     sources            `json:"type"`
	Types    map[string]rule    `json:"types"`
	Fields   map[string]sources `json:"fields"`
	Time     string             `json:"time"`
	Unknown  string             `json:"unknown"`
	Unmapped string             `json:"unmapped"`
	Stop     []string           `json:"stop"`
	Start    []string           `json:"start"`
}

//go:embed twilio.json
var twilio []byte

// presets are tables that others build on.
var presets = map[string][]byte{"twilio": twilio}

// Topics of the contract that some records may mean otherwise than told.
const (
	optedIn  = "sms.opted_in"
	optedOut = "sms.opted_out"
)

var (
	behaviour = []string{"account", "contact", "message"}
	anybody   = []string{"account", "contact"}
	// required are the fields that records of the contract's topics must have.
	required = map[string][]string{
		"sms.sent": behaviour, "sms.clicked": behaviour, "sms.failed": behaviour, "sms.replied": behaviour,
		optedIn: anybody, optedOut: anybody, "contacts": anybody,
		"lists": {"account", "contact", "list", "kind", "member"},
	}
	known = []string{"id", "account", "contact", "message", "at", "url", "reason", "message_name", "source", "phone", "region",
		"list", "kind", "name", "member"}
	// The words that carriers and Twilio take for an opt-out and an opt-in.
	stopWords  = []string{"STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "REVOKE", "OPTOUT"}
	startWords = []string{"START", "YES", "UNSTOP"}
)

// Parse reads a file of inputs: a JSON object with a table for each topic.
func Parse(file []byte) (Set, error) {
	var tables map[string]json.RawMessage
	if err := decode(file, &tables); err != nil {
		return nil, fmt.Errorf("inputs: %w", err)
	}
	set := Set{}
	for _, topic := range slices.Sorted(maps.Keys(tables)) {
		in, err := parse(topic, tables[topic])
		if err != nil {
			return nil, fmt.Errorf("inputs: topic %q: %w", topic, err)
		}
		set[topic] = in
	}
	return set, nil
}

// decode reads JSON in which every name is known.
func decode(data []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return err
	}
	if more(d) {
		return errors.New("more than one JSON value")
	}
	return nil
}

func parse(topic string, data []byte) (*Input, error) {
	if _, ours := required[topic]; ours || topic == "" || strings.HasPrefix(topic, "rollcall.") {
		return nil, errors.New("it is not one to be mapped: its records mean what the topic is named for")
	}
	var t table
	if err := decode(data, &t); err != nil {
		return nil, err
	}
	if t.Preset != "" {
		base, ok := presets[t.Preset]
		if !ok {
			return nil, fmt.Errorf("there is no preset %q", t.Preset)
		}
		t = table{}
		if err := errors.Join(decode(base, &t), decode(data, &t)); err != nil { // the file's names replace the preset's, one by one
			return nil, err
		}
	}
	return t.input()
}

func (t *table) input() (*Input, error) {
	in := &Input{Topic: t.Topic, kind: t.Type, types: t.Types, fields: t.Fields, layout: t.Time,
		stop: words(t.Stop, stopWords), start: words(t.Start, startWords)}
	in.Plain = t.Topic != "" && t.Fields == nil
	if in.kind == nil {
		in.kind = sources{{pointer: []string{"type"}}}
	}
	if in.layout == "" {
		in.layout = rfc3339
	}
	var err1, err2 error
	in.unknown, err1 = ignored("unknown", t.Unknown)
	in.unmapped, err2 = ignored("unmapped", t.Unmapped)
	return in, errors.Join(err1, err2, in.check())
}

func words(given, otherwise []string) map[string]bool {
	if given == nil {
		given = otherwise
	}
	set := map[string]bool{}
	for _, w := range given {
		set[keyword(w)] = true
	}
	return set
}

// ignored reads what is to become of some records.
func ignored(name, treatment string) (bool, error) {
	switch treatment {
	case ignore:
		return true, nil
	case "", "dead-letter":
		return false, nil
	}
	return false, fmt.Errorf(`%s is "ignore" or "dead-letter", not %q`, name, treatment)
}

func (in *Input) check() error {
	switch {
	case !slices.Contains([]string{rfc3339, unixSeconds, unixMillis}, in.layout):
		return fmt.Errorf("time is %q, %q or %q, not %q", rfc3339, unixSeconds, unixMillis, in.layout)
	case (in.Topic == "") == (in.types == nil):
		return errors.New(`it needs "topic" or "types", and not both`)
	case in.Topic != "":
		return in.checkRule(rule{Topic: in.Topic})
	}
	for _, name := range slices.Sorted(maps.Keys(in.types)) {
		if err := in.checkRule(in.types[name]); err != nil {
			return fmt.Errorf("type %q: %w", name, err)
		}
	}
	return nil
}

func (in *Input) checkRule(r rule) error {
	needed, ok := required[r.Topic]
	if !ok && r.Topic != ignore {
		return fmt.Errorf("there is no topic %q to mean; there are %s, and %q", r.Topic,
			strings.Join(slices.Sorted(maps.Keys(required)), ", "), ignore)
	}
	for _, fields := range []map[string]sources{in.fields, r.Fields} {
		for name := range fields {
			if !slices.Contains(known, name) {
				return fmt.Errorf("there is no field %q; there are %s", name, strings.Join(known, ", "))
			}
		}
	}
	for _, name := range needed {
		if !in.Plain && in.field(r, name) == nil {
			return fmt.Errorf("records of %s need a field %q", r.Topic, name)
		}
	}
	return nil
}

// field is where a field of the contract comes from, for events of a type.
func (in *Input) field(r rule, name string) sources {
	if s, ok := r.Fields[name]; ok {
		return s
	}
	return in.fields[name]
}

// Means tells whether some of the records may be of one of the topics.
func (in *Input) Means(topics ...string) bool {
	if slices.Contains(topics, in.Topic) {
		return true
	}
	for _, r := range in.types {
		consent := r.Keywords != nil && (slices.Contains(topics, optedIn) || slices.Contains(topics, optedOut))
		if consent || slices.Contains(topics, r.Topic) {
			return true
		}
	}
	return in.Plain // a CloudEvent may mean any of them
}

// Topics are the names of the topics, sorted.
func (s Set) Topics() []string { return slices.Sorted(maps.Keys(s)) }

// UnmarshalJSON reads a rule, or the name of a topic alone.
func (r *rule) UnmarshalJSON(data []byte) error {
	if data[0] == '"' {
		*r = rule{}
		return json.Unmarshal(data, &r.Topic)
	}
	type whole rule
	return decode(data, (*whole)(r))
}
