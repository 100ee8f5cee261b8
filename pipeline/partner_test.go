package pipeline

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strconv"
	"testing"

	"rollcall/bitmaps"
	"rollcall/consumers"
	"rollcall/pipeline/history"
	"rollcall/pipeline/inputs"
	"rollcall/pipeline/naive"
)

// topicPartner is a topic of somebody else, in whose records the contract's
// fields are at another place.
const topicPartner = "partner"

var partnerInputs = func() inputs.Set {
	fields, types := map[string]string{}, map[string]string{"noise": "ignore"}
	for _, name := range fieldNames {
		fields[name] = "/said/" + name
	}
	for _, topic := range fuzzTopics {
		types[topic] = topic
	}
	file := mustMarshal(map[string]any{topicPartner: map[string]any{
		"type": "/what", "types": types, "fields": fields, "unknown": "ignore", "unmapped": "ignore",
	}})
	set, err := inputs.Parse(file)
	if err != nil {
		panic(err)
	}
	return set
}()

// partner writes some of what a history has to its own topic, which has more
// partitions than the others.
type partner struct {
	luck    *rand.Rand
	written []naive.Record // as the contract has it
	ignored int64
	next    map[int32]int64 // offsets
}

func newPartner(seed uint64) *partner {
	return &partner{luck: rand.New(rand.NewPCG(seed, 5)), next: map[int32]int64{}}
}

// divert takes records that can be read out of a run, and returns those that are left and the partner's.
func (p *partner) divert(run history.Run, partitions int32) (left history.Run, own []history.Run) {
	left = history.Run{Topic: run.Topic, Partition: run.Partition}
	for _, r := range run.Records {
		if p.luck.IntN(6) > 0 || !readable(r) {
			left.Records = append(left.Records, r)
			continue
		}
		own = append(own, p.write(r, partitions, map[string]any{"what": r.Topic, "said": json.RawMessage(r.Value)}))
		at := own[len(own)-1].Records[0]
		p.written = append(p.written, naive.Record{
			Topic: TopicInbox, Time: r.Time, Value: r.Value, Headers: map[string]string{ // without the key: it is forwarded in any case
				headerTopic: topicPartner, headerPartition: strconv.Itoa(int(at.Partition)), headerOffset: strconv.FormatInt(at.Offset, 10),
				headerTime: strconv.FormatInt(r.Time, 10), headerMeans: r.Topic,
			},
		})
		if p.luck.IntN(3) == 0 {
			p.ignored++
			own = append(own, p.write(r, partitions, []map[string]any{
				{"what": "noise"}, {"what": "something else"}, {"what": TopicSent, "said": map[string]any{"phone": "+12015550123"}},
			}[p.luck.IntN(3)]))
		}
	}
	return left, own
}

func (p *partner) write(r naive.Record, partitions int32, value map[string]any) history.Run {
	q := p.luck.Int32N(partitions + 2)
	r.Topic, r.Partition, r.Offset, r.Key, r.Value = topicPartner, q, p.next[q], []byte(fmt.Sprint(p.luck.IntN(5))), mustMarshal(value)
	p.next[q]++
	return history.Run{Topic: topicPartner, Partition: q, Records: []naive.Record{r}}
}

// readable tells whether a record is a plain one that is no dead letter, whoever its account.
func readable(r naive.Record) bool {
	rec := consumers.Record{TopicPartition: consumers.TopicPartition{Topic: r.Topic}, Time: r.Time, Key: r.Key, Value: r.Value}
	var d decoder
	var e event
	return len(r.Headers) == 0 && r.Value != nil && d.decode(&rec, &e) == "" && e.kind != eraseRecord && d.details(&e) == ""
}

