package history

import (
	"bytes"
	"cmp"
	"encoding/json"
	"maps"
	"strconv"

	"rollcall/pipeline/naive"
)

// draft is a record before it is written down.
type draft struct {
	topic            string
	account, contact string         // where it belongs
	fields           map[string]any // of the value
	key              string         // instead of account/contact
	raw              []byte         // instead of fields
	tombstone        bool
	sound            bool
}

// record makes up the next record, and gives it its place.
func (m *maker) record() naive.Record {
	if m.options.Inbox && len(m.written) > 0 && m.oneIn(8) {
		return m.replay()
	}
	d := m.draft()
	if d.sound = !m.oneIn(12); !d.sound {
		m.spoil(&d)
	}
	rec := naive.Record{Topic: d.topic, Key: []byte(cmp.Or(d.key, d.account+"/"+d.contact)), Value: m.encode(d)}
	rec.Partition = naive.Partition(rec.Key, m.options.Partitions)
	if m.options.CloudEvents && d.sound && m.foreign.IntN(6) == 0 {
		m.cloudEvent(&rec, d)
	}
	if m.oneIn(12) {
		m.misplace(&rec, d)
	}
	m.append(&rec)
	if d.sound {
		m.remember(d, rec)
	}
	return rec
}

// append gives a record its offset and Kafka time.
func (m *maker) append(rec *naive.Record) {
	p := partition{rec.Topic, rec.Partition}
	if m.oneIn(20) { // aborted, a control record, or compacted
		m.next[p] += int64(m.upTo(3))
	}
	rec.Offset = m.next[p]
	m.next[p]++
	rec.Time = max(pick(m, m.times), m.last[p])
	m.last[p] = rec.Time
}

// remember keeps a record for repeats and replays.
func (m *maker) remember(d draft, rec naive.Record) {
	const memory = 40
	m.past = append(m.past, d)
	m.written = append(m.written, rec)
	if len(m.past) > memory {
		m.past, m.written = m.past[1:], m.written[1:]
	}
}

// draft is something new, or, quite often, the same again.
func (m *maker) draft() draft {
	if len(m.past) > 0 && m.oneIn(6) {
		d := pick(m, m.past)
		d.fields = maps.Clone(d.fields)
		if d.fields != nil && m.labels.IntN(2) == 0 {
			m.label(d)
		}
		return d
	}
	a := pick(m, m.accounts)
	d := draft{topic: pick(m, topics), account: a.ID, contact: m.contact()}
	if d.topic == topicContacts && m.oneIn(5) {
		d.tombstone = true
		if m.oneIn(3) {
			d.raw = []byte(pick(m, []string{"null", " null\n"}))
		}
		return d
	}
	d.fields = map[string]any{"account": a.ID, "contact": d.contact}
	m.fill(a, d)
	m.label(d)
	return d
}

// fill adds the fields that a topic's records have.
func (m *maker) fill(a *account, d draft) {
	switch d.topic {
	case topicContacts:
		m.fillContact(d.fields)
	case topicLists:
		m.fillList(a, d.fields)
	case topicOptedIn, topicOptedOut:
		m.fillEvent(a, d.fields)
		d.fields["source"] = "web"
	default:
		m.fillEvent(a, d.fields)
		d.fields["message"] = pick(m, messages)
	}
}

func (m *maker) fillContact(f map[string]any) {
	p := pick(m, phones)
	for name, v := range map[string]any{"phone": p.phone, "region": p.region} {
		if v != nil {
			f[name] = v
		}
	}
	if p.region == nil && len(f) == 2 {
		f["phone"] = nil // as good as absent
	}
}

func (m *maker) fillList(a *account, f map[string]any) {
	f["kind"], f["list"] = pick(m, kindNames), pick(m, listNames)
	f["member"] = !m.oneIn(3)
	m.fillAt(a, f)
}

func (m *maker) fillEvent(a *account, f map[string]any) {
	switch m.rng.IntN(4) {
	case 0: // without id
	case 1:
		f["id"] = pick(m, []any{"", nil})
	default:
		f["id"] = pick(m, ids)
	}
	m.fillAt(a, f)
}

// misplace puts a record where it doesn't belong. The key of a tombstone is all it has.
func (m *maker) misplace(rec *naive.Record, d draft) {
	rec.Partition = int32(m.rng.IntN(int(m.options.Partitions)))
	if d.tombstone || m.oneIn(2) {
		return
	}
	wrong := []string{"", d.contact, d.account + "/" + m.contact(), "other/" + d.contact, d.account + "/" + d.contact + "/"}
	rec.Key = []byte(pick(m, wrong))
	if m.oneIn(4) {
		rec.Key = nil
	}
}

// replay writes a record of the past to the inbox, as forwarding would have.
func (m *maker) replay() naive.Record {
	i := m.rng.IntN(len(m.written))
	was, key := m.written[i], []byte(m.past[i].account+"/"+m.past[i].contact)
	rec := naive.Record{
		Topic: topicInbox, Key: key, Partition: naive.Partition(key, m.options.Partitions), Value: was.Value,
		Headers: map[string]string{
			"rollcall-topic":     was.Topic,
			"rollcall-partition": strconv.Itoa(int(was.Partition)),
			"rollcall-offset":    strconv.FormatInt(was.Offset, 10),
			"rollcall-time":      strconv.FormatInt(was.Time, 10),
		},
	}
	maps.Copy(rec.Headers, was.Headers)
	if m.oneIn(10) {
		m.spoilHeaders(rec.Headers)
	}
	m.append(&rec)
	return rec
}

// encode writes a value down, at times in ways that only look odd.
func (m *maker) encode(d draft) []byte {
	if d.raw != nil || d.tombstone {
		return d.raw
	}
	f := maps.Clone(d.fields)
	if m.oneIn(5) {
		f["Contact"], f["MESSAGE"], f["unknown"] = 1, "m-1", map[string]any{"at": json.Number("1e999")}
	}
	value := marshal(f)
	switch m.rng.IntN(12) {
	case 0: // the last one wins
		value = append([]byte(`{"account":7,"contact":"c1","message":null,"member":0,`), value[1:]...)
	case 1:
		value = append([]byte("\r\n\t "), append(value, ' ', '\n')...)
	case 2:
		value = bytes.ReplaceAll(value, []byte("ζ"), []byte(`\u03b6`))
	}
	return value
}

func marshal(fields map[string]any) []byte {
	value, err := json.Marshal(fields)
	if err != nil {
		panic(err) // plain values always marshal
	}
	return value
}
