package catalog

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"

	"rollcall/pipeline/segment"
)

// Entry is one change of the definitions: PutAccount, DeleteAccount,
// PutSegment, DeleteSegment, PutToken, RevokeToken, AcceptLoss, StartRebuild,
// CancelRebuild, StartReplay, CancelReplay, ReportReplay, StartSnapshot,
// EndSnapshot, DeleteSnapshot or Settings.
type Entry interface {
	// entryType is the value of "type" in the entry's JSON.
	entryType() string
	// check returns a *Refusal if the entry is invalid now; it changes nothing.
	check(*Catalog) error
	// apply changes the catalog; check has returned nil.
	apply(*Catalog, stamp)
}

// stamp is where and when an entry stands.
type stamp struct {
	offset int64
	at     time.Time
}

type (
	// PutAccount creates an account. Nothing of it can be changed later: the
	// days of all its events depend on it. An id is never used a second time,
	// because the topics may still hold the first account's records.
	PutAccount struct {
		Account       string `json:"account"`
		Timezone      string `json:"timezone"`
		RetentionDays int    `json:"retention_days"`
		DefaultRegion string `json:"default_region,omitempty"`
	}

	// DeleteAccount removes an account with its segments, tokens and snapshots.
	DeleteAccount struct {
		Account string `json:"account"`
	}

	// PutSegment creates or replaces a segment.
	PutSegment struct {
		Account    string             `json:"account"`
		ID         string             `json:"id"`
		Name       string             `json:"name"`
		Definition segment.Definition `json:"definition"`
		// IfVersion is the version that is replaced; 0: the segment must be
		// new; nil: whatever is there.
		IfVersion *int64 `json:"if_version,omitempty"`
	}

	// DeleteSegment removes a segment on which no other stands.
	DeleteSegment struct {
		Account   string `json:"account"`
		ID        string `json:"id"`
		IfVersion *int64 `json:"if_version,omitempty"`
	}

	// PutToken opens an account to whoever holds the secret.
	PutToken struct {
		Account string `json:"account"`
		ID      string `json:"id"`
		Scope   Scope  `json:"scope"`
		SHA256  []byte `json:"sha256"` // of the secret, which itself is never stored
	}

	// RevokeToken closes what PutToken opened.
	RevokeToken struct {
		Account string `json:"account"`
		ID      string `json:"id"`
	}

	// AcceptLoss says that the operator knows that records are gone from Kafka
	// which the state needs or was made from, and goes on without them: those
	// from From up to To of a partition of a topic; or, if To is before From,
	// whatever came in a topic that was created anew after From was reached.
	AcceptLoss struct {
		Topic     string `json:"topic"`
		Partition int32  `json:"partition"`
		From      int64  `json:"from"`
		To        int64  `json:"to"`
	}

	// StartRebuild has every partition make its state anew from the log, beside
	// the one that is live, and compare the two. It takes the place of one that
	// goes on.
	StartRebuild struct {
		ID string `json:"id"`
		// TakeOver puts the new state in the place of the live one; else it is
		// only compared.
		TakeOver bool `json:"take_over"`
	}

	// CancelRebuild has the partitions that are not done yet give up.
	CancelRebuild struct {
		ID string `json:"id"`
	}

	// Settings are made up by the first process that finds none.
	Settings struct {
		ErasureKey []byte `json:"erasure_key"` // 32 random bytes; keys the hashes of erased contacts' ids
	}
)

func (PutAccount) entryType() string    { return "account.put" }
func (DeleteAccount) entryType() string { return "account.delete" }
func (PutSegment) entryType() string    { return "segment.put" }
func (DeleteSegment) entryType() string { return "segment.delete" }
func (PutToken) entryType() string      { return "token.put" }
func (RevokeToken) entryType() string   { return "token.revoke" }
func (AcceptLoss) entryType() string    { return "loss.accept" }
func (StartRebuild) entryType() string  { return "rebuild.start" }
func (CancelRebuild) entryType() string { return "rebuild.cancel" }
func (Settings) entryType() string      { return "settings" }

var decoders = map[string]func([]byte) (Entry, error){
	PutAccount{}.entryType():     decodeAs[PutAccount],
	DeleteAccount{}.entryType():  decodeAs[DeleteAccount],
	PutSegment{}.entryType():     decodeAs[PutSegment],
	DeleteSegment{}.entryType():  decodeAs[DeleteSegment],
	PutToken{}.entryType():       decodeAs[PutToken],
	RevokeToken{}.entryType():    decodeAs[RevokeToken],
	AcceptLoss{}.entryType():     decodeAs[AcceptLoss],
	StartRebuild{}.entryType():   decodeAs[StartRebuild],
	CancelRebuild{}.entryType():  decodeAs[CancelRebuild],
	StartReplay{}.entryType():    decodeAs[StartReplay],
	CancelReplay{}.entryType():   decodeAs[CancelReplay],
	ReportReplay{}.entryType():   decodeAs[ReportReplay],
	StartSnapshot{}.entryType():  decodeAs[StartSnapshot],
	EndSnapshot{}.entryType():    decodeAs[EndSnapshot],
	DeleteSnapshot{}.entryType(): decodeAs[DeleteSnapshot],
	Settings{}.entryType():       decodeAs[Settings],
}

func decodeAs[E Entry](value []byte) (Entry, error) {
	var e E
	err := json.Unmarshal(value, &e)
	return e, err
}

// envelope is what all entries carry beside their own fields.
type envelope struct {
	Type string `json:"type"`
	ID   string `json:"entry"` // random, so that a writer recognises its own
}

func encode(id string, e Entry) ([]byte, error) {
	head, err := json.Marshal(envelope{Type: e.entryType(), ID: id})
	if err != nil {
		return nil, err
	}
	body, err := json.Marshal(e)
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", e.entryType(), err)
	}
	return bytes.Join([][]byte{head[:len(head)-1], body[1:]}, []byte(",")), nil
}

// decode returns the entry's id wherever it can be read, even if the rest can't.
func decode(value []byte) (id string, e Entry, err error) {
	var head envelope
	if err := json.Unmarshal(value, &head); err != nil {
		return "", nil, refuse(Invalid, "not an entry: %v", err)
	}
	decoder := decoders[head.Type]
	if decoder == nil {
		return head.ID, nil, refuse(Invalid, "unknown entry type %q", head.Type)
	}
	e, err = decoder(value)
	return head.ID, e, asRefusal(err)
}

// UnmarshalJSON reads the definition by the rules of the segment language.
func (p *PutSegment) UnmarshalJSON(data []byte) error {
	type plain PutSegment // without this method
	raw := struct {
		*plain
		Definition json.RawMessage `json:"definition"`
	}{plain: (*plain)(p)}
	if err := json.Unmarshal(data, &raw); err != nil {
		return err
	}
	def, err := segment.ParseJSON(raw.Definition)
	p.Definition = def
	return err
}