// twilioWorld is a world with Twilio's events in a topic of 5 partitions, of 3.
func twilioWorld(t *testing.T) *world {
	w := newWorld(t, 3)
	set, err := inputs.Parse([]byte(`{"` + topicPartner + `": {"preset": "twilio",
		"fields": {"account": "acme", "contact": ["/data/tags/contact", "/data/link?contact", "/data/contact"]}}}`))
	w.must(err)
	w.config.Inputs = set
	w.segment("sent", `all contacts where sent message "spring" exactly 1 time`)
	w.segment("clicked", `all contacts where clicked message "spring"`)
	w.segment("failed", `all contacts where failed`)
	w.segment("replied", `all contacts where replied`)
	w.segment("out", `all contacts where opted out`)
	for _, contact := range []string{"ann", "bob", "cy"} {
		w.contact(contact, "2015550123")
	}
	return w
}

// twilio writes an event as Twilio would, in structured mode.
func (w *world) twilio(partition int32, id, kind string, data map[string]any) {
	w.t.Helper()
	w.write(topicPartner, partition, "SM0123", mustMarshal(map[string]any{
		"specversion": "1.0", "type": kind, "source": "/2010-04-01/Accounts/AC01/Messages/SM0123.json", "id": id,
		"dataschema": "https://events-schemas.twilio.com/Messaging.MessageStatus/7", "time": "2026-11-15T16:59:00.000Z", "data": data,
	}), structuredHeader)
}

// Twilio's events are handed on once, as what they mean, from partitions that
// the state has not; neither a restart nor a loss of Redis nor another mapping
// changes anything.
func TestTwilio(t *testing.T) {
	w := twilioWorld(t)
	tagged := map[string]any{"tags": map[string]any{"contact": "ann", "message": "spring"}, "timestamp": "2026-11-15T16:59:00.000Z",
		"from": "+15005550006", "to": "+12015550123", "messageStatus": "SENT", "body": "20% off"}
	reply := func(contact, body string) map[string]any {
		return map[string]any{"contact": contact, "body": body, "from": "+12015550123", "timestamp": "2026-11-15T16:59:30Z"}
	}
	w.twilio(4, "EZ1", "com.twilio.messaging.message.sent", tagged)
	w.twilio(1, "EZ1", "com.twilio.messaging.message.sent", tagged) // delivered twice
	w.twilio(0, "EZ2", "com.twilio.messaging.message.delivered", tagged)
	w.twilio(3, "EZ3", "com.twilio.messaging.message.undelivered", map[string]any{"tags": map[string]any{"contact": "bob"}, "errorCode": 30003})
	w.twilio(2, "EZ4", "com.twilio.daptbt.link-shortening.link-clicked", map[string]any{
		"link": "https://shop.example/?a=1&contact=ann&message=spring", "click_time": "2026-11-15T16:59:40Z"})
	w.twilio(0, "EZ5", "com.twilio.messaging.inbound-message.received", reply("cy", " stop. "))
	w.twilio(0, "EZ6", "com.twilio.messaging.inbound-message.received", reply("bob", "please stop"))
	w.twilio(0, "EZ7", "com.twilio.messaging.inbound-message.received", map[string]any{"from": "+12015550123", "body": "STOP"})
	w.twilio(0, "EZ8", "com.twilio.messaging.something.new", tagged)
	check := func(when string) {
		t.Helper()
		for id, want := range map[string]string{"sent": "ann", "clicked": "ann", "failed": "bob", "replied": "bob", "out": "cy"} {
			w.expect(id, want)
		}
		var outcomes [bitmaps.Outcomes]int64
		ignored := map[string]int64{}
		for p := range int32(3) {
			for o, n := range w.task(p).Outcomes() {
				outcomes[o] += n
			}
			_, why := splitReasons(w.task(p).checkpoint.Reasons)
			addTo(ignored, why)
		}
		if fmt.Sprint(ignored) != "map[ignored-type:1 unknown-type:1 unmapped:1]" || outcomes[bitmaps.Ignored] != 3 || outcomes[bitmaps.Forwarded] != 6 {
			t.Errorf("%s: outcomes %v, ignored %v", when, outcomes, ignored)
		}
		if forwarded, letters := len(w.written(TopicInbox)), len(w.deadLetters()); forwarded != 6 || letters != 0 {
			t.Errorf("%s: %d records in the inbox, %d dead letters", when, forwarded, letters)
		}
	}
	check("at first")
	w.reopen()
	check("restarted")
	w.loseRedis()
	check("Redis lost")
	for _, r := range w.written(TopicInbox) {
		if bytesHavePhone(r.Value) {
			t.Errorf("a phone number is handed on: %s", r.Value)
		}
	}
	// With a mapping that says otherwise, what was read stays as it was said, also what was ignored.
	set, err := inputs.Parse([]byte(`{"` + topicPartner + `": {"preset": "twilio", "fields": {"account": "acme", "contact": "bob"},
		"types": {"com.twilio.messaging.message.delivered": "sms.replied", "com.twilio.messaging.something.new": "sms.opted_out"}}}`))
	w.must(err)
	w.config.Inputs = set
	w.loseRedis()
	for id, want := range map[string]string{"sent": "ann", "clicked": "ann", "failed": "bob", "replied": "bob", "out": "cy"} {
		w.expect(id, want)
	}
	if n := len(w.written(TopicInbox)); n != 6 {
		t.Errorf("another mapping: %d records in the inbox", n)
	}
}

