// Package imports turns CSV files of contacts, consent and lists, as
// spreadsheets and other systems export them, into the records of the contract.
package imports

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"rollcall/consumers"
	"rollcall/pipeline/catalog"
)

// What the rows of a file say.
const (
	Contacts = "contacts"
	Consent  = "consent"
	List     = "list"
)

// Options say what a file is about. Fields without a default are required.
type Options struct {
	What    string // Contacts, Consent or List
	Account *catalog.Account
	// List, Kind and Name are of the list, where its rows don't say. Default of
	// Kind: marketing.
	List, Kind, Name string
	// DryRun checks, and writes nothing.
	DryRun bool
	// Now says what is in the future. Default: time.Now.
	Now func() time.Time
}

// Writer takes the records; *consumers.Producer is one.
type Writer interface {
	Write(ctx context.Context, messages []consumers.Message) ([]int64, error)
}

// Report says what became of the rows. A row is numbered by the line of the
// file on which it begins; the header is the first.
type Report struct {
	Rows       int64      `json:"rows" doc:"how many were read, without the header and empty ones"`
	Written    int64      `json:"written" doc:"how many of them were written; with dry_run, how many would be"`
	Errors     []RowError `json:"errors" doc:"rows that are wrong, and not written; the first 1,000"`
	MoreErrors int64      `json:"more_errors,omitempty" doc:"how many more rows are wrong"`
	Through    int        `json:"through" doc:"all right rows up to this one are written"`
	Ignored    []string   `json:"ignored_columns,omitempty" doc:"columns of the file that mean nothing here"`
	DryRun     bool       `json:"dry_run,omitempty" doc:"nothing was written"`
}

// RowError is what is wrong with a row. It does not repeat what stands there.
type RowError struct {
	Row    int    `json:"row"`
	Column string `json:"column,omitempty"`
	Reason string `json:"error"`
}

func (e *RowError) Error() string { return fmt.Sprintf("row %d, %s: %s", e.Row, e.Column, e.Reason) }

// FileError says why a file, or the rest of it, can't be read.
type FileError struct{ Reason string }

func (e *FileError) Error() string { return e.Reason }

// maxErrors bounds the errors that a report lists.
const maxErrors = 1000

// What is written at once.
const (
	batchRows  = 2000
	batchBytes = 1 << 20
)

// Import reads a file and writes what its rows say, in their order. A row that
// is wrong is listed and left out; all others are written. It fails with a
// *FileError if the file can't be read at all, and else if reading or writing
// fails in the middle: the report says up to which row all is written. To import
// the same file once more changes nothing that has a time.
func Import(ctx context.Context, o Options, file io.Reader, w Writer) (Report, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	i := importer{Options: o, w: w, report: Report{Errors: []RowError{}, DryRun: o.DryRun}}
	layout, ok := layouts[o.What]
	if !ok {
		return i.report, &FileError{"expected contacts, consent or list"}
	}
	rows, err := openRows(file)
	if err != nil {
		return i.report, err
	}
	if i.row, i.report.Ignored, err = layout.bind(rows.header, &i.Options); err != nil {
		return i.report, err
	}
	i.record = layout.record
	err = i.run(ctx, rows)
	return i.report, err
}

// importer is an import under way.
type importer struct {
	Options
	w      Writer
	row    row
	record func(*Options, *row) (consumers.Message, *RowError)
	report Report

	batch  []consumers.Message
	bytes  int
	rows   int64 // of the batch
	latest map[string]int
}

func (i *importer) run(ctx context.Context, rows *rows) error {
	for {
		number, fields, err := rows.next()
		if errors.Is(err, io.EOF) {
			return i.flush(ctx, number)
		}
		if e, wrong := errors.AsType[*RowError](err); wrong {
			i.report.Rows++
			i.wrong(e)
			continue
		}
		if err != nil {
			return errors.Join(i.flush(ctx, number), err)
		}
		i.take(number, fields)
		if i.rows >= batchRows || i.bytes >= batchBytes {
			if err := i.flush(ctx, number); err != nil {
				return err
			}
		}
	}
}

