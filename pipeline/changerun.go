package pipeline

import (
	"encoding/json"
	"slices"
	"strconv"

	"rollcall/consumers"
)

// changeRun are changes that one commit made of one segment, all of them entered
// or all exited. Of a new segment they are many, so they are kept small, and
// written out when they are told.
type changeRun struct {
	Change           // what they have in common; without the contact
	numbers []uint32 // of the contacts, which end the ids; nil: the id is whole, and of one change
	names   []byte   // the contacts' own ids, one after the other
	ends    []uint32 // of names, in them
}

func (r *changeRun) add(number uint32, contact []byte) {
	r.numbers = append(r.numbers, number)
	r.names = append(r.names, contact...)
	r.ends = append(r.ends, uint32(len(r.names)))
}

func (r *changeRun) len() int { return len(r.ends) }

func (r *changeRun) contact(i int) []byte {
	from := uint32(0)
	if i > 0 {
		from = r.ends[i-1]
	}
	return r.names[from:r.ends[i]]
}

// runOf is a single change.
func runOf(c Change) changeRun {
	return changeRun{Change: c, names: []byte(c.Contact), ends: []uint32{uint32(len(c.Contact))}}
}

// without is the run without those of whom left is true.
func (r *changeRun) without(left func(whom) bool) changeRun {
	kept := changeRun{Change: r.Change}
	for i := range r.len() {
		if !left(whom{r.Account, r.Segment, string(r.contact(i))}) {
			kept.add(r.numbers[i], r.contact(i))
		}
	}
	return kept
}

func countChanges(runs []changeRun) (n int) {
	for i := range runs {
		n += runs[i].len()
	}
	return n
}

// changeWriter makes messages of changes. Values are as json.Marshal writes a
// Change, which would take most of the time of a segment that is new.
type changeWriter struct {
	partition int32
	text      []byte // of the messages
	run       *changeRun
	// What keys and values of the run have in common: a value is the head, the
	// contact's number, the middle, the contact and the tail.
	key, head, middle, tail []byte
}

// begin turns to a run.
func (w *changeWriter) begin(r *changeRun) {
	w.run = r
	w.key = append(append(w.key[:0], r.Account...), '/')
	w.head = unquoted(append(w.head[:0], `{"id":`...), r.ID)
	w.middle = appendQuoted(append(w.middle[:0], `","account":`...), r.Account)
	w.middle = appendQuoted(append(w.middle, `,"segment":`...), r.Segment)
	w.middle = append(w.middle, `,"contact":`...)
	w.tail = appendQuoted(append(w.tail[:0], `,"change":`...), r.Change.Change)
	w.tail = append(appendQuoted(append(w.tail, `,"cause":`...), r.Cause), '}')
}

// message is a change of the run, with a key and a value in text.
func (w *changeWriter) message(i int) consumers.Message {
	from, contact := len(w.text), w.run.contact(i)
	w.text = append(append(w.text, w.key...), contact...)
	value := len(w.text)
	w.text = append(w.text, w.head...)
	if w.run.numbers != nil {
		w.text = strconv.AppendUint(w.text, uint64(w.run.numbers[i]), 10)
	}
	w.text = append(appendQuoted(append(w.text, w.middle...), contact), w.tail...)
	return consumers.Message{
		Topic: TopicSegmentChanges, Partition: w.partition, Key: w.text[from:value:value], Value: w.text[value:],
	}
}

// unquoted is a string as JSON, to be gone on with.
func unquoted(b []byte, s string) []byte {
	b = appendQuoted(b, s)
	return b[:len(b)-1]
}

// appendQuoted writes a string as JSON. What needs to be escaped is rare.
func appendQuoted[T ~string | ~[]byte](b []byte, s T) []byte {
	for i := range len(s) {
		if escaped[s[i]] {
			quoted, _ := json.Marshal(string(s)) // a string is always written
			return append(b, quoted...)
		}
	}
	return append(append(append(b, '"'), s...), '"')
}

// escaped are the bytes that JSON may have otherwise.
var escaped = func() (is [256]bool) {
	for c := range is {
		is[c] = c < ' ' || c > '~' || slices.Contains([]byte(`"\<>&`), byte(c))
	}
	return is
}()
