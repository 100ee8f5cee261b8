package pipeline

import (
	"unicode/utf8"

	"rollcall/bitmaps"
)

// maxTitleBytes and maxReasonBytes are what is kept of these texts.
const (
	maxTitleBytes  = 200
	maxReasonBytes = 100
)

// titles are what people call messages, or lists, by number. The latest record
// that calls one something decides, by its at; of equal times the greater text.
type titles struct {
	of      []titled
	changed []uint32 // by the commit in the making
}

type titled struct {
	bitmaps.Title // without a text: none
	changed       bool
}

// at is what a number is called, the zero Title if nothing.
func (t *titles) at(number uint32) bitmaps.Title {
	if int(number) >= len(t.of) {
		return bitmaps.Title{}
	}
	return t.of[number].Title
}

// put says what a number is called, as stored.
func (t *titles) put(number uint32, is bitmaps.Title) {
	for int(number) >= len(t.of) {
		t.of = append(t.of, titled{})
	}
	t.of[number].Title = is
}

// read puts a stored chunk into the titles.
func (t *titles) read(f bitmaps.Field, value []byte) error {
	stored, err := bitmaps.DecodeTitles(value)
	for i, is := range stored {
		t.put(f.N[0]*bitmaps.ChunkSize+uint32(i), is)
	}
	return err
}

// take takes a record's word for it, and tells whether that is to be told.
func (t *titles) take(number uint32, at int64, text []byte) (first bool) {
	text = cut(text, maxTitleBytes)
	was := t.at(number)
	if len(text) == 0 || was.Text != "" && (at < was.At || at == was.At && string(text) <= was.Text) {
		return false
	}
	if string(text) != was.Text {
		was.Text = string(text)
	}
	was.At = at
	t.put(number, was)
	if first = !t.of[number].changed; first {
		t.of[number].changed = true
		t.changed = append(t.changed, number)
	}
	return first
}

// chunk is the titles of one stored chunk.
func (t *titles) chunk(chunk uint32) []bitmaps.Title {
	from := min(int(chunk)*bitmaps.ChunkSize, len(t.of))
	var out []bitmaps.Title
	for _, is := range t.of[from:min(from+bitmaps.ChunkSize, len(t.of))] {
		out = append(out, is.Title)
	}
	return out
}

// titleMessage takes what a record calls a message.
func (a *account) titleMessage(number uint32, e *event) {
	if a.messageTitles.take(number, e.at, e.title) {
		a.begin()
		a.dirty(chunkOf(bitmaps.MessageTitles, number))
	}
}

// titleList takes what a record calls a list.
func (a *account) titleList(number uint32, e *event) {
	if a.listTitles.take(number, e.at, e.title) {
		a.begin()
		a.dirty(chunkOf(bitmaps.ListTitles, number))
	}
}

// emitTitles tells of those that the commit in the making changes, once of each:
// all records of a message say the same, each at another time.
func (a *account) emitTitles(t *titles, ofLists bool) {
	for _, number := range t.changed {
		t.of[number].changed = false
		is := t.of[number].Title
		a.emit(bitmaps.Op{Code: bitmaps.OpTitle, Flag: ofLists, Number: number, Time: is.At, Name: is.Text})
	}
	t.changed = t.changed[:0]
}

// cut is the beginning of a text, of at most so many bytes and whole characters.
func cut(text []byte, most int) []byte {
	if len(text) <= most {
		return text
	}
	for most > 0 && !utf8.RuneStart(text[most]) {
		most--
	}
	return text[:most]
}
