package pipeline

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"strings"
	"unicode"
	"unicode/utf8"

	"rollcall/consumers"
	"rollcall/pipeline/catalog"
	"rollcall/pipeline/cloudevents"
)

// erasedContacts are the contacts that were erased, known by their keyed hashes
// only. Whether a record names one is found out by hashing whatever in it may
// be an id. It is not safe for concurrent use.
type erasedContacts struct {
	catalog  *catalog.Catalog
	hasher   *erasureHasher
	until    map[[16]byte]int64 // when a contact was erased last: Kafka time
	accounts map[string]bool    // that have erased contacts
	recent   map[string]bool    // that have any which were not known before
	zones    map[string]*zone
	decoder  decoder
}

func newErasedContacts(c *catalog.Catalog) *erasedContacts {
	return &erasedContacts{
		catalog: c, hasher: newErasureHasher(c.ErasureKey()),
		until: map[[16]byte]int64{}, accounts: map[string]bool{}, recent: map[string]bool{}, zones: map[string]*zone{},
	}
}

// add takes an entry of rollcall.erasures.
func (c *erasedContacts) add(r *consumers.Record, recent bool) {
	var e event
	if c.decoder.erasure(r, &e) != "" {
		return
	}
	c.until[e.hash] = max(c.until[e.hash], e.origin.time)
	c.accounts[string(e.account)] = true
	if recent {
		c.recent[string(e.account)] = true
	}
}

// erasedAt is when a contact was erased last, 0 if it never was.
func (c *erasedContacts) erasedAt(account, contact string) int64 {
	if !c.accounts[account] {
		return 0
	}
	return c.until[c.hasher.of([]byte(account), []byte(contact))]
}

// named tells whether a record of the inbox or of the dead letters names a
// contact that was erased after it.
func (c *erasedContacts) named(r *consumers.Record) bool {
	first := *r
	if r.Topic == TopicDeadLetters {
		at, ok := headerNumber(r, headerErrorTime, 64)
		first.Key, _ = r.Header(headerErrorKey)
		return ok && c.namedIn(&first, headerText(r, headerErrorTopic), at)
	}
	if !unpack(&first) {
		return false
	}
	var e event
	code := c.decoder.decode(&first, &e)
	def := c.catalog.Account(string(e.account))
	if code == "" && def != nil {
		code = c.decoder.details(&e)
	}
	if def == nil || code != "" && code != BadTime && code != ImpossibleTime && !e.appliesDespite(code) {
		return c.namedIn(&first, cmp.Or(e.means, e.origin.Topic), e.origin.time)
	}
	z := c.zones[def.ID]
	if z == nil {
		z = newZone(def.Zone)
		c.zones[def.ID] = z
	}
	until := c.erasedAt(def.ID, string(e.contact))
	return until > 0 && e.goneBy(z, until)
}

// goneBy tells whether an erasure takes the event away.
func (e *event) goneBy(z *zone, until int64) bool {
	switch e.kind {
	case behaviourRecord:
		return z.day(e.at) <= z.day(until)
	case consentRecord, listRecord:
		return e.at <= until
	}
	return e.origin.time <= until
}

// maxLookups bounds the hashes that are made for one record.
const maxLookups = 1 << 20

// namedIn looks for an erased contact in a record that can't be read as a whole,
// and that first stood in a topic at a time.
func (c *erasedContacts) namedIn(r *consumers.Record, stood string, at int64) bool {
	accounts, ids := c.whom(r, stood)
	lookups := 0
	for account := range accounts {
		for id := range ids {
			if lookups++; lookups > maxLookups {
				return false
			}
			if c.erasedAt(account, id) >= max(at, 1) {
				return true
			}
		}
	}
	return false
}

// whom is what may be the account and the id of the contact that a record is of:
// what its key and its field contact or subject say and, if it is not a record of
// the contract, any of the telling texts and words in it. If it does not say the
// account, it may be any that occurs in it or, if there is none such, any.
func (c *erasedContacts) whom(r *consumers.Record, stood string) (accounts, ids map[string]bool) {
	accounts, ids = map[string]bool{}, map[string]bool{}
	account, contact, _ := strings.Cut(string(r.Key), "/")
	ids[contact] = true
	said := map[string]bool{}
	if c.catalog.Account(account) != nil {
		said[account] = true
	}
	mode := cloudevents.ModeOf(r)
	if mode != cloudevents.None {
		if ce, err := cloudevents.Read(r, mode); err == nil {
			ids[ce.Attributes["subject"]] = true
			said[ce.Attributes["account"]] = true
		}
	}
	_, ofContract := shapes[stood]
	o := &c.decoder.object
	if ofContract = ofContract && mode == cloudevents.None && o.read(r.Value) && o.present.has(fieldContact) && !o.wrong.has(fieldContact); ofContract {
		ids[string(o.text[fieldContact])] = true
		if o.present.has(fieldAccount) && !o.wrong.has(fieldAccount) {
			said[string(o.text[fieldAccount])] = true
		}
	}
	texts := [][]byte{r.Key, r.Value}
	for _, h := range producerHeaders(r) {
		texts = append(texts, h.Value)
	}
	for _, text := range texts {
		eachWord(text, func(word []byte) {
			if c.accounts[string(word)] {
				accounts[string(word)] = true
			}
			if !ofContract && len(word) <= maxContactBytes && telling(word) {
				ids[string(word)] = true
			}
		})
	}
	maps.DeleteFunc(said, func(account string, _ bool) bool { return !validAccount([]byte(account)) })
	switch {
	case len(said) > 0: // there may be no such account, yet
		return said, ids
	case len(accounts) == 0:
		return c.accounts, ids
	}
	return accounts, ids
}

// eachWord calls fn with the texts between quotes in some bytes, and with what
// stands between spaces, punctuation and bytes that are no text.
func eachWord(data []byte, fn func(word []byte)) {
	for _, quoted := range bytes.Split(data, []byte(`"`)) {
		fn(quoted)
		var text string
		if bytes.IndexByte(quoted, '\\') >= 0 && json.Unmarshal([]byte(`"`+string(quoted)+`"`), &text) == nil {
			fn([]byte(text))
		}
	}
	for _, separators := range []string{marks, marks + "/:"} {
		between := func(r rune) bool { return r <= ' ' || r == utf8.RuneError || strings.ContainsRune(separators, r) }
		for _, word := range bytes.FieldsFunc(data, between) {
			fn(word)
		}
	}
}

// telling tells whether a text is an id rather than a number or a word that
// happens to be one.
func telling(text []byte) bool {
	return len(text) >= 6 && bytes.ContainsFunc(text, func(r rune) bool { return !unicode.IsLetter(r) })
}

// marks are not part of a word.
const marks = "\"'`,;=&|<>(){}[]\\"

// erasures reads all of them, up to the ends given; those that stand at known
// or after it are recent.
func (s *scrubber) erasures(ctx context.Context, ends, known map[int32]int64) (*erasedContacts, error) {
	erased := newErasedContacts(s.catalog)
	for q, end := range ends {
		tp := consumers.TopicPartition{Topic: TopicErasures, Partition: q}
		if end == 0 {
			continue
		}
		_, err := s.log.ReadAll(ctx, tp, -1, func(r *consumers.Record) error {
			if r.Offset >= end {
				return errEnd
			}
			erased.add(r, r.Offset >= known[q])
			return nil
		})
		if err != nil && !errors.Is(err, errEnd) {
			return nil, err
		}
	}
	return erased, nil
}