func bytesHavePhone(value []byte) bool {
	return len(value) == 0 || string(value) != string(withoutPhone(value))
}

func withoutPhone(value []byte) []byte {
	var fields map[string]any
	if json.Unmarshal(value, &fields) != nil {
		return nil
	}
	for name, v := range fields {
		if text, ok := v.(string); ok && len(text) > 1 && text[0] == '+' {
			delete(fields, name)
		}
	}
	return mustMarshal(fields)
}

// A topic of another name with the contract's own records, CloudEvents and
// erasures among them, is read like the contract's.
func TestPlainInput(t *testing.T) {
	w := newWorld(t, 3)
	set, err := inputs.Parse([]byte(`{"sms.sent-2025": {"topic": "sms.sent"}, "people": {"topic": "contacts"}}`))
	w.must(err)
	w.config.Inputs, w.log.mapped = set, map[string]bool{"sms.sent-2025": true, "people": true}
	w.segment("sent", `all contacts where sent exactly 2 times`)
	w.segment("clicked", `all contacts where clicked`)
	w.record("people", "ann", fields{"phone": "2015550123"})
	w.record("people", "bob", fields{})
	w.record("sms.sent-2025", "ann", fields{"message": "m"}) // without an id: where they stood tells them apart
	w.record(TopicSent, "ann", fields{"message": "m"})
	w.write("sms.sent-2025", 0, "x", []byte(`{"message":"m"}`), binaryHeaders(map[string]string{
		"type": TopicClicked, "source": "/s", "id": "1", "subject": "bob", "account": acme})...)
	w.expect("sent", "ann")
	w.expect("clicked", "bob")
	w.write("people", 2, acme+"/bob", nil)
	w.expect("clicked", "")
	if n := len(w.written(TopicInbox)); n != 5 { // also those whose key and partition are right
		t.Errorf("%d records were handed on, want 5", n)
	}
	w.write("people", 1, "x", []byte("no json"))
	w.settle()
	if letters := w.deadLetters(); len(letters) != 1 || headersOf(&letters[0])[headerErrorTopic] != "people" || string(letters[0].Value) != "no json" {
		t.Errorf("dead letters %v", letters)
	}
}

// Two topics may have a contact's records in the same place at the same time:
// which was read first makes no difference.
func TestContactsThatStandAlike(t *testing.T) {
	for name, phones := range map[string][2]string{"the contract's is valid": {"2015550123", "1"}, "the other is": {"1", "2015550123"}} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, 1)
			set, err := inputs.Parse([]byte(`{"people": {"topic": "contacts"}}`))
			w.must(err)
			w.config.Inputs, w.log.mapped = set, map[string]bool{"people": true}
			w.segment("valid", `all contacts where valid phone`)
			w.record(TopicContacts, "ann", fields{"phone": phones[0]})
			w.record("people", "ann", fields{"phone": phones[1]})
			w.expect("valid", "ann")
		})
	}
}
