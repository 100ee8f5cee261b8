package portable

// Line is one line of a partition's .ndjson file: just one of its fields is set.
// All that follows an Account is that account's, up to the next. The order
// within an account is that of the fields here, and of numbers.
type Line struct {
	Account *Account `json:"account,omitempty"`
	Piece   *Piece   `json:"piece,omitempty"`
	Message *Message `json:"message,omitempty"`
	List    *List    `json:"list,omitempty"`
	Reason  *Reason  `json:"reason,omitempty"`
	Contact *Contact `json:"contact,omitempty"`
	Erasure *Erasure `json:"erasure,omitempty"`
	Fact    *Fact    `json:"fact,omitempty"`
	Country *Country `json:"country,omitempty"`
	Day     *Day     `json:"day,omitempty"`
	Segment *Segment `json:"segment,omitempty"`
}

// fields is how many fields are set.
func (l *Line) fields() (n int) {
	for _, is := range []bool{
		l.Account != nil, l.Piece != nil, l.Message != nil, l.List != nil, l.Reason != nil,
		l.Contact != nil, l.Erasure != nil, l.Fact != nil, l.Country != nil, l.Day != nil, l.Segment != nil,
	} {
		if is {
			n++
		}
	}
	return n
}

// Ref points into the .roaring or the .events file.
type Ref struct {
	At    int64 `json:"at"` // the first byte
	Bytes int64 `json:"bytes"`
}

// Account begins an account. Contacts, messages, lists and reasons are numbered within
// it from 0 on, and no number is used twice: these are the next.
type Account struct {
	ID       string `json:"id"`
	Contacts uint32 `json:"contacts"`
	Messages uint32 `json:"messages"`
	Lists    uint32 `json:"lists"`
	Reasons  uint32 `json:"reasons"`
}

// Piece says what the memberships of 65,536 contacts, from 65,536 x Number on, stand for.
type Piece struct {
	Number      uint32 `json:"number"`
	Today       string `json:"today"`       // such as 2026-01-31
	Definitions int64  `json:"definitions"` // those below this offset of rollcall.definitions
}

// Message is a message's name.
type Message struct {
	Number uint32 `json:"number"`
	Name   string `json:"name"`
	Title  *Title `json:"title,omitempty"`
}

// Title is what people call a message or a list.
type Title struct {
	Text string `json:"text"`
	At   int64  `json:"at"` // Unix ms of the latest record that says so
}

// List is a list, a form or a webinar, and who is on it.
type List struct {
	Number  uint32 `json:"number"`
	Kind    string `json:"kind"` // marketing, form or webinar
	Name    string `json:"name"`
	Title   *Title `json:"title,omitempty"`
	Members Ref    `json:"members"`
}

// Reason is why sends failed.
type Reason struct {
	Number uint32 `json:"number"`
	Text   string `json:"text"`
}

// Contact is a contact, and when what is known of it was said.
type Contact struct {
	Number  uint32   `json:"number"`
	ID      string   `json:"id"` // empty: it was erased, or it goes by this number no more
	Consent *Consent `json:"consent,omitempty"`
	Record  *Record  `json:"record,omitempty"`
	Lists   []Listed `json:"lists,omitempty"`
}

// Consent is the latest consent event.
type Consent struct {
	At       int64 `json:"at"` // Unix ms
	OptedOut bool  `json:"opted_out"`
}

// Record is the latest record on contacts: its Kafka time, and where it first stood.
type Record struct {
	At        int64 `json:"at"` // Unix ms
	Partition int32 `json:"partition"`
	Offset    int64 `json:"offset"`
}

// Listed is the latest record of the contact on a list.
type Listed struct {
	List   uint32 `json:"list"`
	At     int64  `json:"at"` // Unix ms
	Member bool   `json:"member"`
}

// Erasure says that what a contact did and said up to a time counts no more.
type Erasure struct {
	Hash string `json:"hash"` // keyed, of account and contact; 16 bytes in hexadecimal
	At   int64  `json:"at"`   // Unix ms, Kafka's
}

// Fact is the contacts of whom something holds.
type Fact struct {
	Name     string `json:"name"` // exists, opted_in, opted_out or valid_phone
	Contacts Ref    `json:"contacts"`
}

// Country is the contacts whose valid phone is in a country.
type Country struct {
	Code     string `json:"code"` // ISO 3166-1 alpha-2
	Contacts Ref    `json:"contacts"`
}

// Day is the events of one series on one day of the account's zone.
type Day struct {
	Series   string `json:"series"`   // sent, clicked, failed, replied, opted_out or failed_for
	Day      string `json:"day"`      // such as 2026-01-31
	Contacts Ref    `json:"contacts"` // who has such an event
	Events   Ref    `json:"events"`
}

// Segment is who is in a segment, and how many entered and left since it was defined.
type Segment struct {
	ID      string `json:"id"`
	Entered uint64 `json:"entered"`
	Exited  uint64 `json:"exited"`
	Members Ref    `json:"members"`
}

// Event is an event of a Day. In the file it is 16 bytes, all little-endian, and
// events are in ascending order of these fields.
type Event struct {
	Contact  uint32
	Message  uint32
	Identity uint64 // hash of its id; of opted_out 0, and of failed_for the number of the reason
}

const eventSize = 16
