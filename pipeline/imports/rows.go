package imports

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"
)

// maxRow bounds a row, in bytes: a quote that nobody closes makes one row of
// all that follows.
const maxRow = 1 << 20

// headerLook is how far the separator is looked for.
const headerLook = 64 << 10

// rows reads a CSV file row by row.
type rows struct {
	header []string // in lower case
	csv    *csv.Reader
	in     *bounded
	last   int // the number of the last row
}

// openRows reads the header, which also says how fields are separated.
func openRows(file io.Reader) (*rows, error) {
	in := bufio.NewReaderSize(file, headerLook)
	head, err := in.Peek(headerLook)
	switch {
	case len(head) == 0 && errors.Is(err, io.EOF):
		return nil, &FileError{"the file is empty"}
	case err != nil && !errors.Is(err, io.EOF):
		return nil, err
	case bytes.HasPrefix(head, []byte("\xff\xfe")), bytes.HasPrefix(head, []byte("\xfe\xff")):
		return nil, &FileError{"the file is UTF-16; save it as CSV in UTF-8"}
	case bytes.HasPrefix(head, []byte("\xef\xbb\xbf")): // a byte order mark
		_, _ = in.Discard(3) // they were peeked at
		head = head[3:]
	}
	r := &rows{in: &bounded{r: in}}
	r.csv = csv.NewReader(r.in)
	r.csv.Comma, r.csv.FieldsPerRecord, r.csv.ReuseRecord = separator(head), -1, true
	_, fields, err := r.next()
	if wrong, ok := errors.AsType[*RowError](err); ok {
		return nil, &FileError{"the header can't be read: " + wrong.Reason}
	}
	if errors.Is(err, io.EOF) {
		return nil, &FileError{"the file is empty"}
	}
	r.header = slices.Clone(fields)
	for i, name := range r.header {
		r.header[i] = strings.ToLower(name)
	}
	return r, err
}

// separator is what stands between the names in a header: the one of comma,
// semicolon and tab that it has most of, outside of quotes.
func separator(head []byte) rune {
	counts := map[byte]int{}
	quoted := false
	for _, c := range head {
		if c == '"' {
			quoted = !quoted
		}
		if c == '\n' && !quoted {
			break
		}
		if !quoted {
			counts[c]++
		}
	}
	best := byte(',')
	for _, c := range []byte(";\t") {
		if counts[c] > counts[best] {
			best = c
		}
	}
	return rune(best)
}

// next is the next row that is not empty, without spaces around its fields; they
// are valid until the next call. Its error is io.EOF, a *RowError after which the
// next row can be read, or that of the file.
func (r *rows) next() (number int, fields []string, err error) {
	for {
		r.in.left = maxRow
		fields, err = r.csv.Read()
		if broken, ok := errors.AsType[*csv.ParseError](err); ok {
			r.last = broken.Line
			return broken.StartLine, nil, &RowError{Row: broken.StartLine, Reason: syntax(broken)}
		}
		if err != nil {
			return r.last, nil, err
		}
		r.last, _ = r.csv.FieldPos(0)
		empty := true
		for i, f := range fields {
			fields[i] = strings.TrimSpace(f)
			empty = empty && fields[i] == ""
		}
		if empty {
			continue
		}
		if !slices.ContainsFunc(fields, func(f string) bool { return !utf8.ValidString(f) }) {
			return r.last, fields, nil
		}
		return r.last, nil, &RowError{Row: r.last, Reason: "the row is not UTF-8; save the file as CSV in UTF-8"}
	}
}

// syntax says what is wrong with a row's quotes.
func syntax(e *csv.ParseError) string {
	what := "a quote stands in a field that does not begin with one"
	if errors.Is(e.Err, csv.ErrQuote) {
		what = "a quoted field is not closed, or something follows its closing quote"
	}
	if e.Line > e.StartLine {
		what += fmt.Sprintf("; the lines up to %d were taken for part of it", e.Line)
	}
	return what
}

// errTooLong ends a file with a row over maxRow.
var errTooLong = &FileError{fmt.Sprintf("a row is longer than %d bytes, perhaps because a quote is not closed; the rest was not read", maxRow)}

// bounded reads so many bytes at most, which are allowed anew for each row.
type bounded struct {
	r    io.Reader
	left int
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errTooLong
	}
	n, err := b.r.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}