// take makes a record of a row.
func (i *importer) take(number int, fields []string) {
	i.report.Rows++
	i.row.fields = fields
	m, wrong := i.record(&i.Options, &i.row)
	if surplus := i.row.surplus(); wrong == nil && surplus {
		wrong = &RowError{Reason: "the row has more fields than the header has names"}
	}
	if wrong != nil {
		wrong.Row = number
		i.wrong(wrong)
		return
	}
	i.rows++
	i.add(m)
}

// add puts a record into the batch. Of contacts the later row counts, which
// Kafka's time could not tell apart within a batch.
func (i *importer) add(m consumers.Message) {
	i.bytes += len(m.Key) + len(m.Value)
	if i.What == Contacts {
		if i.latest == nil {
			i.latest = map[string]int{}
		}
		if at, again := i.latest[string(m.Key)]; again {
			i.batch[at] = m
			return
		}
		i.latest[string(m.Key)] = len(i.batch)
	}
	i.batch = append(i.batch, m)
}

func (i *importer) wrong(e *RowError) {
	if len(i.report.Errors) >= maxErrors {
		i.report.MoreErrors++
		return
	}
	i.report.Errors = append(i.report.Errors, *e)
}

// flush writes the batch, which ends with the numbered row.
func (i *importer) flush(ctx context.Context, number int) error {
	if len(i.batch) > 0 && !i.DryRun {
		if _, err := i.w.Write(ctx, i.batch); err != nil {
			return fmt.Errorf("import after row %d: %w", i.report.Through, err)
		}
	}
	i.report.Written += i.rows
	i.report.Through = number
	i.batch, i.bytes, i.rows = i.batch[:0], 0, 0
	clear(i.latest)
	return nil
}

// layout is what the columns of a kind of file are called, and what its rows mean.
type layout struct {
	columns  []string
	required []string
	record   func(*Options, *row) (consumers.Message, *RowError)
}

var layouts = map[string]layout{
	Contacts: {[]string{"contact", "phone", "region"}, []string{"contact", "phone"}, contactRecord},
	Consent:  {[]string{"contact", "consent", "at", "source", "message"}, []string{"contact", "consent"}, consentRecord},
	List:     {[]string{"contact", "member", "at", "list", "kind", "name"}, []string{"contact"}, listRecord},
}

// bind finds a layout's columns in a header.
func (l layout) bind(header []string, o *Options) (r row, ignored []string, err error) {
	r = row{at: map[string]int{}, width: len(header)}
	for n, name := range header {
		_, twice := r.at[name]
		switch {
		case twice:
			return r, nil, &FileError{fmt.Sprintf("the header names the column %q twice", name)}
		case slices.Contains(l.columns, name):
			r.at[name] = n
		case name != "":
			ignored = append(ignored, name) // shown if all that is needed is there, so that this is a header
		}
	}
	for _, name := range l.required {
		if _, there := r.at[name]; !there {
			return r, nil, &FileError{fmt.Sprintf("the first row is to name the columns; none is called %q", name)}
		}
	}
	if _, there := r.at["list"]; o.What == List && o.List == "" && !there {
		return r, nil, &FileError{`name the list, or have a column called "list"`}
	}
	return r, ignored, nil
}

// row is a row of a file whose columns were found.
type row struct {
	at     map[string]int // where each column stands
	width  int
	fields []string
}

// field is what stands in a column; empty if nothing does, or there is no such column.
func (r *row) field(name string) string {
	n, there := r.at[name]
	if !there || n >= len(r.fields) {
		return ""
	}
	return r.fields[n]
}

// surplus tells whether there is something beyond the header's columns, as there
// is where a separator stands unquoted in a field.
func (r *row) surplus() bool {
	return len(r.fields) > r.width && slices.ContainsFunc(r.fields[r.width:], func(f string) bool { return f != "" })
}
