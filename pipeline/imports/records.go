package imports

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"

	"rollcall/consumers"
	"rollcall/pipeline"
	"rollcall/pipeline/segment"
)

// The sizes of fields, in bytes, as the pipeline takes them.
const (
	maxID   = 200
	maxText = 1000
)

type contactValue struct {
	Account string `json:"account"`
	Contact string `json:"contact"`
	Phone   string `json:"phone,omitempty"`
	Region  string `json:"region,omitempty"`
}

type consentValue struct {
	ID      string `json:"id"`
	Account string `json:"account"`
	Contact string `json:"contact"`
	At      string `json:"at,omitempty"`
	Source  string `json:"source"`
	Message string `json:"message,omitempty"`
}

type listValue struct {
	Account string `json:"account"`
	Contact string `json:"contact"`
	List    string `json:"list"`
	Kind    string `json:"kind"`
	Name    string `json:"name,omitempty"`
	Member  bool   `json:"member"`
	At      string `json:"at,omitempty"`
}

// rounded is what spreadsheets make of long numbers: +12125550123 is 1.21255E+10.
var rounded = regexp.MustCompile(`^\+?[0-9]+([.,][0-9]+)?[eE]\+?[0-9]+$`)

// contactRecord keeps a phone as it was typed, valid or not: the contact exists.
func contactRecord(o *Options, r *row) (consumers.Message, *RowError) {
	v := contactValue{Account: o.Account.ID, Contact: r.field("contact"), Phone: r.field("phone"), Region: strings.ToUpper(r.field("region"))}
	switch {
	case len(v.Phone) > maxText:
		return refuse("phone", "over %d bytes", maxText)
	case rounded.MatchString(v.Phone):
		return refuse("phone", "a spreadsheet has rounded the number; format the column as text, and fill it in again")
	case v.Region != "" && !isCountry(v.Region):
		return refuse("region", "not an ISO 3166-1 alpha-2 country code such as US")
	}
	return message(pipeline.TopicContacts, o, v.Contact, v)
}

func isCountry(code string) bool {
	def := segment.Definition{Where: segment.PhoneIn{Countries: []string{code}}}
	return segment.Check(def, segment.Limits{}) == nil
}

// consentTopics are the ways to say it.
var consentTopics = map[string]string{
	"opted_in": pipeline.TopicOptedIn, "opted in": pipeline.TopicOptedIn, "in": pipeline.TopicOptedIn, "yes": pipeline.TopicOptedIn,
	"opted_out": pipeline.TopicOptedOut, "opted out": pipeline.TopicOptedOut, "out": pipeline.TopicOptedOut, "no": pipeline.TopicOptedOut,
}

// consentRecord wants to know since when somebody is opted in: without that, an
// old consent would count against an opt-out that came after it. An opt-out
// without a time counts from now.
func consentRecord(o *Options, r *row) (consumers.Message, *RowError) {
	consent := strings.ToLower(r.field("consent"))
	topic := consentTopics[consent]
	at, reason := timestamp(r.field("at"), o)
	v := consentValue{Account: o.Account.ID, Contact: r.field("contact"), At: at, Source: r.field("source"), Message: r.field("message")}
	switch {
	case topic == "":
		return refuse("consent", "expected opted_in or opted_out")
	case reason != "":
		return refuse("at", "%s", reason)
	case at == "" && topic == pipeline.TopicOptedIn:
		return refuse("at", "an opt-in needs its time, or it would count against an opt-out that came after it")
	case len(v.Source) > maxText:
		return refuse("source", "over %d bytes", maxText)
	case len(v.Message) > maxID:
		return refuse("message", "over %d bytes", maxID)
	}
	if v.Source == "" {
		v.Source = "import"
	}
	v.ID = identity(topic, v.Account, v.Contact, v.At, v.Source, v.Message)
	return message(topic, o, v.Contact, v)
}

// identity is the same whenever the same is imported.
func identity(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return "import-" + hex.EncodeToString(sum[:16])
}

var members = map[string]bool{"": true, "true": true, "yes": true, "1": true, "false": false, "no": false, "0": false}

func listRecord(o *Options, r *row) (consumers.Message, *RowError) {
	at, reason := timestamp(r.field("at"), o)
	member, known := members[strings.ToLower(r.field("member"))]
	v := listValue{
		Account: o.Account.ID, Contact: r.field("contact"), At: at, Member: member,
		List: cmp.Or(r.field("list"), o.List), Kind: strings.ToLower(cmp.Or(r.field("kind"), o.Kind, "marketing")), Name: cmp.Or(r.field("name"), o.Name),
	}
	switch {
	case reason != "":
		return refuse("at", "%s", reason)
	case !known:
		return refuse("member", "expected true or false")
	case v.List == "" || len(v.List) > maxID:
		return refuse("list", "a list's id has 1 to %d bytes", maxID)
	case v.Kind != "marketing" && v.Kind != "form" && v.Kind != "webinar":
		return refuse("kind", "expected marketing, form or webinar")
	case len(v.Name) > maxText:
		return refuse("name", "over %d bytes", maxText)
	}
	return message(pipeline.TopicLists, o, v.Contact, v)
}

func refuse(column, format string, args ...any) (consumers.Message, *RowError) {
	return consumers.Message{}, &RowError{Column: column, Reason: fmt.Sprintf(format, args...)}
}

// message is a record with the contract's key, in the partition that Kafka's own
// clients would choose.
func message(topic string, o *Options, contact string, value any) (consumers.Message, *RowError) {
	if contact == "" || len(contact) > maxID {
		return refuse("contact", "a contact's id has 1 to %d bytes", maxID)
	}
	encoded, err := json.Marshal(value)
	if err != nil {
		return refuse("", "%v", err)
	}
	return consumers.Message{Topic: topic, Partition: -1, Key: []byte(o.Account.ID + "/" + contact), Value: encoded}, nil
}
