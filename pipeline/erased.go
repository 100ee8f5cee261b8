package pipeline

import (
	"bytes"
	"encoding/json"
	"strings"
	"unicode/utf8"

	"rollcall/consumers"
	"rollcall/pipeline/catalog"
)

// erasedContacts are the contacts that were erased, known by their keyed hashes
// only. Whether a record names one is found out by hashing whatever in it may
// be an id. It is not safe for concurrent use.
type erasedContacts struct {
	catalog  *catalog.Catalog
	key      []byte
	until    map[[16]byte]int64 // when a contact was erased last: Kafka time
	accounts map[string]bool    // that have erased contacts
	zones    map[string]*zone
	decoder  decoder
}

func newErasedContacts(c *catalog.Catalog) *erasedContacts {
	return &erasedContacts{
		catalog: c, key: c.ErasureKey(),
		until: map[[16]byte]int64{}, accounts: map[string]bool{}, zones: map[string]*zone{},
	}
}

// add takes an entry of rollcall.erasures.
func (c *erasedContacts) add(r *consumers.Record) {
	var e event
	if c.decoder.erasure(r, &e) != "" {
		return
	}
	c.until[e.hash] = max(c.until[e.hash], e.origin.time)
	c.accounts[string(e.account)] = true
}

// erasedAt is when a contact was erased last, 0 if it never was.
func (c *erasedContacts) erasedAt(account, contact string) int64 {
	if !c.accounts[account] {
		return 0
	}
	return c.until[erasureHash(c.key, []byte(account), []byte(contact))]
}

// named tells whether a record of the inbox or of the dead letters names a
// contact that was erased after it.
func (c *erasedContacts) named(r *consumers.Record) bool {
	first := *r
	if r.Topic == TopicDeadLetters {
		at, ok := headerNumber(r, headerErrorTime, 64)
		first.Key, _ = r.Header(headerErrorKey)
		return ok && c.namedIn(&first, at)
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
	if def == nil || code != "" && code != BadTime && code != ImpossibleTime {
		return c.namedIn(&first, e.origin.time)
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

// namedIn looks for an erased contact in a record of some time that can't be
// read as a whole.
func (c *erasedContacts) namedIn(r *consumers.Record, at int64) bool {
	account, ids := c.whom(r)
	lookups := 0
	for _, account := range c.among(account, ids) {
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

// whom is the account that a record says, and what may be the id of a contact:
// what its key and its field contact say or, if it has no such field, any of
// the texts and words in it.
func (c *erasedContacts) whom(r *consumers.Record) (account string, ids map[string]bool) {
	ids = map[string]bool{}
	account, contact, _ := strings.Cut(string(r.Key), "/")
	ids[contact] = true
	o := &c.decoder.object
	if o.read(r.Value) && o.present.has(fieldContact) && !o.wrong.has(fieldContact) {
		ids[string(o.text[fieldContact])] = true
		if o.present.has(fieldAccount) && !o.wrong.has(fieldAccount) {
			account = string(o.text[fieldAccount])
		}
		return account, ids
	}
	words(r.Key, ids)
	words(r.Value, ids)
	for _, h := range producerHeaders(r) {
		words(h.Value, ids)
	}
	return account, ids
}

// among are the accounts to look a contact up in: the one that is named, or
// those that occur or, if there is none such, all.
func (c *erasedContacts) among(account string, ids map[string]bool) (accounts []string) {
	if c.catalog.Account(account) != nil {
		return []string{account}
	}
	for id := range c.accounts {
		if ids[id] {
			accounts = append(accounts, id)
		}
	}
	if accounts == nil {
		for id := range c.accounts {
			accounts = append(accounts, id)
		}
	}
	return accounts
}

// words adds to ids what in some bytes may be an id: the texts between quotes,
// and whatever stands between spaces, punctuation and bytes that are no text.
func words(data []byte, ids map[string]bool) {
	add := func(word []byte) {
		if len(word) > 0 && len(word) <= maxContactBytes {
			ids[string(word)] = true
		}
	}
	for _, quoted := range bytes.Split(data, []byte(`"`)) {
		add(quoted)
		var text string
		if bytes.IndexByte(quoted, '\\') >= 0 && json.Unmarshal([]byte(`"`+string(quoted)+`"`), &text) == nil {
			add([]byte(text))
		}
	}
	for _, separators := range []string{marks, marks + "/:"} {
		between := func(r rune) bool { return r <= ' ' || r == utf8.RuneError || strings.ContainsRune(separators, r) }
		for _, word := range bytes.FieldsFunc(data, between) {
			add(word)
		}
	}
}

// marks are not part of a word.
const marks = "\"'`,;=&|<>(){}[]\\"
